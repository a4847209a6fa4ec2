"""The plot of how trainings went: loss, its parts and average precision on validation people, step by step."""

from collections.abc import Mapping
from itertools import cycle, product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from training.report.plots import GRID, make_panels

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito's
NAMED = 8  # lines with a name of their own in the legend; more are named by their seed
TITLES = {
    "loss": "loss",
    "loss_main": "L_main",
    "loss_cf": "L_cf",
    "eval_average_precision": "average precision, validation",
}


def history_figure(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """A row of panels a run, a panel a figure, in it a line a fold and seed.

    Args:
        histories: Of each run, by its title: what `training.scoring.history.read_history` gives.
    """
    columns = _columns(histories)
    figure, rows = make_panels(len(histories), len(columns), (3.4 * len(columns), 2.3 * len(histories)))
    looks = _looks(histories)
    for axes_of_run, (title, history) in zip(rows, histories.items(), strict=True):
        joins: set[int] = set()
        faint = len(history.groupby(["fold", "seed"])) > NAMED
        for (fold, seed), own in history.groupby(["fold", "seed"], sort=False):
            steps, own_joins = _counted_on(own)
            joins.update(own_joins)
            colour, dashes = looks[_label(histories, str(fold), int(seed))]
            for axes, column in zip(axes_of_run, columns, strict=True):
                _line(axes, steps, own, column, colour, dashes, faint)
        for axes, column in zip(axes_of_run, columns, strict=True):
            axes.sharex(axes_of_run[0])
            for step in joins:
                axes.axvline(step, color="#888888", linewidth=0.8, linestyle=":")
            name = TITLES.get(column, column)
            _finish(axes, f"{title}: {name}" if column == columns[0] else name)
    entries: Any = looks.items()
    handles = [Line2D([], [], color=c, linestyle=dashes, label=label) for label, (c, dashes) in entries]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, frameon=False, fontsize=8)
    figure.supxlabel("step; dotted: the next phase begins (evidence alone, then with the LLM)", fontsize=8)
    return figure


def _columns(histories: Mapping[str, pd.DataFrame]) -> list[str]:
    """Names of the figures that any run logged: loss, its parts, average precision."""
    logged = {name for history in histories.values() for name in history if history[name].notna().any()}
    parts = sorted((name for name in logged if name.startswith("loss_")), key=lambda name: (name not in TITLES, name))
    parts.sort(key=lambda name: list(TITLES).index(name) if name in TITLES else len(TITLES))
    return [name for name in ("loss", *parts, "eval_average_precision") if name in logged]


def _counted_on(history: pd.DataFrame) -> tuple[np.ndarray, list[int]]:
    """Steps of one training counted on from phase to phase, and where the later phases begin."""
    steps, before, joins = [], 0, []
    for _, own in history.groupby("phase", sort=False):
        steps.append(own["step"].to_numpy() + before)
        joins += [before] if before else []
        before += int(own["step"].max())
    return np.concatenate(steps), joins


def _label(histories: Mapping[str, pd.DataFrame], fold: str, seed: int) -> str:
    """How a line is named in the legend: by fold and seed while these are few, else by its seed alone."""
    trained = {(f, s) for history in histories.values() for f, s in zip(history["fold"], history["seed"], strict=True)}
    folds = len({f for f, _ in trained})
    if folds == 1:
        return f"seed {seed}"
    if len(trained) <= NAMED:
        return f"{fold}, seed {seed}"
    return f"seed {seed}: each of {folds} folds"


def _looks(histories: Mapping[str, pd.DataFrame]) -> dict[str, tuple[str, str]]:
    """Colour and dashes of each name in the legend; colours come again with other dashes."""
    trained = [h[["fold", "seed"]].drop_duplicates() for h in histories.values()]
    rows = pd.concat(trained).drop_duplicates().sort_values(["seed", "fold"], kind="stable")
    labels = dict.fromkeys(_label(histories, str(r.fold), int(str(r.seed))) for r in rows.itertuples())
    looks = cycle((colour, dashes) for dashes, colour in product(("-", "--", ":"), COLOURS))
    return {label: look for label, look in zip(labels, looks, strict=False)}


def _line(axes: Axes, steps: np.ndarray, own: pd.DataFrame, column: str, colour: str, dashes: str, faint: bool) -> None:
    values = own[column].to_numpy(float) if column in own else np.full(len(own), np.nan)
    known = np.isfinite(values)
    mark = "o" if known.sum() == 1 else ""  # a line of one point would not be seen
    look: Any = {"color": colour, "linestyle": dashes, "marker": mark, "alpha": 0.4 if faint else 0.85}
    axes.plot(steps[known], values[known], linewidth=1.2, **look)


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=9, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
