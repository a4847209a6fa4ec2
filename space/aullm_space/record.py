"""The result as `aullm predict` writes it: the same JSON, the same CSV."""

import csv
import io
import json
from itertools import chain
from typing import Any

from . import checkpoint, detector
from .facs import ACTION_UNITS
from .moments import Analysis, Gap, Moment

DECIMALS = 6
WINDOW_SECONDS, STRIDE_SECONDS = 0.5, 0.25  # the processor's own, of a video of a second or more
WHOLE_CLIP_SECONDS = 1.0
LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
ANGLES = ("pitch", "yaw", "roll")
RECORDING = (
    "verdict", "smallest_movement", "smallest_movement_crop", "quantiser", "noise", "distinct_fps", "face_width",
)  # fmt: skip
FACE = ("x", "y", "width", "height", "confidence", *ANGLES, *(f"{name}_{axis}" for name in LANDMARKS for axis in "xy"))


def to_records(analyses: list[Analysis]) -> list[dict[str, Any]]:
    """The JSON: an entry a face."""
    return [_record(analysis) for analysis in analyses]


def _record(analysis: Analysis) -> dict[str, Any]:
    spans: list[Moment | Gap] = [*analysis.moments, *analysis.gaps]
    return {
        "source": analysis.request.path.name,
        "fps": None if analysis.fps is None else _round(analysis.fps),
        "num_frames": analysis.num_frames,
        "face": next((face for face in map(_face, analysis.moments) if face), None),
        "model": detector.NAME,
        "trained_on": checkpoint.trained_on(),
        "weights_sha256": checkpoint.weights_sha256(),
        "version": checkpoint.package_version(),
        "settings": _settings(analysis),
        "recording": analysis.recording,
        "thresholds": {code: _round(threshold) for code, threshold in detector.THRESHOLDS.items()},
        "segments": [_gap(span) if isinstance(span, Gap) else _segment(span) for span in sorted(spans, key=_frames)],
        "events": None,  # not looked for: the page reads windows
    }


def _settings(analysis: Analysis) -> dict[str, Any]:
    """How the video was read."""
    request = analysis.request
    is_cut = not request.is_marked and analysis.end_time >= WHOLE_CLIP_SECONDS
    return {
        "window": WINDOW_SECONDS if is_cut else None,
        "stride": STRIDE_SECONDS if is_cut else None,
        "fps": None,
        "face": request.face,
        **request.marks,
        "dtype": str(detector.model.dtype).removeprefix("torch."),
        "device": str(detector.model.device),
    }


def to_json(analyses: list[Analysis]) -> str:
    """The JSON's text."""
    return json.dumps(to_records(analyses), indent=2, ensure_ascii=False) + "\n"


def to_csv(analyses: list[Analysis]) -> str:
    """The CSV text: a row a span, `AU01_p` the probability, `AU01_c` 1 where active, `AU01_t` the threshold."""
    text = io.StringIO()
    rows = [_row(record, span) for record in to_records(analyses) for span in record["segments"]]
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(record: dict[str, Any], span: dict[str, Any]) -> dict[str, Any]:
    face, units = span["face"], span["action_units"] or {}
    row = {"source": record["source"], "face": record["face"] and record["face"]["id"]}
    row |= {name: span[name] for name in ("start_frame", "end_frame", "start_time", "end_time")}
    row |= {"success": int(span["success"]), "reason": span["reason"]}
    row |= dict.fromkeys(FACE)
    if face:
        points = chain.from_iterable(face["landmarks"])
        row |= zip(FACE, (*face["box"], face["score"], *face["angles"].values(), *points), strict=True)
    for code, threshold in record["thresholds"].items():
        unit, column = units.get(code), f"AU{int(code[2:]):02d}"
        row[f"{column}_p"] = unit and unit["probability"]
        row[f"{column}_c"] = unit and int(unit["active"])
        row[f"{column}_t"] = threshold
    row |= {f"recording_{name}": record["recording"].get(name) for name in RECORDING}
    return row | {"model": record["model"], "trained_on": record["trained_on"] and ", ".join(record["trained_on"])}


def _frames(span: Moment | Gap) -> tuple[int, int]:
    extent = span if isinstance(span, Gap) else span.segment
    return extent.start_frame, extent.end_frame


def _extent(span: Any) -> dict[str, Any]:
    return {
        "start_frame": span.start_frame,
        "end_frame": span.end_frame,
        "start_time": _round(span.start_time),
        "end_time": _round(span.end_time),
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return _extent(gap) | {"success": False, "reason": gap.reason, "face": None, "action_units": None}


def _segment(moment: Moment) -> dict[str, Any]:
    units = {
        code: {"name": ACTION_UNITS[code].name, "probability": _round(unit["probability"]), "active": unit["active"]}
        for code, unit in moment.action_units.items()
    }
    return _extent(moment.segment) | {"success": True, "reason": None, "face": _face(moment), "action_units": units}


def _face(moment: Moment) -> dict[str, Any] | None:
    face = moment.segment.face
    return face and {
        "id": moment.segment.face_id,
        "box": [_round(value) for value in face.box],
        "score": _round(face.score),
        "landmarks": [[_round(value) for value in point] for point in face.landmarks],
        "angles": {name: _round(getattr(face.angles, name)) for name in ANGLES},
    }


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
