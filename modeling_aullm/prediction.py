"""From sources to predictions: segments of all sources batched together, and the model run on them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from .detector import Detector
from .face_alignment import Face
from .face_orientation import turned_video_hint
from .face_tracks import NO_FACE
from .facs import ACTION_UNITS
from .motion_stretch import MotionStretch
from .progress import Progress
from .recording_check import check_recording
from .results import OUTSIDE_MARKS, EventResult, FaceResult, Prediction, SegmentResult, UnitResult, times_at_frames
from .segments import Segment
from .source_spans import whole_axis
from .temporal_windows import WHOLE_CLIP_SECONDS, WINDOW_SECONDS
from .video_reading import VideoSource, count_frames

OF_THE_SOURCE = ("source", "fps", "num_frames")  # the prediction has these itself
NOT_READ = "this face is not read"  # where another one is
BATCH_SIZE = 16  # segments that the model sees at once


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


class Answering:
    """Has the model see what was read of any sources, and hands each source its results.

    Args:
        detector: The opened checkpoint.
        sensitivity: How sure an event has to be.
        batch_size: Segments the model sees at once.
    """

    def __init__(self, detector: Detector, sensitivity: str, batch_size: int = BATCH_SIZE) -> None:
        self.detector, self.sensitivity, self.batch_size = detector, sensitivity, batch_size
        self._pending: list[tuple[Reading, Segment]] = []

    def take(self, reading: Reading, seen: Segment | MotionStretch) -> None:
        """Answer it, at once or in a batch with the next ones."""
        if isinstance(seen, MotionStretch):
            reading.take_stretch(self.detector, seen, self.sensitivity)
        elif seen.pixel_values is None:
            reading.take(seen, None)
        else:
            self._pending.append((reading, seen))
        if len(self._pending) == self.batch_size:
            self.finish()

    def drop(self, reading: Reading) -> None:
        """Forget what is not answered yet of a source that turned out to be of no use."""
        self._pending = [each for each in self._pending if each[0] is not reading]

    def finish(self) -> None:
        """Answer what is left."""
        if not self._pending:
            return
        pixels = np.stack([np.asarray(segment.pixel_values, np.float32) for _, segment in self._pending])
        outputs, thresholds = self.detector.answer(pixels), self.detector.thresholds
        found = self.detector.processor.post_process_action_units(outputs, thresholds=thresholds)
        for (reading, segment), units in zip(self._pending, found, strict=True):
            reading.take(segment, {code: units[code] for code in thresholds})
        self._pending = []


def predict_sources(
    detector: Detector,
    sources: Sequence[tuple[str, VideoSource]],
    sampling: Sampling,
    batch_size: int = BATCH_SIZE,
    report: Callable[[str, str], None] | None = None,
) -> list[Prediction]:
    """Find the action units of every source; segments are batched across sources, and read as they are needed.

    Args:
        detector: The opened checkpoint.
        sources: Name and video of each.
        sampling: How segments are taken from each.
        batch_size: Segments the model sees at once.
        report: Called with the name of each source that cannot be used and one line about it; None to raise instead.

    Returns:
        One prediction a face for each source that could be used, in their order.

    Raises:
        SourceError: If a source cannot be used and `report` is None.
    """
    processor, finds_events = detector.processor.video_processor, sampling.finds_events(detector)
    readings: list[Reading] = []
    answering = Answering(detector, sampling.sensitivity, batch_size)
    # NumPy's matrices are small here: threads of its own would spin while they wait, and take a core from the rest.
    numpy_alone = ThreadpoolController().select(prefix="libscipy_openblas").limit(limits=1)
    with numpy_alone, Progress([video for _, video in sources]) as progress:
        for name, video in sources:
            reading = Reading(name, video)
            try:
                for segment in read_source(processor, reading, sampling, finds_events=finds_events):
                    answering.take(reading, segment)
                    progress.reach(segment.end_frame + 1)
            except SourceError as error:
                if report is None:
                    raise
                report(name, str(error))
                answering.drop(reading)
            else:
                readings.append(reading)
            progress.next_source()
        answering.finish()
    return [found for reading in readings for found in to_predictions(detector, reading, sampling)]


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


def to_predictions(detector: Detector, reading: Reading, sampling: Sampling) -> list[Prediction]:
    """One prediction, of the whole source, for each face of which anything is stated."""
    of_no_face = reading.spans.pop(None, [])
    # Ready crops are of no face in particular: all their spans are.
    faces = {face: spans for face, spans in reading.spans.items() if any(s.action_units for s in spans)}
    rest = OUTSIDE_MARKS if sampling.is_marked else NOT_READ
    times = times_at_frames([*of_no_face, *chain.from_iterable(reading.spans.values())], reading.num_frames)
    whole = {
        face: whole_axis(spans + of_no_face, reading.num_frames, rest, times)
        for face, spans in (faces or {None: []}).items()
    }
    settings = _settings(detector, reading, sampling, max(s.end_time for spans in whole.values() for s in spans))
    looked_for = reading.events is not None
    return [
        Prediction(
            source=reading.source,
            fps=reading.fps,
            num_frames=reading.num_frames,
            checkpoint=detector.checkpoint,
            thresholds=detector.event_thresholds(sampling.sensitivity) if looked_for else detector.thresholds,
            spans=spans,
            settings=settings,
            recording=reading.recording | reading.checked,
            face_id=face,
            num_faces=len(whole),
            num_unread_faces=len(reading.spans) - len(faces),
            events=reading.events_of(face),
            video=reading.video,
        )
        for face, spans in sorted(whole.items(), key=lambda entry: entry[0] or 0)
    ]


def _settings(detector: Detector, reading: Reading, sampling: Sampling, end_time: float) -> dict[str, Any]:
    """How a source was read."""
    settings = sampling.settings(end_time)
    if reading.events is not None:
        limits = detector.processor.sensitivity(sampling.sensitivity)
        settings |= {"window": None, "stride": None, "sensitivity": sampling.sensitivity}
        settings |= {"false_alarms_per_minute": limits["false_alarms_per_minute"]}
        is_all = len(detector.thresholds) == len(detector.processor.action_units)
        settings |= {"only_action_units": None if is_all else list(detector.thresholds)}
    return settings | {
        "face": sampling.face or detector.processor.video_processor.face,
        "dtype": detector.dtype,
        "device": str(detector.model.device),
    }
