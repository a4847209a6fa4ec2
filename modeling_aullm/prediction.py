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
    """A source under way."""

    source: str
    results: list[SegmentResult] = field(default_factory=list)
    num_windows: int = 0
    fps: float | None = None
    num_frames: int = 0

    def take(self, segment: Segment, codes: dict[str, dict[str, Any]]) -> None:
        """Keep what the model said about one segment; `codes` is an entry of `post_process_action_units`."""
        units = {
            code: UnitResult(ACTION_UNITS[code].name, float(unit["probability"]), bool(unit["active"]))
            for code, unit in codes.items()
        }
        face = None
        if segment.face is not None:
            x, y, width, height = map(float, segment.face.box)
            face = FaceResult((x, y, width, height), float(segment.face.score))
        self.results.append(
            SegmentResult(segment.start_frame, segment.end_frame, segment.start_time, segment.end_time, units, face)
        )


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
                    pending += [(reading, segment)] if segment.pixel_values is not None else []
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
    return [_to_prediction(detector, reading) for reading in readings]


def _read(processor: Any, reading: _Reading, sampling: Sampling) -> Iterator[Segment]:
    """The segments of a source; a source with a face in none of them is an error."""
    found = False
    try:
        for segment in _segments(processor.video_processor, reading, sampling):
            reading.num_windows += 1
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
        reading.num_frames = segment.end_frame + 1  # the last window ends with the video
        yield segment


@torch.inference_mode()
def _run(detector: Detector, pending: Sequence[tuple[_Reading, Segment]]) -> None:
    """Run the model on segments of any sources and hand each source its results."""
    pixel_values = torch.stack([torch.as_tensor(segment.pixel_values) for _, segment in pending])
    outputs = detector.model(pixel_values=pixel_values.to(detector.model.device))
    found = detector.processor.post_process_action_units(outputs, thresholds=detector.thresholds)
    for (reading, segment), units in zip(pending, found, strict=True):
        reading.take(segment, {code: units[code] for code in detector.thresholds})


def _to_prediction(detector: Detector, reading: _Reading) -> Prediction:
    return Prediction(
        source=reading.source,
        fps=reading.fps,
        num_frames=reading.num_frames,
        model=detector.name,
        thresholds=detector.thresholds,
        segments=reading.results,
        num_windows=reading.num_windows,
    )
