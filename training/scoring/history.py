"""What a training logged, step by step: `history.parquet` in the folder of each fold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from training.errors import InputError
from training.scoring.run_results import fold_folders

FILE = "history.parquet"
PARTS = ("loss_main", "loss_cf")
METRICS = ("eval_loss", "eval_binary_f1", "eval_macro_f1", "eval_roc_auc", "eval_average_precision")
NUMBERS = ("loss", *PARTS, "learning_rate", "grad_norm", *METRICS)
TIMES = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


def history_table(logged: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What was logged as a table.

    Args:
        logged: Entries as transformers logs them, each with its `phase`: `evidence` or `llm`, `model` of a baseline.

    Returns:
        A row a phase and step, in order: phase, step, and what was logged there: loss, its parts (`loss_...`), learning
        rate, gradient norm, the loss and metrics of validation (`eval_...`); NaN where it was not logged. Of what is
        not trained there are no rows.
    """
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for entry in logged:
        phase, step = str(entry["phase"]), int(entry["step"])
        kept = {name: float(value) for name, value in entry.items() if _is_kept(name)}
        if kept:  # the summary at the end of a training has none of them
            rows.setdefault((phase, step), {"phase": phase, "step": step}).update(kept)
    more = sorted({name for row in rows.values() for name in row} - {"phase", "step", *NUMBERS})
    kinds = {"phase": "str", "step": "int64"} | dict.fromkeys([*NUMBERS, *more], "float64")
    return pd.DataFrame(list(rows.values()), columns=list(kinds)).astype(kinds)


def _is_kept(name: str) -> bool:
    return name in NUMBERS or (name.startswith(("loss_", "eval_")) and name not in TIMES)


def read_history(run: Path) -> pd.DataFrame | None:
    """The histories of a run's finished folds, with the columns `fold` and `seed`; `None` if nothing was logged.

    Folds of older versions hold none.

    Raises:
        InputError: If a file is broken.
    """
    tables = []
    for path in (folder / FILE for folder in fold_folders(run)[0]):
        if path.is_file():
            try:
                table = pd.read_parquet(path)
                tables.append(table.astype({"phase": "str", "step": "int64", "fold": "str", "seed": "int64"}))
            except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are of these
                raise InputError(f"{path} cannot be read ({error}); remove it to have a report without") from error
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else None
