"""The timeline of a longer video: probability of every unit from the first frame to the last, with its peaks."""

from typing import Any

import plotly.graph_objects as go

from .facs import ACTION_UNITS
from .lane import LANE, draw_lane
from .moments import Analysis
from .spans import is_apart

ROW_PIXELS, FRAME_PIXELS = 24, 130
INK, VEIL = "#7d8595", "rgba(125, 133, 149, 0.28)"  # to be seen on light and dark ground
SHORTEST_NAMED = 0.03  # share of the time from which a gap's reason stands in it; it is listed above in any case


def timeline(analysis: Analysis) -> go.Figure:
    """A map of units by time: dots are active windows, stars peaks, veils gaps. `timeline.js` makes it clickable."""
    thresholds = analysis.windows[0].thresholds
    codes = list(thresholds)
    rows = [LANE, *codes] if analysis.finds_events else codes  # plotly's maps need a row for every name on the axis
    edges, columns = _cells(analysis)
    figure = go.Figure(
        go.Heatmap(
            x=edges, y=rows, z=[[_probability(analysis, index, code) for index in columns] for code in rows],
            zmin=0, zmax=1, colorscale="Cividis", ygap=2, hoverongaps=False,
            colorbar={"thickness": 10, "len": 0.9, "title": {"text": "probability", "side": "right"}},
            text=[[_describe(analysis, index, code) for index in columns] for code in rows],
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    active = [(index, code) for index, window in enumerate(analysis.windows) for code in window.active]
    _mark(figure, analysis, [each for each in active if each not in analysis.peaks], "circle", 5)
    _mark(figure, analysis, analysis.peaks, "star", 11)
    _veil(figure, analysis)
    if analysis.finds_events:
        draw_lane(figure, analysis)
    labels = [f"{row} ≥ {thresholds[row]:.2f}" if row in thresholds else row for row in rows]
    figure.update_yaxes(
        range=[len(rows) - 0.5, -0.5], fixedrange=True, showgrid=False, tickmode="array", tickvals=rows,
        ticktext=labels, categoryorder="array", categoryarray=rows,
    )  # fmt: skip
    figure.update_xaxes(title="seconds", showgrid=False, zeroline=False, range=[0, analysis.end_time])
    figure.update_layout(
        height=FRAME_PIXELS + ROW_PIXELS * len(rows), margin={"l": 8, "r": 8, "t": 40, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": INK, "size": 12},
    )  # fmt: skip
    return figure


def _cells(analysis: Analysis) -> tuple[list[float], list[int | None]]:
    """Edges of the columns in seconds, and the window of each column; None where there is none."""
    windows = analysis.windows
    edges, columns = [windows[0].segment.start_time], list[int | None]()
    for index, window in enumerate(windows):
        if index and is_apart(windows, index):
            edges.append(window.segment.start_time)
            columns.append(None)
        joined = index + 1 < len(windows) and not is_apart(windows, index + 1)
        edges.append((window.centre + windows[index + 1].centre) / 2 if joined else window.segment.end_time)
        columns.append(index)
    return edges, columns


def _probability(analysis: Analysis, index: int | None, code: str) -> float | None:
    return None if index is None or code == LANE else analysis.windows[index].action_units[code]["probability"]


def _describe(analysis: Analysis, index: int | None, code: str) -> str:
    if index is None or code == LANE:
        return ""
    window = analysis.windows[index]
    unit = window.action_units[code]
    return (
        f"{code} {ACTION_UNITS[code].name}<br>{window.centre:.2f} s: {unit['probability']:.2f}, threshold "
        f"{window.thresholds[code]:.2f}{', active' if unit['active'] else ''}"
    )


def _mark(figure: go.Figure, analysis: Analysis, places: list[tuple[int, str]], symbol: str, size: int) -> None:
    marker: dict[str, Any] = {"symbol": symbol, "size": size, "color": "#fff", "line": {"color": "#000", "width": 1}}
    figure.add_scatter(
        x=[analysis.windows[index].centre for index, _ in places],
        y=[code for _, code in places],
        mode="markers",
        marker=marker,
        text=[_describe(analysis, index, code) for index, code in places],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _veil(figure: go.Figure, analysis: Analysis) -> None:
    """The gaps, each with its reason where there is room."""
    for gap in analysis.gaps:
        figure.add_vrect(
            gap.start_time, gap.end_time, fillcolor=VEIL, layer="below", line={"color": INK, "width": 1, "dash": "dot"}
        )
        if gap.end_time - gap.start_time >= SHORTEST_NAMED * analysis.end_time:
            middle = (gap.start_time + gap.end_time) / 2
            figure.add_annotation(x=middle, y=0.5, yref="paper", text=gap.reason, textangle=-90, showarrow=False)


def peak_choices(analysis: Analysis) -> list[tuple[str, int]]:
    """Label and moment of every moment in which a unit is at its peak, for the keyboard."""
    units: dict[int, list[str]] = {}
    for index, code in analysis.peaks:
        units.setdefault(index, []).append(code)
    return [(f"{analysis.moments[index].centre:.2f} s: {' '.join(codes)}", index) for index, codes in units.items()]
