"""How the head and the eyes move, which is no action unit: misaligned crops, drift, turns, blinks, gaze.

All of it appears in clips with and without action units alike. Measures are own choice.
"""

import numpy as np

from training.synthetic.camera import CameraRanges
from training.synthetic.faces import FaceLandmarks, depth
from training.synthetic.timing import smooth_course


def draw_view(
    rng: np.random.Generator, landmarks: FaceLandmarks, ranges: CameraRanges, size: int, *, still: bool = False
) -> np.ndarray:
    """Where each pixel of the aligned crop lies on the face: a face detector's error and a head turned a little.

    Args:
        rng: Source of the draws.
        landmarks: The face's landmarks.
        ranges: The domain's ranges.
        size: Pixels a side.
        still: Leave out misalignment and turn: the pixel grid of the template itself.

    Returns:
        Points of the face in fractions of the crop, (2, size, size), float32.
    """
    axis = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    if still:
        return np.stack((x, y)) + np.float32(0.5)
    rotation, scale, *shift = np.clip(rng.normal(0, 0.5, 4), -1, 1)
    angle, factor = np.deg2rad(rotation * ranges.misalignment[0]), np.exp(scale * ranges.misalignment[1])
    cosine, sine = np.float32(factor * np.cos(angle)), np.float32(factor * np.sin(angle))
    moved = (0.5 + ranges.misalignment[2] * np.array(shift, np.float32))[:, None, None]
    grid = np.stack((cosine * x - sine * y, sine * x + cosine * y)) + moved
    turn = np.clip(rng.normal(0, (0.12, 0.1)), -0.25, 0.25).astype(np.float32)  # yaw and pitch, radians
    return grid + turn[:, None, None] * depth(grid, landmarks)


def head_motion(
    rng: np.random.Generator,
    grid: np.ndarray,
    landmarks: FaceLandmarks,
    ranges: CameraRanges,
    num_frames: int,
    fps: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Drift, rotation, approach and turn of the head through a clip.

    Returns:
        Courses (num_frames, 6) and displacement fields (6, 2, height, width), in fractions of the crop.
    """
    x, y, zero, one = grid[0] - 0.5, grid[1] - 0.5, np.zeros_like(grid[0]), np.ones_like(grid[0])
    far = depth(grid, landmarks)
    fields = np.stack([np.stack(f) for f in ((one, zero), (zero, one), (-y, x), (x, y), (far, zero), (zero, far))])
    most = 0.0 if rng.random() < 0.2 else ranges.drift / 64 * rng.random() ** 1.5
    sizes = most * np.array((1, 1, 0.8, 0.5, 1.5, 1.5)) * rng.uniform(0, 1, 6)
    courses = np.stack([size * smooth_course(rng, num_frames, fps) for size in sizes], 1)
    return courses, fields


def eye_motion(
    rng: np.random.Generator,
    grid: np.ndarray,
    landmarks: FaceLandmarks,
    ranges: CameraRanges,
    num_frames: int,
    fps: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Blinks and turns of the eyes, which are no unit of the set.

    Returns:
        Courses (num_frames, k) and displacement fields (k, 2, height, width); k is 0 if nothing of it happens.
    """
    courses, fields = [], []
    time = np.arange(num_frames) / fps
    if rng.random() < ranges.blink:
        middle, closing, opening = rng.uniform(-0.05, time[-1] + 0.05), rng.uniform(0.04, 0.09), rng.uniform(0.07, 0.16)
        course = np.exp(-0.5 * ((time - middle) / np.where(time < middle, closing, opening)) ** 2)
        extent = 1.0 if rng.random() < 0.6 else rng.uniform(0.2, 0.9)
        levels = np.linspace(0, 1, 5)
        hats = np.maximum(1 - np.abs(extent * course[:, None] - levels[1:]) / levels[1], 0)
        courses += list(hats.T)
        fields += [lid_closure(grid, landmarks, level) for level in levels[1:]]
    if rng.random() < ranges.gaze:
        start, speed = rng.uniform(-0.02, time[-1]), rng.uniform(0.01, 0.03)
        courses.append(1 / (1 + np.exp(-np.clip((time - start) / speed, -30, 30))) - rng.integers(2))
        fields.append(_gaze_shift(rng, grid, landmarks))
    if not courses:
        return np.zeros((num_frames, 0)), np.zeros((0, *grid.shape), np.float32)
    return np.stack(courses, 1), np.stack(fields)


def lid_closure(grid: np.ndarray, landmarks: FaceLandmarks, closed: float) -> np.ndarray:
    """Displacement of the upper lid coming down: its edge meets the lower lid when `closed` is 1."""
    field = np.zeros_like(grid)
    half, height = landmarks.eye_size
    for eye in landmarks.eye:
        x, y = (grid[0] - np.float32(eye[0])) / np.float32(1.15 * half), grid[1] - np.float32(eye[1])
        reach = np.maximum(1 - x * x, 0)
        top, bottom = -1.2 * height * reach, 0.9 * height * reach
        fold = top - 1.6 * height
        edge = top + closed * 0.95 * (bottom - top)
        above = np.clip((y - fold) / np.maximum(edge - fold, 1e-4), 0, 1) * (edge - top)
        below = np.clip((bottom - y) / np.maximum(bottom - edge, 1e-4), 0, 1) * (edge - top)
        field[1] += np.where(y < edge, above, below) * (reach > 0)
    return field


def _gaze_shift(rng: np.random.Generator, grid: np.ndarray, landmarks: FaceLandmarks) -> np.ndarray:
    """Displacement of both irises, inside the eye openings only."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.004, 0.025)
    across, upright = gaze_fields(grid, landmarks)
    return np.float32(length * np.cos(angle)) * across + np.float32(0.4 * length * np.sin(angle)) * upright


def gaze_fields(grid: np.ndarray, landmarks: FaceLandmarks) -> np.ndarray:
    """Displacement of both irises by one crop's width, across and upright, (2, 2, height, width)."""
    half, height = landmarks.eye_size
    inside = np.zeros_like(grid[0])
    for eye in landmarks.eye:
        x, y = (grid[0] - eye[0]) / half, (grid[1] - eye[1]) / height
        inside += np.exp(-np.square(np.square(x / 0.9) + np.square(y / 1.0))).astype(np.float32)
    return np.eye(2, dtype=np.float32)[:, :, None, None] * inside
