"""Going through a video once: cut into stretches by the processor, those of a recording read for expressions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import detector
from .limits import UnusableVideo, check_video
from .request import Request
from .video import count_frames

MOST_FACES = 6  # looked for in a clip whose expression is marked
OF_THE_SOURCE = ("source", "fps", "num_frames")  # the result has these itself


@dataclass(frozen=True)
class Watched:
    """What is kept of a video that was gone through.

    Attributes:
        request: What was asked.
        seen: The processor's segments that show a face: of a clip, or windows.
        without: Those of which nothing can be stated.
        readings: Of a recording that is read for expressions, each stretch and what the model says of it.
        num_frames: Frames decoded.
        recording: What the video can show, and how it is shown.
    """

    request: Request
    seen: list[Any]
    without: list[Any]
    readings: list[tuple[Any, Any]]
    num_frames: int
    recording: dict[str, Any]


def watch(request: Request, report: Callable[[int], None] = lambda frame: None) -> Watched:
    """Go through a video.

    Args:
        request: What was asked.
        report: Called with the number of the last frame looked at.

    Raises:
        UnusableVideo: If the video cannot be used; the text is for the visitor.
    """
    check_video(request.path)
    segments: list[Any] = []
    readings: list[tuple[Any, Any]] = []
    last = 0
    try:
        for part in _parts(request):
            if hasattr(part, "motion"):
                readings.append((_slim(part), detector.read_stretch(part)))
            else:
                segments.append(part)
            last = max(last, part.end_frame)
            report(part.end_frame)
        num_frames = count_frames(request.path) if request.is_marked else last + 1
    except (ValueError, OSError) as error:
        text = str(error).removeprefix(str(request.path)).lstrip(": ")
        raise UnusableVideo(f"{request.path.name}: {text}") from error
    seen = [segment for segment in segments if segment.pixel_values is not None]
    if not seen and not readings:
        raise UnusableVideo(_nothing_stated(request, segments))
    without = [segment for segment in segments if segment.pixel_values is None]
    recording = (segments or [readings[0][0]])[0].recording | _check(request)
    return Watched(request, seen, without, readings, num_frames, recording)


def _parts(request: Request) -> Iterator[Any]:
    """The parts of the video as the processor gives them: one of a marked clip for each face."""
    video_processor = detector.processor.video_processor
    path = str(request.path)
    if detector.FINDS_EVENTS and not request.is_marked:
        yield from video_processor.iter_motion(path, face=request.face)
        return
    if request.face != "all" or not request.is_marked:
        yield from video_processor.iter_segments(path, **request.marks, face=request.face)
        return
    for face in range(1, MOST_FACES + 1):
        segment = video_processor.read_clip(path, **request.marks, face=face)
        if segment.pixel_values is None and face > 1:
            return
        yield replace(segment, face_id=face)


def _slim(stretch: Any) -> Any:
    """A stretch without its pictures: the reading holds those of the proposals."""
    empty = np.empty(0, np.float32)
    return replace(stretch, motion=empty, head=empty, crops=empty)


def _check(request: Request) -> dict[str, Any]:
    """What the recording can show."""
    record = detector.processor.video_processor.check_recording(str(request.path), None, request.face).record()
    return {name: value for name, value in record.items() if name not in OF_THE_SOURCE}


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
