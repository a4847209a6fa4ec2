"""From sources to predictions: segments of all sources batched together, and the model run on them."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from .detector import Detector
from .motion_stretch import MotionStretch
from .progress import Progress
from .results import OUTSIDE_MARKS, Prediction, times_at_frames
from .segments import Segment
from .source_reading import Reading, Sampling, SourceError, read_source
from .source_spans import whole_axis
from .video_reading import VideoSource

NOT_READ = "this face is not read"  # where another one is
BATCH_SIZE = 16  # segments that the model sees at once


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
