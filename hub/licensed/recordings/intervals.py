"""From spreadsheets to the intervals of all recordings, one a row, as published."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from hub.licensed.action_unit_codes import ActionUnitCode, parse_action_units
from hub.licensed.annotations import Annotation, Moments, printable
from hub.licensed.folders import plain
from hub.licensed.known_mistakes import is_published
from hub.licensed.recordings.description import LicensedRecordings, Names, Sheet
from hub.licensed.remarks import ClipError, Kind, Remark
from hub.licensed.spreadsheet import CellError, Row, read_headless_rows, read_rows, tab_names
from training.errors import InputError

Problem = tuple[Kind, str, str]
OPTIONAL = ("units", "emotion")


@dataclass(frozen=True)
class Interval:
    """One row of a spreadsheet.

    Attributes:
        names: Of subject and recording, as folders are compared by, see `hub.licensed.folders.plain`.
        annotation: What it says; its `clip_id` is the recording, as far as it is known.
        kind: Micro- or macro-expression.
        sheet: Whose row it is.
        problems: What was odd about its cells.
        may_be_mended: Whether the sheet has as many rows as the published one, so that known mistakes are looked for.
    """

    names: Names
    annotation: Annotation
    kind: Literal["micro", "macro"]
    sheet: Sheet
    problems: tuple[Problem, ...] = ()
    may_be_mended: bool = False


def find_sheets(root: Path, given: Sequence[Path], dataset: LicensedRecordings) -> list[tuple[Path, Sheet, str]]:
    """The spreadsheets with a dataset's intervals, how each is to be read, and which of its sheets.

    Args:
        root: The user's copy; they lie in it, in a folder in it, or in one called `annotation` below that.
        given: The files, if they lie elsewhere; one alone may have any name.
        dataset: Whose they are.

    Raises:
        InputError: If one is not there, or there are several of one name.
    """
    for path in given:
        if not path.is_file():
            raise InputError(f"there is no file {path}; --annotations is the spreadsheet of {dataset.title}")
    files = given or sorted(
        path
        for pattern in ("*", "*/*", "*/annotation/*")
        for path in root.glob(pattern)
        if path.suffix.lower() in (".xlsx", ".xls") and not path.name.startswith((".", "~")) and path.is_file()
    )
    known = {path for sheets in dataset.sheets for sheet in sheets for path in _files_of(sheet, files)}
    for sheets in dataset.sheets:
        alone = len(given) == 1 and not known and len({sheet.patterns for sheet in sheets}) == 1
        found = [given if alone else _files_of(sheet, files) for sheet in sheets]
        if not all(found):
            continue
        for paths in found:
            if len(paths) > 1:
                names = ", ".join(str(path) for path in paths)
                raise InputError(f"several spreadsheets of {dataset.title}: {names}; choose by --annotations FILE")
        tabs = [_tab(paths[0], sheet) for paths, sheet in zip(found, sheets, strict=True)]
        files_and_tabs = {(paths[0], tab) for paths, tab in zip(found, tabs, strict=True) if tab is not None}
        if len(files_and_tabs) == len(sheets):
            return [(paths[0], sheet, tab or "") for paths, sheet, tab in zip(found, sheets, tabs, strict=True)]
    expected = " or ".join(
        " with ".join(dict.fromkeys(f"{sheet.patterns[0]}.xls(x)" for sheet in sheets)) for sheets in dataset.sheets
    )
    where = ", ".join(map(str, given)) or f"{root}"
    raise InputError(f"{where}: no {expected}, the intervals of {dataset.title}; give --annotations FILE")


def _files_of(sheet: Sheet, files: Sequence[Path]) -> list[Path]:
    return [path for path in files if any(fnmatch(path.stem.lower(), pattern.lower()) for pattern in sheet.patterns)]


def _tab(path: Path, sheet: Sheet) -> str | None:
    """Name of the sheet in the file, empty for its first; None if it is not there, or not the only one so called."""
    if not sheet.tab:
        return ""
    found = [name for name in tab_names(path) if fnmatch(name.lower(), sheet.tab)]
    return found[0] if len(found) == 1 else None


def read_intervals(
    path: Path, sheet: Sheet, tab: str, dataset: LicensedRecordings
) -> tuple[list[Interval], list[Remark]]:
    """Read one spreadsheet.

    Returns:
        The intervals, and remarks on the rows that cannot be used.

    Raises:
        InputError: If the file cannot be read, or lacks a column.
    """
    if sheet.has_header:
        rows = read_rows(path, sheet.columns, OPTIONAL, tab)
    else:
        rows = read_headless_rows(path, tuple(sheet.columns), tab)
    try:
        locate = dataset.locate(path)
    except CellError as error:
        raise InputError(f"{path}: {error}") from error
    intervals, remarks = [], []
    for row in rows:
        try:
            subject, recording = locate(row)
            intervals.append(_interval(row, (plain(subject), plain(recording)), sheet))
        except (CellError, ClipError) as error:
            name = printable(str(row.cells.get("filename") or f"row {row.number}"))
            problem = error if isinstance(error, ClipError) else ClipError("a cell cannot be read", str(error))
            remarks.append(Remark("left out", dataset.name, name, row.number, problem.what, problem.detail))
    if rows and not any("units" in row.cells for row in rows):
        what = "no column of action units: unknown for all its intervals"
        remarks.append(Remark("kept", dataset.name, path.name, -1, what))
    if sheet.clips is not None and is_published([each.annotation for each in intervals], len(remarks), sheet.clips):
        intervals = [replace(each, may_be_mended=True) for each in intervals]
    return intervals, remarks


def _interval(row: Row, names: Names, sheet: Sheet) -> Interval:
    problems: list[Problem] = []
    moments = Moments(*(_moment(row, field, problems) for field in Moments._fields))
    annotation = Annotation(
        row=row.number,
        subject=names[0],
        filename=names[1],
        moments=moments,
        emotion=printable(row.text("emotion")),
        units=row.value("units"),
        codes=_codes(row, problems),
        clip_id=printable(f"{row.text('subject')}/{row.text('filename')}"),
    )
    return Interval(names, annotation, _kind(row, sheet), sheet, tuple(problems))


def _kind(row: Row, sheet: Sheet) -> Literal["micro", "macro"]:
    said = sheet.kind or row.text("kind").lower()
    if said.startswith("micro"):
        return "micro"
    if said.startswith("macro"):
        return "macro"
    raise CellError(f"kind is {said[:60]!r}, neither micro nor macro")


def _moment(row: Row, field: str, problems: list[Problem]) -> int | None:
    """A cell as a frame's number; an apex that is none is unknown, for an interval can do without."""
    text = row.text(field)
    if text in ("", "/", "-"):
        return None
    if not re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", text) or text.startswith("-"):
        if field != "apex":
            raise CellError(f"{field} is {text[:60]!r}, which is no frame number")
        problems.append(("mended", "apex is no frame number: taken as unknown", repr(text[:60])))
        return None
    number = int(Decimal(text).to_integral_value(ROUND_HALF_UP))
    if number != Decimal(text):
        problems.append(("mended", "a frame number with decimals was rounded", f"{field} {text} became {number}"))
    return number


def _codes(row: Row, problems: list[Problem]) -> tuple[ActionUnitCode, ...] | None:
    """The action units; None where unknown, which does not make the interval worthless."""
    try:
        codes = parse_action_units(row.value("units"))
    except ValueError as error:
        problems.append(("kept", "action units cannot be read: unknown", str(error)))
        return None
    if codes is None and "units" in row.cells:
        cell = "empty cell" if row.cells["units"] is None else f"cell {str(row.cells['units'])[:60]!r}"
        problems.append(("kept", "action units unknown", cell))
    return None if codes is None else tuple(codes)
