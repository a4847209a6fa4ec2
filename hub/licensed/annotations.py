"""From a dataset's spreadsheet to its annotations, one a clip, as published."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from hub.licensed.action_unit_codes import ActionUnitCode, parse_action_units
from hub.licensed.description import LicensedDataset
from hub.licensed.folders import checked_name
from hub.licensed.remarks import ClipError, Remark
from hub.licensed.spreadsheet import CellError, Row, read_rows
from training.errors import InputError


class Moments(NamedTuple):
    """Numbers of a clip's onset, apex and offset frame, as in the frames' names; None where there is none."""

    onset: int | None
    apex: int | None
    offset: int | None


@dataclass(frozen=True)
class Annotation:
    """One row of a spreadsheet.

    Attributes:
        row: Its number in the data, from 0.
        subject: With the dataset's zeros.
        filename: Name of the clip's folder.
        moments: Onset, apex and offset.
        emotion: As published.
        units: The cell of the action units; None if it is empty.
        codes: The same, read; None if it does not say, or the dataset has none at all.
        clip_id: Name that is unique within the dataset, once it is given.
    """

    row: int
    subject: str
    filename: str
    moments: Moments
    emotion: str
    units: str | int | float | None
    codes: tuple[ActionUnitCode, ...] | None
    clip_id: str = ""


def find_spreadsheet(root: Path, dataset: LicensedDataset) -> Path:
    """The dataset's spreadsheet in the root or a folder in it.

    Raises:
        InputError: If there is none, or more than one.
    """
    found = sorted(
        path
        for folder in [root, *(child for child in root.iterdir() if child.is_dir() and child.name[0] != ".")]
        for path in folder.iterdir()
        if path.suffix.lower() in (".xlsx", ".xls") and _fits(path.stem, dataset)
    )
    if len(found) == 1:
        return found[0]
    expected = f"{dataset.annotations[0]}.xlsx"
    if not found:
        raise InputError(f"{root} holds no {expected}, the annotations of {dataset.title}; give --annotations FILE")
    names = ", ".join(str(path.relative_to(root)) for path in found)
    raise InputError(f"{root} holds several {expected}: {names}; choose one by --annotations FILE")


def read_annotations(path: Path, dataset: LicensedDataset) -> tuple[list[Annotation], list[Remark]]:
    """Read a dataset's spreadsheet.

    Returns:
        The annotations, and remarks on the rows that cannot be used.

    Raises:
        InputError: If the file cannot be read, or lacks a column.
    """
    annotations, remarks = [], []
    for row in read_rows(path, dataset.columns):
        try:
            annotations.append(_annotation(row, dataset))
        except (CellError, ClipError, ValueError) as error:
            name = printable(str(row.cells.get("filename") or f"row {row.number}"))
            problem = error if isinstance(error, ClipError) else ClipError("a cell cannot be read", str(error))
            remarks.append(Remark("left out", dataset.name, name, row.number, problem.what, problem.detail))
    return annotations, remarks


def _fits(stem: str, dataset: LicensedDataset) -> bool:
    return any(fnmatch(stem.lower(), pattern.lower()) for pattern in dataset.annotations)


def _annotation(row: Row, dataset: LicensedDataset) -> Annotation:
    subject = row.text("subject")
    if subject.isascii() and subject.isdigit():
        subject = subject.zfill(dataset.subject_digits)
    units = row.value("units")
    codes = parse_action_units(units) if dataset.has_units else None
    return Annotation(
        row=row.number,
        subject=checked_name(subject, "subject"),
        filename=checked_name(row.text("filename"), "filename"),
        moments=Moments(*(row.frame_number(field) for field in Moments._fields)),
        emotion=printable(row.text("emotion")),
        units=units,
        codes=None if codes is None else tuple(codes),
    )


def printable(text: str) -> str:
    """A cell's text as one short line that does a terminal no harm."""
    line = " ".join(text.split())[:80]
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def folder_patterns(annotation: Annotation, dataset: LicensedDataset) -> Iterator[str]:
    """Where the clip's frames may lie, for `Root.find`; a name that leads elsewhere raises `ClipError` there."""
    for pattern in dataset.folders:
        emotion = checked_name(annotation.emotion, "emotion") if "{emotion}" in pattern else ""
        yield pattern.format(subject=annotation.subject, filename=annotation.filename, emotion=emotion)
