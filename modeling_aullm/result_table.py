"""What `aullm predict` found, as text for people."""

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap

from .event_table import HEADINGS, NUMBERS, count_of, describe_events, describe_sensitivity, event_notes, event_rows
from .results import Prediction, SegmentResult

STRETCHES_SHOWN = 4  # of each kind; JSON and CSV hold all of them
WIDTH = 110  # characters of a line of names


def active_intervals(segments: Sequence[SegmentResult], code: str) -> list[tuple[float, float]]:
    """The time, in seconds, covered by segments that have the unit active, as stretches with no frame left out."""
    intervals: list[tuple[float, float]] = []
    last_frame = -2  # of the stretch so far; no segment starts right behind this
    for segment in segments:
        if segment.action_units is None or not segment.action_units[code].active:
            continue
        start_time = segment.start_time if segment.start_frame > last_frame + 1 else intervals.pop()[0]
        intervals.append((start_time, segment.end_time))
        last_frame = segment.end_frame
    return intervals


def _few(stretches: Sequence[str]) -> str:
    more = len(stretches) - STRETCHES_SHOWN
    return ", ".join(stretches[:STRETCHES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def describe_gaps(prediction: Prediction) -> list[str]:
    """A line a reason: of how many frames nothing is stated, why, and when."""
    lines = []
    for reason in dict.fromkeys(span.reason for span in prediction.gaps):
        spans = [span for span in prediction.gaps if span.reason == reason]
        num_frames = sum(span.num_frames for span in spans)
        times = _few([f"{span.start_time:.2f}-{span.end_time:.2f}" for span in spans])
        share = f"{num_frames} of {prediction.num_frames} frames"
        lines.append(f"nothing is stated of {share}: {reason} ({times} s)")
    return lines


def describe_recording(prediction: Prediction) -> list[str]:
    """A line for each thing to be told of how a source was recorded."""
    lines, bits = [], prediction.recording.get("bits", 8)
    if bits != 8:
        lines.append(f"pixels of {bits} bits, brought to 8 by one scale for all frames")
    if prediction.recording.get("is_mirrored"):
        lines.append("shown mirrored, as the file asks: left and right are swapped against the picture it stores")
    return lines + ([prediction.recording_limits] if prediction.recording_limits else [])


def _describe(prediction: Prediction) -> str:
    """The line above a face's table."""
    parts = [f"{prediction.num_frames} frames"]
    if prediction.fps is not None:
        parts.append(f"{prediction.fps:g} frames/s")
    if prediction.events is not None:
        parts.append(f"{prediction.end_time:.2f} s")
    elif prediction.is_timeline:
        parts.append(count_of(len(prediction.segments), "segment"))
    return f"{prediction.source}{prediction.face_label} ({', '.join(parts)})"


def _clip_rows(prediction: Prediction) -> Iterator[tuple[str, ...]]:
    yield "AU", "FACS name", "probability", "threshold", "active"
    for code, unit in (prediction.segments[0].action_units or {}).items():
        threshold = f"{prediction.thresholds[code]:.2f}"
        active = ", ".join(["yes", unit.detail] if unit.detail else ["yes"]) if unit.active else "-"
        yield code, unit.name, f"{unit.probability:.2f}", threshold, active


def _timeline_rows(prediction: Prediction) -> Iterator[tuple[str, ...]]:
    yield "AU", "FACS name", "highest", "threshold", "at (s)", "active (s)"
    for code, threshold in prediction.thresholds.items():
        units = [(segment.action_units or {})[code] for segment in prediction.segments]
        unit, peak = max(zip(units, prediction.segments, strict=True), key=lambda pair: pair[0].probability)
        intervals = active_intervals(prediction.segments, code)
        active = _few([f"{start:.2f}-{end:.2f}" for start, end in intervals])
        yield code, unit.name, f"{unit.probability:.2f}", f"{threshold:.2f}", f"{peak.centre:.2f}", active or "-"


def _aligned(rows: Sequence[tuple[str, ...]], numbers: set[int]) -> Iterator[str]:
    """The rows as lines, columns of numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _event_lines(prediction: Prediction) -> Iterator[str]:
    """What was found, how often that is wrong, and a row an event; or that there is none."""
    yield describe_events(prediction)
    if sensitivity := describe_sensitivity(prediction):
        yield sensitivity
    if prediction.events:
        yield from _aligned([HEADINGS, *event_rows(prediction)], NUMBERS)
    for note in event_notes(prediction):
        lines = wrap(re.sub(r"(AU\d+) ", "\\1\N{NO-BREAK SPACE}", note), WIDTH)  # a code stays with its name
        yield from (line.replace("\N{NO-BREAK SPACE}", " ") for line in lines)


def _lines(prediction: Prediction) -> Iterator[str]:
    if prediction.events is not None:
        return _event_lines(prediction)
    if prediction.is_timeline:
        return _aligned(list(_timeline_rows(prediction)), {2, 3, 4})
    return _aligned(list(_clip_rows(prediction)), {2, 3})


def to_table(prediction: Prediction) -> str:
    """A table of one face: its events where they were looked for; else its action units.

    Those are probabilities of a clip, peaks and active times of a timeline. Below it stands how it was recorded, of
    what nothing is stated, and why.
    """
    lines = [*_lines(prediction), *describe_recording(prediction), *describe_gaps(prediction)]
    return "\n".join([_describe(prediction), *(f"  {line}" for line in lines)]) + "\n"


def to_text(predictions: Sequence[Prediction]) -> str:
    """All that is printed: a line about the checkpoint, then a table a source and face."""
    return "\n".join([f"{predictions[0].checkpoint}\n", *map(to_table, predictions)])
