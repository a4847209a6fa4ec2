"""Plots of a report. Colours are Okabe and Ito's, and shapes differ too, for readers who see no colours."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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
    size = (3.6 * len(COMPARED) + 1.5, len(parts) * (1.3 + 0.32 * len(runs)))
    figure, panels = _panels(len(parts), len(COMPARED), size)
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
            axes.set_title(f"{part}: {TITLES[name]}", loc="left", fontsize=9, parse_math=False)
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
    figure, panels = _panels(rows, columns, (4.2 * columns + 0.8, rows * (1.2 + 0.36 * most)))
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


def _panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, Any]:
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
