"""The spans of one face made to cover the whole of its source, each frame with a statement or a reason."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .results import SegmentResult


def whole_axis(spans: Sequence[SegmentResult], num_frames: int, rest: str, times: np.ndarray) -> list[SegmentResult]:
    """Spans from the first to the last frame in order of time.

    Args:
        spans: What was found, in any order. Those without a statement may overlap each other and segments with one,
            as windows do: they are kept where no segment states anything, joined where they say the same.
        num_frames: Of the source.
        rest: Reason of frames that are in none of them.
        times: Seconds at each frame of the source, (num_frames,).

    Returns:
        The segments as they are and, between them, spans without a statement that overlap nothing.
    """
    stated = sorted((s for s in spans if s.action_units is not None), key=lambda s: (s.start_frame, s.end_frame))
    reasons: list[str | None] = [rest] * num_frames
    for span in spans:
        if span.action_units is None:
            reasons[span.start_frame : span.end_frame + 1] = [span.reason] * span.num_frames
    for span in stated:
        reasons[span.start_frame : span.end_frame + 1] = [None] * span.num_frames
    starts = [frame for frame in range(num_frames) if frame == 0 or reasons[frame] != reasons[frame - 1]]
    gaps = [
        SegmentResult(start, end - 1, float(times[start]), float(times[end - 1]), None, reason=reasons[start])
        for start, end in pairwise([*starts, num_frames])
        if reasons[start] is not None
    ]
    return sorted([*stated, *gaps], key=lambda span: (span.start_frame, span.end_frame))
