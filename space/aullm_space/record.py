"""The result as `aullm predict` writes it: the same JSON, the same CSV."""

import csv
import io
import json
from typing import Any

from . import checkpoint, detector
from .facs import ACTION_UNITS
from .moments import Analysis, Gap, Moment

DECIMALS = 6
WINDOW_SECONDS, STRIDE_SECONDS, WHOLE_CLIP_SECONDS = 0.5, 0.25, 1.0  # of the processor, by default


def to_records(analyses: list[Analysis]) -> list[dict[str, Any]]:
    """The JSON: an entry a face."""
    return [_record(analysis) for analysis in analyses]


def to_json(analyses: list[Analysis]) -> str:
    """The JSON's text."""
    return json.dumps(to_records(analyses), indent=2, ensure_ascii=False) + "\n"


def to_csv(analyses: list[Analysis]) -> str:
    """The CSV text: a row a segment; `AU01_p` probability, `AU01_c` 1 where active, `AU01_t` threshold."""
    text, rows = io.StringIO(), [_row(record, each) for record in to_records(analyses) for each in record["segments"]]
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _record(analysis: Analysis) -> dict[str, Any]:
    spans: list[Moment | Gap] = sorted([*analysis.moments, *analysis.gaps], key=_place)
    trained_on = detector.config.trained_on
    return {
        "source": analysis.request.path.name,
        "fps": None if analysis.fps is None else _round(analysis.fps),
        "num_frames": analysis.num_frames,
        "face": _face(analysis.moments[0]),
        "model": detector.NAME,
        "trained_on": None if trained_on is None else list(trained_on),
        "weights_sha256": checkpoint.weights_sha256(),
        "version": checkpoint.package_version(),
        "settings": _settings(analysis),
        "thresholds": {code: _round(value) for code, value in detector.THRESHOLDS.items()},
        "segments": [_segment(span) for span in spans],
    }


def _place(span: Moment | Gap) -> tuple[int, int]:
    place = span.segment if isinstance(span, Moment) else span
    return place.start_frame, place.end_frame


def _settings(analysis: Analysis) -> dict[str, Any]:
    request = analysis.request
    windows = not request.is_marked and analysis.end_time >= WHOLE_CLIP_SECONDS
    return {
        "window": WINDOW_SECONDS if windows else None,
        "stride": STRIDE_SECONDS if windows else None,
        "fps": None,
        "face": request.face,
        **request.marks,
        "dtype": str(detector.model.dtype).removeprefix("torch."),
        "device": str(detector.model.device),
    }


def _segment(span: Moment | Gap) -> dict[str, Any]:
    moment = span if isinstance(span, Moment) else None
    place = span.segment if isinstance(span, Moment) else span
    return {
        "start_frame": place.start_frame,
        "end_frame": place.end_frame,
        "start_time": _round(place.start_time),
        "end_time": _round(place.end_time),
        "success": moment is not None,
        "reason": place.reason,
        "face": moment and _face(moment),
        "action_units": moment
        and {
            code: {
                "name": ACTION_UNITS[code].name,
                "probability": _round(unit["probability"]),
                "active": unit["active"],
            }
            for code, unit in moment.action_units.items()
        },
    }


def _face(moment: Moment) -> dict[str, Any] | None:
    face = moment.segment.face
    return face and {
        "id": moment.segment.face_id,
        "box": [_round(value) for value in face.box],
        "score": _round(face.score),
        "landmarks": [[_round(value) for value in point] for point in face.landmarks],
    }


def _row(record: dict[str, Any], segment: dict[str, Any]) -> dict[str, Any]:
    """A row of the CSV; cells of what is not there are empty."""
    face, units = segment["face"], segment["action_units"] or {}
    row = {"source": record["source"], "face": record["face"] and record["face"]["id"]}
    row |= {name: segment[name] for name in ("start_frame", "end_frame", "start_time", "end_time")}
    row |= {"success": int(segment["success"]), "reason": segment["reason"]}
    row |= zip(("x", "y", "width", "height"), face["box"] if face else [None] * 4, strict=True)
    row["confidence"] = face and face["score"]
    for code, threshold in record["thresholds"].items():
        unit, column = units.get(code), f"AU{int(code[2:]):02d}"
        row[f"{column}_p"] = unit and unit["probability"]
        row[f"{column}_c"] = unit and int(unit["active"])
        row[f"{column}_t"] = threshold
    return row | {"model": record["model"], "trained_on": record["trained_on"] and ", ".join(record["trained_on"])}


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
