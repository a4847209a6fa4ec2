"""The course of a micro-expression in time: onset, apex and offset, and the recording around them."""

from dataclasses import dataclass

import numpy as np

DURATION = (0.2, 0.5)
"""Seconds from onset to offset; 0.5 s is the usual bound of a micro-expression (Yan et al. 2013)."""


@dataclass(frozen=True)
class Timing:
    """When things happen in a clip.

    Attributes:
        num_frames: Frames of the clip.
        fps: Frames a second.
        onset: Frame at which the motion begins, of those recorded.
        apex: Frame of its peak.
        offset: Frame at which it has ended, of those recorded.
        rise: Exponents that bend the rise and the fall.
        phase: Frames by which the recording begins after the onset (clips that start in mid-rise), else 0.
        end: Frame at which the motion would have ended, where the recording stops before.
    """

    num_frames: int
    fps: float
    onset: int
    apex: int
    offset: int
    rise: tuple[float, float]
    phase: float = 0.0
    end: float = 0.0

    def profile(self, lag: float = 0.0) -> np.ndarray:
        """Share of the peak displacement in every frame, (num_frames,), 0 to 1; smooth, and 1 at the apex.

        Args:
            lag: Frames by which a unit comes after (or before) the others.
        """
        time = np.arange(self.num_frames) - lag
        start, end = self.onset - self.phase, max(self.end, self.offset)
        rising = np.clip((time - start) / max(self.apex - start, 1), 0, 1) ** self.rise[0]
        falling = np.clip((end - time) / max(end - self.apex, 1), 0, 1) ** self.rise[1]
        share = np.where(time <= self.apex, rising, falling)
        return 0.5 - 0.5 * np.cos(np.pi * share)


def draw_timing(rng: np.random.Generator, fps: float) -> Timing:
    """Draw a clip's course: about half run from onset to offset exactly, as the datasets cut them.

    The others end at the apex, begin and end with a still face (up to 60 % of the clip), or begin in mid-rise.

    Args:
        rng: Source of the draws.
        fps: Frames a second of the recording.
    """
    length = max(round(rng.uniform(*DURATION) * fps), 6)  # the detector samples six frames
    apex = int(np.clip(round(rng.uniform(0.3, 0.7) * (length - 1)), 2, length - 3))
    rise = tuple(np.exp(rng.uniform(-0.35, 0.35, 2)))
    kind = rng.choice(("whole", "to apex", "padded", "mid-rise"), p=(0.5, 0.15, 0.25, 0.1))
    if kind == "to apex" and apex >= 5:
        return Timing(apex + 1, fps, 0, apex, apex, rise, end=length - 1)
    if kind == "padded":
        share = rng.uniform(0.1, 0.6)
        still = share / (1 - share) * length
        lead = round(still * rng.random())
        return Timing(length + round(still), fps, lead, lead + apex, lead + length - 1, rise)
    if kind == "mid-rise" and length >= 9:
        cut = min(int(rng.integers(1, max(2, apex // 2 + 1))), length - 6)
        return Timing(length - cut, fps, 0, apex - cut, length - 1 - cut, rise, phase=cut)
    return Timing(length, fps, 0, apex, length - 1, rise)


def smooth_course(rng: np.random.Generator, num_frames: int, fps: float) -> np.ndarray:
    """A slow random course through a clip, (num_frames,), within -1 to 1, starting anywhere."""
    seconds = np.arange(num_frames) / fps
    course = np.zeros(num_frames)
    for share in (1.0, 0.5, 0.25):
        course += share * rng.normal() * np.sin(2 * np.pi * rng.uniform(0.2, 2.5) * seconds + rng.uniform(0, 2 * np.pi))
    return np.clip(course / 2, -1, 1)
