"""Why: the gate of the experts as bars, and the graph of the relations with their strengths in this clip."""

import math

import numpy as np

from . import detector
from .account import EXPERTS, describe_reasons
from .facs import RELATIONS
from .moments import Moment

RADIUS, CENTRE = 40, 50  # of the circle on which the units stand, in a picture of 100


def reasons(moment: Moment) -> str:
    """Account, gate and graph as HTML; what the model does not have is left out."""
    parts = [describe_reasons(moment)]
    if moment.gate_weights is not None:
        parts.append(_gate(moment.gate_weights))
    if moment.relation_strengths is not None:
        parts.append(_graph(moment, moment.relation_strengths))
    return f'<div class="reasons">{"".join(parts)}</div>'


def _gate(gate_weights: np.ndarray) -> str:
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td class="track"><div><i style="width:{100 * weight:.1f}%"></i></div></td>'
        f'<td class="number">{weight:.2f}</td></tr>'
        for name, weight in zip(EXPERTS, gate_weights, strict=True)
    )
    return (
        '<table class="units gate"><caption>Which view of the movement spoke: weights of the four experts, one in sum.'
        f"</caption><tbody>{rows}</tbody></table>"
    )


def _graph(moment: Moment, strengths: np.ndarray) -> str:
    units = list(moment.action_units)
    places = {}
    for number, code in enumerate(units):
        angle = 2 * math.pi * number / len(units) - math.pi / 2
        places[code] = CENTRE + RADIUS * math.cos(angle), CENTRE + RADIUS * math.sin(angle)
    lines = "".join(
        _line(places[first], places[second], f"{first} {RELATIONS[kind]} {second}", float(strength))
        for (first, second, kind), strength in zip(detector.config.relations, strengths, strict=True)
    )
    nodes = "".join(_node(code, places[code], active=code in moment.active) for code in units)
    return (
        '<figure class="graph"><svg viewBox="-4 0 108 100" role="img" aria-label="graph of the relations">'
        f"{lines}{nodes}</svg><figcaption>Relations between units: the thicker, the stronger in this clip. Whole "
        "lines: often together; dashed: rarely together. Filled: active.</figcaption></figure>"
    )


def _line(start: tuple[float, float], end: tuple[float, float], title: str, strength: float) -> str:
    kind = "exclusive" if RELATIONS["mutually exclusive"] in title else "together"
    return (
        f'<line class="{kind}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" '
        f'stroke-width="{0.3 + 2.2 * strength:.2f}"><title>{title}: {strength:.2f}</title></line>'
    )


def _node(code: str, place: tuple[float, float], *, active: bool) -> str:
    x, y = place
    return (
        f'<g class="{"active" if active else "still"}"><circle cx="{x:.1f}" cy="{y:.1f}" r="6.4"/>'
        f'<text x="{x:.1f}" y="{y + 1.4:.1f}">{code}</text></g>'
    )
