"""`aullm predict --plot`: one figure of all sources, a panel a source and face; first it says which checkpoint.

A clip of one segment becomes a bar a unit, a longer recording a strip a unit over time, from its start to its end, with
grey hatching where nothing is stated; where events were looked for, they stand above it, see `event_marks`. Active
units stand out in vermilion against blue (of the Okabe-Ito palette, told apart by colour-blind people too), and their
names in bold; each threshold stands at the right.
"""

from collections.abc import Sequence
from io import BytesIO
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .event_marks import draw_events, label_rows, legend_entries
from .facs import ACTION_UNITS
from .result_html import ACTIVE, INACTIVE
from .results import Prediction

UNSTATED = "#E8E8E8"
HATCH = "#B5B5B5"
QUIET = "#666666"
THRESHOLD = "#333333"
GRID = "#DDDDDD"
STRIP = 0.86  # height of a probability of 1 in a timeline whose rows are 1 apart
ROW_INCHES = 0.3
LONGEST_TITLE = 50  # characters, what fits above one panel of three
CHARACTERS_AN_INCH = 14  # of the line about the checkpoint
NARROWEST_LABELLED = 0.025  # share of the time axis in which a reason can be read
DOTS_PER_INCH = 110
LARGEST_SIDE = 20_000  # pixels; a figure of very many sources gets coarser rather than too large to be drawn


def _label_units(axes: Axes, prediction: Prediction, active: dict[str, bool]) -> None:
    """Put code and FACS name beside each row, in bold where active, the first unit on top."""
    names = {code: ACTION_UNITS[code].name for code in prediction.thresholds}
    axes.set_yticks(range(len(names)), [f"{name}  {code}" for code, name in names.items()])
    for label, code in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if active[code] else "normal")
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _note(axes: Axes, row: float, place: float, text: str, **style: Any) -> None:
    """Text beside a row, `place` in widths of the panel."""
    axes.text(place, row, text, va="center", fontsize=9, transform=axes.get_yaxis_transform(), **style)


def _draw_clip(axes: Axes, prediction: Prediction) -> None:
    """A horizontal bar a unit, with its value and its threshold."""
    units = prediction.segments[0].action_units or {}
    for row, (code, unit) in enumerate(units.items()):
        axes.barh(row, unit.probability, height=0.66, color=ACTIVE if unit.active else INACTIVE)
        threshold = prediction.thresholds[code]
        axes.plot([threshold, threshold], [row - 0.43, row + 0.43], color=THRESHOLD, linewidth=1.4)
        _note(axes, row, 1.02, f"{unit.probability:.2f}", fontweight="bold" if unit.active else "normal")
        _note(axes, row, 1.15, f"{threshold:.2f}", color=QUIET)
    _note(axes, len(units) - 0.1, 1.15, "threshold", color=QUIET)
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
        units = [segment.action_units[code] for segment in segments if segment.action_units]
        heights = np.array([unit.probability for unit in units]) * STRIP
        active = np.array([unit.active for unit in units], dtype=bool)
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
        _note(axes, row, 1.01, f"{threshold:.2f}", color=QUIET)
        ever_active[code] = bool(active.any())
    if prediction.events is not None:
        found = {code for event in prediction.events for code in event.active_units}
        ever_active = {code: code in found for code in ever_active}
        draw_events(axes, prediction)
    _note(axes, len(ever_active) - 0.1, 1.01, "threshold", color=QUIET)
    _draw_gaps(axes, prediction)
    axes.set_xlim(0, prediction.end_time)
    axes.set_xlabel("time (s); height of a strip: probability from 0 to 1")
    axes.set_ylim(-0.6 - label_rows(prediction), len(ever_active) - 0.4)
    _label_units(axes, prediction, ever_active)


def _draw_gaps(axes: Axes, prediction: Prediction) -> None:
    """Grey where nothing is stated, up to what lies before and behind, with the reason where there is room for it."""
    spans = prediction.spans
    for number, span in enumerate(spans):
        if span.action_units is None:
            start = spans[number - 1].end_time if number else 0.0
            end = spans[number + 1].start_time if number + 1 < len(spans) else prediction.end_time
            axes.axvspan(start, end, facecolor=UNSTATED, edgecolor=HATCH, hatch="///", linewidth=0, zorder=3)
            share = (end - start) / max(prediction.end_time, 1e-9)
            upright = share < 0.012 * len(span.reason or "")
            axes.text(
                (start + end) / 2,
                (len(prediction.thresholds) - 1) / 2,
                (span.reason or "") if share > NARROWEST_LABELLED else "",
                rotation=90 if upright else 0,
                ha="center",
                va="center",
                fontsize=9,
                color=QUIET,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
                zorder=4,
                clip_on=True,
            )


def _window_edges(prediction: Prediction) -> np.ndarray:
    """Time each window is drawn over, `(num_segments, 2)`: up to halfway to its neighbours, gaps left open."""
    starts = np.array([segment.start_time for segment in prediction.segments])
    ends = np.array([segment.end_time for segment in prediction.segments])
    centres = (starts + ends) / 2
    if len(centres) < 2:
        return np.stack([starts, ends], axis=1)
    half = np.median(np.diff(centres)) / 2
    edges = np.stack([centres - half, centres + half], axis=1)
    near = starts[1:] <= ends[:-1] + half  # else there lies between them something of which nothing is stated
    edges[1:, 0][near] = edges[:-1, 1][near] = ((centres[1:] + centres[:-1]) / 2)[near]
    edges[1:, 0][~near], edges[:-1, 1][~near] = starts[1:][~near], ends[:-1][~near]
    edges[0, 0], edges[-1, 1] = starts[0], ends[-1]
    return edges


def _title(prediction: Prediction) -> str:
    title = prediction.title
    return title if len(title) <= LONGEST_TITLE else f"...{title[3 - LONGEST_TITLE :]}"


class _NotebookFigure(Figure):
    """A figure that a notebook shows though no drawing window was opened for it."""

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


def _legend(figure: Figure, predictions: Sequence[Prediction], *, timelines: bool) -> None:
    entries = [
        Patch(color=ACTIVE, label="active"),
        Patch(color=INACTIVE, label="not active"),
        Line2D([], [], color=THRESHOLD, linewidth=1.4, label="threshold"),
    ]
    if timelines:
        entries.append(Patch(facecolor=UNSTATED, edgecolor=HATCH, hatch="///", linewidth=0, label="nothing is stated"))
    entries += legend_entries(predictions)
    figure.legend(handles=entries, loc="outside lower right", ncols=len(entries), frameon=False, fontsize=9)


def draw(predictions: Sequence[Prediction]) -> Figure:
    """The figure.

    Args:
        predictions: At least one; each with at least one segment.

    Returns:
        A figure with a panel a source and face, titled with the source's name: bars side by side where every source is
        one segment, else all panels below each other.
    """
    timelines = [prediction.is_timeline for prediction in predictions]
    columns = 1 if any(timelines) else min(len(predictions), 3)
    rows = -(-len(predictions) // columns)
    units = len(predictions[0].thresholds)
    marks = max(map(label_rows, predictions))
    width, height = (10.0 if any(timelines) else 6.4 * columns), rows * (1.1 + ROW_INCHES * (units + marks)) + 0.7
    figure = _NotebookFigure(
        figsize=(width, height),
        dpi=min(DOTS_PER_INCH, LARGEST_SIDE / height),
        layout=ConstrainedLayoutEngine(hspace=0.06),
    )
    FigureCanvasAgg(figure)
    for number, (prediction, timeline) in enumerate(zip(predictions, timelines, strict=True)):
        axes = figure.add_subplot(rows, columns, number + 1)
        (_draw_timeline if timeline else _draw_clip)(axes, prediction)
        axes.set_title(_title(prediction), loc="left", fontsize=11, fontweight="bold", parse_math=False)
        axes.set_title(prediction.recording.get("verdict", ""), loc="right", fontsize=8, color=QUIET)
    which = shorten(str(predictions[0].checkpoint), int(CHARACTERS_AN_INCH * width), placeholder=" ...")
    figure.suptitle(which, x=0.01, ha="left", fontsize=9, color=QUIET, parse_math=False)
    _legend(figure, predictions, timelines=any(timelines))
    return figure
