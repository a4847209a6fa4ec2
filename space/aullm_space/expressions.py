"""Expressions found in a recording, each as a moment that can be looked at; and its timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import detector
from .moments import Moment, Window


@dataclass(frozen=True)
class Extent:
    """A part of a stretch, with what a `Window` needs of the processor's segments.

    Attributes:
        start_frame: First frame.
        end_frame: Last frame, inclusive.
        start_time: Seconds.
        end_time: Seconds.
        fps: Frames a second of the video, None if it does not say.
        face_id: Which face, from 1; None with ready crops.
        face: As the first frame shows it; None with ready crops.
        pixel_values: What the model reads of an expression, (num_frames, image_size, image_size); None of a window.
    """

    start_frame: int
    end_frame: int
    start_time: float
    end_time: float
    fps: float | None
    face_id: int | None
    face: Any
    pixel_values: np.ndarray | None = None


def _extent(stretch: Any, frames: tuple[int, int], times: tuple[float, float], clip: np.ndarray | None) -> Extent:
    seen = stretch.seen_between(*frames)
    face = seen[0][1] if seen else None
    return Extent(*frames, *times, stretch.fps, stretch.face_id, face, clip)


def windows_of(stretch: Any, reading: Any, sensitivity: str) -> list[Window]:
    """The timeline of a stretch."""
    events = detector.processor.post_process_events(reading, stretch, sensitivity)
    thresholds = detector.event_thresholds(sensitivity)
    return [
        Window(
            _extent(
                stretch,
                (window["start_frame"], window["end_frame"]),
                (window["start_time"], window["end_time"]),
                None,
            ),
            window["action_units"],
            thresholds,
        )
        for window in detector.processor.post_process_timeline(reading, stretch, events)
    ]


def find_expressions(readings: Sequence[tuple[Any, Any]], sensitivity: str) -> list[Moment]:
    """The expressions of a recording, in order of their onsets.

    Args:
        readings: Each stretch, and what the model says of it.
        sensitivity: How sure they have to be.
    """
    found = []
    for stretch, reading in readings:
        by_onset = {proposal.onset: proposal for proposal in reading.proposals}
        for event in detector.processor.post_process_events(reading, stretch, sensitivity):
            found.append((stretch, event, by_onset[event["onset_time"]]))
    if not found:
        return []
    answers = detector.ask(np.stack([proposal.pixel_values for _, _, proposal in found]))
    read = detector.decide(answers)
    thresholds = detector.event_thresholds(sensitivity)
    moments = []
    for row, (stretch, event, proposal) in enumerate(found):
        steps = _sampled_steps(stretch, proposal)
        sampled, times = stretch.frames[steps].tolist(), stretch.times[steps].tolist()
        frames = event["onset_frame"], event["offset_frame"]
        extent = _extent(stretch, frames, (event["onset_time"], event["offset_time"]), proposal.pixel_values)
        units, (gates, strengths) = event["action_units"], answers.reasons(row)
        moments.append(Moment(extent, units, thresholds, sampled, times, read[row], gates, strengths, event))
    return sorted(moments, key=lambda moment: moment.segment.start_time)


def _sampled_steps(stretch: Any, proposal: Any) -> np.ndarray:
    """The steps that the model read of a proposal: to the offset, of a longer one, which is held, to the apex."""
    end = proposal.offset if proposal.is_micro else proposal.apex
    times = np.linspace(proposal.onset, end, len(proposal.pixel_values))
    return np.abs(times[:, None] - stretch.times).argmin(1)
