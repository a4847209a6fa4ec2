"""Head drift inside a clip, estimated against its first frame and taken out of the alignment.

Own choice throughout: the papers leave the head's motion in. One shift and rotation a frame, fitted to the crop's
brightness by Gauss-Newton steps in which pixels that move by themselves (an expression) lose their say, by iteratively
reweighted least squares with Geman and McClure's weights (each step reweighs once, by what the last one left). Gain
and offset of the light are fitted along, or flicker would pass for motion.
"""

from collections.abc import Iterable
from functools import lru_cache

import cv2
import numpy as np

UPSAMPLING = 4
_NUM_STEPS = 8
_AT_ONCE = 64  # frames; upsampled they take 16 times their memory
_NEIGHBOURHOOD = 7  # pixels; an expression moves a region, noise a pixel: residuals are judged by region
_BORDER = 0.06  # share of the crop left out on each side, where a shifted frame has no pixels
_SMOOTHING = 1.0  # pixels, so that brightness is nearly linear over a sub-pixel shift


def stabilize_transforms(crops: np.ndarray, transform: np.ndarray) -> list[np.ndarray]:
    """Correct the alignment of every frame of a clip by the head's drift since the first frame.

    Args:
        crops: (num_frames, image_size, image_size), aligned by one transform.
        transform: (2, 3) that transform, from the image's pixels to the crop's.

    Returns:
        A (2, 3) transform for each frame; the first is the one given.
    """
    corrected = [transform]
    for motion in estimate_head_motion(crops)[1:]:
        inverse = np.linalg.inv(np.vstack([motion, (0, 0, 1)]))
        corrected.append((inverse @ np.vstack([transform, (0, 0, 1)]))[:2])
    return corrected


def stabilize_crops(crops: np.ndarray) -> np.ndarray:
    """Take the head's drift out of crops whose video is not at hand, by resampling them.

    Args:
        crops: (num_frames, image_size, image_size) float32.

    Returns:
        The crops, each where the first one's head is.
    """
    motions = np.concatenate([estimate_head_motion(crops), np.tile([[[0.0, 0.0, 1.0]]], (len(crops), 1, 1))], axis=1)
    return _warp(map(upsample, crops), motions)


def estimate_head_motion(crops: np.ndarray) -> np.ndarray:
    """Where the head of the first frame is found in each frame.

    Args:
        crops: (num_frames, image_size, image_size).

    Returns:
        (num_frames, 2, 3) rigid motions from the first crop's pixels to each crop's; the first is none.
    """
    first, *others = (cv2.GaussianBlur(crop, (0, 0), _SMOOTHING).astype(np.float32) for crop in crops)
    design, window = _design(first), _window(len(first))
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    found = [np.eye(3)[None]]
    for start in range(0, len(others), _AT_ONCE):
        fine = upsample(np.stack(others[start : start + _AT_ONCE]))
        weights = np.tile(window, (len(fine), 1))
        motions = np.tile(np.eye(3), (len(fine), 1, 1))
        for _ in range(_NUM_STEPS):
            residual = first - _warp(fine, motions)
            steps, left = _fit(residual, design, products, weights)
            weights = window * _region_weights(left)
            motions = motions @ _rigid(steps, len(first))
        found.append(motions)
    return np.concatenate(found)[:, :2]


def _design(first: np.ndarray) -> np.ndarray:
    """(pixels, 5): how brightness answers to a shift right, one down, a turn, and to the light's gain and offset."""
    grad_y, grad_x = np.gradient(first)
    centre = (first.shape[0] - 1) / 2
    y, x = (np.mgrid[: first.shape[0], : first.shape[1]] - centre).astype(np.float32)
    columns = (grad_x, grad_y, grad_y * x - grad_x * y, first, np.ones_like(first))
    return np.stack([column.ravel() for column in columns], axis=1)


def _window(size: int) -> np.ndarray:
    border = round(_BORDER * size)
    window = np.zeros((size, size), np.float32)
    window[border : size - border, border : size - border] = 1
    return window.ravel()


def upsample(images: np.ndarray) -> np.ndarray:
    """Read the cubic B-spline through an image's pixels every quarter of a pixel, so that linear sampling is exact.

    Of a drift of 0.02 to 0.25 pixels OpenCV's cubic kernel (a = -0.75, which moves too far) finds 71 to 82 %, linear
    sampling of the pixels themselves 107 to 103 %, this 100 %; and it does not blur each frame by its own fraction.

    Args:
        images: (..., size, size) float32.

    Returns:
        (..., 4 size - 3, 4 size - 3) float32: pixel i lies at 4 i. OpenCV 4 rounds to a 32nd of these finer pixels.
    """
    spline = _spline(images.shape[-1])
    return spline @ images @ spline.T


@lru_cache
def _spline(size: int) -> np.ndarray:
    """(4 size - 3, size): a line's interpolating cubic B-spline, mirrored at both ends (Unser, "Splines", 1999)."""
    points = np.arange(UPSAMPLING * size - UPSAMPLING + 1)[:, None] / UPSAMPLING
    apart = np.abs(points - np.arange(-1, size + 1))
    bumps = (np.clip(2 - apart, 0, None) ** 3 - 4 * np.clip(1 - apart, 0, None) ** 3) / 6
    bumps[:, (2, -3)] += bumps[:, (0, -1)]
    return (bumps[:, 1:-1] @ np.linalg.inv(bumps[::UPSAMPLING, 1:-1])).astype(np.float32)


def _warp(fine: Iterable[np.ndarray], motions: np.ndarray) -> np.ndarray:
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    warped = []
    for image, motion in zip(fine, motions, strict=True):
        size = len(image) // UPSAMPLING + 1
        warped.append(cv2.warpAffine(image, UPSAMPLING * motion[:2], (size, size), flags=flags, borderMode=border))
    return np.stack(warped)


def _fit(
    residual: np.ndarray, design: np.ndarray, products: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares of every frame at once.

    Args:
        residual: (num_frames, size, size), first frame less the frame.
        design: (pixels, 5).
        products: (pixels, 25), of its columns.
        weights: (num_frames, pixels).

    Returns:
        (num_frames, 3): shift right, shift down in pixels, turn in radians; and the residual it leaves.
    """
    values = residual.reshape(len(residual), -1)
    num_columns = design.shape[1]
    normal = (weights @ products).reshape(-1, num_columns, num_columns) + 1e-9 * np.eye(num_columns)
    solution = np.linalg.solve(normal, (weights * values @ design)[..., None].astype(np.float64))[..., 0]
    left = (values - solution.astype(np.float32) @ design.T).reshape(residual.shape)
    return solution[:, :3], left


def _region_weights(left: np.ndarray) -> np.ndarray:
    """Geman and McClure's weights of the residuals' local power, scaled by its median."""
    box = (_NEIGHBOURHOOD, _NEIGHBOURHOOD)
    power = np.stack([cv2.blur(image**2, box) for image in left]).reshape(len(left), -1)
    scale = np.median(power[:, ::5], axis=1, keepdims=True) + 1e-12  # a fifth tells it as well, in less time
    return 1 / (1 + power / scale) ** 2


def _rigid(steps: np.ndarray, size: int) -> np.ndarray:
    """(num_frames, 3, 3) motions: a turn about the crop's centre, then a shift."""
    centre = (size - 1) / 2
    cos, sin = np.cos(steps[:, 2]), np.sin(steps[:, 2])
    motions = np.tile(np.eye(3), (len(steps), 1, 1))
    motions[:, 0, 0], motions[:, 0, 1], motions[:, 1, 0], motions[:, 1, 1] = cos, -sin, sin, cos
    motions[:, 0, 2] = steps[:, 0] + centre - cos * centre + sin * centre
    motions[:, 1, 2] = steps[:, 1] + centre - sin * centre - cos * centre
    return motions
