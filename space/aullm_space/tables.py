"""The result as the tables that `aullm predict` writes: a row a span, and a row an expression."""

import csv
import io
from collections.abc import Iterable
from itertools import chain
from typing import Any

from .record import ANGLES

LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
RECORDING = (
    "verdict", "smallest_movement", "smallest_movement_crop", "quantiser", "noise", "distinct_fps", "face_width",
)  # fmt: skip
FACE = ("x", "y", "width", "height", "confidence", *ANGLES, *(f"{name}_{axis}" for name in LANDMARKS for axis in "xy"))
EVENT = (
    "number", "onset_frame", "apex_frame", "offset_frame", "onset_time", "apex_time", "offset_time", "duration", "kind",
    "probability",
)  # fmt: skip


def to_csv(records: list[dict[str, Any]]) -> str:
    """The CSV text: a row a span, `AU01_p` the probability, `AU01_c` 1 where active, `AU01_t` the threshold.

    Args:
        records: From `to_records`.
    """
    rows = [_span_row(record, span) for record in records for span in record["segments"]]
    return _text(rows[0], rows)


def to_events_csv(records: list[dict[str, Any]]) -> str:
    """The CSV text: a row an expression; of none, the header alone.

    Args:
        records: From `to_records`, of a video in which expressions were looked for.
    """
    rows = [_event_row(record, event) for record in records for event in record["events"]]
    empty = dict.fromkeys(EVENT) | {"action_units": {}}
    return _text(_event_row(records[0], empty), rows)


def _text(columns: Iterable[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _span_row(record: dict[str, Any], span: dict[str, Any]) -> dict[str, Any]:
    face, units = span["face"], span["action_units"] or {}
    row = _source(record)
    row |= {name: span[name] for name in ("start_frame", "end_frame", "start_time", "end_time")}
    row |= {"success": int(span["success"]), "reason": span["reason"]}
    row |= dict.fromkeys(FACE)
    if face:
        points = chain.from_iterable(face["landmarks"])
        row |= zip(FACE, (*face["box"], face["score"], *face["angles"].values(), *points), strict=True)
    for code, threshold in record["thresholds"].items():
        row |= _unit(code, units.get(code)) | {f"{_column(code)}_t": threshold}
    return row | _origin(record)


def _event_row(record: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    row = _source(record) | {name: event[name] for name in EVENT}
    for code in record["thresholds"]:
        row |= _unit(code, event["action_units"].get(code))
    return row | _origin(record)


def _source(record: dict[str, Any]) -> dict[str, Any]:
    return {"source": record["source"], "face": record["face"] and record["face"]["id"]}


def _unit(code: str, unit: dict[str, Any] | None) -> dict[str, Any]:
    name = _column(code)
    return {
        f"{name}_p": unit and unit["probability"],
        f"{name}_c": unit and int(unit["active"]),
        f"{name}_side": unit and unit["side"],
        f"{name}_intensity": unit and unit["intensity"],
    }


def _column(code: str) -> str:
    return f"AU{int(code[2:]):02d}"


def _origin(record: dict[str, Any]) -> dict[str, Any]:
    """What a row says of the recording and of the model."""
    row = {f"recording_{name}": record["recording"].get(name) for name in RECORDING}
    return row | {"model": record["model"], "trained_on": record["trained_on"] and ", ".join(record["trained_on"])}
