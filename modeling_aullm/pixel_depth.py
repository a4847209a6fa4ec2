"""Pixels of more than 8 bits: scientific cameras keep 10, 12 or 14 of them in files of 16."""

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from .video_stream import VideoError

DEPTHS = (8, 10, 12, 14, 16)  # what cameras have
_UNIT = 2.0  # own choice: floats that stay below are from 0 to 1, which a filter may overshoot


class PixelDepth:
    """How many bits a clip's pixels have: one scale for all frames, since one a frame would flicker like movement.

    Args:
        name: What people know the source by.
        dtype: Of the first frame's pixels; nothing is scaled if it is uint8.
        frames: Goes through the pixels of all frames as stored; called no sooner than they are needed, and once.
        stated: Bits that the source itself states, None if it does not.
    """

    def __init__(
        self, name: str, dtype: np.dtype, frames: Callable[[], Iterable[np.ndarray]], stated: int | None = None
    ) -> None:
        self._name, self._is_deep, self._frames, self._stated = name, dtype != np.uint8, frames, stated

    @cached_property
    def _highest(self) -> float:
        """The highest value that a pixel may have by what is stated, or has in the whole clip."""
        if not self._is_deep or self._stated:
            return (1 << (self._stated or 8)) - 1
        highest = 0.0
        for index, pixels in enumerate(self._frames()):
            low, high = float(pixels.min()), float(pixels.max())
            if not (low >= 0 and high < 1 << DEPTHS[-1]):
                raise VideoError(f"{self._name}: frame {index} has values {low:g} to {high:g}; give 0 to 65535")
            highest = max(highest, high)
            if pixels.dtype == np.uint16 and highest >= 1 << DEPTHS[-2]:
                break  # no later frame can change it
        return highest

    @property
    def bits(self) -> int:
        """The smallest of `DEPTHS` that holds every pixel of the clip; 8 also for floats from 0 to 1.

        Raises:
            VideoError: If there are values below 0 or of more than 16 bits.
        """
        return next(bits for bits in DEPTHS if self._highest < 1 << bits)

    def rgb(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels as stored, (height, width) or (height, width, 1 or 3), as (height, width, 3) uint8.

        Raises:
            VideoError: As `bits`, and if some frames have 8 bits and some have more.
        """
        if (pixels.dtype != np.uint8) != self._is_deep:
            raise VideoError(f"{self._name}: holds frames of 8 bits and frames of more; give one kind")
        if self._is_deep:
            if np.issubdtype(pixels.dtype, np.floating):
                pixels = np.rint(pixels * 255.0 if self._highest < _UNIT else pixels).astype(np.int32)
            pixels = np.minimum(pixels >> (self.bits - 8), 255).astype(np.uint8)
        pixels = pixels if pixels.ndim == 3 else pixels[..., None]
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
