"""Prepared recordings as they are learned from and scored: what is seen of each, and what its coders saw."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import datasets
import numpy as np
from tqdm.auto import tqdm

from modeling_aullm.face_following import EVENT_CHECK_SECONDS, FaceFollower
from modeling_aullm.motion_stretch import MotionStretch
from modeling_aullm.motion_stretches import iter_motion
from modeling_aullm.video_stream import VideoError
from training.data.recordings import open_recording, open_recordings
from training.errors import InputError
from training.events.motion_records import MotionRecord
from training.scoring.spotting import Event, Kind

KIND_OF: dict[str, Kind] = {"micro": "micro", "macro": "longer"}


@dataclass(frozen=True)
class LabelledRecording:
    """One recording of a person.

    Attributes:
        person: Dataset and subject.
        name: Dataset, subject and recording.
        parts: Its continuous runs of the face.
        events: What its coders saw, in seconds from its first frame.
        unnamed: Those of `events` whose units nobody coded.
        minutes: Length, with what could not be read.
    """

    person: str
    name: str
    parts: list[MotionRecord]
    events: tuple[Event, ...]
    unnamed: frozenset[Event]
    minutes: float

    @classmethod
    def of_part(cls, part: MotionRecord) -> "LabelledRecording":
        """One that is a single run."""
        return cls("", "", [part], part.events, part.unnamed, part.minutes)


def labelled_recordings(name: str, action_units: Sequence[str]) -> list[LabelledRecording]:
    """Follow the face through each recording of a dataset; a bar shows how many there are.

    Recordings whose events nobody looked for are left out. Motion and crops of a minute take 18 MB.

    Args:
        name: Folder, or Hub id, of what `hub.prepare` makes of a dataset of long videos.
        action_units: Units of the model: others are not asked for.

    Raises:
        InputError: If there is no such dataset, or none of its recordings can be used.
    """
    data = open_recordings(name)
    about = data.remove_columns("video")
    rows = [row for row in range(len(data)) if about[row]["events"] is not None]
    found = []
    for row in tqdm(rows, desc=name, unit="recording", dynamic_ncols=True):
        found.append(_labelled(data, row, about[row], action_units))
    usable = [recording for recording in found if recording.parts]
    if not usable:
        raise InputError(f"{name}: holds no recording with coded events in which a face is seen for half a second")
    return usable


def _labelled(
    data: datasets.Dataset, row: int, about: dict[str, Any], action_units: Sequence[str]
) -> LabelledRecording:
    numbers = np.array(about["frame_numbers"])
    times = (numbers - numbers[0]) / about["fps"]
    person = f"{about['dataset']}/{about['subject']}"
    named = [(_event(event, times, action_units), event["action_units"] is not None) for event in about["events"]]
    events = tuple(event for event, _ in named)
    unnamed = frozenset(event for event, is_named in named if not is_named)
    minutes = float(times[-1] + 1 / about["fps"]) / 60
    try:
        parts = [_part(run, events, unnamed) for run in _runs(data, row)]
    except VideoError as error:
        raise InputError(f"{person}/{about['recording_id']}: {error}") from error
    return LabelledRecording(person, f"{person}/{about['recording_id']}", parts, events, unnamed, minutes)


def _event(event: dict[str, Any], times: np.ndarray, action_units: Sequence[str]) -> Event:
    onset, offset = (float(times[event[name]]) for name in ("onset", "offset"))
    apex = float(times[event["apex"]]) if event["apex"] >= 0 else math.nan
    units = frozenset(event["action_units"] or ()) & frozenset(action_units)
    return Event(onset, apex, offset, units, KIND_OF[event["kind"]])


def _runs(data: datasets.Dataset, row: int) -> list[MotionStretch]:
    """The runs of the face, each in one piece."""
    runs: list[list[MotionStretch]] = []
    with open_recording(data, row) as stream:
        follower = FaceFollower("largest", stream.size, EVENT_CHECK_SECONDS)
        for stretch in iter_motion(follower.follow(stream), stream):
            if isinstance(stretch, MotionStretch):
                if stretch.begins is not None:
                    runs.append([])
                runs[-1].append(_own(stretch))
    return [_joined(run) for run in runs]


def _own(stretch: MotionStretch) -> MotionStretch:
    own = slice(*stretch.own)
    arrays: dict[str, Any] = {name: getattr(stretch, name)[own] for name in ("times", "frames", "head", "crops")}
    return replace(stretch, motion=stretch.motion[own].astype(np.float16), seen=(), **arrays)


def _joined(parts: Sequence[MotionStretch]) -> MotionStretch:
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("times", "frames", "motion", "head", "crops")
    }
    return replace(parts[0], own=(0, len(arrays["times"])), ends=parts[-1].ends, **arrays)


def _part(run: MotionStretch, events: Sequence[Event], unnamed: frozenset[Event]) -> MotionRecord:
    """A run, and the events whose middle lies in it."""
    first, last = run.times[0], run.times[-1]
    own = tuple(event for event in events if first <= (event.onset + event.offset) / 2 <= last)
    return MotionRecord(run, own, None, not events, unnamed.intersection(own))
