"""Tables of a report: the runs, their figures, their differences."""

from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from training.errors import InputError
from training.options import METHOD_NAMES, DataOptions, Recipe
from training.scoring.bootstrap import Pool, compare
from training.scoring.metrics import FIGURES
from training.scoring.run_results import fold_folders, pools, read_predictions, read_run, summarize

TITLES = {
    "binary_f1_at_0.5": "binary F1 at 0.5",
    "binary_f1_at_validation_threshold": "binary F1 at validation threshold",
    "macro_f1_at_0.5": "macro F1 at 0.5",
    "macro_f1_at_validation_threshold": "macro F1 at validation threshold",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "oracle_threshold_macro_f1": "oracle-threshold macro F1 (leaks)",
}
COMPARED = ("binary_f1_at_0.5", "binary_f1_at_validation_threshold")


class Run(NamedTuple):
    """A run as the report sees it."""

    label: str
    record: dict[str, Any]
    finished: int  # folds
    folds: int
    parts: dict[str, Any]  # see `run_results.summarize`
    seeds: dict[str, Any]
    pools: dict[str, dict[int, Pool]]  # of each part, by seed

    @property
    def title(self) -> str:
        """The label, and whether the run is partial."""
        return self.label + (
            "" if self.finished == self.folds else f" (partial: {self.finished} of {self.folds} folds)"
        )

    @property
    def synthetic(self) -> list[str]:
        """Names of its data that are synthetic."""
        return [name for name in self.record["data"] if name.startswith("synthetic:")]


def read(path: Path) -> Run:
    """Read a run's folder, finished or not.

    Raises:
        InputError: If it is not a run's, or holds no finished fold, or broken files.
    """
    record, predictions = read_run(path), read_predictions(path)
    finished, missing = fold_folders(path)
    units, summary = record["action_units"], summarize(predictions, record["action_units"])
    by_seed = {part: pools(predictions, part, units) for part in summary["parts"]}
    label = path.resolve().name
    return Run(label, record, len(finished), len(finished) + len(missing), summary["parts"], summary["seeds"], by_seed)


def parts_of(runs: Sequence[Run]) -> list[str]:
    """Names of the parts that any run tested."""
    return sorted({part for run in runs for part in run.parts})


def settings(record: dict[str, Any]) -> str:
    """The method, or the checkpoint that was evaluated, and the options that differ from their defaults."""
    name = "method" if "method" in record["options"] else "model"  # `hub.evaluate` has no method of its own
    changed = []
    for option in [*fields(DataOptions), *fields(Recipe)]:
        default = option.default if option.default_factory is MISSING else option.default_factory()
        value = record["options"].get(option.name, default)
        if option.name != name and value != default:
            changed.append(f"{option.name}={' '.join(map(str, value)) if isinstance(value, list) else value}")
    method = str(record["options"].get(name, record["protocol"]))
    if METHOD_NAMES.get(method, "").endswith("-like"):
        method = METHOD_NAMES[method]
    return f"{method} ({', '.join(changed)})" if changed else method


def runs_table(runs: Sequence[Run]) -> pd.DataFrame:
    """What each run is: method, settings, data, seeds, folds, and the command that made it."""
    rows = [
        {
            "run": run.label,
            "method": settings(run.record),
            "protocol": run.record["protocol"],
            "data": ", ".join(run.record["data"]),
            "synthetic": bool(run.synthetic),
            "seeds": " ".join(map(str, run.record["seeds"])),
            "folds_finished": run.finished,
            "folds": run.folds,
            "command": run.record.get("command", ""),
        }
        for run in runs
    ]
    return pd.DataFrame(rows)


def summary_table(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a run and part: means over units, each with its interval and its sd over seeds."""
    rows = [
        {
            "run": run.label,
            "folds_finished": run.finished,
            "folds": run.folds,
            "part": part,
            "seeds": len(summary["seeds"]),
            "clips": summary["clips"],
            "subjects": summary["subjects"],
            **_figure_columns(summary["scores"]["mean"]),
        }
        for run in runs
        for part, summary in run.parts.items()
    ]
    return pd.DataFrame(rows)


def unit_table(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a run, part and unit."""
    rows = [
        {"run": run.label, "part": part, "action_unit": unit, "positives": _rounded(scores["positives"])}
        | _figure_columns(scores)
        for run in runs
        for part, summary in run.parts.items()
        for unit, scores in summary["scores"].items()
        if unit != "mean"
    ]
    return pd.DataFrame(rows)


def significance_table(runs: Sequence[Run]) -> pd.DataFrame:
    """The first run less each other, a row a part and kind of F1; where they cannot be compared, `note` says why."""
    columns = ["run", "less", "part", "figure", "difference", "low", "high", "p", "note"]
    rows = [row for other in runs[1:] for row in _differences(runs[0], other)]
    return pd.DataFrame(rows, columns=columns)


def _differences(first: Run, other: Run) -> list[dict[str, Any]]:
    names = {"run": first.label, "less": other.label}
    parts = [part for part in first.pools if part in other.pools]
    if first.record["action_units"] != other.record["action_units"]:
        return [names | {"part": "all", "note": "not compared: other action units"}]
    if not parts:
        return [names | {"part": "all", "note": "not compared: no part in common"}]
    rows: list[dict[str, Any]] = []
    for part in parts:
        try:
            differences = compare(*_paired(first.pools[part], other.pools[part]), COMPARED)
        except InputError as error:
            rows.append(names | {"part": part, "note": f"not compared: {error}"})
            continue
        for figure, difference in differences.items():
            values = {name: _rounded(value) for name, value in difference._asdict().items()}
            rows.append(names | {"part": part, "figure": figure} | values)
    return rows


def _paired(first: dict[int, Pool], other: dict[int, Pool]) -> tuple[list[Pool], list[Pool]]:
    """Of the seeds that both runs have, since a seed may draw the people who are tested; if they share none, of all."""
    shared = sorted(first.keys() & other.keys())
    return [first[seed] for seed in shared or first], [other[seed] for seed in shared or other]


def _figure_columns(scores: dict[str, Any]) -> dict[str, float | None]:
    columns = {}
    for figure in FIGURES:
        for name, value in scores[figure].items():
            columns[figure if name == "mean" else f"{figure}_{name}"] = _rounded(value)
    return columns


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
