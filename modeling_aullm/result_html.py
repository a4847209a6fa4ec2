"""What was found, as a notebook shows it: a small table with bars a source and face, in light and dark."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from .event_table import HEADINGS, NUMBERS, describe_events, describe_sensitivity, event_notes, event_rows
from .result_table import active_intervals, describe_gaps
from .results import Prediction, UnitResult

ACTIVE, INACTIVE = "#D55E00", "#8FBCDD"  # vermilion and blue of the Okabe-Ito palette
FACES_SHOWN, ERRORS_SHOWN = 12, 6
STRIP_WIDTH, EVENTS_WIDTH = 180, 480  # pixels
KINDS = {"micro": "#AA4499", "longer": "#117755"}  # of events; its reddish purple and bluish green, darkened for text
HATCH = "repeating-linear-gradient(45deg, rgba(128,128,128,.65) 0 2px, transparent 2px 5px)"

STYLE = """<style>
.aullm table {border-collapse: collapse; margin: 2px 0 4px; font-size: 12px; color: inherit}
.aullm table td, .aullm table th {border: none; padding: 1px 8px; background: none; text-align: left}
.aullm table td, .aullm table th {white-space: nowrap}
.aullm table td.number {text-align: right; font-variant-numeric: tabular-nums}
.aullm .bar {position: relative; width: 120px; height: 10px; background: rgba(128, 128, 128, 0.2)}
.aullm .bar i {position: absolute; left: 0; top: 0; height: 10px}
.aullm .bar b {position: absolute; top: -1px; width: 2px; height: 12px; background: currentColor}
.aullm .quiet {opacity: 0.65; font-size: 12px}
</style>"""


def to_html(predictions: Sequence[Prediction], errors: Mapping[str, str]) -> str:
    """An HTML fragment: which checkpoint, a table a source and face, and what could not be used."""
    parts = [STYLE]
    if predictions:
        parts.append(f'<div class="quiet">{escape(str(predictions[0].checkpoint))}</div>')
    parts += map(_face, predictions[:FACES_SHOWN])
    if len(predictions) > FACES_SHOWN:
        parts.append(f'<div class="quiet">and {len(predictions) - FACES_SHOWN} more</div>')
    parts += [f"<div>{escape(text)}</div>" for text in list(errors.values())[:ERRORS_SHOWN]]
    if len(errors) > ERRORS_SHOWN:
        parts.append(f'<div class="quiet">and {len(errors) - ERRORS_SHOWN} more that could not be used</div>')
    if not predictions and not errors:
        parts.append("<div>no sources</div>")
    return f'<div class="aullm">{"".join(parts)}</div>'


def _face(prediction: Prediction) -> str:
    if prediction.events is not None:
        return _events(prediction)
    head = ["AU", "FACS name", "highest" if prediction.is_timeline else "probability", "", "threshold", "active"]
    head += ["over time"] if prediction.is_timeline else []
    rows = "".join(f"<th>{name}</th>" for name in head)
    notes = _quiet(describe_gaps(prediction))
    return f"{_title(prediction)}<table><tr>{rows}</tr>{''.join(_rows(prediction))}</table>{notes}"


def _title(prediction: Prediction) -> str:
    length = f"{prediction.num_frames} frames" + (f", {prediction.end_time:.2f} s" if prediction.is_timeline else "")
    return f'<div><b>{escape(prediction.title)}</b> <span class="quiet">{length}</span></div>'


def _quiet(lines: Iterable[str]) -> str:
    return "".join(f'<div class="quiet">{escape(line)}</div>' for line in lines if line)


def _events(prediction: Prediction) -> str:
    """How many there are, where they lie in the whole of the source, and a row each."""
    rectangles = [(event.onset_time, event.offset_time, KINDS[event.kind]) for event in prediction.events or ()]
    rectangles += [(gap.start_time, gap.end_time, HATCH) for gap in prediction.gaps]
    parts = [_title(prediction), f"<div>{escape(describe_events(prediction))}</div>"]
    parts += [_quiet([describe_sensitivity(prediction)]), _over_time(prediction, rectangles, EVENTS_WIDTH)]
    if prediction.events:
        head = "".join(f"<th>{name}</th>" for name in HEADINGS)
        rows = "".join(f"<tr>{''.join(map(_cell, range(len(row)), row))}</tr>" for row in event_rows(prediction))
        parts.append(f"<table><tr>{head}</tr>{rows}</table>")
    return "".join(parts) + _quiet([*event_notes(prediction), *describe_gaps(prediction)])


def _cell(column: int, text: str) -> str:
    if text in KINDS:
        return f'<td><span style="border-left: 8px solid {KINDS[text]}; padding-left: 5px">{text}</span></td>'
    return f"<td{' class=number' if column in NUMBERS else ''}>{escape(text)}</td>"


def _rows(prediction: Prediction) -> Iterator[str]:
    for code, threshold in prediction.thresholds.items():
        units = [segment.action_units[code] for segment in prediction.segments if segment.action_units]
        best = max(units, key=lambda unit: unit.probability)
        active = any(unit.active for unit in units)
        name = f"<b>{escape(best.name)}</b>" if active else escape(best.name)
        cells = [f"<td>{code}</td><td>{name}</td>", f'<td class="number">{best.probability:.2f}</td>']
        cells += [f"<td>{_bar(best, threshold, active)}</td>", f'<td class="number">{threshold:.2f}</td>']
        detail = "" if prediction.is_timeline or not best.detail else f", {best.detail}"
        cells.append(f"<td>{f'yes{detail}' if active else '-'}</td>")
        if prediction.is_timeline:
            cells.append(f"<td>{_strip(prediction, code)}</td>")
        yield f"<tr>{''.join(cells)}</tr>"


def _bar(unit: UnitResult, threshold: float, active: bool) -> str:
    colour = ACTIVE if active else INACTIVE
    return (
        f'<div class="bar"><i style="width: {100 * unit.probability:.1f}%; background: {colour}"></i>'
        f'<b style="left: {99 * threshold:.1f}%"></b></div>'
    )


def _strip(prediction: Prediction, code: str) -> str:
    """The whole of the source from left to right: vermilion where active, hatched where nothing is stated."""
    rectangles = [(start, end, ACTIVE) for start, end in active_intervals(prediction.segments, code)]
    rectangles += [(gap.start_time, gap.end_time, HATCH) for gap in prediction.gaps]
    return _over_time(prediction, rectangles, STRIP_WIDTH)


def _over_time(prediction: Prediction, rectangles: Iterable[tuple[float, float, str]], width: int) -> str:
    """The whole of the source as a bar, with stretches from one second to another, each of a colour."""
    scale = width / max(prediction.end_time, 1e-9)
    drawn = "".join(
        f'<i style="left: {start * scale:.1f}px; width: {max(1.0, (end - start) * scale):.1f}px; background: {fill}">'
        "</i>"
        for start, end, fill in rectangles
    )
    return f'<div class="bar" style="width: {width}px">{drawn}</div>'
