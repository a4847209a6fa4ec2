"""A video is given, a moment is shown; nothing here knows how the page is laid out."""

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from . import account, detector, files, player, reasons, timeline, units, what_if
from .analysis import analyse
from .examples import EXAMPLES, find_example
from .explanation import picture_moment
from .exploring import Session
from .limits import UnusableVideo
from .messages import CHOOSE_FIRST, NO_MOVEMENT, NO_REASONS, error, found
from .moments import Request
from .record import to_record

FIRST_FACE = ("Face 1, the largest", 0)


class Found(NamedTuple):
    """Updates of the page after a video was looked at; the fields are names of components."""

    session: Session | None
    status: str
    results: Any
    timeline_area: Any
    plot: Any = None
    peaks: Any = None
    json_file: str | None = None
    csv_file: str | None = None
    video_file: Any = None
    code: str = ""


class Shown(NamedTuple):
    """Updates of the page after a moment was chosen; the fields are names of components."""

    account: str
    face_map: str
    unit_rows: str
    player: str
    reasons: str
    relations: Any
    flipped_units: Any
    what_if: str
    face: Any


def load_example(event: gr.EventData) -> tuple[str, bool, None, None, None, Any]:
    """Put an example into the form: video, ready crops, onset, apex, offset, face."""
    return str(EXAMPLES[int(event.example)].path), False, None, None, None, no_choice_of_face()


def no_choice_of_face() -> Any:
    """The choice of a face as it is before a video was looked at."""
    return gr.update(choices=[FIRST_FACE], value=0, visible=False)


def find(
    video: str | None,
    face: int | None,
    cropped: bool,
    onset: float | None,
    apex: float | None,
    offset: float | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio finds it
) -> Found:
    """Look at a video; whatever is wrong with it is told in the page."""
    if video is None:
        return _nothing(CHOOSE_FIRST)
    try:
        progress(0, desc="Reading the video")
        request = _request(video, "cropped" if cropped else face or "largest", onset, apex, offset)
        analysis = analyse(request, lambda frame: progress((frame, None), desc="Looking for movement", unit="frames"))
        json_file, csv_file = files.write_result(analysis)
    except UnusableVideo as problem:
        return _nothing(error(str(problem)))
    is_long = len(analysis.moments) > 1
    peaks = timeline.peak_choices(analysis)
    return Found(
        session=Session(analysis, find_example(request.path), analysis.strongest),
        status=found(analysis),
        results=gr.update(visible=True),
        timeline_area=gr.update(visible=is_long),
        plot=timeline.timeline(analysis) if is_long else None,
        peaks=gr.update(choices=peaks, value=analysis.strongest if peaks else None, visible=bool(peaks)),
        json_file=json_file,
        csv_file=csv_file,
        video_file=gr.update(visible=False),
        code=files.python_lines(request),
    )


def _request(video: str, face: str | int, *marks: float | None) -> Request:
    onset, apex, offset = (None if mark is None else int(mark) for mark in marks)
    return Request(Path(video), face, onset, apex, offset)


def _nothing(status: str) -> Found:
    """The page without a result."""
    hidden = gr.update(visible=False)
    return Found(None, status, results=hidden, timeline_area=hidden)


def answer(
    video: str,
    onset: float | None = None,
    apex: float | None = None,
    offset: float | None = None,
    face: str | None = None,
) -> list[dict[str, Any]]:
    """Find the action units of a video; the answer is the JSON of `aullm predict`.

    Args:
        video: A file of at most 50 MB, 60 s and 1920 pixels a side.
        onset: First frame of the expression, from 0, if known.
        apex: Frame of its height, likewise.
        offset: Last frame of the expression, likewise.
        face: `largest` (default), `cropped` if the frames are ready crops of a face, or the number of a face from 0.

    Returns:
        A list of one entry: source, fps, num_frames, face, model and the segments with their action units.
    """
    if not video:
        raise gr.Error("Give a video of a face.", print_exception=False)
    chosen: str | int = int(face) if face and face.isdigit() else face or "largest"
    try:
        return [to_record(analyse(_request(video, chosen, onset, apex, offset)))]
    except UnusableVideo as problem:
        raise gr.Error(str(problem), print_exception=False) from problem


def show(session: Session | None, with_emotion: bool) -> Shown:
    """Show the moment chosen, with nothing flipped; nothing of the last video if this one could not be used."""
    if session is None:
        none = gr.update(choices=[], value=[])
        return Shown("", "", "", NO_MOVEMENT, NO_REASONS, none, none, what_if.NOTHING_FLIPPED, gr.update())
    analysis, moment, example = session.analysis, session.moment, session.example
    truth = example if len(analysis.moments) == 1 else None
    pictures = picture_moment(analysis.request, moment)
    faces = [FIRST_FACE, *((f"Face {number + 1}", number) for number in range(1, pictures.num_faces))]
    return Shown(
        account.describe(analysis, moment, example, with_emotion=with_emotion),
        units.face_map(moment, pictures.sharp[0]),
        units.unit_rows(moment, truth),
        player.player(analysis, moment, pictures),
        reasons.reasons(moment),
        gr.update(choices=what_if.relation_choices(moment), value=[]),
        gr.update(choices=list(moment.action_units), value=[]),
        what_if.NOTHING_FLIPPED,
        gr.update(choices=faces, visible=True) if len(faces) > 1 else gr.update(),
    )


def has_structure() -> bool:
    """Whether the model has a graph, whose rules can be flipped."""
    return bool(detector.config.relations) and detector.model.structure is not None
