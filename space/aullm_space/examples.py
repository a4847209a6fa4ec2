"""The prepared clips, made by `python -m hub.space_examples`: what was put in is known."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

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
