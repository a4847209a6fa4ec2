"""What the long recordings of a licensed dataset look like: spreadsheets, folders, and what of it is only assumed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.licensed.description import LicensedDataset
from hub.licensed.spreadsheet import Row

Names = tuple[str, str]  # of a subject and of one of their recordings


@dataclass(frozen=True)
class Sheet:
    """One spreadsheet of intervals, one a row.

    Attributes:
        patterns: Of its file name, without its ending; the first is shown to people.
        columns: Field and the names its column goes by. Fields: `subject`, `filename`, `onset`, `apex`, `offset`, and,
            where the sheet has them, `kind`, `units`, `emotion`.
        tab: Pattern of the name of the sheet in it; empty: its first.
        has_header: Whether a row heads the columns; without one, the columns are `columns` in their order.
        kind: Of all its intervals; empty: the column `kind` says which.
        clips: The dataset of clips whose sheet it is, for the mistakes that are known in it.
    """

    patterns: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    tab: str = ""
    has_header: bool = True
    kind: str = ""
    clips: LicensedDataset | None = None


@dataclass(frozen=True)
class LicensedRecordings:
    """The long recordings of one licensed dataset.

    Attributes:
        name: As in commands.
        dataset: Value of the column `dataset`: that of the clips of the same people, so that folds keep them together.
        title: As its authors write it.
        request_page: Where its licence is asked for.
        paper: To be cited.
        fps: Frames a second.
        sheets: Sets of spreadsheets with all intervals; the first set of which all files and tabs are there counts.
        places: Folders in `--root` that may hold the recordings' folders; an empty one is `--root` itself.
        cropped_places: The same for ready crops.
        folder: Regular expression of a recording's folder below such a place, with the groups `subject` and `video`,
            and perhaps `own`: whose recording the folder's own name says it is.
        depth: Levels of folders in it.
        example: A frame's path, to tell people what was expected.
        locate: Makes of a spreadsheet's path a function from a row to the names of subject and recording.
        fully_coded: Whether a recording without any row was looked through, and shows nothing.
        assumed: What of this is assumed, not documented; empty if nothing.
    """

    name: str
    dataset: str
    title: str
    request_page: str
    paper: str
    fps: float
    sheets: tuple[tuple[Sheet, ...], ...]
    places: tuple[str, ...]
    folder: str
    depth: int
    example: str
    locate: Callable[[Path], Callable[[Row], Names]]
    cropped_places: tuple[str, ...] = ("Cropped", "cropped")
    fully_coded: bool = False
    assumed: str = ""


def by_columns(_: Path) -> Callable[[Row], Names]:
    """For `locate`, where the columns of subject and filename hold the folders' names."""
    return lambda row: (row.text("subject"), row.text("filename"))
