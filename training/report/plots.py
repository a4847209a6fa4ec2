"""Plots of a report. Colours are Okabe and Ito's, and shapes differ too, for readers who see no colours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import binomtest

from training.report.spotting import Reliability
from training.report.tables import TITLES, Run

COMPARED = ("binary_f1_at_validation_threshold", "macro_f1_at_validation_threshold", "roc_auc", "average_precision")
SHOWN = {  # figure of a unit: colour and shape
    "binary_f1_at_validation_threshold": ("#D55E00", "o"),
    "average_precision": ("#009E73", "D"),
    "roc_auc": ("#0072B2", "s"),
}
POINT = "#0072B2"
SEED = "#E69F00"
GRID = "#DDDDDD"
DOTS_PER_INCH = 110
PANELS_A_ROW = 3


def comparison_figure(runs: Sequence[Run], parts: Sequence[str]) -> Figure:
    """Every run's mean figures: a row of panels a part, a panel a figure, in it a line a run."""
    size = (3.6 * len(COMPARED) + 1.5, len(parts) * (1.45 + 0.32 * len(runs)))
    figure, panels = make_panels(len(parts), len(COMPARED), size)
    for row, part in enumerate(parts):
        for column, name in enumerate(COMPARED):
            axes = panels[row][column]
            for line, run in enumerate(runs):
                if part in run.parts:
                    _draw(axes, line, run.parts[part]["scores"]["mean"][name], POINT, "o")
                    tables = [tables[part] for tables in run.seeds.values() if part in tables]
                    seeds = [table["mean"][name] for table in tables if table["mean"][name] is not None]
                    axes.plot(seeds, [line + 0.22] * len(seeds), "|", color=SEED, markersize=7, markeredgewidth=1.6)
            _rows(axes, [run.title for run in runs] if column == 0 else [""] * len(runs))
            axes.set_title(f"{part}\n{TITLES[name]}", loc="left", fontsize=9, parse_math=False)
    _legend(
        figure,
        {"mean over units and seeds, 95 % interval over subjects": (POINT, "o"), "each seed": (SEED, "|")},
    )
    return figure


def unit_figure(runs: Sequence[Run], part: str) -> Figure:
    """Figures of every unit in one part: a panel a run, a line a unit with its number of positives."""
    runs = [run for run in runs if part in run.parts]
    columns = min(len(runs), PANELS_A_ROW)
    rows = -(-len(runs) // columns)
    most = max(len(run.record["action_units"]) for run in runs)
    figure, panels = make_panels(rows, columns, (4.2 * columns + 0.8, rows * (1.2 + 0.36 * most)))
    for number, axes in enumerate(axes for row in panels for axes in row):
        if number >= len(runs):
            axes.set_visible(False)
            continue
        run = runs[number]
        units = {unit: row for unit, row in run.parts[part]["scores"].items() if unit != "mean"}
        for line, row in enumerate(units.values()):
            for offset, (name, look) in zip((-0.24, 0.0, 0.24), SHOWN.items(), strict=True):
                _draw(axes, line + offset, row[name], *look)
        _rows(axes, [f"{unit} ({round(row['positives'], 1):g})" for unit, row in units.items()])
        axes.set_title(f"{part}: {run.title}", loc="left", fontsize=9, parse_math=False)
    _legend(figure, {TITLES[name]: look for name, look in SHOWN.items()})
    figure.supxlabel("in brackets: clips with the unit; bars: 95 % interval over subjects", fontsize=8)
    return figure


def reliability_figure(curves: Mapping[str, Reliability]) -> Figure:
    """How often what is said with a probability is true: a panel a run, below it how often such a one was said.

    Bars are exact (Clopper-Pearson) 95 % intervals, as if all were independent; a calibrated probability lies on the
    diagonal. ECE: mean distance from it, weighted by counts.
    """
    figure = Figure(figsize=(3.9 * len(curves) + 0.4, 4.6), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(curves), squeeze=False, sharex=True, height_ratios=(3, 1))
    for column, (label, curve) in enumerate(curves.items()):
        filled = curve.counts > 0
        said, true, counts = curve.predicted[filled], curve.observed[filled], curve.counts[filled]
        ends = np.array([_ends(*bin) for bin in zip(true, counts, strict=True)])
        above, below = panels[:, column]
        above.plot([0, 1], [0, 1], color=SEED, linewidth=1.2)
        above.vlines(said, *ends.reshape(-1, 2).T, color=POINT, linewidth=1.8)
        above.plot(said, true, "o", color=POINT, markersize=5)
        error = np.average(np.abs(said - true), weights=counts) if len(counts) else float("nan")
        above.set_title(f"{label}: ECE {error:.3f}", loc="left", fontsize=9, parse_math=False)
        above.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share that is true" if column == 0 else "")
        below.stairs(curve.counts, curve.edges, fill=True, color=POINT)
        below.set(xlabel="probability said", ylabel="how many" if column == 0 else "")
        for axes in (above, below):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(color=GRID, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.tick_params(labelsize=8)
    handles = [
        Line2D([], [], color=POINT, marker="o", label="said and true, 95 % interval"),
        Line2D([], [], color=SEED, label="calibrated"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=8)
    return figure


def _ends(share: float, count: float) -> tuple[float, float]:
    interval = binomtest(round(share * count), round(count)).proportion_ci(0.95)
    return interval.low, interval.high


def make_panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, Any]:
    """A figure of panels in rows and columns; `size` in inches, without the legend's."""
    figure = Figure(figsize=(size[0], size[1] + 0.5), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _draw(axes: Axes, line: float, value: dict[str, float | None], colour: str, shape: str) -> None:
    """A point and its interval; nothing where the figure is undefined."""
    if value["mean"] is None:
        return
    if value["low"] is not None and value["high"] is not None:
        axes.hlines(line, value["low"], value["high"], color=colour, linewidth=1.8)
    axes.plot(value["mean"], line, shape, color=colour, markersize=5)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """A named line each, the first on top, over 0..1."""
    axes.set_yticks(range(len(names)), names, fontsize=8, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _legend(figure: Figure, looks: dict[str, tuple[str, str]]) -> None:
    handles = [Line2D([], [], color=c, marker=m, linestyle="", label=name) for name, (c, m) in looks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=8)
