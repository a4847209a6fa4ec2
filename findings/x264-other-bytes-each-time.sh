#!/usr/bin/env bash
# libx264 as PyAV 18.1.0 brings it gives other bytes for the same pictures each time, with one thread and at constant
# quality, where MB-tree is on (preset veryfast and slower) and pictures are small. The pictures decoded differ, too.
# One would guess that an encoder with one thread always gives the same; corpora and tests that encode rely on it.
# Without MB-tree (mbtree=0), without assembler (asm=0) and with the presets that have no MB-tree it does.
# Source: https://pypi.org/project/av/18.1.0/; x264's own documents name threads as the only cause of other results.
# Seen, of 300 times: 39 different streams of 9 noisy pictures of 88x88 by medium, 8 by veryfast; 1 in all other ways.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6 av==18.1.0
cat > "$work/encode.py" <<'PYTHON'
import hashlib
import sys
from fractions import Fraction

import av
import numpy as np

SIDE, TIMES = 88, 300
rng = np.random.default_rng(0)
cycles = np.fft.fftfreq(SIDE)
smooth = np.exp(-2 * (np.pi * 4) ** 2 * (cycles[None] ** 2 + cycles[:, None] ** 2))
texture = np.fft.ifft2(np.fft.fft2(rng.normal(0, 300, (SIDE, SIDE))) * smooth).real
pictures = [
    np.clip(128 + np.roll(texture, k, axis=1) + rng.normal(0, 6, (SIDE, SIDE)), 0, 255).astype(np.uint8) for k in range(9)
]


def encode(preset: str, options: dict[str, str]) -> str:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width = encoder.height = SIDE
    encoder.pix_fmt, encoder.time_base, encoder.thread_count = "yuv420p", Fraction(1, 30), 1
    encoder.options = {"crf": "25", "preset": preset} | options
    packets = []
    for number, picture in enumerate(pictures):
        planes = np.concatenate((picture, np.full((SIDE // 2, SIDE), 128, np.uint8)))
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return hashlib.sha256(b"".join(map(bytes, packets))).hexdigest()


def streams(preset: str, options: dict[str, str]) -> int:
    found, used = set(), []  # memory is taken and given back between the rounds, as it is in any program
    for number in range(TIMES):
        used = [*used[-6:], np.random.default_rng(number).integers(0, 255, 50_000, dtype=np.uint8)]
        found.add(encode(preset, options))
    print(f"{preset} {options or ''}: {len(found)} different streams of {TIMES}")
    return len(found)


changing = [streams(preset, {}) for preset in ("veryfast", "medium")]
same = [streams("medium", {"mbtree": "0"}), streams("medium", {"x264-params": "asm=0"})]
same += [streams(preset, {}) for preset in ("ultrafast", "superfast")]
sys.exit(0 if max(changing) > 1 and set(same) == {1} else 1)
PYTHON
"$python" "$work/encode.py"
echo "as described: with MB-tree the same pictures become other streams each time"
