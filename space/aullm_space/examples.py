"""The prepared clips, made by `python -m hub.space_examples`: what was put in is known."""

import hashlib
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

from .pictures import to_url
from .video import iter_frames

FOLDER = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Example:
    """One clip.

    Attributes:
        file: Name of the file.
        title: What it shows, in a few words.
        source: Whose face it is.
        action_units: The units that were put in.
    """

    file: str
    title: str
    source: str
    action_units: list[str]

    @property
    def path(self) -> Path:
        """The file."""
        return FOLDER / self.file


EXAMPLES = [Example(**entry) for entry in json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))]
_BY_CONTENT = {hashlib.sha256(example.path.read_bytes()).digest(): example for example in EXAMPLES}


def find_example(video: Path) -> Example | None:
    """The example a video is, known by its content."""
    return _BY_CONTENT.get(hashlib.sha256(video.read_bytes()).digest())


def cards() -> str:
    """A button an example, with its first frame."""
    return f'<div class="cards">{"".join(map(_card, range(len(EXAMPLES)), EXAMPLES))}</div>'


def _card(number: int, example: Example) -> str:
    _, frame = next(iter_frames(example.path))
    return (
        f'<button type="button" class="card" data-example="{number}"><img alt="" src="{to_url(frame)}">'
        f"<strong>{escape(example.title)}</strong><span>{' '.join(example.action_units)}</span></button>"
    )
