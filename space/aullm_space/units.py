"""The action units of a moment: a row a unit, and the units drawn on the face."""

import numpy as np

from . import detector
from .examples import Example
from .facs import ACTION_UNITS
from .moments import Moment
from .pictures import to_url


def unit_rows(moment: Moment, example: Example | None) -> str:
    """A table: unit, name, bar with its threshold, probability, whether active.

    Args:
        moment: The moment shown.
        example: The example it is, if it is one; its true units are marked.
    """
    put_in = set(example.action_units) if example else set()
    rows = "".join(
        _row(code, unit["probability"], active=unit["active"], put_in=code in put_in)
        for code, unit in moment.action_units.items()
    )
    marked = " &#9670; put into this example." if example else ""
    return (
        '<table class="units"><caption>Each bar is a probability; the line across it is the threshold from which the '
        f"unit counts as active.{marked}</caption>"
        '<thead class="unseen"><tr><th>Unit</th><th>Name</th><th>Bar</th><th>Probability</th><th>Active</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _row(code: str, probability: float, *, active: bool, put_in: bool) -> str:
    threshold = detector.THRESHOLDS[code]
    mark = ' <span title="put into this example">&#9670;</span>' if put_in else ""
    return (
        f'<tr class="{"active" if active else "still"}" data-unit="{code}"><th scope="row">{code}</th>'
        f"<td>{ACTION_UNITS[code].name}{mark}</td>"
        f'<td class="track"><div title="threshold {threshold:.2f}"><i style="width:{100 * probability:.1f}%"></i>'
        f'<b style="left:{100 * threshold:.1f}%"></b></div></td>'
        f'<td class="number">{probability:.2f}</td><td>{"active" if active else ""}</td></tr>'
    )


def face_map(moment: Moment, face: np.ndarray) -> str:
    """The face with a ring where each active unit's muscles move the skin, and a dot for the others.

    Args:
        moment: The moment shown.
        face: Grey, (side, side), 0..1.
    """
    active = moment.active
    dots = "".join(_dots(code) for code in moment.action_units if code not in active)
    rings = "".join(
        _rings(code, moment.action_units[code]["probability"], left=number % 2 == 1)
        for number, code in enumerate(active)
    )
    label = f"Face with {', '.join(active)} active" if active else "Face with no unit active"
    return (
        f'<svg class="face" viewBox="0 0 100 100" role="img" aria-label="{label}"><image href="{to_url(face)}" '
        f'width="100" height="100"/>{dots}{rings}</svg>'
    )


def _dots(code: str) -> str:
    return "".join(
        f'<circle class="dot" cx="{100 * x:.0f}" cy="{100 * y:.0f}" r="0.9"/>' for x, y in ACTION_UNITS[code].sites
    )


def _rings(code: str, probability: float, *, left: bool) -> str:
    """Rings on both sides; the name stands on one of them, beside the ring or, near the middle, above it."""
    sites = ACTION_UNITS[code].sites
    rings = "".join(
        f'<circle class="ring" cx="{100 * x:.0f}" cy="{100 * y:.0f}" r="{2 + 3 * probability:.1f}"/>' for x, y in sites
    )
    x, y = sites[0 if left else -1]
    if abs(x - 0.5) < 0.1:
        return f'{rings}<text text-anchor="middle" x="{100 * x:.1f}" y="{100 * y - 6:.1f}">{code}</text>'
    anchor, shift = ("end", -6.5) if left else ("start", 6.5)
    return f'{rings}<text text-anchor="{anchor}" x="{100 * x + shift:.1f}" y="{100 * y + 1.5:.1f}">{code}</text>'
