#!/usr/bin/env bash
# Pillow 12.3.0 and OpenCV 5.0.0 and 4.14.0: cubic interpolation moves smooth pictures too far at small shifts. A
# straight ramp of brightness moved by 1/32 pixel is moved 1.91 times as far by Pillow's `transform` (and `rotate`) with
# BICUBIC and 1.45 times as far by OpenCV's `warpAffine` with INTER_CUBIC; at 3/4 pixel both fall short. Pillow's
# `resize` with the very same Resampling.BICUBIC is exact, and so is linear interpolation in both.
# Source: https://github.com/python-pillow/Pillow, macro BICUBIC in src/libImaging/Geometry.c (Keys' kernel with a = -1)
# against bicubic_filter in src/libImaging/Resample.c (a = -0.5); https://github.com/opencv/opencv, interpolateCubic in
# modules/imgproc (a = -0.75). Only a = -0.5 reproduces a ramp (Keys 1981, IEEE Transactions on ASSP 29, 6).
# One would expect cubic interpolation to be no worse than linear, and one name to mean one kernel in one library.
# Whoever makes or undoes motion of a tenth of a pixel (micro-expressions, registration) is wrong by up to 90 %.
# Seen, moved / asked for shifts of 1/32, 1/8, 1/4, 1/2, 3/4 pixel:
# Pillow transform 1.91 1.66 1.38 1.00 0.88, Pillow resize and bilinear 1.00, OpenCV cubic 1.45 1.33 1.19 1.00 0.94,
# OpenCV linear 1.00. Exits non-zero if either behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check numpy==2.4.6 pillow==12.3.0
for version in 4.14.0.94 5.0.0.93; do
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/$version" \
    opencv-python-headless==$version
done
cat > "$work/shift.py" <<'PYTHON'
import cv2
import numpy as np
import PIL
from PIL import Image

shifts = (1 / 32, 1 / 8, 1 / 4, 1 / 2, 3 / 4)
ramp = np.tile(np.arange(128, dtype=np.float32), (128, 1))
image = Image.fromarray(ramp)


def pillow(shift, kernel):
    moved = image.transform(image.size, Image.Transform.AFFINE, (1, 0, -shift, 0, 1, 0), kernel)
    return np.asarray(moved)[64, 64]


def pillow_rotate(shift, kernel):
    return np.asarray(image.rotate(0, kernel, translate=(shift, 0)))[64, 64]


def pillow_resize(shift, kernel):  # column 63 of a box that starts at 1 - shift lies at 64 - shift
    return np.asarray(image.resize((126, 128), kernel, box=(1 - shift, 0, 127 - shift, 128)))[64, 63]


def opencv(shift, kernel):
    return cv2.warpAffine(ramp, np.float32([[1, 0, shift], [0, 1, 0]]), (128, 128), flags=kernel)[64, 64]


def keys(a):
    """Shift of a ramp by Keys' kernel, divided by the shift asked for."""
    near, far = (lambda x: (a + 2) * x**3 - (a + 3) * x**2 + 1), (lambda x: a * (x**3 - 5 * x**2 + 8 * x - 4))
    return [(near(1 - s) + 2 * far(2 - s) - far(1 + s)) / s for s in shifts]


exact = [1.0] * len(shifts)
for name, move, kernel, wanted in (
    ("Pillow transform BICUBIC", pillow, Image.Resampling.BICUBIC, keys(-1)),
    ("Pillow rotate BICUBIC", pillow_rotate, Image.Resampling.BICUBIC, keys(-1)),
    ("Pillow transform BILINEAR", pillow, Image.Resampling.BILINEAR, exact),
    ("Pillow resize BICUBIC", pillow_resize, Image.Resampling.BICUBIC, exact),
    ("OpenCV warpAffine INTER_CUBIC", opencv, cv2.INTER_CUBIC, keys(-0.75)),
    ("OpenCV warpAffine INTER_LINEAR", opencv, cv2.INTER_LINEAR, exact),
):
    found = [float((64 - move(shift, kernel)) / shift) for shift in shifts]
    print(f"{name} ({PIL.__version__ if 'Pillow' in name else cv2.__version__}):", *(f"{ratio:.2f}" for ratio in found))
    assert np.allclose(found, wanted, atol=2e-3), wanted
PYTHON
PYTHONPATH="$work/4.14.0.94" "$python" "$work/shift.py"
PYTHONPATH="$work/5.0.0.93" "$python" "$work/shift.py"
echo "as described: Pillow's transform and OpenCV's cubic move too far, Pillow's resize does not"
