"""Your own photographs: as faces of the corpus, or moved whole and in colour."""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from training.synthetic.emotions import sort_units
from training.synthetic.faces import MARGIN, TEMPLATE, TEXTURE_SIZE, Face, landmarks_from_five
from training.synthetic.motion import MOTION_RANGES, draw_unit
from training.synthetic.timing import DURATION, Timing


def photograph_face(photo: np.ndarray, five: np.ndarray | None = None) -> Face:
    """A face from a photograph of your own, already cropped to the aligned template.

    Args:
        photo: The crop, (height, width) grey or (height, width, 3) RGB, uint8.
        five: The five landmarks in fractions of the crop, (5, 2), if they are known; else the template's.

    Raises:
        ValueError: If the array is not such a picture.
    """
    if photo.dtype != np.uint8 or photo.ndim not in (2, 3) or (photo.ndim == 3 and photo.shape[2] != 3):
        raise ValueError(f"a photograph must be uint8 of shape (H, W) or (H, W, 3), got {photo.dtype} {photo.shape}")
    if min(photo.shape[:2]) < 32:
        raise ValueError(f"a photograph must be at least 32 pixels a side, got {photo.shape[:2]}")
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) if photo.ndim == 3 else photo
    inner = round(TEXTURE_SIZE / (1 + 2 * MARGIN))
    shrink = cv2.INTER_AREA if min(grey.shape) > inner else cv2.INTER_CUBIC
    crop = cv2.resize(grey, (inner, inner), interpolation=shrink).astype(np.float32) / 255
    before = (TEXTURE_SIZE - inner) // 2
    after = TEXTURE_SIZE - inner - before
    whole = cv2.copyMakeBorder(crop, before, after, before, after, cv2.BORDER_REFLECT_101)
    points = TEMPLATE if five is None else np.asarray(five, float)
    return Face(whole, None, landmarks_from_five(points))


def move_photograph(
    photo: np.ndarray,
    landmarks: np.ndarray,
    action_units: Sequence[str],
    *,
    num_frames: int,
    fps: float,
    intensity: float,
    seed: int,
) -> np.ndarray:
    """Move the face in a full-size photograph by a micro-expression, in the middle of the clip.

    Nothing else is done to it: no noise, no head motion.

    Args:
        photo: RGB picture, (height, width, 3), uint8.
        landmarks: Right eye (left in the picture), left eye, nose tip, right and left mouth corner in pixels, (5, 2).
        action_units: Units to show, such as `["AU6", "AU12"]`.
        num_frames: Frames to make, at least 3.
        fps: Frames a second: the expression fills the clip, but never lasts longer than half a second.
        intensity: Peak displacement in pixels of the 64-pixel aligned crop.
        seed: Seed of the motion's scatter.

    Returns:
        Frames, (num_frames, height, width, 3), uint8.

    Raises:
        ValueError: If the picture, the landmarks or a unit is not as described.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise ValueError(f"photo must be uint8 of shape (H, W, 3), got {photo.dtype} {photo.shape}")
    if np.shape(landmarks) != (5, 2):
        raise ValueError(f"landmarks must have shape (5, 2), got {np.shape(landmarks)}")
    if num_frames < 3:
        raise ValueError(f"num_frames must be at least 3, got {num_frames}")
    rng = np.random.default_rng(seed)
    to_crop = _similarity(np.asarray(landmarks, float))
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]].astype(np.float32)
    grid = np.stack([row[0] * x + row[1] * y + row[2] for row in to_crop.astype(np.float32)])
    five = np.asarray(landmarks) @ to_crop[:, :2].T + to_crop[:, 2]
    face_landmarks = landmarks_from_five(five)
    total = np.zeros_like(grid)
    for unit in sort_units(action_units):
        motion = draw_unit(rng, unit, grid, face_landmarks, MOTION_RANGES["A"], amplitude=intensity, side="")
        total += motion.field * np.float32(intensity / 64)
    back = np.linalg.inv(to_crop[:, :2]).astype(np.float32)
    shift = np.tensordot(back, total, 1)
    length = min(num_frames - 1, max(2, round(DURATION[1] * fps)))
    onset = (num_frames - 1 - length) // 2
    profile = Timing(num_frames, fps, onset, onset + round(0.45 * length), onset + length, (1.0, 1.0)).profile()
    knots = [spline_filter(channel, output=np.float32, mode="mirror") for channel in np.moveaxis(photo, 2, 0)]
    frames = np.repeat(photo[None], num_frames, axis=0)
    for frame, share in zip(frames, profile.astype(np.float32), strict=True):
        if share:
            frame[:] = _sample(knots, y - share * shift[1], x - share * shift[0])
    return frames


def _sample(knots: list[np.ndarray], rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Channels of cubic splines at some points, as uint8: OpenCV's cubic kernel moves smooth skin up to 1.4 times."""
    channels = [map_coordinates(each, (rows, columns), order=3, mode="mirror", prefilter=False) for each in knots]
    return np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)


def _similarity(landmarks: np.ndarray) -> np.ndarray:
    """Similarity transform that takes landmarks to the crop's template by least squares, (2, 3)."""
    source, target = (points - points.mean(0) for points in (landmarks, TEMPLATE))
    dot = (source * target).sum()
    cross = (source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum()
    turn = np.array(((dot, -cross), (cross, dot))) / np.square(source).sum()
    return np.column_stack((turn, TEMPLATE.mean(0) - turn @ landmarks.mean(0)))
