"""A face's time from the video's first frame to its last: where nothing is stated, and where a unit is at its peak."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .moments import Gap, Moment


def find_gaps(moments: list[Moment], without: Sequence[Any], num_frames: int, rest: str) -> list[Gap]:
    """The stretches of which nothing is stated, in order; every frame is in one of them or in a moment.

    Args:
        moments: Those of one face.
        without: The processor's segments without a statement that concern it; later ones win where they overlap.
        num_frames: Of the video.
        rest: Reason of the frames that no segment speaks of.
    """
    stated = [moment.segment for moment in moments]
    reasons: list[str | None] = [rest] * num_frames
    for span in (*without, *stated):
        frames = slice(span.start_frame, span.end_frame + 1)
        reasons[frames] = [span.reason] * (span.end_frame + 1 - span.start_frame)
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


def find_peaks(moments: list[Moment]) -> list[tuple[int, str]]:
    """Of every run of moments in which a unit is active, the moment where it is most probable, in order of time."""
    peaks = []
    for code in moments[0].action_units:
        run: list[int] = []
        for index, moment in enumerate([*moments, None]):
            if run and (moment is None or not moment.action_units[code]["active"] or is_apart(moments, index)):
                peaks.append((max(run, key=lambda at: moments[at].action_units[code]["probability"]), code))
                run = []
            if moment is not None and moment.action_units[code]["active"]:
                run.append(index)
    return sorted(peaks)


def is_apart(moments: list[Moment], index: int) -> bool:
    """Whether something lies between a moment and the one before."""
    return moments[index].segment.start_frame > moments[index - 1].segment.end_frame + 1
