"""What `aullm predict` found as records, JSON and CSV.

JSON is a list with one object a source and face: `{"source", "fps", "num_frames", "face": {"id", "box", "score",
"landmarks", "angles": {"pitch", "yaw", "roll"}}, "model", "trained_on", "weights_sha256", "version", "settings",
"recording", "thresholds": {"AU1": ...}, "segments": [{"start_frame", "end_frame", "start_time", "end_time", "success",
"reason", "face", "action_units": {"AU1": {"name", "probability", "active", "side", "intensity"}, ...}}], "events":
[{"number", "onset_frame", "apex_frame", "offset_frame", "onset_time", "apex_time", "offset_time", "duration", "kind",
"probability", "action_units": {"AU1": {"name", "probability", "active", "side", "intensity"}, ...}}]}`. The entries of
`segments` cover the whole source in order of time: where `success` is false nothing can be stated, `reason` says why,
and `face` and `action_units` are null. The face's own `face` is that of its first segment; `id` counts from 1, and all
is null with ready crops. Frames count from 0 and `end_frame` is inside the segment, times are in seconds, a box is (x,
y, width, height) and a landmark (x, y) in pixels of the source, in the order right eye, left eye, nose tip, right and
left mouth corner; angles are degrees, see `head_pose`. `events` are the expressions that came and went, see
`EventResult`, by their number from 1 in order of their onsets; it is empty where none was found, and null where they
were not looked for: in clips of up to a second, with windows, and with marks. `trained_on` names the data
(`synthetic:...` is no human face), null if it is not on record; `weights_sha256` holds the hash of each weights file.
`recording` holds `bits` of a pixel where they are not 8, `is_mirrored` where the file asks to be shown so, and what it
can show, see `recording_check`.

CSV has a row for each such entry, or for each frame, with OpenFace's words: `success` is 1 or 0, `confidence` the face
detector's score, `AU01_p` a probability, `AU01_c` 1 where it reaches the threshold `AU01_t`; of an active unit
`AU01_side` is the subject's left, right or both and `AU01_intensity` a letter of FACS, where they can be told. Box,
landmarks (`right_eye_x`, ...) and angles are of the segment's first frame, or of each frame; the face is looked for
every tenth of a second, between which they are interpolated; `recording_verdict` and so on are of the whole recording.
Cells of what is not there are empty.

The CSV of events has a row an event: the keys of `events` as columns, and of each unit `AU01_p`, `AU01_c`, `AU01_side`
and `AU01_intensity`. A source in which none was found, or looked for, has no row, and with no event at all the header
stands alone.

What is reported is change, not posture: an expression that is held still is none. Numbers have at most six decimals.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Literal

from .results import EventResult, FaceResult, Prediction, SegmentResult, UnitResult

DECIMALS = 6
LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
RECORDING = (
    "verdict", "smallest_movement", "smallest_movement_crop", "quantiser", "noise", "distinct_fps", "face_width",
)  # fmt: skip
_PLACE = ("x", "y", "width", "height", "confidence")
_POINTS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")
_ANGLES = ("pitch", "yaw", "roll")


def _round(value: float) -> float:
    return round(float(value), DECIMALS)


def _face_record(face: FaceResult | None) -> dict[str, Any] | None:
    if face is None:
        return None
    return {
        "id": face.id,
        "box": [_round(value) for value in face.box],
        "score": _round(face.score),
        "landmarks": [[_round(value) for value in point] for point in face.landmarks],
        "angles": {name: _round(getattr(face.angles, name)) for name in _ANGLES},
    }


def _units_record(units: dict[str, UnitResult]) -> dict[str, Any]:
    return {
        code: {
            "name": unit.name,
            "probability": _round(unit.probability),
            "active": unit.active,
            "side": unit.side,
            "intensity": unit.intensity,
        }
        for code, unit in units.items()
    }


def _segment_record(span: SegmentResult) -> dict[str, Any]:
    units = span.action_units
    return {
        "start_frame": span.start_frame,
        "end_frame": span.end_frame,
        "start_time": _round(span.start_time),
        "end_time": _round(span.end_time),
        "success": units is not None,
        "reason": span.reason,
        "face": _face_record(span.face),
        "action_units": units and _units_record(units),
    }


def _event_columns(number: int, event: EventResult) -> dict[str, Any]:
    """What JSON and CSV alike say of an event, but for its units."""
    return {
        "number": number,
        "onset_frame": event.onset_frame,
        "apex_frame": event.apex_frame,
        "offset_frame": event.offset_frame,
        "onset_time": _round(event.onset_time),
        "apex_time": _round(event.apex_time),
        "offset_time": _round(event.offset_time),
        "duration": _round(event.duration),
        "kind": event.kind,
        "probability": _round(event.probability),
    }


def _event_records(prediction: Prediction) -> list[dict[str, Any]] | None:
    if prediction.events is None:
        return None
    return [
        _event_columns(number, event) | {"action_units": _units_record(event.action_units)}
        for number, event in enumerate(prediction.events, 1)
    ]


def to_record(prediction: Prediction) -> dict[str, Any]:
    """The entry of the JSON for one face of a source, in the order of keys given at the top of this file."""
    checkpoint = prediction.checkpoint
    return {
        "source": prediction.source,
        "fps": None if prediction.fps is None else _round(prediction.fps),
        "num_frames": prediction.num_frames,
        "face": _face_record(prediction.face),
        "model": checkpoint.name,
        "trained_on": None if checkpoint.trained_on is None else list(checkpoint.trained_on),
        "weights_sha256": checkpoint.weights_sha256,
        "version": checkpoint.version,
        "settings": prediction.settings,
        "recording": prediction.recording,
        "thresholds": {code: _round(value) for code, value in prediction.thresholds.items()},
        "segments": [_segment_record(span) for span in prediction.spans],
        "events": _event_records(prediction),
    }


def to_json(predictions: Sequence[Prediction]) -> str:
    """The JSON text, ending in a newline."""
    return json.dumps([to_record(prediction) for prediction in predictions], indent=2, ensure_ascii=False) + "\n"


def _face_columns(face: FaceResult | None) -> dict[str, Any]:
    if face is None:
        return dict.fromkeys((*_PLACE, *_ANGLES, *_POINTS))
    angles = [getattr(face.angles, name) for name in _ANGLES]
    values = map(_round, (*face.box, face.score, *angles, *chain.from_iterable(face.landmarks)))
    return dict(zip((*_PLACE, *_ANGLES, *_POINTS), values, strict=True))


def _column(code: str) -> str:
    return f"AU{int(code[2:]):02d}"


def _unit_columns(code: str, unit: UnitResult | None) -> dict[str, Any]:
    name = _column(code)
    return {
        f"{name}_p": unit and _round(unit.probability),
        f"{name}_c": unit and int(unit.active),
        f"{name}_side": unit and unit.side,
        f"{name}_intensity": unit and unit.intensity,
    }


def _columns(prediction: Prediction, span: SegmentResult | None, face: FaceResult | None) -> dict[str, Any]:
    """What a row says of face and action units, wherever they are there."""
    units = (span and span.action_units) or {}
    values: dict[str, Any] = {"success": int(bool(units)), "reason": span and span.reason}
    values |= _face_columns(face)
    for code, threshold in prediction.thresholds.items():
        values |= _unit_columns(code, units.get(code))
        values[f"{_column(code)}_t"] = _round(threshold)
    return values | _origin(prediction)


def _origin(prediction: Prediction) -> dict[str, Any]:
    """What a row says of the recording and of what made the statements."""
    values = {f"recording_{name}": prediction.recording.get(name) for name in RECORDING}
    trained_on = prediction.checkpoint.trained_on
    return values | {"model": prediction.checkpoint.name, "trained_on": trained_on and ", ".join(trained_on)}


def segment_rows(predictions: Sequence[Prediction]) -> Iterator[dict[str, Any]]:
    """A row a span, as the CSV has them; None where a cell is empty."""
    for prediction in predictions:
        for span in prediction.spans:
            row: dict[str, Any] = {"source": prediction.source, "face": prediction.face_id}
            row |= {"start_frame": span.start_frame, "end_frame": span.end_frame}
            row |= {"start_time": _round(span.start_time), "end_time": _round(span.end_time)}
            yield row | _columns(prediction, span, span.face)


def frame_rows(predictions: Sequence[Prediction]) -> Iterator[dict[str, Any]]:
    """A row a frame: what the segment says that `Prediction.segment_at` gives, or why there is none."""
    for prediction in predictions:
        for frame, time in enumerate(prediction.frame_times):
            row = {"source": prediction.source, "face": prediction.face_id, "frame": frame, "time": _round(time)}
            span = prediction.span_at(frame)
            yield row | _columns(prediction, span, span.face_at(frame) if span else None)


def _event_row(prediction: Prediction, number: int, event: EventResult) -> dict[str, Any]:
    row = {"source": prediction.source, "face": prediction.face_id} | _event_columns(number, event)
    for code in prediction.thresholds:
        row |= _unit_columns(code, event.action_units.get(code))
    return row | _origin(prediction)


def event_rows(predictions: Sequence[Prediction]) -> Iterator[dict[str, Any]]:
    """A row an event; of what has none, or where none was looked for, no row."""
    for prediction in predictions:
        for number, event in enumerate(prediction.events or (), 1):
            yield _event_row(prediction, number, event)


By = Literal["segment", "frame", "event"]
ROWS = {"segment": segment_rows, "frame": frame_rows, "event": event_rows}


def event_example(prediction: Prediction) -> dict[str, Any]:
    """A row of no event, with the columns and types of any."""
    units = {code: UnitResult("", 0.0, False) for code in prediction.thresholds}
    return _event_row(prediction, 0, EventResult(0, 0, 0, 0.0, 0.0, 0.0, "micro", 0.0, units))


def rows_by(predictions: Sequence[Prediction], by: By) -> list[dict[str, Any]]:
    """The rows of the CSV, a row a span, a frame or an event.

    Raises:
        ValueError: If `by` is none of these.
    """
    if by not in ROWS:
        raise ValueError(f"by must be 'event', 'segment' or 'frame', got {by!r}")
    return list(ROWS[by](predictions))


def to_csv(predictions: Sequence[Prediction], by: By = "segment") -> str:
    """The CSV text: a header, then the rows. All predictions are of one model, so they share the columns.

    Raises:
        ValueError: See `rows_by`.
    """
    text, rows = io.StringIO(), rows_by(predictions, by)
    writer = csv.DictWriter(text, rows[0] if rows else event_example(predictions[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
