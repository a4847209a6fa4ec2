"""The answer to programs."""

from pathlib import Path
from typing import Any

import gradio as gr

from . import detector
from .analysis import analyse
from .limits import UnusableVideo
from .record import to_records
from .request import Request


def answer(
    video: str,
    onset: float | None = None,
    apex: float | None = None,
    offset: float | None = None,
    face: str | None = None,
    sensitivity: str = "normal",
) -> list[dict[str, Any]]:
    """Find the action units of a video; the answer is the JSON of `aullm predict`.

    Args:
        video: A file of at most 50 MB, 60 s and 1920 pixels a side.
        onset: First frame of the expression, from 0, if known.
        apex: Frame of its height, likewise.
        offset: Last frame of the expression, likewise.
        face: `largest` (default), `all`, `cropped` (the frames are ready crops of a face), or a number, 1 the largest.
        sensitivity: How sure expressions in a recording of over a second have to be: `high`, `normal` or `low`.

    Returns:
        A list of one entry a face: the video, the model, the segments with their action units, and the expressions.
    """
    if not video:
        raise gr.Error("Give a video of a face.", print_exception=False)
    chosen: str | int = int(face) if face and face.isdigit() else face or "largest"
    marks = {
        name: None if mark is None else int(mark)
        for name, mark in (("onset", onset), ("apex", apex), ("offset", offset))
    }
    if detector.FINDS_EVENTS and sensitivity not in detector.processor.sensitivities:
        known = ", ".join(detector.processor.sensitivities)
        raise gr.Error(f"sensitivity must be one of {known}, got {sensitivity!r}", print_exception=False)
    try:
        return to_records(analyse(Request(Path(video), chosen, **marks, sensitivity=sensitivity)))
    except UnusableVideo as problem:
        raise gr.Error(str(problem), print_exception=False) from problem
