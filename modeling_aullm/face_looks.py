"""Whether two pictures show the same face without a cut, a covering or another light between them.

Own choices throughout: the papers start from clips in which one face is seen from the first frame to the last. The
limits were found by trial on a few moved, covered, cut and faded photographs, not fitted to a dataset;
`tests/test_face_following.py` holds what they must tell apart. They err: a mouth opened wide counts as covered, and a
hand before a face seen from the side may not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from .face_alignment import Face, align, alignment_transform, shrink
from .head_stabilization import stabilize_crops
from .video_stream import Frame

# From one frame to the next: correlation of the face's surroundings.
_GLANCE_SIZE = 32  # pixels
_GLANCE_REACH = 1.3  # times the face's box: hair and shoulders jump at a cut, too
_UNLIKE = 0.6  # correlation below which no frame follows another
_JUMP = 0.05  # less than 1 by as much, and by JUMP_RATIO times what it is in the frames around, is a cut
_JUMP_RATIO = 4.0
AROUND_SECONDS = 0.15  # how far around a frame its like are looked for: times may be doubled by a recorder
_FLAT = 1.0  # grey levels of standard deviation below which a picture shows nothing

# From one look to another, fractions of a second apart.
_LOOK_SIZE = 64  # pixels
_SHIFTS = (-4, -2, 0, 2, 4)  # pixels: how far an expression may move a region
_REGION, _SURROUNDINGS, _BORDER = 7, 15, 6  # pixels
_UNEXPLAINED = 0.5  # of the contrast around: what no shift of a region explains is no movement
_FAINT = 0.02  # of the range of brightness: a difference that noise makes
CHANGED = 0.10  # share of the face that no movement explains; the mouth of someone who talks is below
OTHER_FACE = 0.30  # share from which it is somebody else
UNSTEADY_LIGHT = 1.15  # factor of contrast
_TURNED = 0.12  # of the distance of the eyes: the nose's shift against them


def glance(frame: Frame, face: Face, size: tuple[int, int]) -> np.ndarray:
    """A face's surroundings, small and grey.

    Args:
        frame: The frame.
        face: Its box says where.
        size: Width and height of the video in pixels.

    Returns:
        (32, 32) float32 in grey levels.
    """
    grey = frame.luma
    x, y, width, height = face.box
    side = _GLANCE_REACH * max(width, height)
    left, top = x + (width - side) / 2, y + (height - side) / 2
    scale_x, scale_y = grey.shape[1] / size[0], grey.shape[0] / size[1]
    rows = slice(max(0, round(top * scale_y)), max(1, round((top + side) * scale_y)))
    columns = slice(max(0, round(left * scale_x)), max(1, round((left + side) * scale_x)))
    part = grey[rows, columns]
    if part.size == 0:
        return np.zeros((_GLANCE_SIZE, _GLANCE_SIZE), np.float32)
    part = shrink(part, max(1, min(part.shape) // (2 * _GLANCE_SIZE)))
    return cv2.resize(part, (_GLANCE_SIZE, _GLANCE_SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)


def find_cuts(glances: Sequence[np.ndarray], times: Sequence[float]) -> list[int]:
    """Where a frame does not follow the one before.

    Args:
        glances: Of frames in order, `glance` at the same place.
        times: Seconds, of each.

    Returns:
        Positions from 1, of the first frame behind each cut.
    """
    centred = [glance - glance.mean() for glance in glances]
    powers = [float((glance * glance).sum()) for glance in centred]
    pairs = zip(pairwise(centred), pairwise(powers), strict=True)
    unlike = np.array([1 - _correlation(*pair, *power) for pair, power in pairs])
    cuts = []
    for position in map(int, np.flatnonzero(unlike > _JUMP) + 1):
        near = [
            unlike[at - 1]
            for at in range(1, len(glances))
            if at != position and (abs(at - position) <= 2 or abs(times[at] - times[position]) <= AROUND_SECONDS)
        ]
        if unlike[position - 1] > 1 - _UNLIKE or unlike[position - 1] > _JUMP_RATIO * max(near, default=1.0):
            cuts.append(position)
    return cuts


def _correlation(first: np.ndarray, second: np.ndarray, power: float, other_power: float) -> float:
    """Of two pictures' brightness less its mean, with its summed squares: whatever the light's gain and offset."""
    flat = [each < _FLAT**2 * first.size for each in (power, other_power)]
    if any(flat):
        return float(all(flat))
    return float((first * second).sum() / math.sqrt(power * other_power))


@dataclass(frozen=True)
class Look:
    """How a face looked at a moment.

    Attributes:
        time: Seconds.
        crop: (64, 64) float32 grey in 0..1, aligned by the eyes and the nose, which nothing but a covering moves.
        nose: Where the nose is against the eyes, (right, down) in distances of the eyes.
    """

    time: float
    crop: np.ndarray
    nose: np.ndarray

    def is_turned(self, other: "Look") -> bool:
        """Whether the head points elsewhere."""
        return bool(np.abs(self.nose - other.nose).max() > _TURNED)


def look_at(frame: Frame, face: Face) -> Look:
    """The look of a face in a frame."""
    eyes_and_nose = face.landmarks[:3]
    crop = align(frame.image, alignment_transform(eyes_and_nose, _LOOK_SIZE), _LOOK_SIZE)
    right, left, nose = eyes_and_nose @ np.array([1, 1j])
    nose = (nose - (right + left) / 2) / (left - right)
    return Look(frame.time, crop, np.array([nose.real, nose.imag]))


@dataclass(frozen=True)
class Change:
    """What lies between two looks.

    Attributes:
        share: Of the face, 0 to 1, that no small movement explains.
        everywhere: The same of its upper or its lower half, whichever is less: somebody else differs in both, a hand
            covers one.
        light: Factor of the contrast, at least 1.
    """

    share: float
    everywhere: float
    light: float


def compare(before: Look, now: Look) -> Change:
    """What lies between two looks, beyond the head's drift and small movements of any region."""
    first, second = (cv2.GaussianBlur(crop, (0, 0), 1.0) for crop in stabilize_crops(np.stack([before.crop, now.crop])))
    gain, offset = _fit_light(first, second)
    if gain <= 0:
        return Change(1.0, 1.0, 1.0)
    second = (second - offset) / gain
    region = (_REGION, _REGION)
    shifted = [np.roll(first, (down, right), (0, 1)) for down in _SHIFTS for right in _SHIFTS]
    unexplained = np.min([cv2.blur((moved - second) ** 2, region) for moved in shifted], axis=0)
    around = (_local_variance(first) + _local_variance(second)) / 2
    changed = unexplained > _UNEXPLAINED**2 * around + _FAINT**2
    changed = changed[_BORDER:-_BORDER, _BORDER:-_BORDER]
    halves = np.array_split(changed, 2)
    return Change(float(changed.mean()), float(min(half.mean() for half in halves)), max(gain, 1 / gain))


def _fit_light(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Gain and offset from one crop's brightness to another's, by least squares that drop what does not fit."""
    x, y = first.ravel(), second.ravel()
    weights = np.ones_like(x)
    for _ in range(4):
        centre_x, centre_y = np.average(x, weights=weights), np.average(y, weights=weights)
        spread = (weights * (x - centre_x) ** 2).sum() + 1e-9
        gain = float((weights * (x - centre_x) * (y - centre_y)).sum() / spread)
        left = y - centre_y - gain * (x - centre_x)
        weights = 1 / (1 + (left / (1.5 * np.median(np.abs(left)) + 1e-3)) ** 2) ** 2
    return gain, float(centre_y - gain * centre_x)


def _local_variance(crop: np.ndarray) -> np.ndarray:
    box = (_SURROUNDINGS, _SURROUNDINGS)
    return np.maximum(cv2.blur(crop * crop, box) - cv2.blur(crop, box) ** 2, 0)
