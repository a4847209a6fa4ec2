"""Lids that are drawn over the eyes: a blink covers what it passes, it does not push it. Measures are own choice."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.synthetic.faces import MARGIN, FaceLandmarks


@dataclass(frozen=True)
class Lids:
    """What a closed lid shows, and where.

    Attributes:
        skin: Grey values where an eye is covered, as large as the texture.
        depth: How far the lid must be down to cover a point, 0 at its crease, 1 at the lower lid; above 1 beyond.
        softness: Of the lid's edge, in the same measure.
        lashes: Darkness of the edge, 0 to 1.
    """

    skin: np.ndarray
    depth: np.ndarray
    softness: float
    lashes: float

    def over(self, texture: np.ndarray, closed: float) -> np.ndarray:
        """The face with its eyes covered.

        Args:
            texture: Grey values of the face and its margin.
            closed: From 0 to 1.
        """
        below = (self.depth - closed) / self.softness
        share = 1 / (1 + np.exp(np.clip(below, -30, 30)))
        edge = self.lashes * np.exp(-0.5 * below**2) * (self.depth < 2)
        return ((texture * (1 - share) + self.skin * share) * (1 - edge)).astype(np.float32)


def draw_lids(rng: np.random.Generator, texture: np.ndarray, landmarks: FaceLandmarks) -> Lids:
    """Draw a face's lids from the skin above its eyes.

    Args:
        rng: Source of the draws.
        texture: Grey values of the face and its margin, square.
        landmarks: The face's landmarks.
    """
    size = len(texture)
    axis = ((np.arange(size) + 0.5) / size * (1 + 2 * MARGIN) - MARGIN).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    half, height = landmarks.eye_size
    half, height = half * rng.uniform(1.0, 1.25), height * rng.uniform(1.0, 1.5)
    depth = np.full_like(x, 9.0)
    for eye in landmarks.eye:
        opening = np.sqrt(np.maximum(1 - ((x - eye[0]) / half) ** 2, 0))
        crease, rim = eye[1] - 1.3 * height * opening, eye[1] + height * opening
        within = (opening > 0.05) & (y > crease) & (y < rim + 0.3 * height)
        depth = np.where(within, (y - crease) / np.maximum(rim - crease, 1e-4), depth)
    lift = np.float32(height * rng.uniform(1.8, 3.0) * size / (1 + 2 * MARGIN))
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    skin = cv2.remap(texture, columns, rows - lift, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Lids(skin * np.float32(rng.uniform(0.85, 1.1)), depth, rng.uniform(0.05, 0.25), rng.uniform(0, 0.5))
