"""How well events were found in recordings: what a report makes of a run folder's `spotting.json`.

{"kind": "spotting", "command": ..., "seed": ..., "iou": ...,
 "sets": [{"name": ..., "recordings": ..., "minutes": ..., "events": ..., "quiet_minutes": ...,
           "methods": {METHOD: {SENSITIVITY or "": what `scoring.spotting.score_recordings` gives}}}],
 "reliability": {"bins": edges, "predicted": [...], "observed": [...], "counts": [...]}}   # may be left out
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from training.errors import InputError
from training.json_files import read_json
from training.report.markdown import markdown
from training.scoring.spotting import TIMES

FILE = "spotting.json"
SIZES = {"recordings": int, "minutes": float, "events": int, "quiet_minutes": float}
LEGEND = (
    "Events are matched one to one; counts are pooled over recordings. Spotting F1 is of events whatever their units; "
    "unit-event F1 is micro F1 of events of the same unit; STRS is spotting F1 times the macro F1 of the units of "
    "events that were spotted. Errors: absolute, of matched events, median (90th percentile). False alarms: "
    "a minute of quiet recordings, with the exact 95 % Poisson interval. `-`: undefined."
)


class Reliability(NamedTuple):
    """What probabilities were worth: for each bin the mean of those said, and the share of these that was true."""

    edges: np.ndarray  # shape (bins + 1,)
    predicted: np.ndarray  # shape (bins,); NaN in an empty bin
    observed: np.ndarray  # shape (bins,); NaN in an empty bin
    counts: np.ndarray  # shape (bins,)


class Spotting(NamedTuple):
    """A run's events as the report sees them."""

    label: str
    command: str
    table: pd.DataFrame  # a row a set, method and sensitivity
    reliability: Reliability | None

    @property
    def synthetic(self) -> list[str]:
        """Names of its sets that are synthetic."""
        return [name for name in self.table["set"].unique() if name.startswith("synthetic:")]


def read_spotting(run: Path) -> Spotting | None:
    """Read the `spotting.json` of a run's folder; `None` if it has none.

    Raises:
        InputError: If it is broken, or not such a file.
    """
    path, label = run / FILE, run.resolve().name
    if not path.is_file():
        return None
    record = read_json(path)
    try:
        about = {"run": label, "seed": int(record["seed"]), "iou": float(record["iou"])}
        rows = [
            _row(about, each, method, sensitivity, scores)
            for each in record["sets"]
            for method, by_sensitivity in each["methods"].items()
            for sensitivity, scores in by_sensitivity.items()
        ]
        if record["kind"] != "spotting" or not rows:
            raise ValueError(f"kind is {record['kind']!r}, with {len(rows)} results")
        return Spotting(label, str(record["command"]), pd.DataFrame(rows), _reliability(record.get("reliability")))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be reported ({type(error).__name__}: {error}); it was changed, or made by another version"
        ) from error


def _reliability(curve: dict[str, Any] | None) -> Reliability | None:
    if not curve:
        return None
    read = Reliability(*(np.asarray(curve[name], float) for name in ("bins", "predicted", "observed", "counts")))
    if any(values.shape != (len(read.edges) - 1,) for values in read[1:]):
        raise ValueError("the reliability needs one more of bins' edges than of predicted, observed and counts")
    shares = np.concatenate([read.predicted[read.counts > 0], read.observed[read.counts > 0]])
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("the reliability's predicted and observed must be shares within 0..1 where there are counts")
    return read


def _row(about: dict[str, Any], each: dict[str, Any], method: str, sensitivity: str, scores: Any) -> dict[str, Any]:
    """Figures of one method on one set."""
    about = about | {"set": str(each["name"])}
    about |= {name: kind(each[name]) for name, kind in SIZES.items()}
    figures = {f"spotting_{name}": scores["spotting"][name] for name in ("precision", "recall", "f1")}
    figures |= {"unit_event_f1": scores["unit_events"]["f1"], "strs": scores["strs"]}
    for time in TIMES:
        figures |= {f"{time}_ms_{name}": scores["error_ms"][time][name] for name in ("median", "p90")}
    for name in ("events", "unit_events"):
        rate = scores["quiet"][name]
        figures |= {f"false_{name}_{key}": rate[key] for key in ("count", "per_minute", "low", "high")}
    numbers = {name: np.nan if value is None else float(value) for name, value in figures.items()}
    return about | {"method": method, "sensitivity": sensitivity} | numbers


def spotting_markdown(spottings: Sequence[Spotting]) -> str:
    """A table for each run and set, a row a method and sensitivity, and what the figures are."""
    sections = []
    synthetic = sorted({name for spotting in spottings for name in spotting.synthetic})
    if synthetic:
        names = ", ".join(f"`{name}`" for name in synthetic)
        sections.append(f"**Synthetic recordings** ({names}): their figures say nothing of real ones.")
    for spotting in spottings:
        for name, rows in spotting.table.groupby("set", sort=False):
            first = rows.iloc[0]
            sections += [
                f"**Events found: {spotting.label}, {name}**: {first.recordings} recordings of {first.minutes:.1f} "
                f"minutes with {first.events} events, {first.quiet_minutes:.1f} minutes of them in recordings without "
                f"any; IoU {first.iou:g}, seed {first.seed}.",
                _table(rows),
            ]
    return "\n\n".join([*sections, LEGEND])


def _table(rows: pd.DataFrame) -> str:
    header = ["method", "spotting F1", "precision", "recall", "unit-event F1 (micro)", "STRS"]
    header += [*(f"{time} error, ms" for time in TIMES), "false events a minute", "false unit events a minute"]
    lines = []
    for row in rows.to_dict("records"):
        figures = ("spotting_f1", "spotting_precision", "spotting_recall", "unit_event_f1", "strs")
        line = [f"{row['method']}, {row['sensitivity']}" if row["sensitivity"] else row["method"]]
        line += [_cell(row[name], ".3f") for name in figures]
        line += [_with(_cell(row[f"{t}_ms_median"], ".0f"), "({})", _cell(row[f"{t}_ms_p90"], ".0f")) for t in TIMES]
        for name in ("false_events", "false_unit_events"):
            low, high = (_cell(row[f"{name}_{end}"], ".1f") for end in ("low", "high"))
            line.append(_with(_cell(row[f"{name}_per_minute"], ".1f"), "[{}]", f"{low}, {high}"))
        lines.append(line)
    return markdown(header, lines)


def _cell(value: float, form: str) -> str:
    return "-" if np.isnan(value) else format(value, form)


def _with(cell: str, brackets: str, more: str) -> str:
    return cell if cell == "-" else f"{cell} {brackets.format(more)}"
