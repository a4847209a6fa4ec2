"""What `aullm predict` found, as records and as JSON, CSV and a table for people.

JSON is a list with one object a source:
`{"source", "fps", "num_frames", "face": {"box", "score"}, "model", "segments": [{"start_frame", "end_frame",
"start_time", "end_time", "action_units": {"AU1": {"name", "probability", "active"}, ...}}]}`. Frames count from 0 and
`end_frame` is inside the segment, times are in seconds, a box is (x, y, width, height) in pixels of the source.

CSV has a row a segment and, as OpenFace writes them, a column `AU01_p` (probability) and `AU01_c` (1 where active)
for each unit. Numbers in both are rounded to six decimals.
"""

import csv
import io
import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

DECIMALS = 6
INTERVALS_SHOWN = 4  # in the table for people; JSON and CSV hold all of them


@dataclass(frozen=True)
class UnitResult:
    """One action unit in one segment.

    Attributes:
        name: FACS name.
        probability: From 0 to 1.
        active: Whether the probability reaches the unit's threshold.
    """

    name: str
    probability: float
    active: bool


@dataclass(frozen=True)
class FaceResult:
    """The face a segment was read from, as its first frame shows it.

    Attributes:
        id: From 1 in the order faces are met; it stays with a face through the recording.
        box: x, y, width, height in pixels of the source.
        score: The detector's confidence, 0 to 1.
        landmarks: Right eye, left eye, nose tip, right and left mouth corner, (x, y) in pixels of the source.
    """

    id: int
    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class SegmentResult:
    """What was found between two frames, or why nothing can be stated of them.

    Attributes:
        start_frame: First frame, from 0.
        end_frame: Last frame, inside the segment.
        start_time: Seconds at the first frame.
        end_time: Seconds at the last frame.
        action_units: By code, such as `AU12`; None where nothing can be stated.
        face: None for ready face crops, and where nothing can be stated.
        reason: Why nothing can be stated, such as "no face"; None where something is.
    """

    start_frame: int
    end_frame: int
    start_time: float
    end_time: float
    action_units: dict[str, UnitResult] | None
    face: FaceResult | None = None
    reason: str | None = None

    @property
    def centre(self) -> float:
        """The moment, in seconds, that the segment speaks for where segments overlap."""
        return (self.start_time + self.end_time) / 2


@dataclass(frozen=True)
class Prediction:
    """What was found of one face in one source.

    Attributes:
        source: The path as it was given.
        fps: Frames a second; None for a frame folder whose rate nobody gave.
        num_frames: Frames decoded.
        model: Id or folder name of the checkpoint, with `@revision` where one was given.
        thresholds: By code: the probability from which a unit counts as active.
        spans: The whole of the source in order of time: segments with a statement, which may overlap, and between
            them spans without one, each with its reason.
    """

    source: str
    fps: float | None
    num_frames: int
    model: str
    thresholds: dict[str, float]
    spans: list[SegmentResult]

    @cached_property
    def segments(self) -> list[SegmentResult]:
        """The spans of which something is stated."""
        return [span for span in self.spans if span.action_units is not None]

    @property
    def is_timeline(self) -> bool:
        """Whether it is shown over time, not as one answer."""
        return len(self.segments) > 1

    @property
    def face(self) -> FaceResult | None:
        """The face of the first segment that has one."""
        return next((segment.face for segment in self.segments if segment.face), None)

    def segment_at(self, frame: int) -> SegmentResult | None:
        """The segment that holds this frame; of several the one whose middle is nearest, None where there is none."""
        after = bisect_left(self.segments, 2 * frame, key=_twice_middle)
        near = [s for s in self.segments[max(after - 1, 0) : after + 1] if s.start_frame <= frame <= s.end_frame]
        return min(near, key=lambda segment: abs(_twice_middle(segment) - 2 * frame), default=None)


def _twice_middle(segment: SegmentResult) -> int:
    return segment.start_frame + segment.end_frame


def _round(value: float) -> float:
    return round(float(value), DECIMALS)


def _segment_record(segment: SegmentResult) -> dict[str, Any]:
    return {
        "start_frame": segment.start_frame,
        "end_frame": segment.end_frame,
        "start_time": _round(segment.start_time),
        "end_time": _round(segment.end_time),
        "action_units": {
            code: {"name": unit.name, "probability": _round(unit.probability), "active": unit.active}
            for code, unit in segment.action_units.items()
        },
    }


def to_record(prediction: Prediction) -> dict[str, Any]:
    """One source's entry of the JSON, in the order of keys given at the top of this file."""
    face = prediction.face
    return {
        "source": prediction.source,
        "fps": None if prediction.fps is None else _round(prediction.fps),
        "num_frames": prediction.num_frames,
        "face": face and {"box": [_round(value) for value in face.box], "score": _round(face.score)},
        "model": prediction.model,
        "segments": [_segment_record(segment) for segment in prediction.segments],
    }


def to_json(predictions: Sequence[Prediction]) -> str:
    """The JSON text, ending in a newline."""
    return json.dumps([to_record(prediction) for prediction in predictions], indent=2, ensure_ascii=False) + "\n"


def to_csv(predictions: Sequence[Prediction]) -> str:
    """The CSV text: a header, then a row a segment. All predictions are of one model, so they share the columns."""
    codes = list(predictions[0].thresholds)
    columns = [f"AU{int(code[2:]):02d}" for code in codes]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header = ["source", "start_frame", "end_frame", "start_time", "end_time"]
    writer.writerow(header + [f"{column}_{kind}" for column in columns for kind in "pc"])
    for prediction in predictions:
        for segment in prediction.segments:
            units = [segment.action_units[code] for code in codes]
            times = [_round(segment.start_time), _round(segment.end_time)]
            values = [value for unit in units for value in (_round(unit.probability), int(unit.active))]
            writer.writerow([prediction.source, segment.start_frame, segment.end_frame, *times, *values])
    return text.getvalue()


def active_intervals(segments: Sequence[SegmentResult], code: str) -> list[tuple[float, float]]:
    """The time, in seconds, covered by segments that have the unit active, as stretches with no frame left out."""
    intervals: list[tuple[float, float]] = []
    last_frame = -2  # of the stretch so far; no segment starts right behind this
    for segment in segments:
        if not segment.action_units[code].active:
            continue
        start_time = segment.start_time if segment.start_frame > last_frame + 1 else intervals.pop()[0]
        intervals.append((start_time, segment.end_time))
        last_frame = segment.end_frame
    return intervals


def _describe(prediction: Prediction) -> str:
    """The line above a source's table."""
    parts = [f"{prediction.num_frames} frames"]
    if prediction.fps is not None:
        parts.append(f"{prediction.fps:g} frames/s")
    if prediction.num_windows > 1:
        parts.append(f"{len(prediction.segments)} windows")
    return f"{prediction.source} ({', '.join(parts)})"


def _clip_rows(segment: SegmentResult) -> Iterator[tuple[str, ...]]:
    yield "AU", "FACS name", "probability", "active"
    for code, unit in segment.action_units.items():
        yield code, unit.name, f"{unit.probability:.2f}", "yes" if unit.active else "-"


def _timeline_rows(prediction: Prediction) -> Iterator[tuple[str, ...]]:
    yield "AU", "FACS name", "highest", "at (s)", "active (s)"
    for code in prediction.thresholds:
        peak = max(prediction.segments, key=lambda segment: segment.action_units[code].probability)
        intervals = active_intervals(prediction.segments, code)
        spans = ", ".join(f"{start:.2f}-{end:.2f}" for start, end in intervals[:INTERVALS_SHOWN])
        if len(intervals) > INTERVALS_SHOWN:
            spans += f" and {len(intervals) - INTERVALS_SHOWN} more"
        unit = peak.action_units[code]
        yield code, unit.name, f"{unit.probability:.2f}", f"{peak.centre:.2f}", spans or "-"


def to_table(prediction: Prediction) -> str:
    """A table of the action units for people: of a clip the probabilities, of a timeline peaks and active times."""
    timeline = prediction.num_windows > 1
    rows = list(_timeline_rows(prediction) if timeline else _clip_rows(prediction.segments[0]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {2, 3} if timeline else {2}  # the columns of numbers
    lines = [_describe(prediction)]
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
