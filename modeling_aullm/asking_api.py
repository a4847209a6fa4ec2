"""`modeling_aullm.ask`: questions about one face in a video; the command `aullm ask` is a user of it."""

import os
import warnings
from collections.abc import Sequence

from .api import DTYPES, CheckpointWarning, open_named
from .asking import Answer, Asking, check_question, question_words
from .detector import CheckpointError
from .face_alignment import check_face
from .results import Checkpoint
from .source_findings import find
from .video_reading import VideoSource


def ask(
    source: VideoSource,
    questions: str | Sequence[str],
    *,
    model: str | os.PathLike | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    fps: float | None = None,
    face: str | int | None = None,
    sensitivity: str = "normal",
) -> list[Answer]:
    """Ask about one face in a clip or recording.

    Every answer is a sentence that is true of what was found. Nothing that a question says changes what was.

    Args:
        source: A video, see `video_reading.open_video`.
        questions: One or several, in English.
        model: Checkpoint, a folder or an id on the Hub; None for the one that comes with the package.
        revision: Commit, branch or tag on the Hub.
        device: Such as `"cpu"` or `"cuda:1"`; None for the GPU if there is one.
        dtype: `"float32"`, `"bfloat16"` or `"float16"`.
        fps: Frames a second; None for a file's own times.
        face: `"largest"`, `"cropped"` or the number of a face, from 1; None for the processor's own.
        sensitivity: How sure an event has to be: `"high"`, `"normal"` or `"low"`.

    Returns:
        The answers in the order of the questions.

    Raises:
        CheckpointError: If the checkpoint cannot be used, or answers no questions.
        VideoError: If the video cannot be read, or shows no face of which something can be stated.
        ValueError: If a question is empty or too long, or another argument is not among those above.
    """
    asked = [questions] if isinstance(questions, str) else list(questions)
    for question in asked:
        check_question(question)
    asking, _ = open_asking(
        source, model=model, revision=revision, device=device, dtype=dtype, fps=fps, face=face, sensitivity=sensitivity
    )
    return asking.answer(asked)


def open_asking(
    source: VideoSource,
    *,
    model: str | os.PathLike | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    fps: float | None = None,
    face: str | int | None = None,
    sensitivity: str = "normal",
) -> tuple[Asking, Checkpoint]:
    """The same, ready for any number of questions: what was found, and the checkpoint that found it."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if face == "all":
        raise ValueError("face must be one face: largest, cropped or a number, got 'all'; ask about one at a time")
    if face is not None:
        check_face(face)
    detector = open_named(model, "torch", revision, device, dtype, None, None)
    detector.processor.sensitivity(sensitivity)
    try:
        words = question_words(detector.model)
    except ValueError as error:
        raise CheckpointError(f"{detector.checkpoint.name}: {error}") from error
    if detector.checkpoint.is_synthetic:
        warnings.warn(
            f"{detector.checkpoint}, has seen no human face: what it says of real ones is not validated",
            CheckpointWarning,
            stacklevel=3,
        )
    found = find(detector.model, detector.processor, source, fps=fps, face=face, sensitivity=sensitivity)
    return Asking(detector.model, *found, words), detector.checkpoint
