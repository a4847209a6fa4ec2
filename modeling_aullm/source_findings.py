"""A clip or recording looked at, to be asked about: see `asking`."""

from typing import Any

import torch

from .face_orientation import turned_video_hint
from .face_tracks import NO_FACE
from .findings import Findings
from .recording_check import check_recording
from .video_reading import VideoSource, source_name
from .video_stream import VideoError


def find(
    model: Any,
    processor: Any,
    source: VideoSource,
    *,
    fps: float | None = None,
    face: str | int | None = None,
    sensitivity: str = "normal",
) -> tuple[Findings, list[torch.Tensor]]:
    """Look at a clip or recording: what was found of one face in it, and what the model saw of each expression.

    Args:
        model: That detects units, and events where it is more than a second long.
        processor: Of the model.
        source: A video, see `video_reading.open_video`.
        fps: Frames a second; None for a file's own.
        face: `largest`, `cropped` or the number of a face; None for the processor's own.
        sensitivity: How sure events have to be, a name that the processor knows.

    Raises:
        VideoError: If it cannot be read, or shows no face of which something can be stated.
        ValueError: If the model finds no events, and the recording is longer than a clip.
    """
    video_processor = processor.video_processor
    recording = _check(source, fps, face or video_processor.face)
    if getattr(model, "temporal_head", None) is None:
        segments = video_processor.iter_segments(source, fps=fps, face=face)
    else:
        segments = video_processor.iter_motion(source, fps=fps, face=face)
    events: list[dict[str, Any]] = []
    clips, units, reasons, was_recording = [], [], [], False
    for segment in segments:
        if hasattr(segment, "motion"):
            was_recording = True
            reading = model.read_stretch(segment)
            own = processor.post_process_events(reading, segment, sensitivity)
            seen = {proposal.onset: proposal.pixel_values for proposal in reading.proposals}
            events += own
            clips += [torch.from_numpy(seen[event["onset_time"]]) for event in own]
        elif segment.pixel_values is None:
            reasons.append(segment.reason)
        else:
            clips.append(torch.as_tensor(segment.pixel_values))
            with torch.inference_mode():
                output = model(pixel_values=clips[-1][None].to(model.device), return_dict=True)
            units += processor.post_process_action_units(output)
    if was_recording:
        order = sorted(range(len(events)), key=lambda number: events[number]["onset_time"])
        found = processor.findings(
            events=[events[number] for number in order], sensitivity=sensitivity, recording=recording
        )
        return found, [clips[number] for number in order]
    if not units:
        hint = turned_video_hint(source) if set(reasons) == {NO_FACE} else None
        said = ", ".join(dict.fromkeys(reasons)) or NO_FACE
        raise VideoError(f"{source_name(source)}: nothing can be stated of it ({said}){f'; {hint}' if hint else ''}")
    if len(units) > 1:
        raise ValueError("this model has no temporal head: it can be asked about clips of up to a second alone")
    return processor.findings(action_units=units[0], recording=recording), clips


def _check(source: VideoSource, fps: float | None, face: str | int) -> dict[str, Any]:
    """What a recording can show."""
    try:
        return check_recording(source, fps, face).record()
    except (ValueError, OSError):  # what cannot be read at all is told by who reads it
        return {}
