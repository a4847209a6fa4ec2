"""A video is given, a moment is shown; nothing here knows how the page is laid out."""

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from . import account, detector, files, player, reasons, timeline, units, what_if
from .analysis import analyse
from .examples import EXAMPLES, find_example
from .explanation import picture_moment
from .exploring import Session, with_face
from .limits import UnusableVideo, frame_number
from .messages import CHOOSE_FIRST, NO_MOVEMENT, NO_REASONS, error, found
from .moments import Analysis, Request
from .record import to_records


class Followed(NamedTuple):
    """Updates of the page after a face was chosen; the fields are names of components."""

    session: Session | None
    status: str
    timeline_area: Any
    plot: Any = None
    peaks: Any = None
    video_file: Any = None


class Found(NamedTuple):
    """Further updates of the page after a video was looked at; the fields are names of components."""

    results: Any
    face: Any
    json_file: str | None = None
    csv_file: str | None = None
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


def load_example(event: gr.EventData) -> tuple[str, bool, str, str, str]:
    """Put an example into the form: video, ready crops, onset, apex, offset."""
    return str(EXAMPLES[int(event.example)].path), False, "", "", ""


def find(
    video: str | None,
    cropped: bool,
    onset: str | None,
    apex: str | None,
    offset: str | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio finds it
) -> tuple[Any, ...]:
    """Look at a video; whatever is wrong with it is told in the page. The updates are `Followed`, then `Found`."""
    if video is None:
        return _nothing(CHOOSE_FIRST)
    try:
        progress(0, desc="Reading the video")
        marks = (frame_number("Onset", onset), frame_number("Apex", apex), frame_number("Offset", offset))
        request = Request(Path(video), "cropped" if cropped else "all", *marks)
        analyses = analyse(request, lambda frame: progress((frame, None), desc="Looking for movement", unit="frames"))
        json_file, csv_file = files.write_result(analyses)
    except UnusableVideo as problem:
        return _nothing(error(str(problem)))
    longest = max(range(len(analyses)), key=lambda number: len(analyses[number].moments))
    session = Session(analyses, find_example(request.path), longest, analyses[longest].strongest)
    faces = [(_name(analysis), number) for number, analysis in enumerate(analyses)]
    return (
        *_follow(session),
        *Found(
            results=gr.update(visible=True),
            face=gr.update(choices=faces, value=longest, visible=len(faces) > 1),
            json_file=json_file,
            csv_file=csv_file,
            code=files.python_lines(request, len(faces)),
        ),
    )


def choose_face(session: Session | None, face: int) -> Followed:
    """Show another of the faces."""
    return _follow(with_face(session, face))


def _follow(session: Session) -> Followed:
    analysis = session.analysis
    peaks = timeline.peak_choices(analysis)
    return Followed(
        session=session,
        status=found(analysis, len(session.analyses)),
        timeline_area=gr.update(visible=analysis.is_timeline),
        plot=timeline.timeline(analysis) if analysis.is_timeline else None,
        peaks=gr.update(choices=peaks, value=session.index if peaks else None, visible=bool(peaks)),
        video_file=gr.update(visible=False),
    )


def _name(analysis: Analysis) -> str:
    first, last = analysis.moments[0].segment, analysis.moments[-1].segment
    return f"Face {analysis.face_id}, seen {first.start_time:.1f} to {last.end_time:.1f} s"


def _nothing(status: str) -> tuple[Any, ...]:
    """The page without a result."""
    hidden = gr.update(visible=False)
    return *Followed(None, status, timeline_area=hidden), *Found(results=hidden, face=hidden)


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
        face: `largest` (default), `all`, `cropped` (the frames are ready crops of a face), or a number, 1 the largest.

    Returns:
        A list of one entry a face: the video, the model, and the segments with their action units.
    """
    if not video:
        raise gr.Error("Give a video of a face.", print_exception=False)
    chosen: str | int = int(face) if face and face.isdigit() else face or "largest"
    marks = (None if mark is None else int(mark) for mark in (onset, apex, offset))
    try:
        return to_records(analyse(Request(Path(video), chosen, *marks)))
    except UnusableVideo as problem:
        raise gr.Error(str(problem), print_exception=False) from problem


def show(session: Session | None, with_emotion: bool) -> Shown:
    """Show the moment chosen, with nothing flipped; nothing of the last video if this one could not be used."""
    if session is None:
        none = gr.update(choices=[], value=[])
        return Shown("", "", "", NO_MOVEMENT, NO_REASONS, none, none, what_if.NOTHING_FLIPPED)
    analysis, moment, example = session.analysis, session.moment, session.example
    truth = None if analysis.is_timeline else example
    pictures = picture_moment(analysis.request, moment)
    return Shown(
        account.describe(analysis, moment, example, with_emotion=with_emotion),
        units.face_map(moment, pictures.sharp[0]),
        units.unit_rows(moment, truth),
        player.player(moment, pictures),
        reasons.reasons(moment),
        gr.update(choices=what_if.relation_choices(moment), value=[]),
        gr.update(choices=what_if.unit_choices(moment), value=[]),
        what_if.NOTHING_FLIPPED,
    )


def has_structure() -> bool:
    """Whether the model has a graph, whose rules can be flipped."""
    return bool(detector.config.relations) and detector.model.structure is not None
