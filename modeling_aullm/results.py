"""What was found in a source, face by face; `result_files` writes it as JSON and CSV, `result_table` for people.

What is reported is change: each segment is compared with its own first frame. An expression that is held still, however
strong, is no change.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .head_pose import HeadAngles, head_angles

OUTSIDE_MARKS = "outside onset and offset"  # a reason; of all others the time axis is shown


@dataclass(frozen=True)
class UnitResult:
    """One action unit in one segment.

    Attributes:
        name: FACS name.
        probability: From 0 to 1.
        active: Whether the probability reaches the unit's threshold.
        side: The subject's `left`, `right` or `both`, of an active unit; None where it has none, or cannot be told.
        intensity: FACS letter of an active unit, A to E; None where it cannot be told.
    """

    name: str
    probability: float
    active: bool
    side: str | None = None
    intensity: str | None = None

    @property
    def detail(self) -> str:
        """Side and intensity in words, such as `left, B`; empty where neither is told."""
        return ", ".join(told for told in (self.side if self.side != "both" else None, self.intensity) if told)

    def facs_code(self, code: str) -> str:
        """With side and intensity as FACS coders write it, such as `L12B`; the plain code where neither is told."""
        side = {"left": "L", "right": "R"}.get(self.side or "", "")
        return f"{side}{code.removeprefix('AU')}{self.intensity or ''}" if self.detail else code


@dataclass(frozen=True)
class FaceResult:
    """A face, as one frame shows it.

    Attributes:
        id: From 1 in the order faces are met; it stays with a face through the recording.
        box: x, y, width, height in pixels of the source.
        score: The detector's confidence, 0 to 1.
        landmarks: Right eye, left eye, nose tip, right and left mouth corner, (x, y) in pixels of the source.
    """

    id: int
    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...]

    @property
    def angles(self) -> HeadAngles:
        """How the head is turned, see `head_pose`."""
        return head_angles(np.array(self.landmarks))


@dataclass(frozen=True)
class SegmentResult:
    """What was found between two frames, or why nothing can be stated of them.

    Attributes:
        start_frame: First frame, from 0.
        end_frame: Last frame, inside the segment.
        start_time: Seconds at the first frame.
        end_time: Seconds at the last frame.
        action_units: By code, such as `AU12`; None where nothing can be stated.
        face: As the first frame shows it; None for ready face crops, and where nothing can be stated.
        reason: Why nothing can be stated, such as "no face"; None where something is.
        seen: The number of each frame in which the face was looked for, and the face; the first frame among them.
    """

    start_frame: int
    end_frame: int
    start_time: float
    end_time: float
    action_units: dict[str, UnitResult] | None
    face: FaceResult | None = None
    reason: str | None = None
    seen: tuple[tuple[int, FaceResult], ...] = field(default=(), repr=False)

    @property
    def centre(self) -> float:
        """Seconds at the middle."""
        return (self.start_time + self.end_time) / 2

    @property
    def num_frames(self) -> int:
        """Frames, first and last included."""
        return self.end_frame - self.start_frame + 1

    def face_at(self, frame: int) -> FaceResult | None:
        """The face in a frame of this segment: where it was looked for as it was seen, in proportion between."""
        if self.face is None or len(self.seen) < 2:
            return self.face
        frames, faces = zip(*self.seen, strict=True)
        values = np.array([[*face.box, face.score, *chain.from_iterable(face.landmarks)] for face in faces])
        x, y, width, height, score, *points = (float(np.interp(frame, frames, column)) for column in values.T)
        landmarks = tuple(zip(points[::2], points[1::2], strict=True))
        return FaceResult(self.face.id, (x, y, width, height), score, landmarks)


@dataclass(frozen=True)
class EventResult:
    """A facial expression that came and went: when, and which units it is made of.

    Attributes:
        onset_frame: Frame at which the skin begins to move, from 0.
        apex_frame: Frame of the greatest movement; of one that is held, about the middle.
        offset_frame: Frame at which it has come to rest.
        onset_time: Seconds at the onset.
        apex_time: Seconds at the apex.
        offset_time: Seconds at the offset.
        kind: `micro` up to half a second, else `longer`.
        probability: That there is an expression, from 0 to 1, calibrated on validation recordings.
        action_units: By code: each unit's probability, given that there is one, and whether it is active.
    """

    onset_frame: int
    apex_frame: int
    offset_frame: int
    onset_time: float
    apex_time: float
    offset_time: float
    kind: Literal["micro", "longer"]
    probability: float
    action_units: dict[str, UnitResult]

    @property
    def duration(self) -> float:
        """Seconds from onset to offset."""
        return self.offset_time - self.onset_time

    @property
    def active_units(self) -> dict[str, UnitResult]:
        """Those that are active, the most probable first; at least one."""
        units = {code: unit for code, unit in self.action_units.items() if unit.active}
        return dict(sorted(units.items(), key=lambda entry: -entry[1].probability))


@dataclass(frozen=True)
class Checkpoint:
    """What made the statements.

    Attributes:
        name: Id or folder name, with `@revision` where one was given.
        trained_on: Names of the data it was trained on, `synthetic:...` for made-up faces; None if not on record.
        weights_sha256: By name of each weights file.
        version: Of the package `aullm`.
    """

    name: str
    trained_on: tuple[str, ...] | None = None
    weights_sha256: dict[str, str] = field(default_factory=dict)
    version: str = ""

    @property
    def is_synthetic(self) -> bool:
        """Whether it has seen no human face."""
        return bool(self.trained_on) and all(name.startswith("synthetic:") for name in self.trained_on or ())

    def __str__(self) -> str:
        if not self.trained_on:
            return f"{self.name}; what it was trained on is not on record"
        names = ", ".join(self.trained_on)
        return f"{self.name}, trained on {f'synthetic faces alone ({names})' if self.is_synthetic else names}"


@dataclass(frozen=True)
class Prediction:
    """What was found of one face in one source.

    Attributes:
        source: The path as it was given, `-` for standard input, or the name of an array.
        fps: Frames a second; None if the container does not say.
        num_frames: Frames decoded.
        checkpoint: What made the statements.
        thresholds: By code: the probability from which a unit counts as active.
        spans: The whole of the source in order of time: segments with a statement, which may overlap, and between
            them spans without one, each with its reason.
        settings: How it was read: window and stride in seconds (None: the clip as one segment), fps, face, onset, apex,
            offset as given, dtype and device; where events were looked for, `sensitivity`, and the
            `false_alarms_per_minute` that it stands for; `only_action_units` where not all of the model's count.
        recording: What is to be told of how it was recorded, see `VideoStream.recording`, and what it can show, as
            `RecordingCheck.record` has it.
        face_id: Number of the face; None for ready face crops.
        num_faces: Faces of this source of which something is stated.
        num_unread_faces: Further faces seen, nothing of which can be stated.
        events: The expressions in order of their onsets; None where they were not looked for, as with windows or marks.
        video: What is decoded again for an overlay, where it is not `source`.
    """

    source: str
    fps: float | None
    num_frames: int
    checkpoint: Checkpoint
    thresholds: dict[str, float]
    spans: list[SegmentResult]
    settings: dict[str, Any] = field(default_factory=dict)
    recording: dict[str, Any] = field(default_factory=dict)
    face_id: int | None = None
    num_faces: int = 1
    num_unread_faces: int = 0
    events: list[EventResult] | None = None
    video: Any = field(default=None, repr=False, compare=False)

    @cached_property
    def segments(self) -> list[SegmentResult]:
        """The spans of which something is stated."""
        return [span for span in self.spans if span.action_units is not None]

    @cached_property
    def gaps(self) -> list[SegmentResult]:
        """The spans of which nothing is stated."""
        return [span for span in self.spans if span.action_units is None]

    @property
    def is_timeline(self) -> bool:
        """Whether it is shown over time, not as one answer."""
        return self.events is not None or sum(span.reason != OUTSIDE_MARKS for span in self.spans) > 1

    @property
    def stated_seconds(self) -> float:
        """How long something is stated of: the segments, without what lies between two frames far apart."""
        seconds, last = 0.0, 0.0
        for segment in self.segments:
            seconds += max(0.0, segment.end_time - max(segment.start_time, last))
            last = max(last, segment.end_time)
        return seconds

    @property
    def end_time(self) -> float:
        """Seconds at the last frame."""
        return max(span.end_time for span in self.spans)

    @property
    def face(self) -> FaceResult | None:
        """The face of the first segment that has one."""
        return next((segment.face for segment in self.segments if segment.face), None)

    @property
    def face_label(self) -> str:
        """Such as ", face 2" to be put behind the source's name where there are several; else nothing."""
        several = self.face_id is not None and (self.num_faces > 1 or self.face_id > 1)
        return f", face {self.face_id}" if several else ""

    @property
    def recording_limits(self) -> str:
        """What keeps the recording from showing small movements, in words; empty where nothing does."""
        reasons = [limit["reason"] for limit in self.recording.get("limits", ())]
        if not reasons:
            return ""
        verdict = self.recording["verdict"]
        said = verdict if verdict.startswith("cannot") else f"is {verdict}"
        return f"this recording {said}: {'; '.join(reasons)}"

    @property
    def title(self) -> str:
        """The source's last name, with the number of the face where there are several."""
        return (Path(self.source).name or self.source) + self.face_label

    @cached_property
    def frame_times(self) -> np.ndarray:
        """Seconds at each frame, see `times_at_frames`."""
        return times_at_frames(self.spans, self.num_frames)

    def segment_at(self, frame: int) -> SegmentResult | None:
        """The segment that holds this frame; of several the one whose middle is nearest, None where there is none."""
        return _nearest(self.segments, frame)

    def event_at(self, frame: int) -> EventResult | None:
        """The event that lasts in this frame; of several the one whose apex is nearest, None where there is none."""
        lasting = [event for event in self.events or () if event.onset_frame <= frame <= event.offset_frame]
        return min(lasting, key=lambda event: abs(event.apex_frame - frame), default=None)

    def span_at(self, frame: int) -> SegmentResult | None:
        """The same, and where nothing is stated the span that says why."""
        return self.segment_at(frame) or _nearest(self.gaps, frame)


def times_at_frames(spans: Sequence[SegmentResult], num_frames: int) -> np.ndarray:
    """Seconds at each frame of a source, (num_frames,): known where a span begins or ends, in proportion elsewhere.

    A source's first frame is at 0.
    """
    known = {0: 0.0} | {s.start_frame: s.start_time for s in spans} | {s.end_frame: s.end_time for s in spans}
    frames = np.array(sorted(known))
    times = np.array([known[frame] for frame in sorted(known)])
    pace = (times[-1] - times[0]) / max(1, frames[-1] - frames[0])
    wanted = np.arange(num_frames)
    before, after = np.minimum(wanted - frames[0], 0), np.maximum(wanted - frames[-1], 0)
    return np.interp(wanted, frames, times) + pace * (before + after)


def _nearest(spans: Sequence[SegmentResult], frame: int) -> SegmentResult | None:
    after = bisect_left(spans, 2 * frame, key=_twice_middle)
    near = [s for s in spans[max(after - 1, 0) : after + 1] if s.start_frame <= frame <= s.end_frame]
    return min(near, key=lambda span: abs(_twice_middle(span) - 2 * frame), default=None)


def _twice_middle(span: SegmentResult) -> int:
    return span.start_frame + span.end_frame
