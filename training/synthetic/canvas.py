"""A canvas in the coordinates of the aligned face crop, and the shapes a face is painted of."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from training.synthetic.faces import MARGIN, TEXTURE_SIZE

SCALE = TEXTURE_SIZE / (1 + 2 * MARGIN)
AXIS = ((np.arange(TEXTURE_SIZE) + 0.5) / SCALE - MARGIN).astype(np.float32)
"""Fractions of the crop at the texture's pixel centres."""


@dataclass
class Canvas:
    """A grey picture, (192, 192), float32, and the ways to paint on it."""

    image: np.ndarray

    def polygon(self, points: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Coverage of a polygon given in fractions of the crop, (192, 192), 0 to 1."""
        mask = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.uint8)
        cv2.fillPoly(mask, [pixels(points)], 255, cv2.LINE_AA, 4)
        return soften(mask, blur)

    def stroke(self, points: np.ndarray, thickness: int = 1, blur: float = 0.0) -> np.ndarray:
        """Coverage of a line, (192, 192), 0 to 1."""
        mask = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.uint8)
        cv2.polylines(mask, [pixels(points)], False, 255, thickness, cv2.LINE_AA, 4)
        return soften(mask, blur)

    def blend(self, mask: np.ndarray, value: float | np.ndarray, opacity: float = 1.0) -> None:
        """Paint a grey value through a mask."""
        self.image += (np.float32(opacity) * mask) * (np.asarray(value, np.float32) - self.image)

    def shade(self, mask: np.ndarray, amount: float) -> None:
        """Darken (negative) or lighten what is there."""
        self.image *= 1 + np.float32(amount) * mask

    def blobs(self, centres: Iterable[tuple[float, float]], spread: float) -> np.ndarray:
        """Soft round spots, (192, 192)."""
        return sum(
            np.exp(-0.5 * np.square((AXIS - y) / spread))[:, None] * np.exp(-0.5 * np.square((AXIS - x) / spread))[None]
            for x, y in centres
        )  # type: ignore[return-value]


def noise(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Smooth random texture of about unit variance with that many cells a side, (192, 192)."""
    cells = rng.standard_normal((rows, columns), dtype=np.float32)
    return cv2.resize(cells, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_CUBIC)


def log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """A factor, log-uniform between two ends."""
    return float(np.exp(rng.uniform(*np.log(ends))))


def pixels(points: np.ndarray) -> np.ndarray:
    """Fractions of the crop as the sixteenth-pixel integers of OpenCV's drawing."""
    return np.round(((points + MARGIN) * SCALE - 0.5) * 16).astype(np.int32)


def soften(mask: np.ndarray, blur: float) -> np.ndarray:
    """Coverage from 0 to 1, blurred by so many pixels."""
    soft = mask.astype(np.float32) / 255
    return cv2.GaussianBlur(soft, (0, 0), blur) if blur else soft


def circle(centre: np.ndarray, radius: float, flatness: float = 1.0, power: float = 2.0) -> np.ndarray:
    """A closed superellipse, (25, 2)."""
    angle = np.linspace(0, 2 * np.pi, 25)
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = np.sign(cosine) * np.abs(cosine) ** (2 / power), np.sign(sine) * np.abs(sine) ** (2 / power)
    return centre + radius * np.stack((x, flatness * y), 1)


def outline(width: float, top: float, bottom: float, jaw: float) -> np.ndarray:
    """Outline of a head, (80, 2): half width, top, bottom, and how much width is left at the jaw (0 to 1)."""
    middle = min(0.42, (top + bottom) / 2)
    up, down = np.linspace(0, 1, 20), np.linspace(0, 1, 20)
    crown = width * np.sqrt(1 - up**2.4)
    below = width * (1 - down ** (1.6 + 2.2 * jaw)) ** (0.85 - 0.35 * jaw)
    y = np.concatenate((top + (middle - top) * (1 - up[::-1]), middle + (bottom - middle) * down))
    half = np.concatenate((crown[::-1], below))
    return np.concatenate((np.stack((0.5 + half, y), 1), np.stack((0.5 - half, y), 1)[::-1]))
