#!/usr/bin/env bash
# datasets 5.2.0 (Pillow 12.3.0): a picture that was opened from a file and then changed in place (drawn on, pasted
# into, `putpixel`, `thumbnail`) is stored as the path of that file: the change is lost, and a Parquet file holds no
# pixels at all. `Dataset.map` with a function that draws on its picture and returns it gives the untouched one back.
# Source: https://github.com/huggingface/datasets, encode_pil_image in src/datasets/features/image.py, which keeps
# {"path": image.filename, "bytes": None} whenever the picture has a file name.
# One would expect the pixels that were handed over, as for an array, or for `image.copy()`, which has no file name.
# Seen, mean grey value of a white picture painted black: before storing 0; stored 255, its copy 0; map saw 0 and stored
# 255; a thumbnail of 4x4 pixels comes back as 8x8; bytes in Parquet None. Exits non-zero if datasets behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check datasets==5.2.0 pillow==12.3.0
cat > "$work/paint.py" <<'PYTHON'
import sys

import datasets
import numpy as np
import pyarrow.parquet
from PIL import Image, ImageDraw

white, table = sys.argv[1:]
Image.new("RGB", (8, 8), "white").save(white)


def painted(row):
    ImageDraw.Draw(row["image"]).rectangle((0, 0, 7, 7), fill="black")
    return row | {"seen": grey(row["image"])}


def grey(image):
    return float(np.asarray(image).mean())


def stored(image):
    return datasets.Dataset.from_list([{"image": image}])[0]["image"]


black = painted({"image": Image.open(white)})["image"]
small = Image.open(white)
small.thumbnail((4, 4))
mapped = datasets.Dataset.from_list([{"image": Image.open(white)}]).map(painted)
mapped.to_parquet(table)
found = {
    "painted": grey(black),
    "stored": grey(stored(black)),
    "stored copy": grey(stored(black.copy())),
    "map saw": mapped[0]["seen"],
    "map stored": grey(mapped[0]["image"]),
    "thumbnail": (*small.size, *stored(small).size),
    "bytes in Parquet": pyarrow.parquet.read_table(table)["image"][0].as_py()["bytes"],
}
print("datasets", datasets.__version__, found)
assert list(found.values()) == [0, 255, 0, 0, 255, (4, 4, 8, 8), None]
PYTHON
export HF_HOME="$work/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
"$work/venv/bin/python" "$work/paint.py" "$work/white.png" "$work/table.parquet"
echo "as described: what was painted on an opened picture is lost"
