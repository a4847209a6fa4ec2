"""Reading a source: what of it goes to the model and what was said of it, by face. No model is needed to read."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .detector import Detector
from .face_alignment import Face
from .face_orientation import turned_video_hint
from .face_tracks import NO_FACE
from .facs import ACTION_UNITS
from .motion_stretch import MotionStretch
from .recording_check import check_recording
from .results import EventResult, FaceResult, SegmentResult, UnitResult
from .segments import Segment
from .temporal_windows import WHOLE_CLIP_SECONDS, WINDOW_SECONDS
from .video_reading import VideoSource, count_frames

OF_THE_SOURCE = ("source", "fps", "num_frames")  # the prediction has these itself


class SourceError(ValueError):
    """A source that cannot be used; its text is one line for people."""


@dataclass(frozen=True)
class Sampling:
    """How segments are taken from a source.

    Attributes:
        window: Seconds; None for one segment of a clip and the processor's windows of a longer recording.
        stride: Seconds from one window to the next; None for half a window.
        fps: Frames a second; None for a file's own times, and the reader's default for frame folders.
        face: `largest`, `all`, `cropped` (the frames are face crops), the number of a face, or None for the
            processor's own.
        onset: First frame of the expression; None if not known. With any of these three a source is one segment.
        apex: Frame of its height.
        offset: Last frame of the expression.
        sensitivity: How sure events have to be, a name that the processor knows.
    """

    window: float | None = None
    stride: float | None = None
    fps: float | None = None
    face: str | int | None = None
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    sensitivity: str = "normal"

    @property
    def is_marked(self) -> bool:
        """Whether anyone said where the expression lies."""
        return not self.onset == self.apex == self.offset is None

    def finds_events(self, detector: Detector) -> bool:
        """Whether events are looked for, rather than action units in windows."""
        return self.window is self.stride is None and not self.is_marked and detector.model.temporal_head is not None

    @property
    def of_segments(self) -> dict[str, Any]:
        """The arguments of `iter_segments`."""
        return {name: value for name, value in asdict(self).items() if name != "sensitivity"}

    def settings(self, end_time: float) -> dict[str, Any]:
        """With the values in use where none were given, for a source that ends at `end_time` seconds."""
        window = self.window
        if window is None and not self.is_marked and end_time >= WHOLE_CLIP_SECONDS:
            window = WINDOW_SECONDS
        return self.of_segments | {"window": window, "stride": window and (self.stride or window / 2)}


@dataclass
class Reading:
    """A source under way: its spans by face, None where they are of no face in particular."""

    source: str
    video: VideoSource
    spans: dict[int | None, list[SegmentResult]] = field(default_factory=dict)
    fps: float | None = None
    num_frames: int = 0
    events: dict[int | None, list[EventResult]] | None = None
    recording: dict[str, Any] = field(default_factory=dict)
    checked: dict[str, Any] = field(default_factory=dict)

    def take(self, segment: Segment, codes: dict[str, dict[str, Any]] | None) -> None:
        """Keep what the model said of a segment, an entry of `post_process_action_units`, or that nothing is said."""
        units = _unit_results(codes or {})
        times = segment.start_frame, segment.end_frame, segment.start_time, segment.end_time
        seen = tuple((frame, _face_result(segment.face_id, face)) for frame, face in segment.seen)  # type: ignore[arg-type]
        face = seen[0][1] if seen else None
        result = SegmentResult(*times, units or None, face, None if units else segment.reason, seen)
        self.spans.setdefault(segment.face_id, []).append(result)

    def events_of(self, face_id: int | None) -> list[EventResult] | None:
        """Those of one face in order; None where none were looked for."""
        if self.events is None:
            return None
        return sorted(self.events.get(face_id, []), key=lambda event: event.onset_time)

    def take_stretch(self, detector: Detector, stretch: MotionStretch, sensitivity: str) -> None:
        """Find the events of a stretch, and keep them and its timeline."""
        said, processor = detector.model.read_stretch(stretch), detector.processor
        limits = detector.event_thresholds(sensitivity)
        found = processor.post_process_events(said, stretch, sensitivity, limits)
        self.events = {} if self.events is None else self.events
        self.events.setdefault(stretch.face_id, []).extend(
            EventResult(**event | {"action_units": _unit_results(event["action_units"])}) for event in found
        )
        for window in processor.post_process_timeline(said, stretch, found):
            start, end = window["start_frame"], window["end_frame"]
            seen = tuple((at, _face_result(stretch.face_id, face)) for at, face in stretch.seen_between(start, end))  # type: ignore[arg-type]
            units = _unit_results({code: window["action_units"][code] for code in limits})
            times = start, end, window["start_time"], window["end_time"]
            result = SegmentResult(*times, units, seen[0][1] if seen else None, None, seen)
            self.spans.setdefault(stretch.face_id, []).append(result)


def _unit_results(units: Mapping[str, Mapping[str, Any]]) -> dict[str, UnitResult]:
    return {
        code: UnitResult(
            ACTION_UNITS[code].name,
            float(unit["probability"]),
            bool(unit["active"]),
            unit.get("side"),
            unit.get("intensity"),
        )
        for code, unit in units.items()
    }


def _face_result(face_id: int, face: Face) -> FaceResult:
    x, y, width, height = map(float, face.box)
    points = tuple((float(x), float(y)) for x, y in face.landmarks)
    return FaceResult(face_id, (x, y, width, height), float(face.score), points)


def read_source(
    video_processor: Any, reading: Reading, sampling: Sampling, *, finds_events: bool
) -> Iterator[Segment | MotionStretch]:
    """What is read of a source, for which no model is needed; one with a face in none of it is an error.

    Args:
        video_processor: Cuts it.
        reading: Of the source.
        sampling: How segments are taken from it.
        finds_events: Whether the model finds events, so that a recording is read whole.

    Raises:
        SourceError: If it cannot be used.
    """
    found = False
    reading.checked = _check(reading.video, sampling, video_processor.face)
    if finds_events:
        read: Any = _stretches(video_processor, reading, sampling)
    else:
        read = _segments(video_processor, reading, sampling)
    try:
        for segment in read:
            reading.fps, reading.recording = segment.fps, segment.recording
            found |= isinstance(segment, MotionStretch) or segment.pixel_values is not None
            yield segment
    except (ValueError, OSError) as error:
        of_file = error if isinstance(error, OSError) and error.filename else None
        text = f"{of_file.filename}: cannot be read ({of_file.strerror})" if of_file else str(error)
        text = text.removeprefix(f"{reading.video}: ").removeprefix(f"{Path(reading.source)}: ")
        inside = text.startswith(str(Path(reading.source)))  # a frame of the folder is named
        raise SourceError(text if inside else f"{reading.source}: {text}") from error
    if not found:
        reasons = ", ".join(
            dict.fromkeys(span.reason for spans in reading.spans.values() for span in spans if span.reason)
        )
        which = f"face number {sampling.face}" if isinstance(sampling.face, int) else "face"
        if reasons in (NO_FACE, ""):
            passed_over = "; a face seen for under half a second is passed over" * finds_events
            advice = turned_video_hint(reading.video) or f"for ready face crops give --face cropped{passed_over}"
            raise SourceError(f"{reading.source}: no {which} found; {advice}")
        raise SourceError(f"{reading.source}: no {which} can be read ({reasons})")


def _check(video: VideoSource, sampling: Sampling, face: str | int) -> dict[str, Any]:
    """What the recording can show, see `recording_check`; nothing where it cannot be read, which is told later."""
    try:
        record = check_recording(video, sampling.fps, sampling.face or face).record()
    except (ValueError, OSError):
        return {}
    return {name: value for name, value in record.items() if name not in OF_THE_SOURCE}


def _segments(video_processor: Any, reading: Reading, sampling: Sampling) -> Iterator[Segment]:
    """The segments of a source, its number of frames noted on the way."""
    if sampling.is_marked:
        reading.num_frames = count_frames(reading.video)
    for segment in video_processor.iter_segments(reading.video, **sampling.of_segments):
        reading.num_frames = max(
            reading.num_frames, segment.end_frame + 1
        )  # of a whole video the last one ends with it
        yield segment


def _stretches(video_processor: Any, reading: Reading, sampling: Sampling) -> Iterator[Segment | MotionStretch]:
    """The stretches of a recording, or the segment of a clip, the source's number of frames noted on the way."""
    for stretch in video_processor.iter_motion(reading.video, fps=sampling.fps, face=sampling.face):
        reading.num_frames = max(reading.num_frames, stretch.end_frame + 1)
        yield stretch
