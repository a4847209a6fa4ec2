#!/usr/bin/env bash
# PyAV 18.1.0: `VideoFrame.rotation` tells nothing of mirrors. Of the eight display matrices an MP4 may carry it gives
# -180 for a left-right mirror, as for a picture that stands on its head, and 0 for a top-bottom one, as for none.
# Whoever turns frames by it alone sets a mirrored face on its head. The frame's side data
# DISPLAYMATRIX holds all of it.
# Source: https://pypi.org/project/av/18.1.0/; QuickTime File Format, track header, matrix structure.
# Seen: rotation 0 and 0 without a mirror and with a top-bottom one, -180 and -180 for a left-right mirror and a half turn.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check numpy==2.4.6 av==18.1.0
cat > "$work/rotation.py" <<'PYTHON'
import io
import struct
import sys

import av
import numpy as np

file = io.BytesIO()
with av.open(file, "w", format="mp4") as container:
    stream = container.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for _ in range(3):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
    container.mux(stream.encode(None))
plain = file.getvalue()


def look(a: int, b: int, c: int, d: int) -> tuple[float, list[int]]:
    content = bytearray(plain)
    start = content.index(b"tkhd") + 44
    content[start : start + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    with av.open(io.BytesIO(bytes(content))) as container:
        frame = next(container.decode(video=0))
    matrix = frame.side_data.get("DISPLAYMATRIX")
    held = [1, 0, 0, 1] if matrix is None else (np.frombuffer(bytes(matrix), np.int32)[[0, 1, 3, 4]] >> 16).tolist()
    return frame.rotation, held


names = {"none": (1, 0, 0, 1), "top-bottom": (1, 0, 0, -1), "left-right": (-1, 0, 0, 1), "half turn": (-1, 0, 0, -1)}
found = {name: look(*matrix) for name, matrix in names.items()}
print(found)
same = found["none"][0] == found["top-bottom"][0] == 0 and found["left-right"][0] == found["half turn"][0] == -180
sys.exit(0 if same and all(found[name][1] == list(matrix) for name, matrix in names.items()) else 1)
PYTHON
"$work/venv/bin/python" "$work/rotation.py"
echo "as described: the mirror stands in the side data alone"
