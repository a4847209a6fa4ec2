"""Test beds: places where units cannot be read from their own evidence alone, for a model that reasons to show it.

In cut-out clips of visible units nothing has to be reasoned. Here the place of a unit is covered while its partners
are seen (`hidden`), the movement is hardly one (`weak`), units go together otherwise than they do in the domain
(`changed_rules`), or a rule holds that holds nowhere else (`spurious_rule`, for training). Everything else is as the
domain has it. All of it is own choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np

from training.synthetic.emotions import ANTAGONISTS, EMOTIONS, SHARES, draw_action_units, sort_units
from training.synthetic.faces import MARGIN, TEXTURE_SIZE, FaceLandmarks

Bed = Literal["hidden", "weak", "changed_rules", "spurious_rule"]
BEDS: tuple[Bed, ...] = get_args(Bed)

WEAK_AMPLITUDE = (0.1, 0.3)
"""Peak displacement in pixels of a 64-pixel crop."""

SWAPPED = {"AU1": "AU15", "AU2": "AU14", "AU4": "AU12", "AU5": "AU17", "AU6": "AU9", "AU7": "AU10"}
"""Units that change their roles where rules are changed, both ways: happiness is then AU4 with AU9."""

SPURIOUS = ("AU4", "AU17")
"""Two units that come together or not at all where the rule is spurious."""


@dataclass(frozen=True)
class Cover:
    """Something before the face, which moves with the head.

    Attributes:
        shade: Grey values, (192, 192): the crop and its margin, as a face's texture.
        share: How much of what is behind it is hidden, (192, 192), 0 to 1.
    """

    shade: np.ndarray
    share: np.ndarray


def check_bed(bed: str | None) -> None:
    """Check a test bed's name.

    Raises:
        ValueError: If it is none of `BEDS`.
    """
    if bed is not None and bed not in BEDS:
        raise ValueError(f"unknown test bed {bed!r}; it must be one of {', '.join(BEDS)}")


def draw_bed_units(rng: np.random.Generator, bed: Bed | None) -> tuple[str, list[str]]:
    """Draw a clip's emotion and its units, as `draw_action_units` does, by the rules of a test bed."""
    if bed == "hidden":
        return _draw_partners(rng)
    emotion, units = draw_action_units(rng)
    if bed == "changed_rules" and units:
        return "other", _changed(rng, units)
    if bed == "spurious_rule":
        units = _with_spurious(units)
        return (emotion if units else "none"), units
    return emotion, units


def _draw_partners(rng: np.random.Generator) -> tuple[str, list[str]]:
    """Nobody, or an emotion's units, two at least: what is seen tells what is covered."""
    if rng.random() < SHARES["still"]:
        return "none", []
    while True:
        emotion = str(rng.choice(list(EMOTIONS)))
        units = [unit for unit, share in EMOTIONS[emotion].items() if rng.random() < share]
        if len(units) > 1:
            return emotion, sort_units(units)


def _changed(rng: np.random.Generator, units: list[str]) -> list[str]:
    """A third of the time two units that shut each other out in the domain; else the units in changed roles."""
    if rng.random() < 1 / 3:
        return sort_units(ANTAGONISTS[rng.integers(len(ANTAGONISTS))])
    role = SWAPPED | {new: old for old, new in SWAPPED.items()}
    return sort_units([role.get(unit, unit) for unit in units])


def _with_spurious(units: list[str]) -> list[str]:
    first, second = SPURIOUS
    others = [unit for unit in units if unit != second]
    return sort_units([*others, second] if first in others else others)


def draw_cover(rng: np.random.Generator, landmarks: FaceLandmarks) -> Cover:
    """Draw a mask, a hand or a phone before the mouth, glasses, a full beard, a fringe, or a face half turned away.

    Args:
        rng: Source of the draws.
        landmarks: The face's.
    """
    places = list(_PLACES.values())
    y, x = (np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE] + 0.5) / TEXTURE_SIZE * (1 + 2 * MARGIN) - MARGIN
    share = places[rng.integers(len(places))](rng, landmarks, x, y).astype(np.float32)
    rough: Any = cv2.GaussianBlur(rng.standard_normal(share.shape).astype(np.float32), (0, 0), rng.uniform(0.7, 4))
    shade = rng.uniform(25, 210) + rough * (rng.uniform(2, 14) / max(float(rough.std()), 1e-6))
    edge = cv2.GaussianBlur(share, (0, 0), rng.uniform(0.5, 2))
    return Cover(np.clip(shade, 0, 255).astype(np.float32), np.clip(edge, 0, 1))


def _mask(rng: np.random.Generator, at: FaceLandmarks, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    top = at.nose[1] - rng.uniform(0.02, 0.1) + 0.12 * np.abs(x - 0.5)
    return (y > top) & (np.abs(x - 0.5) < rng.uniform(0.34, 0.45))


def _hand(rng: np.random.Generator, at: FaceLandmarks, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    middle = (at.lip_upper + at.lip_lower) / 2 + rng.normal(0, 0.03, 2)
    angle = rng.uniform(-0.6, 0.6)
    along = np.cos(angle) * (x - middle[0]) + np.sin(angle) * (y - middle[1])
    across = np.cos(angle) * (y - middle[1]) - np.sin(angle) * (x - middle[0])
    return (along / rng.uniform(0.24, 0.34)) ** 2 + (across / rng.uniform(0.13, 0.2)) ** 2 < 1


def _phone(rng: np.random.Generator, at: FaceLandmarks, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    left, right = 0.5 + rng.uniform(-0.3, -0.2), 0.5 + rng.uniform(0.2, 0.3)
    return (x > left) & (x < right) & (y > at.lip_upper[1] - rng.uniform(0.06, 0.12))


def _glasses(rng: np.random.Generator, at: FaceLandmarks, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    width, height = rng.uniform(0.14, 0.18), rng.uniform(0.08, 0.12)
    lenses = [((x - eye[0]) / width) ** 2 + ((y - eye[1]) / height) ** 2 < 1 for eye in at.eye]
    return np.logical_or(*lenses)


def _beard(rng: np.random.Generator, at: FaceLandmarks, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    jaw = (np.abs(x - 0.5) < 0.4) & (y > at.lip_upper[1] - rng.uniform(0.05, 0.09))
    lips = ((x - 0.5) / 0.12) ** 2 + ((y - at.mouth_line) / 0.04) ** 2 < 1
    return 0.9 * (jaw & ~lips)


def _fringe(rng: np.random.Generator, at: FaceLandmarks, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y < at.brow_middle[:, 1].mean() + rng.uniform(0.01, 0.04) + 0.02 * np.sin(x * rng.uniform(20, 60))


def _half(rng: np.random.Generator, at: FaceLandmarks, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    side = 1 if rng.random() < 0.5 else -1
    return side * (x - at.nose[0]) > rng.uniform(-0.02, 0.06) + 0.05 * np.cos(3 * (y - 0.5))


_PLACES: dict[str, Callable[[np.random.Generator, FaceLandmarks, np.ndarray, np.ndarray], np.ndarray]] = {
    "mask": _mask,
    "hand": _hand,
    "phone": _phone,
    "glasses": _glasses,
    "beard": _beard,
    "fringe": _fringe,
    "half turned": _half,
}
