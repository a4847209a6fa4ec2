"""What the model says of a part that has been read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hub.scoring.reading import ReadingSettings, ReadInput, ReadPart
from hub.scoring.results import write_part
from modeling_aullm.detector import Detector
from modeling_aullm.prediction import Answering, to_predictions
from modeling_aullm.results import Prediction
from modeling_aullm.source_reading import Sampling


def reading_settings(detector: Detector, sampling: Sampling, time_limit: float) -> ReadingSettings:
    """How inputs have to be read for a checkpoint.

    Args:
        detector: The opened checkpoint.
        sampling: How segments are taken.
        time_limit: Seconds that one input may take.
    """
    own = detector.processor.video_processor
    size, frames, face, stabilize = own.image_size, own.num_frames, own.face, own.stabilize
    return ReadingSettings(size, frames, face, stabilize, sampling, sampling.finds_events(detector), time_limit)


def score_part(detector: Detector, read: ReadPart, sampling: Sampling, out: Path) -> None:
    """Answer what was read of a part, and write it.

    Args:
        detector: The opened checkpoint.
        read: The part.
        sampling: As it was read.
        out: Folder of the run.

    Raises:
        OSError: If the results cannot be written.
    """
    write_part(out, read.part, predictions(detector, read.inputs, sampling), read.refused)


def predictions(detector: Detector, inputs: Sequence[ReadInput], sampling: Sampling) -> Iterator[Prediction]:
    """One prediction a face of each input; segments are batched across them in their order."""
    answering = Answering(detector, sampling.sensitivity)
    for each in inputs:
        for seen in each.seen:
            answering.take(each.reading, seen)
    answering.finish()
    for each in inputs:
        yield from to_predictions(detector, each.reading, sampling)
