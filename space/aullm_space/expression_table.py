"""The expressions that were found as a table, and in words; and the sensitivities to choose from."""

from collections.abc import Sequence

from . import detector
from .moments import Moment

HEADINGS = ("#", "Onset", "Apex", "Offset", "Kind", "Sure", "Units")
MEANINGS = {"high": "finds more, and is wrong more often", "low": "tells only the surest"}
SCRIPT = """element.addEventListener("click", (event) => {
    const row = event.target.closest("[data-moment]");
    if (row) trigger("click", { moment: row.dataset.moment });
});"""


def table(moments: Sequence[Moment], shown: int) -> str:
    """A row an expression, as HTML; a click on one, or its button, shows it.

    Args:
        moments: The expressions.
        shown: Index of the one shown.
    """
    head = "".join(f"<th>{name}</th>" for name in HEADINGS)
    rows = "".join(_row(index, moment, shown=index == shown) for index, moment in enumerate(moments))
    return (
        '<table class="units expressions"><caption>Times in seconds; <em>sure</em>: the probability that it is an '
        "expression. Choose one to see it below.</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(index: int, moment: Moment, *, shown: bool) -> str:
    event = moment.event or {}
    times = "".join(f'<td class="number">{event[f"{name}_time"]:.2f}</td>' for name in ("onset", "apex", "offset"))
    units = ", ".join(f"{code} {moment.action_units[code]['probability']:.2f}" for code in moment.active)
    button = f'<button type="button" aria-label="show expression {index + 1}">{index + 1}</button>'
    return (
        f'<tr class="{"active" if shown else "still"}" data-moment="{index}"{" aria-current=true" if shown else ""}>'
        f'<th scope="row">{button}</th>{times}'
        f'<td class="{event["kind"]}">{event["kind"]}</td><td class="number">{event["probability"]:.2f}</td>'
        f"<td>{units}</td></tr>"
    )


def describe_found(moments: Sequence[Moment]) -> str:
    """How many of which kind, such as "3 expressions (2 micro, 1 longer)"."""
    kinds = [moment.event["kind"] for moment in moments if moment.event]
    each = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("micro", "longer") if kind in kinds)
    return f"{len(kinds)} expression{'' if len(kinds) == 1 else 's'} ({each})"


def describe_sensitivity(name: str) -> str:
    """How often it is wrong, in words."""
    rate = detector.processor.sensitivities[name]["false_alarms_per_minute"]
    if rate is None:
        return "how many false alarms a minute that means is not on record"
    rate = float(f"{rate:.2g}")
    return f"about {rate:g} false alarm{'' if rate == 1 else 's'} a minute in the validation recordings"


def sensitivity_choices() -> list[tuple[str, str]]:
    """What each sensitivity means, in words, and its name; the least sure ones first."""
    known = detector.processor.sensitivities
    return [
        (f"{name.capitalize()}: {f'{MEANINGS[name]}; ' if name in MEANINGS else ''}{describe_sensitivity(name)}", name)
        for name in sorted(known, key=lambda name: known[name]["probability"])
    ]
