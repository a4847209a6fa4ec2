"""What is evaluated, opened: a checkpoint by torch, or its graph by ONNX Runtime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import PartialState
from tqdm import tqdm

from hub.repos.checkpoint import load_checkpoint, weights_digest
from hub.repos.lineage import data_seen
from modeling_aullm.detector import GRAPH, CheckpointError, Detector, open_detector
from modeling_aullm.event_reading import sigmoid
from modeling_aullm.language_model import sha256_of
from training.data.clips import Clip
from training.errors import InputError
from training.learning.augmentation import ClipDataset
from training.learning.fit import NUM_FRAMES, predict_clips

GRAPH_BATCH = 32  # clips; more at once are no faster on two threads


@dataclass(frozen=True)
class Evaluated:
    """A model that is to be evaluated.

    Attributes:
        action_units: Codes, in the model's order.
        num_frames: Of a clip.
        image_size: Side of a clip in pixels.
        thresholds: One a unit.
        weights: SHA-256 of the weights, or of the graph.
        seen: Names of the data it was trained on; None if that is not known.
        predict: Probabilities, (clips, units), of clips; its second argument is a scratch folder.
    """

    action_units: list[str]
    num_frames: int
    image_size: int
    thresholds: Sequence[float]
    weights: str
    seen: list[str] | None
    predict: Callable[[Sequence[Clip], Path], np.ndarray]


def open_evaluated(folder: Path, engine: str) -> Evaluated:
    """Open what is evaluated.

    Args:
        folder: A checkpoint's, or a graph's that `hub.export_onnx` has written.
        engine: `torch` or `onnx`.

    Raises:
        InputError: If it cannot be opened, or is a graph for several processes.
    """
    if engine == "onnx":
        return _open_graph(folder)
    if (folder / GRAPH).is_file():
        raise InputError(f"{folder} holds a graph; evaluate it by --engine onnx")
    model, processor = load_checkpoint(folder)
    config = model.config
    return Evaluated(
        list(config.action_units),
        config.num_frames,
        config.image_size,
        processor.thresholds,
        weights_digest(folder),
        data_seen(folder),
        lambda clips, work: predict_clips(model, clips, work),
    )


def _open_graph(folder: Path) -> Evaluated:
    if PartialState().num_processes > 1:
        raise InputError("--engine onnx takes every core by itself: start it as one process, python -m hub.evaluate")
    try:
        detector = open_detector(str(folder), engine="onnx")
    except CheckpointError as error:
        raise InputError(str(error)) from error
    processor, trained_on = detector.processor, detector.checkpoint.trained_on
    return Evaluated(
        processor.action_units,
        detector.model.num_frames,
        processor.video_processor.image_size,
        processor.thresholds,
        sha256_of([folder / GRAPH]),
        None if trained_on is None else list(trained_on),
        lambda clips, _: _ask_graph(detector, clips),
    )


def _ask_graph(detector: Detector, clips: Sequence[Clip]) -> np.ndarray:
    frames = ClipDataset(clips, NUM_FRAMES)
    starts = range(0, len(clips), GRAPH_BATCH)
    logits = [
        detector.answer(
            np.stack([frames[at]["pixel_values"].numpy() for at in range(start, min(start + GRAPH_BATCH, len(clips)))])
        )["logits"]
        for start in tqdm(starts, desc="batches of clips")
    ]
    return sigmoid(np.concatenate(logits))
