"""Movements of known size, made and measured by splines of fifth order, which nothing under test uses."""

import numpy as np
from scipy import ndimage

SHIFTS = (0.02, 0.05, 0.1, 0.25, 0.5)  # pixels
DIRECTIONS = ((1.0, 0.0), (-0.8, 0.6), (0.0, -1.0), (0.6, 0.8))  # right, down


def shifted(image, right, down):
    return ndimage.shift(image.astype(np.float64), (down, right), order=5, mode="mirror")


def seen_shift(first, other, margin=8, smoothing=1.0):
    """How far all of a picture has moved, (right, down) in pixels: the shift that explains it best (Gauss-Newton)."""
    first, other = (ndimage.gaussian_filter(image.astype(np.float64), smoothing) for image in (first, other))
    inner, small, found = (slice(margin, -margin),) * 2, 1e-3, np.zeros(2)
    for _ in range(5):
        moved = shifted(first, *found)
        answers = [(shifted(first, *(found + small * axis)) - moved)[inner].ravel() / small for axis in np.eye(2)]
        found += np.linalg.lstsq(np.stack(answers, axis=1), (other - moved)[inner].ravel(), rcond=None)[0]
    return found
