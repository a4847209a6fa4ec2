"""How skin moves in a micro-expression: displacement fields of the action units, and their course in time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from training.synthetic.anatomy import FOLDS, MIDLINE_ANCHORS, OTHER_READINGS, PULLS, Fold, Pull
from training.synthetic.faces import Domain, FaceLandmarks

Side = Literal["R", "L", ""]

INTENSITY_LETTERS: tuple[tuple[str, float], ...] = (("A", 0.45), ("B", 0.8), ("C", 1.2), ("D", 1.7), ("E", np.inf))
"""FACS intensity letter and the peak displacement up to which it is given, in pixels of a 64-pixel crop (own choice:
FACS defines the letters by words, trace to maximum)."""


@dataclass(frozen=True)
class MotionRanges:
    """What the motion of a domain is drawn from. All of it is own choice.

    Attributes:
        kernels: Names of the radial profiles in `KERNELS`.
        amplitude: Peak displacement in pixels of a 64-pixel crop, least and most; drawn log-uniformly.
        direction: Standard deviation of a pull's direction, in degrees; cut at two of them.
        scatter: Standard deviation of a pull's centre, in fractions of the crop.
        spread: Factor on a pull's area, least and most.
        coupling: Factor on the secondary pulls of a unit, least and most.
        converging: Share of units whose skin runs towards a point (Waters' linear muscle, SIGGRAPH 1987) instead of
            moving in parallel.
        fold: Greatest darkening of a fold at an amplitude of one pixel.
        one_sided: Share of units on one side of the face only.
        other_readings: Share of the units in `OTHER_READINGS` that are drawn after one of those.
        slitless: Share of units whose skin moves on through eye opening and mouth, as in a picture that is warped.
        fps: Frame rates and their weights. Low rates weigh more: they are what plain videos have, and are cheap.
    """

    kernels: tuple[str, ...]
    amplitude: tuple[float, float]
    direction: float
    scatter: float
    spread: tuple[float, float]
    coupling: tuple[float, float]
    converging: float
    fold: float
    one_sided: float
    other_readings: float
    slitless: float
    fps: dict[float, float]


MOTION_RANGES: dict[Domain, MotionRanges] = {
    "A": MotionRanges(
        kernels=("gaussian", "cauchy", "cosine", "plateau"),
        amplitude=(0.2, 2.2),
        direction=17,
        scatter=0.018,
        spread=(0.5, 1.8),
        coupling=(0.2, 1.5),
        converging=0.25,
        fold=0.16,
        one_sided=0.14,
        other_readings=0.5,
        slitless=0.2,
        fps={25: 1, 30: 5, 50: 2, 60: 4, 90: 1, 100: 1.5, 120: 0.7, 200: 0.8},
    ),
    "B": MotionRanges(
        kernels=("wendland", "plateau", "exponential"),
        amplitude=(0.3, 2.4),
        direction=12,
        scatter=0.02,
        spread=(0.55, 1.9),
        coupling=(0.0, 1.2),
        converging=0.6,
        fold=0.1,
        one_sided=0.2,
        other_readings=0.0,
        slitless=0.0,
        fps={24: 3, 30: 3, 48: 2, 80: 2, 120: 1, 150: 0.7},
    ),
}

KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gaussian": lambda q: np.exp(-0.5 * q),
    "cauchy": lambda q: 1 / np.square(1 + 0.3 * q),
    "cosine": lambda q: 0.5 + 0.5 * np.cos(np.minimum(np.sqrt(q) / 2.5, 1) * np.pi),
    "plateau": lambda q: np.exp(-np.square(q / 2.4)),
    "wendland": lambda q: (lambda r: np.power(1 - r, 4) * (4 * r + 1))(np.minimum(np.sqrt(q) / 3.2, 1)),
    "exponential": lambda q: np.exp(-(np.sqrt(q + 0.25) - 0.5)),
}
"""Fall-off of a pull over the squared distance in standard deviations; 1 at the centre."""


@dataclass(frozen=True)
class UnitMotion:
    """One action unit as drawn for one clip.

    Attributes:
        code: Code such as `AU12`.
        side: `R` or `L`, the subject's, if the unit is on one side only, else empty.
        amplitude: Peak displacement in pixels of a 64-pixel crop.
        field: Displacement of unit peak, (2, height, width): x, y.
        fold: Relative change of brightness at the apex, (height, width).
    """

    code: str
    side: Side
    amplitude: float
    field: np.ndarray
    fold: np.ndarray

    @property
    def facs_code(self) -> str:
        """FACS string with side and intensity, such as `L12B`."""
        letter = next(letter for letter, limit in INTENSITY_LETTERS if self.amplitude < limit)
        return f"{self.side}{self.code.removeprefix('AU')}{letter}"


def draw_amplitude(rng: np.random.Generator, ranges: MotionRanges) -> float:
    """Peak displacement of a clip in pixels of a 64-pixel crop, log-uniform."""
    low, high = np.log(ranges.amplitude)
    return float(np.exp(rng.uniform(low, high)))


def draw_side(rng: np.random.Generator) -> Side:
    """One side of the face or the other."""
    return "R" if rng.random() < 0.5 else "L"


def draw_unit(
    rng: np.random.Generator,
    code: str,
    grid: np.ndarray,
    landmarks: FaceLandmarks,
    ranges: MotionRanges,
    *,
    amplitude: float,
    side: Side | None = None,
) -> UnitMotion:
    """Draw how one action unit moves this face in this clip.

    Args:
        rng: Source of the draws.
        code: Code of the unit, one of `PULLS`.
        grid: Points at which the motion is wanted, (2, height, width), in fractions of the crop.
        landmarks: The face's landmarks.
        ranges: The domain's ranges.
        amplitude: Peak displacement in pixels of a 64-pixel crop.
        side: Side of the face; `None` draws it.
    """
    if side is None:
        side = draw_side(rng) if rng.random() < ranges.one_sided else ""
    weaker = {"": rng.uniform(0.6, 1.0), "R": 0.0, "L": 0.0}[side]
    weights = (1.0, weaker) if side == "R" or (side == "" and rng.random() < 0.5) else (weaker, 1.0)
    field = displacement_field(rng, _draw_reading(rng, code, ranges), grid, landmarks, ranges, weights)
    fold = np.zeros(grid.shape[1:], np.float32)
    if rng.random() < 0.65:
        depth = ranges.fold * rng.uniform(0.1, 1.0) * min(amplitude, 1.5)
        for each in FOLDS[code]:
            fold += depth * _fold_shading(rng, each, grid, landmarks, weights)
    return UnitMotion(code, side, amplitude, field, fold)


def _draw_reading(rng: np.random.Generator, code: str, ranges: MotionRanges) -> Sequence[Pull]:
    """The unit's pulls, as the domain understands it."""
    others, pulls = OTHER_READINGS.get(code), PULLS[code]
    if others and happens(rng, ranges.other_readings):
        pulls = others[rng.integers(len(others))]
    return [replace(pull, edge="none") for pull in pulls] if happens(rng, ranges.slitless) else pulls


def happens(rng: np.random.Generator, share: float) -> bool:
    """Whether something that a share of clips has happens; for what never does nothing is drawn.

    So the clips of a domain stay what they were when another learns something new.
    """
    return share > 0 and rng.random() < share


def displacement_field(
    rng: np.random.Generator,
    pulls: Sequence[Pull],
    grid: np.ndarray,
    landmarks: FaceLandmarks,
    ranges: MotionRanges,
    weights: tuple[float, float],
) -> np.ndarray:
    """Displacement of skin by a set of pulls, its longest vector one.

    Args:
        rng: Source of the scatter of centres, directions, areas and coupling.
        pulls: The pulls, the main one first.
        grid: Points at which it is wanted, (2, height, width), in fractions of the crop.
        landmarks: The face's landmarks.
        ranges: The domain's ranges.
        weights: Strength on the subject's right and left side.

    Returns:
        Displacement, (2, height, width), float32: x, y.
    """
    kernel = KERNELS[ranges.kernels[rng.integers(len(ranges.kernels))]]
    reach = rng.uniform(0.2, 0.5) if rng.random() < ranges.converging else None
    area = np.exp(rng.uniform(*np.log(ranges.spread)))
    turn = _cut_normal(rng, ranges.direction)
    shift = rng.normal(0, 0.7 * ranges.scatter, 2)
    softness, midline = rng.uniform(0.004, 0.05), rng.uniform(0.02, 0.12)
    field = np.zeros_like(grid)
    for number, pull in enumerate(pulls):
        strength = pull.strength * (1.0 if number == 0 else _draw_coupling(rng, ranges))
        angle = np.deg2rad(turn + _cut_normal(rng, 0.4 * ranges.direction)) + np.arctan2(*pull.direction[::-1])
        spread = np.array(pull.spread) * area * np.exp(rng.normal(0, 0.12, 2))
        offset = np.array(pull.offset) + shift + rng.normal(0, 0.7 * ranges.scatter, 2)
        tilt = rng.normal(0, 0.25)
        for side, weight in enumerate(weights):
            if pull.anchor in MIDLINE_ANCHORS and pull.offset[0] == 0:
                if side == 1:  # one pull in the middle, not one a side
                    continue
                weight = sum(weights) / 2
            if strength * weight > 0.02:
                mirror = np.array((1 - 2 * side, 1))
                centre = landmarks.point(pull.anchor, side) + mirror * offset
                towards = mirror * (np.cos(angle), np.sin(angle))
                amount = kernel(_squared_distance(grid, centre, spread, mirror[0] * tilt)) * (strength * weight)
                amount *= _slit(grid, pull, landmarks, side, softness)
                if pull.anchor not in MIDLINE_ANCHORS:  # a muscle ends before the midline, more or less sharply
                    amount *= _step((np.float32(0.5) - grid[0]) * mirror[0], midline)
                field += amount * _directions(grid, centre, towards, reach)
    field *= _unevenness(rng, grid.shape[1:])
    return field / max(float(np.sqrt(np.square(field).sum(0).max())), 1e-6)


def _cut_normal(rng: np.random.Generator, deviation: float) -> float:
    return float(np.clip(rng.normal(0, deviation), -2 * deviation, 2 * deviation))


def _draw_coupling(rng: np.random.Generator, ranges: MotionRanges) -> float:
    """Strength of a secondary pull; people differ in which of them they show, so a quarter is absent."""
    return 0.0 if rng.random() < 0.25 else rng.uniform(*ranges.coupling)


def _squared_distance(grid: np.ndarray, centre: np.ndarray, spread: np.ndarray, tilt: float) -> np.ndarray:
    """Squared distance from a centre in standard deviations of a tilted ellipse, (height, width)."""
    x, y = grid[0] - np.float32(centre[0]), grid[1] - np.float32(centre[1])
    cosine, sine = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    along, across = (cosine * x + sine * y) / np.float32(spread[0]), (cosine * y - sine * x) / np.float32(spread[1])
    return along * along + across * across


def _directions(grid: np.ndarray, centre: np.ndarray, towards: np.ndarray, reach: float | None) -> np.ndarray:
    """Unit vectors of the motion: parallel, or running to the muscle's origin `reach` away."""
    if reach is None:
        return towards.astype(np.float32)[:, None, None]
    vectors = (centre + reach * towards).astype(np.float32)[:, None, None] - grid
    return vectors / np.maximum(np.sqrt(np.square(vectors).sum(0)), 0.1)


def _slit(
    grid: np.ndarray, pull: Pull, landmarks: FaceLandmarks, side: int, softness: float
) -> np.ndarray | np.float32:
    """How far skin beyond the eye opening or the mouth follows: a step whose softness differs from clip to clip."""
    if pull.edge == "none":
        return np.float32(1)
    where, slit = pull.edge.split()
    middle = landmarks.eye[side][1] if slit == "eye" else landmarks.mouth_line
    sign = 1 if where == "below" else -1
    return _step(sign * (grid[1] - np.float32(middle)), softness)


def _step(distance: np.ndarray, softness: float) -> np.ndarray:
    """From 0 to 1 where the distance turns positive."""
    return 1 / (1 + np.exp(np.clip(distance / np.float32(-softness), -30, 30)))


def _unevenness(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Skin does not give way evenly: a slowly varying factor around one."""
    coarse = rng.normal(1, 0.18, (6, 6)).astype(np.float32)
    return np.clip(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), 0.3, 1.7)


def _fold_shading(
    rng: np.random.Generator, fold: Fold, grid: np.ndarray, landmarks: FaceLandmarks, weights: tuple[float, float]
) -> np.ndarray:
    """A dark line with a lighter shoulder along the fold, (height, width), its darkest near -1."""
    shading = np.zeros(grid.shape[1:], np.float32)
    angle = np.deg2rad(fold.angle + rng.normal(0, 12))
    offset = np.array(fold.offset) + rng.normal(0, 0.01, 2)
    size = np.array((fold.length, fold.width)) * np.exp(rng.normal(0, 0.25, 2))
    shoulder = rng.uniform(-0.8, 0.8)
    for side, weight in enumerate(weights):
        if weight == 0 or (side == 1 and fold.anchor in MIDLINE_ANCHORS and fold.offset[0] == 0):
            continue
        mirror = 1 - 2 * side
        centre = landmarks.point(fold.anchor, side) + np.array((mirror * offset[0], offset[1]))
        across = ((grid[1] - centre[1]) * np.cos(angle) - mirror * (grid[0] - centre[0]) * np.sin(angle)) / size[1]
        ridge = np.exp(-0.5 * _squared_distance(grid, centre, size, mirror * angle))
        shading += weight * ridge * (shoulder * across - 1).astype(np.float32)
    return shading
