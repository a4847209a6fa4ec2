"""Looking at a video: cut into stretches by the processor, each put to the model."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from . import detector
from .limits import UnusableVideo, check_video
from .moments import OUTSIDE_MARKS, Analysis, Moment, Request
from .spans import find_gaps, find_peaks
from .video import count_frames

MOST_FACES = 6  # looked for in a clip whose expression is marked
OF_THE_SOURCE = ("source", "fps", "num_frames")  # the result has these itself
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
    check_video(request.path)
    try:
        segments = []
        for segment in _segments(request):
            segments.append(segment)
            report(segment.end_frame)
        num_frames = count_frames(request.path) if request.is_marked else 1 + max(s.end_frame for s in segments)
    except (ValueError, OSError) as error:
        text = str(error).removeprefix(str(request.path)).lstrip(": ")
        raise UnusableVideo(f"{request.path.name}: {text}") from error
    seen = [segment for segment in segments if segment.pixel_values is not None]
    if not seen:
        raise UnusableVideo(_nothing_stated(request, segments))
    moments = _moments(seen, request)
    without = [segment for segment in segments if segment.pixel_values is None]
    faces = sorted({segment.face_id for segment in seen}, key=lambda face: face or 0)
    recording = segments[0].recording | _check(request)
    analyses = [_of_face(request, face, moments, without, num_frames) for face in faces]
    return [replace(analysis, recording=recording) for analysis in analyses]


def _check(request: Request) -> dict[str, Any]:
    """What the recording can show."""
    record = detector.processor.video_processor.check_recording(str(request.path), None, request.face).record()
    return {name: value for name, value in record.items() if name not in OF_THE_SOURCE}


def _segments(request: Request) -> Iterator[Any]:
    """The stretches of the video as the processor cuts it: one of a marked clip for each face."""
    video_processor = detector.processor.video_processor
    if request.face != "all" or not request.is_marked:
        yield from video_processor.iter_segments(str(request.path), **request.marks, face=request.face)
        return
    for face in range(1, MOST_FACES + 1):
        segment = video_processor.read_clip(str(request.path), **request.marks, face=face)
        if segment.pixel_values is None and face > 1:
            return
        yield replace(segment, face_id=face)


def _moments(segments: list[Any], request: Request) -> list[Moment]:
    answers = detector.ask(np.stack([segment.pixel_values for segment in segments]))
    units = detector.decide(answers)
    return [
        Moment(
            segment,
            _sampled(segment, request),
            units[row],
            None if answers.gate_weights is None else answers.gate_weights[row],
            None if answers.relation_strengths is None else answers.relation_strengths[row],
        )
        for row, segment in enumerate(segments)
    ]


def _sampled(segment: Any, request: Request) -> list[int]:
    """Frames of the video that the model saw of a segment."""
    first, count = segment.start_frame, segment.end_frame - segment.start_frame + 1
    apex = None if request.apex is None else request.apex - first
    return [first + index for index in detector.processor.video_processor.sample_frame_indices(count, apex=apex)]


def _of_face(
    request: Request, face: int | None, moments: list[Moment], without: list[Any], num_frames: int
) -> Analysis:
    own = [moment for moment in moments if moment.segment.face_id == face]
    concerning = sorted((s for s in without if s.face_id in (None, face)), key=lambda s: s.face_id is None)
    gaps = find_gaps(own, concerning, num_frames, OUTSIDE_MARKS if request.is_marked else NOT_READ)
    end_time = max(span.end_time for span in [*gaps, *(moment.segment for moment in own)])
    return Analysis(request, face, own[0].segment.fps, num_frames, end_time, own, gaps, find_peaks(own))


def _nothing_stated(request: Request, segments: list[Any]) -> str:
    name, reasons = request.path.name, {segment.reason for segment in segments}
    if isinstance(request.face, int) and request.face > 1 and reasons == {"no face"}:
        return f"{name} shows fewer than {request.face} faces. Choose face 1, the largest."
    if reasons != {"no face"}:
        return (
            f"Nothing can be stated of {name}: {', '.join(sorted(reasons))}. Give a video in which one face is seen "
            "throughout, without cuts."
        )
    if hint := detector.processor.video_processor.turned_hint(str(request.path)):
        return f"No face was found in {name}: {hint}."
    return (
        f"No face was found in {name}. Give a video in which one face is seen from the front, well lit, "
        "at least a tenth of the picture high. If the frames are ready crops of a face, say so under Options."
    )
