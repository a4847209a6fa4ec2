"""Procedural faces: unlimited identities with edges, texture and relief where real faces have them.

Everything is drawn into a square a little larger than the aligned face crop, in fractions of the crop: eye centres
near (0.32, 0.34) and (0.68, 0.34), nose tip (0.50, 0.54), mouth corners (0.365, 0.72) and (0.635, 0.72). The faces
need not deceive a person. They have to carry gradients where a face has them, since motion is seen only there, and
to look different enough from one another that no rendering can be learned. Measures and ranges are own choice.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Domain = Literal["A", "B"]

MARGIN = 0.25
"""Skin and background kept on every side of the crop, in fractions of it: room for misalignment and head motion."""

TEXTURE_SIZE = 192
"""Pixels a side of a face's texture, 128 across the crop: twice what the detector sees, so that sampling is smooth."""

TEMPLATE = np.array(((0.32, 0.34), (0.68, 0.34), (0.50, 0.54), (0.365, 0.72), (0.635, 0.72)))
"""Right eye (left in the picture), left eye, nose tip, right and left mouth corner of the aligned crop, (5, 2)."""


@dataclass(frozen=True)
class FaceLandmarks:
    """Landmarks of one face, in fractions of the crop. Pairs: the subject's right side (left in the picture) first.

    Attributes:
        eye: Centres of the eye openings, (2, 2).
        brow_inner: Inner ends of the brows, (2, 2).
        brow_middle: Their middles, (2, 2).
        brow_outer: Their outer ends, (2, 2).
        nose_wing: Wings of the nose, (2, 2).
        mouth_corner: Mouth corners, (2, 2).
        nose_root: Between the eyes, (2,).
        nose: Tip of the nose, (2,).
        lip_upper: Middle of the upper lip, (2,).
        lip_lower: Middle of the lower lip, (2,).
        chin: Lowest point of the chin, (2,).
        eye_size: Half width and half height of the eye opening.
    """

    eye: np.ndarray
    brow_inner: np.ndarray
    brow_middle: np.ndarray
    brow_outer: np.ndarray
    nose_wing: np.ndarray
    mouth_corner: np.ndarray
    nose_root: np.ndarray
    nose: np.ndarray
    lip_upper: np.ndarray
    lip_lower: np.ndarray
    chin: np.ndarray
    eye_size: tuple[float, float]

    @property
    def mouth_line(self) -> float:
        """Height at which the lips meet."""
        return float(self.lip_upper[1] + self.lip_lower[1]) / 2

    def point(self, name: str, side: int) -> np.ndarray:
        """A landmark by name, (2,); `side` 0 is the subject's right, 1 the left, without effect on the midline."""
        landmark = getattr(self, name)
        return landmark[side] if landmark.ndim == 2 else landmark


@dataclass(frozen=True)
class Face:
    """A face to be lit, moved and filmed.

    Attributes:
        reflectance: Grey value under flat light, (192, 192), float32, 0 to 1; the crop and its margin.
        normals: Surface normals, (3, 192, 192), or `None` where the picture is a photograph, which has its own light.
        landmarks: Where its parts are.
    """

    reflectance: np.ndarray
    normals: np.ndarray | None
    landmarks: FaceLandmarks


@dataclass(frozen=True)
class FaceRanges:
    """What the looks of a domain's people are drawn from.

    Attributes:
        skin: Reflectance of the skin, least and most.
        texture: Contrast of the skin's fine structure, least and most.
        relief: Factor on the depth of nose, brow ridge, cheeks and so on, least and most.
        lines: Darkness of wrinkles and folds in a face at rest, most.
        glasses: Share of people with glasses.
        beard: Share with beard or moustache.
        fringe: Share with hair on the forehead.
        freckles: Share with freckles.
        landmarks: Factor on how much the proportions vary.
    """

    skin: tuple[float, float]
    texture: tuple[float, float]
    relief: tuple[float, float]
    lines: float
    glasses: float
    beard: float
    fringe: float
    freckles: float
    landmarks: float


FACE_RANGES: dict[Domain, FaceRanges] = {
    "A": FaceRanges((0.25, 0.85), (0.01, 0.09), (0.5, 1.5), 0.3, 0.15, 0.2, 0.25, 0.2, 1.0),
    "B": FaceRanges((0.12, 0.6), (0.03, 0.14), (0.8, 2.0), 0.45, 0.4, 0.4, 0.45, 0.4, 1.25),
}


def draw_landmarks(rng: np.random.Generator, variation: float = 1.0) -> FaceLandmarks:
    """Draw the proportions of a face around the crop's template.

    Args:
        rng: Source of the draws.
        variation: Factor on all deviations.
    """
    common = rng.normal(0, (0.008, 0.012), (3, 2)) * variation  # eyes, nose, mouth move as groups
    five = TEMPLATE + common[[0, 0, 1, 2, 2]] * ((0.3, 1), (0.3, 1), (1, 1.6), (0.7, 1.6), (0.7, 1.6))
    half_eyes, half_mouth = rng.normal(0, 0.01, 2) * variation, rng.normal(0.0, 0.018) * variation
    five[:, 0] += (-half_eyes[0], half_eyes[0], 0, -half_mouth, half_mouth)
    five += rng.normal(0, 0.004, (5, 2)) * variation
    return landmarks_from_five(five, rng, variation)


def landmarks_from_five(
    five: np.ndarray, rng: np.random.Generator | None = None, variation: float = 1.0
) -> FaceLandmarks:
    """All landmarks from the five a face detector gives, by the proportions of an average face.

    Args:
        five: Right eye (left in the picture), left eye, nose tip, right and left mouth corner, (5, 2), in fractions
            of the crop.
        rng: Adds the differences between people; `None` gives the average.
        variation: Factor on those differences.
    """

    def vary(deviation: float) -> float:
        return 0.0 if rng is None else float(np.clip(rng.normal(0, deviation), -2.2 * deviation, 2.2 * deviation))

    eyes, nose, mouth = five[:2], five[2], five[3:].mean(0)
    variation = variation if rng is not None else 0.0
    across = eyes[1] - eyes[0]
    distance = float(np.hypot(*across))
    between, unit = eyes.mean(0), across / distance
    mirror = np.array(((1.0, 1.0), (-1.0, 1.0)))
    rise, lift = 0.36 * distance + variation * vary(0.016), variation * vary(0.01)
    inner = variation * vary(0.012)
    upward = np.array((unit[1], -unit[0]))
    brow = [
        eyes + rise * upward + mirror * (shift * distance, 0.0) + height * upward
        for shift, height in ((0.3, -lift - 0.01), (0.0, 0.006), (-0.3, lift - 0.012))
    ]
    brow[0] = brow[0] + mirror * (inner, 0.0)
    wing = 0.055 + variation * vary(0.008)
    lips = 0.022 + variation * vary(0.005), 0.028 + variation * vary(0.006)
    chin = mouth + (mouth - between) * (0.53 + variation * vary(0.05))
    return FaceLandmarks(
        eye=eyes,
        brow_inner=brow[0],
        brow_middle=brow[1],
        brow_outer=brow[2],
        nose_wing=nose + mirror * (-wing, 0.015),
        mouth_corner=five[3:],
        nose_root=0.7 * between + 0.3 * nose - (0.0, 0.05),
        nose=nose,
        lip_upper=mouth - np.array((0.0, lips[0])),
        lip_lower=mouth + np.array((0.0, lips[1])),
        chin=chin,
        eye_size=(0.083 + variation * vary(0.008), 0.03 + variation * vary(0.0055)),
    )


def depth(grid: np.ndarray, landmarks: FaceLandmarks) -> np.ndarray:
    """Rough distance of the skin from the plane of the eyes and mouth, (height, width), in fractions of the crop.

    It tells how far a turn of the head by a small angle shifts each point against the aligned landmarks.
    """
    x, y = grid[0] - np.float32(0.5), grid[1] - np.float32(0.48)
    head = 0.22 - 0.9 * x * x - 0.45 * y * y
    nose = np.exp(-0.5 * (((grid[0] - landmarks.nose[0]) / 0.05) ** 2 + ((grid[1] - landmarks.nose[1]) / 0.08) ** 2))
    return (head - 0.17 + 0.13 * nose).astype(np.float32)
