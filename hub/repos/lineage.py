"""Which data a checkpoint has seen: from the record that training writes beside it, and of what it was started from."""

import json
from pathlib import Path
from typing import Any

from datasets import DatasetDict, load_from_disk

from hub.repos.licence import read_preparation

RECORD = "metrics.json"  # of a checkpoint: `training.report.card.read_record`


def read_record(checkpoint: Path) -> dict[str, Any]:
    """The record beside a checkpoint; empty if there is none that can be read."""
    try:
        record = json.loads((checkpoint / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def data_seen(checkpoint: Path) -> list[str] | None:
    """Names of the data that a checkpoint was trained on, that of the checkpoint it was started from first.

    Args:
        checkpoint: Its folder.

    Returns:
        Each name once; `None` if nothing is on record. What cannot be found out is named as such.
    """
    record = read_record(checkpoint)
    if isinstance(record.get("data_seen"), list):  # pushed, and fetched again
        return [str(name) for name in record["data_seen"]]
    options = record.get("options") or {}
    if not options.get("data"):
        return None
    before: list[str] = []
    if started := options.get("model"):
        folder = Path(started)
        earlier = data_seen(folder) if folder.is_dir() else None
        before = [f"whatever the checkpoint {folder.name} had seen"] if earlier is None else earlier
    data, listed = options["data"], record.get("datasets")
    if data.startswith("synthetic:") or not listed:
        listed = data_names(data, options.get("data_seed", 0))
    return list(dict.fromkeys([*before, *map(str, listed)]))


def data_names(data: str, seed: int = 0) -> list[str]:
    """What people call the data of a command's option; never a path of this machine.

    Args:
        data: `synthetic:A`, a Hub id, or the folder of a dataset, whose names are in its report or its rows.
        seed: Of synthetic data.
    """
    if data.startswith("synthetic:"):
        return [f"{data}, seed {seed}"]
    folder = Path(data)
    if not folder.is_dir():
        return [data if not folder.is_absolute() else folder.name]
    listed = read_preparation(folder).get("datasets")
    if listed:
        return [str(name) for name in listed]
    try:
        rows = load_from_disk(data)
    except (OSError, ValueError, IndexError):
        return [folder.name]
    splits = rows.values() if isinstance(rows, DatasetDict) else [rows]
    names = {str(name) for split in splits if "dataset" in split.column_names for name in split.unique("dataset")}
    return sorted(names) or [folder.name]


def without_paths(content: Any) -> Any:
    """A record without this machine's absolute paths: each becomes its last name, also inside a command.

    Args:
        content: Of JSON.
    """
    if isinstance(content, dict):
        return {without_paths(key): without_paths(value) for key, value in content.items()}
    if isinstance(content, list):
        return [without_paths(value) for value in content]
    if isinstance(content, str):
        return " ".join(Path(word.strip("'\"")).name if _is_path(word) else word for word in content.split(" "))
    return content


def _is_path(word: str) -> bool:
    return word.strip("'\"").startswith(("/", "~", "\\")) or word.strip("'\"")[1:3] in (":\\", ":/")
