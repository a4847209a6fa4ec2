"""What a visitor asked."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """What a visitor asked.

    Attributes:
        path: The upload.
        face: `all`, `largest`, `cropped` or the number of a face from 1.
        onset: First frame of the expression, None if not known.
        apex: Frame of its height, likewise.
        offset: Last frame, likewise.
        sensitivity: How sure expressions have to be, a name that the processor knows.
    """

    path: Path
    face: str | int = "all"
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    sensitivity: str = "normal"

    @property
    def marks(self) -> dict[str, int | None]:
        """Onset, apex and offset."""
        return {"onset": self.onset, "apex": self.apex, "offset": self.offset}

    @property
    def is_marked(self) -> bool:
        """Whether it says where the expression lies."""
        return any(mark is not None for mark in self.marks.values())
