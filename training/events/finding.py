"""What a model, and what other ways, find in recordings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from modeling_aullm.event_reading import StretchReading
from modeling_aullm.motion_stretch import STEP_SECONDS, MotionStretch
from modeling_aullm.stretch_reading import read_stretch
from modeling_aullm.temporal_windows import WINDOW_SECONDS
from training.events.labelled import LabelledRecording
from training.events.motion_records import MotionRecord
from training.scoring.spotting import Event, Recording, match_events
from training.scoring.spotting_baselines import mean_events, name_units, strain_events, window_events

Find = Callable[[MotionRecord], list[Event]]
_BATCH = 32


def in_full(record: MotionRecord) -> MotionStretch:
    """A recording's motion in single precision, as the model takes it."""
    return replace(record.stretch, motion=record.stretch.motion.astype(np.float32))


def to_events(found: Sequence[dict[str, Any]]) -> list[Event]:
    """What `AULLMProcessor.post_process_events` gives, for scoring."""
    return [
        Event(
            event["onset_time"], event["apex_time"], event["offset_time"],
            frozenset(code for code, unit in event["action_units"].items() if unit["active"]), event["kind"],
        )
        for event in found
    ]  # fmt: skip


def scored(recordings: Sequence[LabelledRecording], find: Find) -> list[Recording]:
    """Truth and findings of some recordings, for `score_recordings`."""
    return [judged(recording, [event for part in recording.parts for event in find(part)]) for recording in recordings]


def judged(recording: LabelledRecording, found: list[Event]) -> Recording:
    """What is true and what was found; of an event whose units nobody coded, the units found are neither."""
    found = list(found)
    for first, second in match_events(recording.events, found):
        if recording.events[first] in recording.unnamed:
            found[second] = replace(found[second], units=frozenset())
    return Recording(recording.events, found, recording.minutes, not recording.events)


def readings_of(model: Any, records: Sequence[MotionRecord]) -> list[StretchReading]:
    """What the model says of each recording."""
    return [read_stretch(model, in_full(record)) for record in records]


class WindowReader:
    """Today's windows: half a second every quarter, each read by AULLM++ as a clip.

    Args:
        model: Answers with logits.
        processor: Has the thresholds, and samples the frames.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor

    @torch.inference_mode()
    def __call__(self, record: MotionRecord) -> list[Event]:
        """Runs of active windows."""
        stretch, length = record.stretch, round(WINDOW_SECONDS / STEP_SECONDS)
        starts = np.arange(0, max(1, len(stretch.times) - length), length // 2)
        sampled = np.array(self.processor.video_processor.sample_frame_indices(length))
        clips = stretch.crops[starts[:, None] + sampled].astype(np.float32) / np.float32(255)
        parts = [
            torch.sigmoid(self.model(pixel_values=torch.from_numpy(clips[at : at + _BATCH])).logits)
            for at in range(0, len(clips), _BATCH)
        ]
        times, units = stretch.times, self.processor.action_units
        ends = times[starts + length - 1]
        return window_events(times[starts], ends, torch.cat(parts).numpy(), self.processor.thresholds, units)


def mean_recipe(reading: StretchReading, record: MotionRecord, action_units: Sequence[str]) -> list[Event]:
    """MEAN's recipe on the temporal head's highest activity: what an own maximum as the measure does."""
    times = record.stretch.times
    events = mean_events(times, reading.activity.max(axis=1))
    return name_units(events, times, reading.activity >= 0.5, action_units)


def strain_peaks(record: MotionRecord) -> list[Event]:
    """Peaks of the optical flow's strain; it names no units."""
    return strain_events(record.stretch.times, record.stretch.crops)
