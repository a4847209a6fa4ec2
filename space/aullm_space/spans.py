"""A face's time from the video's first frame to its last: where nothing is stated, and where a unit is at its peak."""

from collections.abc import Iterable, Iterator
from typing import Any

from .moments import Gap, Moment

NOT_SEEN = "this face is not seen"


def find_gaps(moments: list[Moment], without: Iterable[Any], num_frames: int, end_time: float) -> list[Gap]:
    """The stretches of which nothing is stated, in order; neighbours with one reason are one.

    Args:
        moments: Those of one face, in order.
        without: The processor's segments without a statement that concern it.
        num_frames: Of the video.
        end_time: Of its last frame, in seconds.
    """
    gaps: list[Gap] = []
    told = [Gap(s.start_frame, s.end_frame, s.start_time, s.end_time, s.reason) for s in without]
    for gap in sorted([*told, *_between(moments, told, num_frames, end_time)], key=lambda gap: gap.start_frame):
        last = gaps[-1] if gaps else None
        if last and gap.reason == last.reason and gap.start_frame <= last.end_frame + 1:
            end = max(last, gap, key=lambda each: each.end_frame)
            gaps[-1] = Gap(last.start_frame, end.end_frame, last.start_time, end.end_time, gap.reason)
        else:
            gaps.append(gap)
    return gaps


def _between(moments: list[Moment], told: list[Gap], num_frames: int, end_time: float) -> Iterator[Gap]:
    """What no segment speaks of, since another face is read there."""
    last_frame, last_time = -1, 0.0
    for span in sorted([*(moment.segment for moment in moments), *told], key=lambda span: span.start_frame):
        if span.start_frame > last_frame + 1:
            yield Gap(last_frame + 1, span.start_frame - 1, last_time, span.start_time, NOT_SEEN)
        if span.end_frame > last_frame:
            last_frame, last_time = span.end_frame, span.end_time
    if num_frames > last_frame + 1:
        yield Gap(last_frame + 1, num_frames - 1, last_time, end_time, NOT_SEEN)


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
