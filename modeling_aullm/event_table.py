"""The expressions that were found, as text for people: what `result_table` prints and a notebook shows."""

from .facs import ACTION_UNITS
from .results import EventResult, Prediction

EVENTS_SHOWN = 40  # JSON and CSV hold all of them
HEADINGS = ("#", "onset", "apex", "offset", "duration", "kind", "sure", "units with probability")
NUMBERS = {0, 1, 2, 3, 4, 6}  # the columns that hold numbers


def count_of(number: int, name: str) -> str:
    """Such as "1 face" and "2 faces"."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def describe_events(prediction: Prediction) -> str:
    """How many expressions of which kind, or in one sentence that there is none; events were looked for."""
    events = prediction.events or []
    if events:
        kinds = [event.kind for event in events]
        each = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("micro", "longer") if kind in kinds)
        return f"{count_of(len(events), 'expression')} ({each})"
    only = prediction.settings.get("only_action_units")
    what = f"expression with {' or '.join(only)}" if only else "expression"
    if not prediction.segments:
        return f"no {what} could be looked for: nothing is stated of any frame"
    seconds = f"{prediction.stated_seconds:.2f} s"
    where = f"the {seconds} of which something is stated" if prediction.gaps else f"the whole {seconds}"
    return f"no {what} was found in {where}"


def describe_sensitivity(prediction: Prediction) -> str:
    """At which operating point events were looked for, and the false alarms that it stands for; empty if not given."""
    sensitivity, rate = (prediction.settings.get(name) for name in ("sensitivity", "false_alarms_per_minute"))
    if sensitivity is None:
        return ""
    if rate is None:
        return f"sensitivity {sensitivity}; how many false alarms a minute that means is not on record"
    rate = float(f"{rate:.2g}")
    alarms = f"{rate:g} false alarm{'' if rate == 1 else 's'}"
    return f"sensitivity {sensitivity}: about {alarms} a minute in the validation recordings"


def event_rows(prediction: Prediction) -> list[tuple[str, ...]]:
    """A row of cells for each of the first events, under `HEADINGS`; times are seconds."""
    rows = []
    for number, event in enumerate((prediction.events or [])[:EVENTS_SHOWN], 1):
        times = (event.onset_time, event.apex_time, event.offset_time, event.duration)
        cells = (
            *(f"{time:.2f}" for time in times),
            event.kind,
            f"{event.probability:.2f}",
            units_with_probability(event),
        )
        rows.append((f"{number}", *cells))
    return rows


def units_with_probability(event: EventResult) -> str:
    """Such as "AU12 0.91, AU6 0.74"."""
    return ", ".join(
        f"{code} {unit.probability:.2f}{f' ({unit.detail})' * bool(unit.detail)}"
        for code, unit in event.active_units.items()
    )


def event_notes(prediction: Prediction) -> list[str]:
    """Lines to be put under the rows: how many are not shown, what the numbers mean, and the names of the units."""
    events = prediction.events or []
    more = len(events) - EVENTS_SHOWN
    found = {code for event in events[:EVENTS_SHOWN] for code in event.active_units}
    names = ", ".join(f"{code} {ACTION_UNITS[code].name}" for code in prediction.thresholds if code in found)
    notes = [f"and {more} more (in JSON and CSV)"] if more > 0 else []
    return [*notes, "times in seconds; sure: probability that it is an expression", names] if events else []
