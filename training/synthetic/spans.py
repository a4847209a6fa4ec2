"""When things happen in a recording, and their course in time. Measures are own choice."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Movement:
    """Something that moves the skin for a while.

    Attributes:
        first: Frame at which its course begins.
        course: Weight of the field in each frame from there on, (n,).
        field: Displacement, (2, height, width), in fractions of the crop.
        shading: Weight of the fold in each frame; `None` without one.
        fold: Relative change of brightness, (height, width).
    """

    first: int
    course: np.ndarray
    field: np.ndarray
    shading: np.ndarray | None = None
    fold: np.ndarray | None = None

    def touches(self, first: int, last: int) -> bool:
        """Whether it lasts into these frames, the last one excluded."""
        return self.first < last and self.first + len(self.course) > first

    def between(self, first: int, last: int) -> np.ndarray:
        """Its course over these frames, zero where it is not."""
        return self._cut(self.course, first, last)

    def folds_between(self, first: int, last: int) -> np.ndarray:
        """The fold's course over these frames."""
        return self._cut(self.course if self.shading is None else self.shading, first, last)

    def _cut(self, course: np.ndarray, first: int, last: int) -> np.ndarray:
        cut = np.zeros(last - first, np.float32)
        begin, end = max(first, self.first), min(last, self.first + len(course))
        cut[begin - first : end - first] = course[begin - self.first : end - self.first]
        return cut


def draw_times(
    rng: np.random.Generator, seconds: float, a_minute: float, length: tuple[float, float], *, apart: float
) -> list[tuple[float, float]]:
    """Begin and end of what happens at random, in order.

    Args:
        rng: Source of the draws.
        seconds: Length of the recording.
        a_minute: How often it happens on average.
        length: Shortest and longest, in seconds; drawn log-uniformly.
        apart: Least seconds from one to the next.
    """
    spans: list[tuple[float, float]] = []
    for start in np.sort(rng.uniform(0.1, seconds, rng.poisson(a_minute * seconds / 60))):
        end = float(start + np.exp(rng.uniform(*np.log(length))))
        if end < seconds - 0.1 and (not spans or start > spans[-1][1] + apart):
            spans.append((float(start), end))
    return spans


def pulse(
    num_frames: int,
    fps: float,
    start: float,
    end: float,
    peak: float | None = None,
    hold: float = 0.0,
    bend: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """From rest to one and back, smoothly, (num_frames,).

    Args:
        num_frames: Frames from second zero on.
        fps: Frames a second.
        start: Seconds at which it leaves rest.
        end: Seconds at which it is back.
        peak: Seconds of the middle of its height; None for the middle.
        hold: Seconds for which it stays there.
        bend: Exponents of rise and fall.
    """
    time = np.arange(num_frames) / fps
    peak = (start + end) / 2 if peak is None else peak
    rise = np.clip((time - start) / max(peak - hold / 2 - start, 1e-3), 0, 1) ** bend[0]
    fall = np.clip((end - time) / max(end - peak - hold / 2, 1e-3), 0, 1) ** bend[1]
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall))


def held(num_frames: int, fps: float, start: float, end: float) -> np.ndarray:
    """From zero to one, smoothly, and there it stays, (num_frames,)."""
    share = np.clip((np.arange(num_frames) / fps - start) / (end - start), 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * share)


def wander(rng: np.random.Generator, num_frames: int, fps: float) -> np.ndarray:
    """A slow random course without end, (num_frames,), within -1 to 1."""
    time = np.arange(num_frames) / fps
    course = sum(
        share * np.sin(2 * np.pi * rng.uniform(0.02, most) * time + rng.uniform(0, 2 * np.pi))
        for share, most in ((1.0, 0.1), (0.6, 0.3), (0.25, 0.7), (0.1, 1.5))
    )
    return np.clip(course / 1.6, -1, 1)


def syllables(
    rng: np.random.Generator, num_frames: int, fps: float, start: float, end: float, *, upwards: bool
) -> np.ndarray:
    """Openings of a mouth that talks, three to six a second, (num_frames,), 0 to 1 (`upwards`) or -1 to 1."""
    time, at = np.arange(num_frames) / fps, start
    course = np.zeros(num_frames)
    while at < end:
        length = float(rng.uniform(0.15, 0.35))
        height = rng.uniform(0.2, 1) if upwards else rng.uniform(-1, 1)
        course += height * np.exp(-0.5 * ((time - at - length / 2) / (0.3 * length)) ** 2)
        at += length * rng.uniform(0.7, 1.6)
    return course
