"""Prepared datasets: `load_prepared` for clips, `load_recordings` for recordings."""

import os
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, DatasetDict, concatenate_datasets, load_from_disk
from datasets.exceptions import DatasetsError

from hub.repos.fetch import MAX_GB, fetch_dataset
from hub.repos.repository import is_repo_id
from training.data.recordings import recording_features
from training.errors import InputError

COLUMNS = (
    "dataset", "subject", "clip_id", "onset", "apex", "offset", "fps", "emotion", "action_units", "au_codes", "frames",
)  # fmt: skip
MAX_GB_RECORDINGS = 100.0  # own choice: more than SAMM Long Videos takes, the largest


def load_prepared(name: str | os.PathLike, revision: str | None = None) -> Dataset:
    """Load a dataset that `hub.prepare` made, all its splits as one.

    One row a clip: `dataset`, `subject` and `clip_id`; `onset`, `apex` and `offset` as indices among its frames, -1
    where unknown; `fps`; `emotion` as published; `action_units` that are present, such as `AU12`, None where they are
    unknown; `au_codes` with side, intensity and doubt, such as `R12B` or `4 (k)`; `frames`, an array of bytes (frames,
    size, size) or a list of images. Also `frame_numbers` in the published files' names, and the face's `landmarks`.

    Args:
        name: Folder, or id of a dataset repository on the Hub.
        revision: Commit of the repository; the newest unless given.

    Raises:
        InputError: If there is no such dataset, it lacks a column or all rows, or a repository holds something it
            must not (see `hub.repos.fetch`).
    """
    data = _load(name, revision, MAX_GB)
    if is_recordings(data):
        raise InputError(f"{name} holds whole recordings, not clips; training and evaluation on clips cannot read it")
    _check(data, name, COLUMNS)
    return data


def load_recordings(name: str | os.PathLike, revision: str | None = None) -> Dataset:
    """Load recordings that `hub.prepare` made, all splits as one; `training.data.recordings.open_recording` opens them.

    One row a recording, see `training.data.recordings.recording_features`. Videos lie on disk until they are opened.

    Args:
        name: Folder, or id of a dataset repository on the Hub.
        revision: Commit of the repository; the newest unless given.

    Raises:
        InputError: As `load_prepared`.
    """
    data = _load(name, revision, MAX_GB_RECORDINGS)
    _check(data, name, tuple(recording_features()))
    return data


def load_any(folder: Path) -> Dataset:
    """Load what a folder holds, clips or recordings; `is_recordings` tells.

    Raises:
        InputError: As `load_prepared`.
    """
    data = _load(folder, None, MAX_GB)
    _check(data, folder, tuple(recording_features()) if is_recordings(data) else COLUMNS)
    return data


def is_recordings(data: Dataset) -> bool:
    """Whether a dataset's rows are recordings."""
    return "recording_id" in data.column_names


def _load(name: str | os.PathLike, revision: str | None, max_gb: float) -> Dataset:
    folder = Path(name)
    if folder.is_dir() and revision is not None:
        raise InputError(f"{name} is a folder and has no revisions")
    if not folder.is_dir():
        if not is_repo_id(str(name)):
            raise InputError(f"{name} is no folder, and no name of a dataset on the Hub, which is ORG/NAME")
        folder = fetch_dataset(str(name), revision, max_gb=max_gb).path
    try:
        data = load_from_disk(str(folder))
    except IndexError as error:  # what `datasets` raises for a folder in which no row was saved
        raise InputError(f"{name} has no rows") from error
    except (OSError, ValueError, DatasetsError) as error:
        cause = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{name} holds no dataset: {cause}") from error
    if isinstance(data, DatasetDict):
        data = concatenate_datasets(list(data.values()))
    return data


def _check(data: Dataset, name: str | os.PathLike, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in data.column_names]
    if missing or not len(data):
        what = f"lacks the columns {', '.join(missing)}" if missing else "has no rows"
        raise InputError(f"{name} {what}; make it by python -m hub.prepare")
