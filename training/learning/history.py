"""The course of a training: what was logged at each step, as a table that a run's folder keeps.

A row a logged step and phase: `evidence`, before the LLM joins, `llm`, with it, or `model`, of one without an LLM. What
was not logged at a step is missing: validation has rows of its own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from modeling_aullm.output_files import write_whole
from training.errors import InputError

FILE = "history.parquet"
KEYS = ["phase", "step"]
LEFT_OUT = ("total_flos",)  # of transformers' last entry, which sums up


def in_phase(entries: Sequence[dict[str, Any]], phase: str) -> list[dict[str, Any]]:
    """What transformers logged in one phase, without its last summary.

    Args:
        entries: `state.log_history`.
        phase: Its name.
    """
    return [{"phase": phase} | entry for entry in entries if not any(name in entry for name in LEFT_OUT)]


def write_history(folder: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Write `history.parquet`, whole or not at all; nothing for a method that is not trained.

    Args:
        folder: Of the fold.
        entries: From `in_phase`, of all phases in turn.
    """
    if not entries:
        return
    table = pd.DataFrame(list(entries)).apply(
        lambda column: column if column.name == "phase" else pd.to_numeric(column, errors="coerce")
    )
    table = table[[*KEYS, *sorted(set(table.columns) - set(KEYS))]]
    write_whole(folder / FILE, lambda path: table.to_parquet(path, index=False))


def read_histories(run: Path, folders: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """The course of every finished fold that has one on record, by the folder's name.

    Args:
        run: Folder of the run, for errors.
        folders: Of its finished folds.

    Raises:
        InputError: If a file is broken.
    """
    found = {}
    for folder in folders:
        if (folder / FILE).is_file():
            try:
                found[folder.name] = _along(pd.read_parquet(folder / FILE))
            except (OSError, ValueError, KeyError) as error:
                raise InputError(f"{run}: {folder.name}/{FILE} is broken ({error}); train this fold again") from error
    return found


def _along(course: pd.DataFrame) -> pd.DataFrame:
    """With the steps of all phases counted on, in `at`."""
    last = course.groupby("phase", sort=False)["step"].max()
    before = (last.cumsum() - last).to_dict()
    return course.assign(at=course["step"] + course["phase"].map(before))
