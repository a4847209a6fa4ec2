"""The result as `aullm predict` writes it: the same JSON, the same CSV."""

import csv
import io
import json
from typing import Any

from . import detector
from .facs import ACTION_UNITS
from .moments import Analysis, Moment

DECIMALS = 6


def to_records(analyses: list[Analysis]) -> list[dict[str, Any]]:
    """The JSON: an entry a face."""
    return [_record(analysis) for analysis in analyses]


def _record(analysis: Analysis) -> dict[str, Any]:
    face = next((moment.segment.face for moment in analysis.moments if moment.segment.face), None)
    return {
        "source": analysis.request.path.name,
        "fps": None if analysis.fps is None else _round(analysis.fps),
        "num_frames": analysis.num_frames,
        "face": face and {"box": [_round(value) for value in face.box], "score": _round(face.score)},
        "model": detector.NAME,
        "segments": [_segment(moment) for moment in analysis.moments],
    }


def to_json(analyses: list[Analysis]) -> str:
    """The JSON's text."""
    return json.dumps(to_records(analyses), indent=2, ensure_ascii=False) + "\n"


def to_csv(analyses: list[Analysis]) -> str:
    """The CSV text: a row a segment, `AU01_p` the probability and `AU01_c` 1 where active."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f"AU{int(code[2:]):02d}_{kind}" for code in detector.THRESHOLDS for kind in "pc"]
    writer.writerow(["source", "start_frame", "end_frame", "start_time", "end_time", *columns])
    for record in to_records(analyses):
        for segment in record["segments"]:
            units = segment.pop("action_units").values()
            values = [value for unit in units for value in (unit["probability"], int(unit["active"]))]
            writer.writerow([record["source"], *segment.values(), *values])
    return text.getvalue()


def _segment(moment: Moment) -> dict[str, Any]:
    segment = moment.segment
    return {
        "start_frame": segment.start_frame,
        "end_frame": segment.end_frame,
        "start_time": _round(segment.start_time),
        "end_time": _round(segment.end_time),
        "action_units": {
            code: {
                "name": ACTION_UNITS[code].name,
                "probability": _round(unit["probability"]),
                "active": unit["active"],
            }
            for code, unit in moment.action_units.items()
        },
    }


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
