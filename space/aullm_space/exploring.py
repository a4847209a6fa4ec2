"""What a visitor looks at after a video was looked at: faces, moments, hints at emotions, what if, annotated video."""

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from . import account, files, what_if
from .analysis import tell
from .examples import Example
from .messages import EXPIRED
from .moments import Analysis, Moment
from .watching import Watched


@dataclass(frozen=True)
class Session:
    """What one visitor looks at.

    Attributes:
        watched: What is kept of the video.
        analyses: What was found of each face in the video.
        example: The example the video is, if it is one.
        face: Number of the face shown, in `analyses`.
        index: Number of the moment shown.
    """

    watched: Watched
    analyses: list[Analysis]
    example: Example | None
    face: int
    index: int

    @property
    def analysis(self) -> Analysis:
        """What was found of the face shown."""
        return self.analyses[self.face]

    @property
    def moment(self) -> Moment:
        """The moment shown."""
        return self.analysis.moments[self.index]


def retell(session: Session | None, with_emotion: bool) -> str:
    """The account, with or without the hint at emotions."""
    alive = _alive(session)
    return account.describe(alive.analysis, alive.moment, alive.example, with_emotion=with_emotion)


def with_face(session: Session | None, face: int) -> Session:
    """Choose a face by its number in `analyses`, at the moment where most happens."""
    alive = _alive(session)
    return replace(alive, face=face, index=alive.analyses[face].strongest)


def with_sensitivity(session: Session, sensitivity: str) -> Session:
    """Tell expressions that have to be as sure as this, of the same face."""
    analyses = tell(session.watched, sensitivity)
    return replace(session, analyses=analyses, index=analyses[session.face].strongest)


def go_to(session: Session | None, index: int) -> Session:
    """Choose a moment by its number; one before the first or after the last is the first or last."""
    alive = _alive(session)
    return replace(alive, index=max(0, min(int(index), len(alive.analysis.moments) - 1)))


def go_earlier(session: Session | None) -> Session:
    """Choose the moment before."""
    return go_to(session, _alive(session).index - 1)


def go_later(session: Session | None) -> Session:
    """Choose the moment after."""
    return go_to(session, _alive(session).index + 1)


def go_to_time(session: Session | None, event: gr.EventData) -> Session:
    """Choose the moment nearest to the time clicked on the timeline."""
    moments = _alive(session).analysis.moments
    near = min(range(len(moments)), key=lambda index: abs(moments[index].centre - float(event.time)), default=0)
    return go_to(session, near)


def go_to_row(session: Session | None, event: gr.EventData) -> Session:
    """Choose the expression clicked in the table."""
    return go_to(session, int(event.moment))


def start_what_if(session: Session | None, relations: list[int], flipped_units: list[str]) -> Any:
    """Begin with the rule that moves most, unless some are chosen."""
    if session is None or not session.analysis.moments or relations or flipped_units:
        return gr.skip()
    return what_if.strongest(session.moment)


def flip(session: Session | None, relations: list[int], flipped_units: list[str]) -> str:
    """Ask what if."""
    return what_if.what_if(_alive(session).moment, relations, flipped_units)


def make_video(session: Session | None) -> Any:
    """The annotated video, ready for download."""
    analysis = _alive(session).analysis
    if not analysis.request.path.is_file():
        raise gr.Error(EXPIRED, print_exception=False)
    return gr.update(value=files.write_video(analysis), visible=True)


def _alive(session: Session | None) -> Session:
    if session is None:
        raise gr.Error(EXPIRED, print_exception=False)
    return session
