"""The timeline of a longer video: probability of every unit over time, with its peaks."""

import numpy as np
import plotly.graph_objects as go

from .facs import ACTION_UNITS
from .moments import Analysis

ROW_PIXELS, FRAME_PIXELS = 24, 110
INK = "#7d8595"  # readable on light and dark ground


def timeline(analysis: Analysis) -> go.Figure:
    """A map of units by time: the darker, the more probable; stars are peaks. `timeline.js` makes it clickable."""
    codes = list(analysis.moments[0].action_units)
    centres = [moment.centre for moment in analysis.moments]
    values = np.array([[m.action_units[code]["probability"] for m in analysis.moments] for code in codes])
    names = [[ACTION_UNITS[code].name] * len(centres) for code in codes]
    figure = go.Figure(
        go.Heatmap(
            x=centres, y=codes, z=values.tolist(), zmin=0, zmax=1, colorscale="Cividis", ygap=2,
            colorbar={"thickness": 10, "len": 0.9},
            text=names,
            hovertemplate="%{y} %{text}<br>%{x:.2f} s: %{z:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_scatter(
        x=[centres[index] for index, _ in analysis.peaks],
        y=[code for _, code in analysis.peaks],
        mode="markers",
        marker={"symbol": "star", "size": 11, "color": "#ffffff", "line": {"color": "#000000", "width": 1}},
        hovertemplate="peak of %{y}, %{x:.2f} s<extra></extra>",
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False)
    figure.update_xaxes(title="seconds", showgrid=False)
    figure.update_layout(
        height=FRAME_PIXELS + ROW_PIXELS * len(codes), margin={"l": 8, "r": 8, "t": 40, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": INK, "size": 12},
    )  # fmt: skip
    return figure


def peak_choices(analysis: Analysis) -> list[tuple[str, int]]:
    """Label and moment of every moment in which a unit is at its peak, for the keyboard."""
    units: dict[int, list[str]] = {}
    for index, code in analysis.peaks:
        units.setdefault(index, []).append(code)
    return [(f"{analysis.moments[index].centre:.2f} s: {' '.join(codes)}", index) for index, codes in units.items()]
