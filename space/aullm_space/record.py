"""The result as `aullm predict` writes it: the same JSON."""

import json
from typing import Any

from . import checkpoint, detector
from .facs import ACTION_UNITS
from .moments import Analysis, Gap, Window

DECIMALS = 6
WINDOW_SECONDS, STRIDE_SECONDS = 0.5, 0.25  # the processor's own, of a video of a second or more
WHOLE_CLIP_SECONDS = 1.0
ANGLES = ("pitch", "yaw", "roll")


def to_records(analyses: list[Analysis]) -> list[dict[str, Any]]:
    """The JSON: an entry a face."""
    return [_record(analysis) for analysis in analyses]


def _record(analysis: Analysis) -> dict[str, Any]:
    spans: list[Window | Gap] = [*analysis.windows, *analysis.gaps]
    return {
        "source": analysis.request.path.name,
        "fps": None if analysis.fps is None else _round(analysis.fps),
        "num_frames": analysis.num_frames,
        "face": next((face for face in map(_face, analysis.windows) if face), None),
        "model": detector.NAME,
        "trained_on": checkpoint.trained_on(),
        "weights_sha256": checkpoint.weights_sha256(),
        "version": checkpoint.package_version(),
        "settings": _settings(analysis),
        "recording": analysis.recording,
        "thresholds": {code: _round(value) for code, value in analysis.windows[0].thresholds.items()},
        "segments": [_gap(span) if isinstance(span, Gap) else _segment(span) for span in sorted(spans, key=_frames)],
        "events": _events(analysis) if analysis.finds_events else None,
    }


def _settings(analysis: Analysis) -> dict[str, Any]:
    """How the video was read."""
    request = analysis.request
    is_cut = not request.is_marked and not analysis.finds_events and analysis.end_time >= WHOLE_CLIP_SECONDS
    settings: dict[str, Any] = {}
    if analysis.finds_events:
        rate = detector.processor.sensitivities[request.sensitivity]["false_alarms_per_minute"]
        settings = {"sensitivity": request.sensitivity, "false_alarms_per_minute": rate, "only_action_units": None}
    return settings | {
        "window": WINDOW_SECONDS if is_cut else None,
        "stride": STRIDE_SECONDS if is_cut else None,
        "fps": None,
        "face": request.face,
        **request.marks,
        "dtype": str(detector.model.dtype).removeprefix("torch."),
        "device": str(detector.model.device),
    }


def to_json(records: list[dict[str, Any]]) -> str:
    """The JSON's text."""
    return json.dumps(records, indent=2, ensure_ascii=False) + "\n"


def _frames(span: Window | Gap) -> tuple[int, int]:
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


def _units(window: Window) -> dict[str, Any]:
    return {
        code: {
            "name": ACTION_UNITS[code].name,
            "probability": _round(unit["probability"]),
            "active": unit["active"],
            "side": unit.get("side"),
            "intensity": unit.get("intensity"),
        }
        for code, unit in window.action_units.items()
    }


def _segment(window: Window) -> dict[str, Any]:
    said = {"success": True, "reason": None, "face": _face(window), "action_units": _units(window)}
    return _extent(window.segment) | said


def _events(analysis: Analysis) -> list[dict[str, Any]]:
    """The expressions, as they are numbered on the page."""
    records = []
    for number, moment in enumerate(analysis.moments, 1):
        event = moment.event or {}
        marks = ("onset", "apex", "offset")
        record = {"number": number} | {f"{mark}_frame": event[f"{mark}_frame"] for mark in marks}
        record |= {f"{mark}_time": _round(event[f"{mark}_time"]) for mark in marks}
        record |= {"duration": _round(event["offset_time"] - event["onset_time"]), "kind": event["kind"]}
        records.append(record | {"probability": _round(event["probability"]), "action_units": _units(moment)})
    return records


def _face(window: Window) -> dict[str, Any] | None:
    face = window.segment.face
    return face and {
        "id": window.segment.face_id,
        "box": [_round(value) for value in face.box],
        "score": _round(face.score),
        "landmarks": [[_round(value) for value in point] for point in face.landmarks],
        "angles": {name: _round(getattr(face.angles, name)) for name in ANGLES},
    }


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
