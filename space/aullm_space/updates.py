"""What the answers to clicks change on the page."""

from typing import Any, NamedTuple

from .exploring import Session


class Followed(NamedTuple):
    """Updates of the page after a face was chosen; the fields are names of components."""

    session: Session | None
    status: str
    timeline_area: Any
    plot: Any = None
    peaks: Any = None
    timeline_note: Any = None
    earlier: Any = None
    later: Any = None
    results: Any = None
    video_file: Any = None


class Found(NamedTuple):
    """Further updates of the page after a video was looked at; the fields are names of components."""

    face: Any
    json_file: str | None = None
    csv_file: str | None = None
    events_file: Any = None
    code: str = ""


class Shown(NamedTuple):
    """Updates of the page after a moment was chosen; the fields are names of components."""

    expressions: str
    account: str
    face_map: str
    unit_rows: str
    player: str
    reasons: str
    relations: Any
    flipped_units: Any
    what_if: str
    offered: str
    answer: str
