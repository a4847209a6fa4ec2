"""What if a rule were another? The same clip asked again with relations or units' nodes flipped, as CCR trains with."""

import numpy as np

from . import detector
from .facs import ACTION_UNITS, RELATIONS, full_name
from .moments import Moment

HOLDS = 0.02  # a probability that changes by less holds
NOTHING_FLIPPED = (
    "<p>Choose a relation or a unit above: the model answers again for the same clip, and the table shows which "
    "probabilities move and which hold.</p>"
)

OF_THE_CLIP = (
    " These are the numbers that AULLM++ gives the expression's clip by itself; those of the expression weigh the "
    "course of its motion, too."
)


def relation_choices(moment: Moment) -> list[tuple[str, int]]:
    """What every relation says, in words, with its strength in this clip, and its number."""
    if moment.relation_strengths is None:
        return []
    return [
        (f"{full_name(first)} {RELATIONS[kind]} {full_name(second)} ({strength:.2f})", number)
        for number, ((first, second, kind), strength) in enumerate(
            zip(detector.config.relations, moment.relation_strengths, strict=True)
        )
    ]


def unit_choices(moment: Moment) -> list[tuple[str, str]]:
    """Name and code of every unit."""
    return [(full_name(code), code) for code in moment.action_units]


def strongest(moment: Moment) -> tuple[list[int], list[str], str]:
    """The one rule that moves another unit most when it is flipped: relation or unit chosen, and the answer as HTML.

    Nothing is chosen where no rule by itself moves a unit.

    Args:
        moment: The moment shown.
    """
    codes = list(moment.read)
    before = np.array([unit["probability"] for unit in moment.read.values()])
    change = np.abs(detector.ask_each_rule(moment.segment.pixel_values) - before)
    change[: len(codes)][np.eye(len(codes), dtype=bool)] = 0  # that a flipped unit moves itself is no surprise
    rule, moved = divmod(int(change.argmax()), len(codes))
    hold = [code for code, most in zip(codes, change.max(axis=0), strict=True) if most < HOLDS]
    told = f"<p>Each of the {len(change)} rules was flipped by itself. {_holding(hold, len(codes))}</p>"
    if change[rule, moved] < HOLDS:
        return [], [], told
    relations, units = ([], [codes[rule]]) if rule < len(codes) else ([rule - len(codes)], [])
    start = f"<p>Chosen above is the one that moves another unit most: {codes[moved]}.</p>"
    return relations, units, told + start + what_if(moment, relations, units)


def _holding(hold: list[str], units: int) -> str:
    if len(hold) == units:
        return f"None moves another unit by {HOLDS} or more: all answers rest on what moved in the face."
    if not hold:
        return "No unit holds against all of them."
    return f"Whichever it was, these hold, for they rest on what moved in the face: {', '.join(hold)}."


def what_if(moment: Moment, relations: list[int], units: list[str]) -> str:
    """What the model says with rules flipped, beside what it said, as HTML.

    Args:
        moment: The moment shown.
        relations: Numbers of the relations that are as weak as they were strong.
        units: Codes of the units whose node says its opposite.
    """
    if not relations and not units:
        return NOTHING_FLIPPED
    count = len(detector.config.relations)
    after = detector.ask_what_if(
        moment.segment.pixel_values,
        [code in units for code in moment.action_units],
        [number in relations for number in range(count)],
    )
    before = [unit["probability"] for unit in moment.read.values()]
    rows = list(zip(moment.read, before, map(float, after), strict=True))
    body = "".join(_row(*row) for row in rows)
    return (
        f"<p>{_summary(rows)}{OF_THE_CLIP if moment.event else ''}</p>"
        '<table class="units flips"><thead><tr><th>Unit</th><th>Name</th><th>Now</th><th>Then</th>'
        "<th>Thres&shy;hold</th><th>Change</th></tr>"
        f"</thead><tbody>{body}</tbody></table>"
    )


def _row(code: str, before: float, after: float) -> str:
    moves = abs(after - before) >= HOLDS
    threshold = detector.THRESHOLDS[code]
    crossed = (after >= threshold) != (before >= threshold)
    change = f"{after - before:+.3f}{'' if moves else ', holds'}"
    if crossed:
        change += ", now active" if after > before else ", no longer active"
    return (
        f'<tr class="{"active" if moves else "still"}" data-unit="{code}"><th scope="row">{code}</th>'
        f'<td>{ACTION_UNITS[code].name}</td><td class="number">{before:.3f}</td><td class="number">{after:.3f}</td>'
        f'<td class="threshold">{threshold:.2f}</td><td>{change}</td></tr>'
    )


def _summary(rows: list[tuple[str, float, float]]) -> str:
    moved = sorted((row for row in rows if abs(row[2] - row[1]) >= HOLDS), key=lambda row: -abs(row[2] - row[1]))
    if not moved:
        return f"<strong>All {len(rows)} units hold</strong>: no probability changes by {HOLDS} or more."
    listed = ", ".join(f"{code} ({after - before:+.2f})" for code, before, after in moved)
    return f"<strong>{len(moved)} of {len(rows)} move</strong>: {listed}. The others hold."
