"""Looking at a video: cut into stretches by the processor, each put to the model."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import detector
from .limits import UnusableVideo, check_video
from .moments import Analysis, Moment, Request
from .video import count_frames

MOST_FACES = 6  # counted in a picture


def analyse(request: Request, report: Callable[[int], None] = lambda frame: None) -> Analysis:
    """Find the action units of a video.

    Args:
        request: What was asked.
        report: Called with the number of the last frame looked at.

    Raises:
        UnusableVideo: If the video cannot be used; the text is for the visitor.
    """
    check_video(request.path)
    try:
        segments = []
        for segment in _segments(request):
            segments.append(segment)
            report(segment.end_frame)
        num_frames = count_frames(request.path) if request.is_marked else segments[-1].end_frame + 1
    except (ValueError, OSError) as error:
        text = str(error).removeprefix(str(request.path)).lstrip(": ")
        raise UnusableVideo(f"{request.path.name}: {text}") from error
    seen = [segment for segment in segments if segment.pixel_values is not None]
    if not seen:
        raise UnusableVideo(_no_face(request))
    moments = _moments(seen, request)
    return Analysis(request, segments[0].fps, num_frames, len(segments), moments, find_peaks(moments))


def _segments(request: Request) -> Iterator[Any]:
    """The stretches of the video as the processor cuts it: one of a short or marked clip."""
    video_processor = detector.processor.video_processor
    if request.is_marked:
        return iter([video_processor.read_clip(str(request.path), **request.marks, face=request.face)])
    return video_processor.iter_segments(str(request.path), face=request.face)


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


def _no_face(request: Request) -> str:
    if isinstance(request.face, int) and request.face > 0:
        return f"{request.path.name} shows fewer than {request.face + 1} faces. Choose face 1, the largest."
    return (
        f"No face was found in {request.path.name}. Give a video in which one face is seen from the front, well lit, "
        "at least a tenth of the picture high. If the frames are ready crops of a face, say so under Options."
    )


def count_faces(image: np.ndarray) -> int:
    """Number of faces in a picture, (height, width, 3) uint8, at most `MOST_FACES`."""
    still = np.stack([image, image])
    video_processor = detector.processor.video_processor
    found = (video_processor.read_clip(still, face=number).face for number in range(MOST_FACES))
    return next((number for number, face in enumerate(found) if face is None), MOST_FACES)


def find_peaks(moments: list[Moment]) -> list[tuple[int, str]]:
    """Of every run of moments in which a unit is active, the moment where it is most probable, in order of time."""
    peaks = []
    for code in moments[0].action_units:
        run: list[int] = []
        for index, moment in enumerate([*moments, None]):
            if moment is not None and moment.action_units[code]["active"]:
                run.append(index)
            elif run:
                peaks.append((max(run, key=lambda at: moments[at].action_units[code]["probability"]), code))
                run = []
    return sorted(peaks)
