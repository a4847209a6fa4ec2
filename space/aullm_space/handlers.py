"""A video is given, a moment is shown; nothing here knows how the page is laid out."""

from pathlib import Path
from typing import Any

import gradio as gr

from . import account, detector, files, player, questions, reasons, timeline, units, what_if
from .analysis import tell
from .examples import EXAMPLES, find_example
from .explanation import picture_moment
from .exploring import Session, with_face, with_sensitivity
from .expression_table import table
from .limits import UnusableVideo, frame_number
from .messages import (
    CHOOSE_FIRST,
    EXPRESSIONS_TIMELINE,
    NO_MOVEMENT,
    NO_REASONS,
    TIMELINE,
    error,
    found,
    kind_of_moment,
)
from .moments import Analysis
from .request import Request
from .updates import Followed, Found, Shown
from .watching import watch


def load_example(event: gr.EventData) -> tuple[str, bool, str, str, str]:
    """Put an example into the form: video, ready crops, onset, apex, offset."""
    return str(EXAMPLES[int(event.example)].path), False, "", "", ""


def find(
    video: str | None,
    cropped: bool,
    onset: str | None,
    apex: str | None,
    offset: str | None,
    sensitivity: str,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio finds it
) -> tuple[Any, ...]:
    """Look at a video; whatever is wrong with it is told in the page. The updates are `Followed`, then `Found`."""
    if video is None:
        return _nothing(CHOOSE_FIRST)
    try:
        progress(0, desc="Reading the video")
        marks = (frame_number("Onset", onset), frame_number("Apex", apex), frame_number("Offset", offset))
        request = Request(Path(video), "cropped" if cropped else "all", *marks)
        watched = watch(request, lambda frame: progress((frame, None), desc="Looking for movement", unit="frames"))
    except UnusableVideo as problem:
        return _nothing(error(str(problem)))
    analyses = tell(watched, sensitivity)
    longest = max(range(len(analyses)), key=lambda number: len(analyses[number].windows))
    return _tell(Session(watched, analyses, find_example(request.path), longest, analyses[longest].strongest))


def choose_sensitivity(session: Session | None, sensitivity: str) -> Any:
    """Tell the expressions of the video that was looked at anew; what was read of it is kept."""
    if session is None or not session.watched.readings:
        return gr.skip()
    return _tell(with_sensitivity(session, sensitivity))


def _tell(session: Session) -> tuple[Any, ...]:
    json_file, csv_file, events_file = files.write_result(session.analyses)
    faces = [(_name(analysis), number) for number, analysis in enumerate(session.analyses)]
    return (
        *_follow(session),
        *Found(
            face=gr.update(choices=faces, value=session.face, visible=len(faces) > 1),
            json_file=json_file,
            csv_file=csv_file,
            events_file=gr.update(value=events_file, visible=events_file is not None),
            code=files.python_lines(session.analyses),
        ),
    )


def choose_face(session: Session | None, face: int) -> Followed:
    """Show another of the faces."""
    return _follow(with_face(session, face))


def _follow(session: Session) -> Followed:
    analysis = session.analysis
    peaks = timeline.peak_choices(analysis)
    several = len(analysis.moments) > 1
    return Followed(
        session=session,
        status=found(analysis, len(session.analyses)),
        timeline_area=gr.update(visible=analysis.is_timeline),
        plot=timeline.timeline(analysis) if analysis.is_timeline else None,
        peaks=gr.update(choices=peaks, value=session.index if peaks else None, visible=bool(peaks)),
        timeline_note=EXPRESSIONS_TIMELINE if analysis.finds_events else TIMELINE,
        earlier=gr.update(value=f"Earlier {kind_of_moment(analysis)}", visible=several),
        later=gr.update(value=f"Later {kind_of_moment(analysis)}", visible=several),
        results=gr.update(visible=bool(analysis.moments)),
        video_file=gr.update(visible=False),
    )


def _name(analysis: Analysis) -> str:
    first, last = analysis.windows[0].segment, analysis.windows[-1].segment
    return f"Face {analysis.face_id}, seen {first.start_time:.1f} to {last.end_time:.1f} s"


def _nothing(status: str) -> tuple[Any, ...]:
    """The page without a result."""
    hidden = gr.update(visible=False)
    return *Followed(None, status, timeline_area=hidden, results=hidden), *Found(face=hidden, events_file=hidden)


def show(session: Session | None, with_emotion: bool) -> Shown:
    """Show the moment chosen, with nothing flipped; nothing of the last video if this one could not be used."""
    if session is None or not session.analysis.moments:
        none = gr.update(choices=[], value=[])
        return Shown("", "", "", "", NO_MOVEMENT, NO_REASONS, none, none, what_if.NOTHING_FLIPPED, "", "")
    analysis, moment, example = session.analysis, session.moment, session.example
    truth = None if analysis.is_timeline else example
    pictures = picture_moment(analysis.request, moment)
    return Shown(
        table(analysis.moments, session.index) if analysis.finds_events else "",
        account.describe(analysis, moment, example, with_emotion=with_emotion),
        units.face_map(moment, pictures.sharp[0]),
        units.unit_rows(moment, truth),
        player.player(moment, pictures),
        reasons.reasons(moment),
        gr.update(choices=what_if.relation_choices(moment), value=[]),
        gr.update(choices=what_if.unit_choices(moment), value=[]),
        what_if.NOTHING_FLIPPED,
        questions.offered(analysis),
        "",
    )


def has_structure() -> bool:
    """Whether the model has a graph, whose rules can be flipped."""
    return bool(detector.config.relations) and detector.model.structure is not None
