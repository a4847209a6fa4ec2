"""The action units of a moment: a row a unit, and the units drawn on the face."""

from collections.abc import Mapping

import numpy as np

from .examples import Example
from .facs import ACTION_UNITS
from .moments import Moment
from .pictures import to_url

CLIP = (
    "Each bar is the probability that the unit <em>moves</em>; the line across it is the threshold from which it "
    "counts as active, which is another for every unit."
)
EXPRESSION = (
    "Each bar is the probability that the unit <em>takes part</em> in the expression, if it is one; the line across it "
    "is the threshold from which it counts as active."
)


def unit_rows(moment: Moment, example: Example | None) -> str:
    """A table: unit, name, bar, probability and beside it the threshold, whether active.

    Args:
        moment: The moment shown.
        example: The example it is, if it is one; its true units are marked.
    """
    put_in = set(example.action_units) if example else set()
    rows = "".join(
        _row(code, unit["probability"], moment.thresholds[code], active=unit["active"], put_in=code in put_in)
        for code, unit in moment.action_units.items()
    )
    marked = " &#9670; put into this example." if example else ""
    return (
        f'<table class="units"><caption>{CLIP if moment.event is None else EXPRESSION}{marked}</caption>'
        '<thead><tr><th>Unit</th><th>Name</th><th><span class="unseen">Bar</span></th><th>Proba&shy;bility</th>'
        f'<th>Thres&shy;hold</th><th><span class="unseen">Active</span></th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _row(code: str, probability: float, threshold: float, *, active: bool, put_in: bool) -> str:
    mark = ' <span title="put into this example">&#9670;</span>' if put_in else ""
    return (
        f'<tr class="{"active" if active else "still"}" data-unit="{code}"><th scope="row">{code}</th>'
        f"<td>{ACTION_UNITS[code].name}{mark}</td>"
        f'<td class="track"><div title="threshold {threshold:.2f}"><i style="width:{100 * probability:.1f}%"></i>'
        f'<b style="left:{100 * threshold:.1f}%"></b></div></td>'
        f'<td class="number">{probability:.2f}</td><td class="threshold">{"&ge;" if active else "&lt;"} '
        f"{threshold:.2f}</td><td>{'active' if active else ''}</td></tr>"
    )


def face_map(moment: Moment, face: np.ndarray) -> str:
    """The face with a ring where each active unit's muscles move the skin, and a dot for the others.

    Args:
        moment: The moment shown.
        face: Grey, (side, side), 0..1.
    """
    rings = {code: 2 + 3 * moment.action_units[code]["probability"] for code in moment.active}
    label = f"Face with {', '.join(rings)} active" if rings else "Face with no unit active"
    dots = [code for code in moment.action_units if code not in rings]
    picture = marked_face(face, rings, dots=dots, named=True, label=label)
    found = moment.segment.face
    if found is None:
        return picture
    x, y, width, height = (round(value) for value in found.box)
    return f"<figure>{picture}<figcaption>The face at x {x}, y {y}, {width} by {height} pixels</figcaption></figure>"


def marked_face(
    face: np.ndarray, rings: Mapping[str, float], *, dots: list[str] | None = None, named: bool = False, label: str = ""
) -> str:
    """A face with units drawn on it, as SVG.

    Args:
        face: Grey, (side, side), 0..1.
        rings: Radius, in per cent of the side, by the code of each unit that gets rings.
        dots: Codes of the units that get dots.
        named: Whether the rings' codes stand beside them.
        label: For those who do not see it.
    """
    drawn = "".join(_dots(code) for code in dots or [])
    drawn += "".join(_rings(code, radius) for code, radius in rings.items())
    drawn += "".join(_code(code, left=number % 2 == 1) for number, code in enumerate(rings)) if named else ""
    return (
        f'<svg class="face" viewBox="0 0 100 100" role="img" aria-label="{label}"><image href="{to_url(face)}" '
        f'width="100" height="100"/>{drawn}</svg>'
    )


def _dots(code: str) -> str:
    return "".join(
        f'<circle class="dot" cx="{100 * x:.0f}" cy="{100 * y:.0f}" r="0.9"/>' for x, y in ACTION_UNITS[code].sites
    )


def _rings(code: str, radius: float) -> str:
    return "".join(
        f'<circle class="ring" cx="{100 * x:.0f}" cy="{100 * y:.0f}" r="{radius:.1f}"/>'
        for x, y in ACTION_UNITS[code].sites
    )


def _code(code: str, *, left: bool) -> str:
    """The code on one of the rings, beside it or, near the middle, above it."""
    x, y = ACTION_UNITS[code].sites[0 if left else -1]
    if abs(x - 0.5) < 0.1:
        return f'<text text-anchor="middle" x="{100 * x:.1f}" y="{100 * y - 6:.1f}">{code}</text>'
    anchor, shift = ("end", -6.5) if left else ("start", 6.5)
    return f'<text text-anchor="{anchor}" x="{100 * x + shift:.1f}" y="{100 * y + 1.5:.1f}">{code}</text>'
