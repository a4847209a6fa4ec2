"""A face's time from the video's first frame to its last: where nothing is stated, and where a unit is at its peak."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .moments import Gap, Window


def find_gaps(windows: Sequence[Window], without: Sequence[Any], num_frames: int, rest: str) -> list[Gap]:
    """The stretches of which nothing is stated, in order; every frame is in one of them or in a window.

    Args:
        windows: Those of one face.
        without: The processor's segments without a statement that concern it; later ones win where they overlap.
        num_frames: Of the video.
        rest: Reason of the frames that no segment speaks of.
    """
    stated = [window.segment for window in windows]
    reasons: list[str | None] = [rest] * num_frames
    for span, reason in [*((span, span.reason) for span in without), *((span, None) for span in stated)]:
        frames = slice(span.start_frame, span.end_frame + 1)
        reasons[frames] = [reason] * (span.end_frame + 1 - span.start_frame)
    times = _times([*stated, *without], num_frames)
    starts = [frame for frame in range(num_frames) if frame == 0 or reasons[frame] != reasons[frame - 1]]
    return [
        Gap(start, end - 1, float(times[start]), float(times[end - 1]), reason)
        for start, end in pairwise([*starts, num_frames])
        if (reason := reasons[start]) is not None
    ]


def _times(spans: list[Any], num_frames: int) -> np.ndarray:
    """Seconds at each frame, (num_frames,): known where a span begins or ends, in proportion elsewhere."""
    known = {s.start_frame: s.start_time for s in spans} | {s.end_frame: s.end_time for s in spans}
    frames = np.array(sorted(known))
    times = np.array([known[frame] for frame in sorted(known)])
    pace = (times[-1] - times[0]) / max(1, frames[-1] - frames[0])
    wanted = np.arange(num_frames)
    outside = np.minimum(wanted - frames[0], 0) + np.maximum(wanted - frames[-1], 0)
    return np.interp(wanted, frames, times) + pace * outside


def find_peaks(windows: Sequence[Window]) -> list[tuple[int, str]]:
    """Of every run of windows in which a unit is active, the one where it is most probable, in order of time."""
    peaks = []
    for code in windows[0].action_units:
        run: list[int] = []
        for index, window in enumerate([*windows, None]):
            if run and (window is None or not window.action_units[code]["active"] or is_apart(windows, index)):
                peaks.append((max(run, key=lambda at: windows[at].action_units[code]["probability"]), code))
                run = []
            if window is not None and window.action_units[code]["active"]:
                run.append(index)
    return sorted(peaks)


def is_apart(windows: Sequence[Window], index: int) -> bool:
    """Whether something lies between a window and the one before."""
    return windows[index].segment.start_frame > windows[index - 1].segment.end_frame + 1
