"""Events in the figure of `plotting`: a lane of their own above the strips, and their extent behind those.

A micro-expression is full and a longer one hollow, for print without colour.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .event_table import describe_events
from .result_html import KINDS
from .results import EventResult, Prediction

LANE = -1.0  # the row of the events; the strips' are 0, 1, ...
LANE_HEIGHT = 0.5
LEADER = 0.5  # rows from the lane to the labels, where they may stand beside their apexes
TIME_AXIS_INCHES = 6.9  # about, of a figure 10 wide
ROW_INCHES = 0.3
LINE_INCHES, LETTER_INCHES = 0.15, 0.07  # of a label
UNITS_NAMED = 3
APEX = "#333333"


def label_rows(prediction: Prediction) -> float:
    """Rows that the lane and its labels take above the strips; 0 where events were not looked for."""
    if prediction.events is None:
        return 0.0
    flat, longest = _is_flat(prediction.events), _longest(prediction.events)
    inches = 0.0 if not prediction.events else 1.5 * LINE_INCHES if flat else LETTER_INCHES * longest
    return -LANE + LEADER + inches / ROW_INCHES - 0.3


def draw_events(axes: Axes, prediction: Prediction) -> None:
    """Each event from onset to offset with a mark at its apex, its number, and its most probable units."""
    events = prediction.events or []
    axes.text(-0.008, LANE, "expressions", ha="right", va="center", transform=axes.get_yaxis_transform())
    if not events:
        middle = prediction.end_time / 2
        axes.text(middle, LANE, describe_events(prediction), ha="center", va="center", fontsize=9, color="#666666")
        return
    bottom = len(prediction.thresholds) - 0.5
    for event in events:
        colour = KINDS[event.kind]
        shade: dict[str, Any] = {"color": colour, "alpha": 0.13, "linewidth": 0, "zorder": 0.5}
        axes.bar(event.onset_time, bottom - LANE, event.duration, LANE, align="edge", **shade)
        axes.bar(
            event.onset_time,
            LANE_HEIGHT,
            event.duration,
            LANE - LANE_HEIGHT / 2,
            align="edge",
            facecolor=colour if event.kind == "micro" else "white",
            edgecolor=colour,
            linewidth=1,
            zorder=5,
        )
        axes.plot([event.apex_time] * 2, [LANE, bottom], color=colour, linewidth=0.6, alpha=0.5, zorder=0.6)
        axes.plot(event.apex_time, LANE + 0.75 * LANE_HEIGHT, "^", color=APEX, markersize=4, zorder=5)
    _draw_labels(axes, events, prediction.end_time)


def _label(number: int, event: EventResult) -> str:
    """Such as "3: AU12+6", as FACS writes combinations."""
    units = list(event.active_units)
    numbers = "+".join(code.removeprefix("AU") for code in units[:UNITS_NAMED])
    return f"{number}: AU{numbers}{'+...' if len(units) > UNITS_NAMED else ''}"


def _longest(events: Sequence[EventResult]) -> int:
    return max((len(_label(number, event)) for number, event in enumerate(events, 1)), default=0)


def _is_flat(events: Sequence[EventResult]) -> bool:
    """Whether all labels have room side by side as lines of text."""
    return len(events) * LETTER_INCHES * _longest(events) < 0.6 * TIME_AXIS_INCHES


def _draw_labels(axes: Axes, events: Sequence[EventResult], end_time: float) -> None:
    """Labels above the lane, moved apart where they would lie on each other, and then with a line to the apex."""
    flat = _is_flat(events)
    inches = LETTER_INCHES * _longest(events) if flat else LINE_INCHES
    distance = inches / TIME_AXIS_INCHES * end_time
    chosen = _labelled(events, distance, end_time)
    apexes = [events[index].apex_time for index in chosen]
    top = LANE - LANE_HEIGHT / 2
    for index, place in zip(chosen, _apart(apexes, distance, end_time), strict=True):
        event = events[index]
        colour, angle = KINDS[event.kind], 0 if flat else 90
        axes.plot([event.apex_time, place], [top - 0.1, top - LEADER + 0.1], color=colour, linewidth=0.8, zorder=4)
        label = _label(index + 1, event)
        style: dict[str, Any] = {
            "rotation": angle,
            "ha": "center",
            "va": "bottom",
            "fontsize": 8,
            "color": colour,
            "zorder": 5,
        }
        axes.text(place, top - LEADER, label, **style)


def _labelled(events: Sequence[EventResult], distance: float, end_time: float) -> list[int]:
    """Which events get a label, in order of their apexes: all, or of too many the most probable round about."""
    chosen = list(range(len(events)))
    if len(events) * distance > 0.8 * end_time:
        chosen = []
        for index in sorted(range(len(events)), key=lambda index: -events[index].probability):
            if all(abs(events[index].apex_time - events[other].apex_time) >= distance for other in chosen):
                chosen.append(index)
    return sorted(chosen, key=lambda index: events[index].apex_time)


def _apart(places: Sequence[float], distance: float, end: float) -> np.ndarray:
    """The places nearest to these, ascending, with at least a distance between them (least squares, by pooling)."""
    pools: list[tuple[float, int]] = []  # mean of each pool, and how many are in it
    for number, place in enumerate(places):
        mean, count = place - number * distance, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        pools.append((mean, count))
    means = np.repeat([mean for mean, _ in pools], [count for _, count in pools])
    last = end - (len(places) - 1) * distance
    return np.clip(means, 0, max(last, 0)) + distance * np.arange(len(places))


def legend_entries(predictions: Sequence[Prediction]) -> list[Patch | Line2D]:
    """Those of the kinds of events that occur."""
    kinds = {event.kind for prediction in predictions for event in prediction.events or ()}
    names = {"micro": "micro-expression", "longer": "longer expression"}
    entries: list[Patch | Line2D] = [
        Patch(facecolor=colour if kind == "micro" else "white", edgecolor=colour, label=names[kind])
        for kind, colour in KINDS.items()
        if kind in kinds
    ]
    return (
        [*entries, Line2D([], [], color=APEX, marker="^", markersize=4, linewidth=0, label="apex")] if entries else []
    )
