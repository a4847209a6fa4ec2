"""`modeling_aullm.predict`: from videos to action units in one call; the command `aullm predict` is a user of it."""

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from .detector import ENGINES, CheckpointError, Detector, open_detector
from .face_alignment import check_face
from .prediction import predict_sources
from .predictions import Predictions
from .source_paths import find_sources
from .source_reading import Sampling, SourceError
from .temporal_windows import WINDOW_SECONDS, check_window
from .video_reading import VideoSource, source_name

DTYPES = ("float32", "bfloat16", "float16")
Sources = VideoSource | Sequence[VideoSource] | Mapping[str, VideoSource]


class SourceWarning(UserWarning):
    """One of several sources cannot be used; the text is one line for people."""


class CheckpointWarning(UserWarning):
    """Something to know about a checkpoint before its results are used."""


def predict(
    sources: Sources,
    *,
    model: str | os.PathLike | None = None,
    engine: str | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    window: float | None = None,
    stride: float | None = None,
    fps: float | None = None,
    face: str | int | None = None,
    onset: int | None = None,
    apex: int | None = None,
    offset: int | None = None,
    sensitivity: str = "normal",
    action_units: Sequence[str] | None = None,
    threshold: float | None = None,
    batch_size: int = 16,
) -> Predictions:
    """Find the action units of face videos.

    What is reported is change, not posture: an expression that is held still is none.

    Args:
        sources: A video (path, array, tensor or list of PIL images, see `video_reading.open_video`), a folder of
            numbered frames or of videos, a pattern such as `"*.mp4"`, a list of any of these, or a dict of videos by
            name. The model is loaded by each call: give all sources at once.
        model: Checkpoint, a folder or an id on the Hub; None for the one that comes with the package.
        engine: `"torch"`, or `"onnx"` for a folder that `hub.export_onnx` has written; None for that which it is for.
        revision: Commit, branch or tag on the Hub.
        device: Such as `"cpu"` or `"cuda:1"`; None for the GPU if there is one.
        dtype: `"float32"`, `"bfloat16"` or `"float16"`.
        window: Seconds a segment. None: a clip of up to a second is one segment, unless a stride is given, and a longer
            recording is read for events (by a checkpoint without a temporal head: in windows of half a second).
        stride: Seconds from one window to the next; None for half a window.
        fps: Frames a second; None for a file's own times, and 30 for sources that carry none.
        face: `"largest"`, `"all"`, `"cropped"` (ready face crops) or the number of a face, from 1; None for the
            processor's own.
        onset: First frame of the expression, from 0; with any of these three, of one source, that is one segment.
        apex: Frame of its height.
        offset: Last frame of the expression.
        sensitivity: How sure an event has to be: `"high"`, `"normal"` or `"low"`; what each means in false alarms a
            minute stands in the results' `settings`.
        action_units: Codes to report; None for all of the model's.
        threshold: Probability from which a unit is active, 0 to 1; None for the checkpoint's own of each unit.
        batch_size: Segments the model sees at once.

    Returns:
        What was found, one `Prediction` a source and face. Of several sources those that cannot be used are in
        `errors`, and each is warned of when its turn comes.

    Raises:
        CheckpointError: If the checkpoint cannot be used, or not as asked.
        SourceError: If the only source cannot be used.
        ValueError: If other arguments do not go together.
    """
    named, is_one = _name_sources(sources)
    if stride is not None and window is None:
        window = WINDOW_SECONDS
    sampling = Sampling(window, stride, fps, face, onset, apex, offset, sensitivity)
    _check(named, sampling, threshold=threshold, dtype=dtype, batch_size=batch_size)
    if engine not in (None, *ENGINES):
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    detector = open_named(model, engine, revision, device, dtype, action_units, threshold)
    detector.processor.sensitivity(sensitivity)
    if detector.checkpoint.is_synthetic:
        warnings.warn(
            f"{detector.checkpoint}, has seen no human face: what it says of real ones is not validated",
            CheckpointWarning,
            stacklevel=2,
        )
    errors: dict[str, str] = {}

    def report(name: str, text: str) -> None:
        errors[name] = text
        warnings.warn(text, SourceWarning, stacklevel=4)

    found = predict_sources(detector, named, sampling, batch_size, None if is_one else report)
    return Predictions(found, errors)


def _name_sources(sources: Sources) -> tuple[list[tuple[str, VideoSource]], bool]:
    """Name and video of each, folders of videos and patterns opened up; and whether one video was given."""
    if isinstance(sources, Mapping):
        return [(str(name), video) for name, video in sources.items()], False
    is_list = isinstance(sources, list | tuple) and not all(isinstance(image, Image.Image) for image in sources)
    named: dict[str, VideoSource] = {}
    each: Any = sources if is_list else [sources]
    for source in each:
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)  # reading says what is wrong with one that stands for nothing
            named |= {found: found for found in find_sources(path, recursive=False).paths or [path]}
        else:
            name = source_name(source)
            same = sum(other.partition(", number ")[0] == name for other in named)
            named[f"{name}, number {same + 1}" if same else name] = source
    if not named:
        raise SourceError("no source was given")
    return list(named.items()), not is_list and len(named) == 1


def _check(
    named: Sequence[tuple[str, VideoSource]],
    sampling: Sampling,
    *,
    threshold: float | None,
    dtype: str,
    batch_size: int,
) -> None:
    check_window("predict", sampling.window, sampling.stride, None)
    if sampling.face is not None:
        check_face(sampling.face)
    if sampling.is_marked and (len(named) > 1 or sampling.window is not None):
        raise ValueError("onset, apex and offset are for one source, without window and stride")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be from 0 to 1, got {threshold}")
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}")


def open_named(
    model: str | os.PathLike | None,
    engine: str | None,
    revision: str | None,
    device: str | None,
    dtype: str,
    action_units: Sequence[str] | None,
    threshold: float | None,
) -> Detector:
    """The opened checkpoint; whatever is wrong with it is told in one line that names it."""
    from . import DEFAULT_CHECKPOINT

    name = os.fspath(model) if model is not None else str(DEFAULT_CHECKPOINT)
    try:
        return open_detector(
            name,
            engine=engine,
            revision=revision,
            device=device,
            dtype=dtype,
            action_units=action_units,
            threshold=threshold,
        )
    except CheckpointError:
        raise
    except (ValueError, OSError) as error:
        text = str(error)
        raise CheckpointError(text if name in text else f"{Path(name)}: {text}") from error
