"""From sources to predictions: segments of all sources batched together, and the model run on them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from .detector import Detector
from .facs import ACTION_UNITS
from .results import FaceResult, Prediction, SegmentResult, UnitResult
from .video_processing_aullm import Segment
from .video_reading import count_frames


class SourceError(ValueError):
    """A source that cannot be used; its text is one line for people."""


@dataclass(frozen=True)
class Sampling:
    """How segments are taken from a source.

    Attributes:
        window: Seconds; None for one segment of a clip and the processor's windows of a longer recording.
        stride: Seconds from one window to the next; None for the processor's own.
        fps: Frames a second; None for a file's own times, and the reader's default for frame folders.
        face: `largest`, `cropped` (the frames are face crops), the number of a face, or None for the processor's own.
        onset: First frame of the expression; None if not known. With any of these three a source is one segment.
        apex: Frame of its height.
        offset: Last frame of the expression.
    """

    window: float | None = None
    stride: float | None = None
    fps: float | None = None
    face: str | int | None = None
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None

    @property
    def is_marked(self) -> bool:
        """Whether anyone said where the expression lies."""
        return not self.onset == self.apex == self.offset is None


@dataclass
class _Reading:
    """A source under way: its spans by face, None where they are of no face in particular."""

    source: str
    spans: dict[int | None, list[SegmentResult]] = field(default_factory=dict)
    fps: float | None = None
    num_frames: int = 0
    end_time: float = 0.0

    def take(self, segment: Segment, codes: dict[str, dict[str, Any]] | None) -> None:
        """Keep what the model said of a segment, an entry of `post_process_action_units`, or that nothing is said."""
        units = codes and {
            code: UnitResult(ACTION_UNITS[code].name, float(unit["probability"]), bool(unit["active"]))
            for code, unit in codes.items()
        }
        times = segment.start_frame, segment.end_frame, segment.start_time, segment.end_time
        result = SegmentResult(*times, units or None, _face_result(segment), segment.reason)
        self.spans.setdefault(segment.face_id, []).append(result)


def _face_result(segment: Segment) -> FaceResult | None:
    if segment.face is None or segment.face_id is None:
        return None
    x, y, width, height = map(float, segment.face.box)
    points = tuple((float(x), float(y)) for x, y in segment.face.landmarks)
    return FaceResult(segment.face_id, (x, y, width, height), float(segment.face.score), points)


def predict_sources(
    detector: Detector,
    sources: Sequence[str],
    sampling: Sampling,
    batch_size: int = 16,
    report: Callable[[str], None] | None = None,
) -> list[Prediction]:
    """Find the action units of every source; segments are batched across sources, and read as they are needed.

    Args:
        detector: The opened checkpoint.
        sources: Paths of video files and frame folders.
        sampling: How segments are taken from each.
        batch_size: Segments the model sees at once.
        report: Called with one line about each source that cannot be used; None to raise instead.

    Returns:
        One prediction for each source that could be used, in their order.

    Raises:
        SourceError: If a source cannot be used and `report` is None.
    """
    readings: list[_Reading] = []
    pending: list[tuple[_Reading, Segment]] = []
    with tqdm(desc="predicting", unit=" windows", delay=1, disable=None, leave=False) as progress:
        for source in sources:
            reading = _Reading(source)
            try:
                for segment in _read(detector.processor, reading, sampling):
                    if segment.pixel_values is None:
                        reading.take(segment, None)
                    else:
                        pending.append((reading, segment))
                    if len(pending) == batch_size:
                        _run(detector, pending)
                        pending.clear()
                    progress.update()
            except SourceError as error:
                if report is None:
                    raise
                report(str(error))
                pending = [entry for entry in pending if entry[0] is not reading]
                continue
            readings.append(reading)
        if pending:
            _run(detector, pending)
    return [prediction for reading in readings for prediction in _to_predictions(detector, reading)]


def _read(processor: Any, reading: _Reading, sampling: Sampling) -> Iterator[Segment]:
    """The segments of a source; a source with a face in none of them is an error."""
    found = False
    try:
        for segment in _segments(processor.video_processor, reading, sampling):
            reading.fps = segment.fps
            found |= segment.pixel_values is not None
            yield segment
    except (ValueError, OSError) as error:
        text = str(error)
        raise SourceError(
            text if text.startswith(str(Path(reading.source))) else f"{reading.source}: {text}"
        ) from error
    if not found:
        which = f"face number {sampling.face}" if isinstance(sampling.face, int) else "face"
        raise SourceError(f"{reading.source}: no {which} found; for ready face crops give --face cropped")


def _segments(video_processor: Any, reading: _Reading, sampling: Sampling) -> Iterator[Segment]:
    """The segments of a source, its number of frames noted on the way."""
    fps = sampling.fps
    if sampling.is_marked:
        reading.num_frames = count_frames(reading.source)
        marks = {"onset": sampling.onset, "apex": sampling.apex, "offset": sampling.offset}
        yield video_processor.read_clip(reading.source, **marks, fps=fps, face=sampling.face)
        return
    window, stride, face = sampling.window, sampling.stride, sampling.face
    for segment in video_processor.iter_segments(reading.source, window=window, stride=stride, fps=fps, face=face):
        reading.num_frames = max(reading.num_frames, segment.end_frame + 1)  # the last one ends with the video
        reading.end_time = max(reading.end_time, segment.end_time)
        yield segment


@torch.inference_mode()
def _run(detector: Detector, pending: Sequence[tuple[_Reading, Segment]]) -> None:
    """Run the model on segments of any sources and hand each source its results."""
    pixel_values = torch.stack([torch.as_tensor(segment.pixel_values) for _, segment in pending])
    outputs = detector.model(pixel_values=pixel_values.to(detector.model.device))
    found = detector.processor.post_process_action_units(outputs, thresholds=detector.thresholds)
    for (reading, segment), units in zip(pending, found, strict=True):
        reading.take(segment, {code: units[code] for code in detector.thresholds})


def _to_predictions(detector: Detector, reading: _Reading) -> list[Prediction]:
    """One prediction a face, each of the whole source."""
    of_no_face = reading.spans.pop(None, [])
    faces = reading.spans or {None: []}  # ready crops are of no face in particular
    return [
        Prediction(
            source=reading.source,
            fps=reading.fps,
            num_frames=reading.num_frames,
            model=detector.name,
            thresholds=detector.thresholds,
            spans=_whole(spans + of_no_face, reading),
        )
        for _, spans in sorted(faces.items())
    ]


def _whole(spans: list[SegmentResult], reading: _Reading) -> list[SegmentResult]:
    """Spans in order of time, with what lies between them, where another face is read, as spans without a statement."""
    filled: list[SegmentResult] = []
    last_frame, last_time = -1, 0.0
    for span in sorted(spans, key=lambda span: (span.start_frame, span.end_frame)):
        if span.start_frame > last_frame + 1:
            filled.append(_unread(last_frame + 1, span.start_frame - 1, last_time, span.start_time))
        filled.append(span)
        last_frame, last_time = max(last_frame, span.end_frame), max(last_time, span.end_time)
    if last_frame + 1 < reading.num_frames:
        filled.append(_unread(last_frame + 1, reading.num_frames - 1, last_time, reading.end_time))
    return filled


def _unread(start_frame: int, end_frame: int, start_time: float, end_time: float) -> SegmentResult:
    return SegmentResult(start_frame, end_frame, start_time, end_time, None, reason="this face is not read")
