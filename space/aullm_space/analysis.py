"""What the model says of a video that was gone through, face by face."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from . import detector
from .expressions import find_expressions, windows_of
from .moments import OUTSIDE_MARKS, Analysis, Moment, Window
from .request import Request
from .spans import find_gaps, find_peaks
from .watching import Watched, watch

NOT_READ = "this face is not read"  # where another one is


def analyse(request: Request, report: Callable[[int], None] = lambda frame: None) -> list[Analysis]:
    """Find the action units of a video.

    Args:
        request: What was asked.
        report: Called with the number of the last frame looked at.

    Returns:
        What was found of each face, in the order they are met.

    Raises:
        UnusableVideo: If the video cannot be used; the text is for the visitor.
    """
    return tell(watch(request, report), request.sensitivity)


def tell(watched: Watched, sensitivity: str) -> list[Analysis]:
    """What was found of each face of a video that was gone through.

    Args:
        watched: What was kept of it.
        sensitivity: How sure expressions have to be.
    """
    windows: list[Window]
    if watched.readings:
        moments = find_expressions(watched.readings, sensitivity)
        windows = list(chain.from_iterable(windows_of(*each, sensitivity) for each in watched.readings))
    else:
        moments = _moments(watched)
        windows = list(moments)
    faces = sorted({window.segment.face_id for window in windows}, key=lambda face: face or 0)
    return [_of_face(watched, sensitivity, face, windows, moments) for face in faces]


def _moments(watched: Watched) -> list[Moment]:
    """Those of a clip or of windows."""
    answers = detector.ask(np.stack([segment.pixel_values for segment in watched.seen]))
    units = detector.decide(answers)
    moments = []
    for row, segment in enumerate(watched.seen):
        sampled = _sampled(segment, watched.request)
        share = (np.array(sampled) - segment.start_frame) / max(segment.end_frame - segment.start_frame, 1)
        times = segment.start_time + share * (segment.end_time - segment.start_time)
        moments.append(
            Moment(segment, units[row], detector.THRESHOLDS, sampled, times.tolist(), units[row], *answers.reasons(row))
        )
    return moments


def _sampled(segment: Any, request: Request) -> list[int]:
    """Frames of the video that the model saw of a segment."""
    first, count = segment.start_frame, segment.end_frame - segment.start_frame + 1
    apex = None if request.apex is None else request.apex - first
    return [first + index for index in detector.processor.video_processor.sample_frame_indices(count, apex=apex)]


def _of_face(
    watched: Watched, sensitivity: str, face: int | None, windows: list[Window], moments: list[Moment]
) -> Analysis:
    request, finds_events = watched.request, bool(watched.readings)
    stated = [window for window in windows if window.segment.face_id == face]
    own = [moment for moment in moments if moment.segment.face_id == face]
    concerning = sorted((s for s in watched.without if s.face_id in (None, face)), key=lambda s: s.face_id is None)
    rest = OUTSIDE_MARKS if request.is_marked else NOT_READ
    gaps = find_gaps(stated, concerning, watched.num_frames, rest)
    return Analysis(
        request=replace(request, sensitivity=sensitivity),
        face_id=face,
        fps=stated[0].segment.fps,
        num_frames=watched.num_frames,
        end_time=max(span.end_time for span in [*gaps, *(window.segment for window in stated)]),
        windows=stated,
        moments=own,
        gaps=gaps,
        peaks=[] if finds_events else find_peaks(stated),
        recording=watched.recording,
        finds_events=finds_events,
    )
