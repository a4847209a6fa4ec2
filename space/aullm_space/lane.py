"""The lane of the expressions above the units of the timeline, and their extent over those.

A micro-expression is full and a longer one hollow, for those who see no colours.
"""

import plotly.graph_objects as go

from .moments import Analysis, Moment

LANE = "expressions"  # the first row's name
COLOURS = {"micro": "#AA4499", "longer": "#117755"}  # told apart by colour-blind people, too
ABOVE = 18  # pixels from the lane's middle to the numbers


def draw_lane(figure: go.Figure, analysis: Analysis) -> None:
    """Each expression from onset to offset, with its number at the apex; `timeline.js` makes them clickable."""
    if not analysis.moments:
        figure.add_annotation(x=analysis.end_time / 2, y=LANE, text="no expression was found", showarrow=False)
        return
    for moment in analysis.moments:
        segment = moment.segment
        figure.add_vrect(segment.start_time, segment.end_time, line={"color": "#fff", "width": 1}, layer="above")
    _add_bars(figure, analysis)
    _add_apexes(figure, analysis)


def _add_bars(figure: go.Figure, analysis: Analysis) -> None:
    events = [moment.event or {} for moment in analysis.moments]
    colours = [COLOURS[event["kind"]] for event in events]
    figure.add_bar(
        orientation="h", y=[LANE] * len(events), width=0.7, showlegend=False,
        base=[event["onset_time"] for event in events],
        x=[event["offset_time"] - event["onset_time"] for event in events],
        marker={
            "color": [c if e["kind"] == "micro" else "rgba(0,0,0,0)" for c, e in zip(colours, events, strict=True)],
            "line": {"color": colours, "width": 2},
        },
        customdata=[event["apex_time"] for event in events],
        hovertext=[_describe(number, moment) for number, moment in enumerate(analysis.moments, 1)],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip


def _add_apexes(figure: go.Figure, analysis: Analysis) -> None:
    times = [moment.event["apex_time"] for moment in analysis.moments if moment.event]
    figure.add_scatter(
        x=times, y=[LANE] * len(times), mode="markers", showlegend=False, cliponaxis=False,
        marker={"symbol": "triangle-up", "size": 9, "color": "#fff", "line": {"color": "#000", "width": 1}},
        hovertext=[_describe(number, moment) for number, moment in enumerate(analysis.moments, 1)],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    for number, time in enumerate(times, 1):
        figure.add_annotation(x=time, y=LANE, yshift=ABOVE, text=f"{number}", showarrow=False)


def _describe(number: int, moment: Moment) -> str:
    event = moment.event or {}
    return (
        f"{number}: {event['kind']}, {event['onset_time']:.2f} to {event['offset_time']:.2f} s, apex "
        f"{event['apex_time']:.2f} s<br>{', '.join(moment.active)}; sure {event['probability']:.2f}"
    )
