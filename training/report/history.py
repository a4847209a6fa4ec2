"""How trainings went: loss, its parts and validation over the steps, a line a fold."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from training.report.plots import GRID, draw_panels
from training.report.tables import Run

LINES = {  # column: panel, colour, name
    "loss": (0, "#0072B2", "loss in training"),
    "loss_main": (0, "#56B4E9", "its main part"),
    "loss_cf": (0, "#CC79A7", "CCR, before its weight"),
    "eval_loss": (0, "#D55E00", "loss on validation subjects"),
    "eval_average_precision": (1, "#009E73", "average precision on validation subjects"),
}
PANELS = ("loss", "average precision")
OPACITY = (0.9, 0.25)  # of one line, and of each of many


def history_figure(runs: Sequence[Run]) -> Figure:
    """A row a run that has its course on record: loss and its parts, validation; dotted where the LLM joins."""
    runs = [run for run in runs if run.histories]
    figure, panels = draw_panels(len(runs), len(PANELS), (11.0, 2.7 * len(runs)))
    for row, run in enumerate(runs):
        for column, title in enumerate(PANELS):
            _draw(panels[row][column], run, column)
            panels[row][column].set_title(f"{run.title}: {title}", loc="left", fontsize=9, parse_math=False)
            panels[row][column].set_xlabel("step" if row == len(runs) - 1 else "", fontsize=8)
    drawn = {name for run in runs for course in run.histories.values() for name in course.columns}
    handles = [Line2D([], [], color=colour, label=name) for key, (_, colour, name) in LINES.items() if key in drawn]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=8)
    return figure


def _draw(axes: Axes, run: Run, panel: int) -> None:
    opacity = OPACITY[len(run.histories) > 5]
    for course in run.histories.values():
        for name, (where, colour, _) in LINES.items():
            if where == panel and name in course:
                known = course.dropna(subset=[name])
                mark = "o" if len(known) < 12 and opacity == OPACITY[0] else None
                axes.plot(
                    known["at"], known[name], color=colour, alpha=opacity, linewidth=1.4, marker=mark, markersize=3
                )
        for joined in course.loc[course["phase"] == "llm", "at"].head(1):
            axes.axvline(joined, color="#888888", linewidth=0.8, linestyle=":")
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
