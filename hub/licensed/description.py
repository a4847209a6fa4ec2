"""What a licensed dataset looks like: its spreadsheet, its folders, its published mistakes."""

from dataclasses import dataclass, field
from typing import Any

COLUMNS: dict[str, tuple[str, ...]] = {  # as CASME II and MMEW head them
    "subject": ("Subject",),
    "filename": ("Filename",),
    "onset": ("OnsetFrame",),
    "apex": ("ApexFrame",),
    "offset": ("OffsetFrame",),
    "units": ("Action Units",),
    "emotion": ("Estimated Emotion",),
}


@dataclass(frozen=True)
class LicensedDataset:
    """One licensed micro-expression dataset. Layouts and mistakes: the MEB benchmark, arXiv 2211.11425.

    Attributes:
        name: As in commands and in the column `dataset`.
        title: As its authors write it.
        request_page: Where its licence is asked for.
        paper: To be cited.
        clips: Rows of the published spreadsheet.
        fps: Frames a second.
        annotations: Patterns of the spreadsheet's file name, without its ending.
        columns: Field and the names its column goes by.
        places: Folders in `--root` that may hold the frames' folders; an empty one is `--root` itself.
        cropped_places: The same for the ready crops that come with the dataset.
        folders: Where a clip's frames lie, fields in braces; `*` is any folder. The first that is there counts.
        example: A frame's path, to tell people what was expected.
        subject_digits: Digits to which a subject's number is filled up with zeros; 0 leaves it as it is.
        has_units: Whether action units are coded.
        has_apex: Whether the apex is annotated.
        whole_recordings: Whether a folder holds more than its clip, and several clips share one.
        mistakes: Corrections of the published file: field, then row (0-based) and right value.
        swapped: Two rows whose action units stand in each other's place.
    """

    name: str
    title: str
    request_page: str
    paper: str
    clips: int
    fps: float
    annotations: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    places: tuple[str, ...]
    folders: tuple[str, ...]
    example: str
    cropped_places: tuple[str, ...] = ("Cropped", "")
    subject_digits: int = 0
    has_units: bool = True
    has_apex: bool = True
    whole_recordings: bool = False
    mistakes: dict[str, dict[int, Any]] = field(default_factory=dict)
    swapped: tuple[int, int] | None = None

    def corrections(self, row: int) -> dict[str, Any]:
        """Right values of a row of the published file, by field; empty if no mistake is known."""
        return {name: values[row] for name, values in self.mistakes.items() if row in values}
