"""`aullm predict --plot`: one figure of all sources, a panel each.

A clip of one segment becomes a bar a unit, a longer recording a strip a unit over time. Active units stand out in
vermilion against blue (of the Okabe-Ito palette, told apart by colour-blind people too), and their names in bold.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .results import Prediction

ACTIVE = "#D55E00"
INACTIVE = "#8FBCDD"
THRESHOLD = "#333333"
GRID = "#DDDDDD"
STRIP = 0.86  # height of a probability of 1 in a timeline whose rows are 1 apart
ROW_INCHES = 0.3
LONGEST_TITLE = 50  # characters, what fits above one panel of three
DOTS_PER_INCH = 110
LARGEST_SIDE = 20_000  # pixels; a figure of very many sources gets coarser rather than too large to be drawn


def _label_units(axes: Axes, prediction: Prediction, active: dict[str, bool]) -> None:
    """Put code and FACS name beside each row, in bold where active, the first unit on top."""
    names = {code: unit.name for code, unit in prediction.segments[0].action_units.items()}
    axes.set_yticks(range(len(names)), [f"{name}  {code}" for code, name in names.items()])
    for label, code in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if active[code] else "normal")
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _draw_clip(axes: Axes, prediction: Prediction) -> None:
    """A horizontal bar a unit, with its value and its threshold."""
    units = prediction.segments[0].action_units
    for row, (code, unit) in enumerate(units.items()):
        axes.barh(row, unit.probability, height=0.66, color=ACTIVE if unit.active else INACTIVE)
        threshold = prediction.thresholds[code]
        axes.plot([threshold, threshold], [row - 0.43, row + 0.43], color=THRESHOLD, linewidth=1.4)
        axes.text(
            1.02,
            row,
            f"{unit.probability:.2f}",
            va="center",
            fontweight="bold" if unit.active else "normal",
            fontsize=9,
        )
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability")
    _label_units(axes, prediction, {code: unit.active for code, unit in units.items()})


def _draw_timeline(axes: Axes, prediction: Prediction) -> None:
    """A strip a unit: its probability over time as a filled step curve, each window drawn at its middle."""
    segments = prediction.segments
    edges = _window_edges(prediction)
    ever_active = {}
    for row, (code, threshold) in enumerate(prediction.thresholds.items()):
        floor = row + STRIP / 2  # the axis points down
        heights = np.array([segment.action_units[code].probability for segment in segments]) * STRIP
        active = np.array([segment.action_units[code].active for segment in segments])
        for chosen, colour in ((active, ACTIVE), (~active, INACTIVE)):
            axes.bar(
                edges[chosen, 0],
                -heights[chosen],
                edges[chosen, 1] - edges[chosen, 0],
                floor,
                align="edge",
                color=colour,
                linewidth=0,
            )
        axes.axhline(floor, color=GRID, linewidth=0.8)
        axes.axhline(floor - threshold * STRIP, color=THRESHOLD, linewidth=0.7, linestyle=(0, (4, 3)))
        ever_active[code] = bool(active.any())
    axes.set_xlim(segments[0].start_time, segments[-1].end_time)
    axes.set_xlabel("time (s); height of a strip: probability from 0 to 1")
    axes.set_ylim(-0.6, len(ever_active) - 0.4)
    _label_units(axes, prediction, ever_active)


def _window_edges(prediction: Prediction) -> np.ndarray:
    """Time each window is drawn over, `(num_segments, 2)`: up to halfway to its neighbours, gaps left open."""
    starts = np.array([segment.start_time for segment in prediction.segments])
    ends = np.array([segment.end_time for segment in prediction.segments])
    centres = (starts + ends) / 2
    if len(centres) == 1:
        return np.stack([starts, ends], axis=1)
    half = np.median(np.diff(centres)) / 2
    edges = np.stack([centres - half, centres + half], axis=1)
    near = np.diff(centres) < 3 * half  # 1.5 strides: wider apart means that windows without a face lie between
    edges[1:, 0][near] = edges[:-1, 1][near] = ((centres[1:] + centres[:-1]) / 2)[near]
    edges[0, 0], edges[-1, 1] = starts[0], ends[-1]
    return edges


def _title(prediction: Prediction) -> str:
    name = Path(prediction.source).name
    return name if len(name) <= LONGEST_TITLE else f"...{name[3 - LONGEST_TITLE :]}"


def _legend(figure: Figure) -> None:
    entries = [
        Patch(color=ACTIVE, label="active"),
        Patch(color=INACTIVE, label="not active"),
        Line2D([], [], color=THRESHOLD, linewidth=1.4, label="threshold"),
    ]
    figure.legend(handles=entries, loc="outside upper right", ncols=3, frameon=False, fontsize=9)


def draw(predictions: Sequence[Prediction]) -> Figure:
    """The figure.

    Args:
        predictions: At least one; each with at least one segment.

    Returns:
        A figure with a panel a source, titled with the source's name: bars side by side where every source is one
        segment, else all panels below each other.
    """
    timelines = [prediction.num_windows > 1 for prediction in predictions]
    columns = 1 if any(timelines) else min(len(predictions), 3)
    rows = -(-len(predictions) // columns)
    units = len(predictions[0].thresholds)
    width, height = (10.0 if any(timelines) else 6.0 * columns), rows * (1.1 + ROW_INCHES * units) + 0.4
    figure = Figure(
        figsize=(width, height),
        dpi=min(DOTS_PER_INCH, LARGEST_SIDE / height),
        layout=ConstrainedLayoutEngine(hspace=0.06),
    )
    FigureCanvasAgg(figure)
    for number, (prediction, timeline) in enumerate(zip(predictions, timelines, strict=True)):
        axes = figure.add_subplot(rows, columns, number + 1)
        (_draw_timeline if timeline else _draw_clip)(axes, prediction)
        axes.set_title(_title(prediction), loc="left", fontsize=11, fontweight="bold", parse_math=False)
    _legend(figure)
    return figure


def save_plot(predictions: Sequence[Prediction], path: Path) -> None:
    """Draw the figure into a file; its ending (png, pdf, svg) says what is written."""
    draw(predictions).savefig(path)
