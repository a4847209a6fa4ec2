#!/usr/bin/env bash
# OpenCV 5.0.0.93 (and 4.10.0.84): IMREAD_UNCHANGED, "return the loaded image as is [...]. Ignore EXIF orientation",
# mirrors and turns a TIFF by its orientation tag all the same; of a PNG with the same tag it keeps its word. Whoever
# obeys the tag after reading with that flag mirrors TIFFs back.
# Source: https://pypi.org/project/opencv-python-headless/5.0.0.93/; OpenCV's ImreadModes; TIFF 6.0, tag 274.
# Seen: rows of 0, 40, 80 with orientation 2 (mirrored) come as 80, 40, 0 from the TIFF and as 0, 40, 80 from the PNG.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 pillow==12.3.0 opencv-python-headless==5.0.0.93
cat > "$work/unchanged.py" <<'PYTHON'
import sys

import cv2
import numpy as np
from PIL import Image

stored = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
found = {}
for suffix in ("tif", "png"):
    path = f"{sys.argv[1]}/picture.{suffix}"
    exif = Image.Exif()
    exif[274] = 2  # to be shown mirrored, left to right
    Image.fromarray(stored).save(path, exif=exif)
    found[suffix] = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    print(suffix, found[suffix].tolist())
is_mirrored = np.array_equal(found["tif"], np.fliplr(stored)) and np.array_equal(found["png"], stored)
sys.exit(0 if is_mirrored else 1)
PYTHON
"$work/venv/bin/python" "$work/unchanged.py" "$work"
echo "as described: the TIFF is mirrored, the PNG is as stored"
