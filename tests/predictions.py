"""Made-up predictions for the tests of what is written, and a real clip for those of what is read."""

from dataclasses import replace

import numpy as np

from modeling_aullm.facs import ACTION_UNITS, AU_SETS
from modeling_aullm.results import Checkpoint, EventResult, FaceResult, Prediction, SegmentResult, UnitResult

CODES = AU_SETS["cd6me"]
FACE = FaceResult(
    1,
    (183.0, 63.0, 86.0, 111.0),
    0.99,
    ((206.0, 102.0), (248.0, 105.0), (226.0, 130.0), (210.0, 150.0), (243.0, 152.0)),
)
SECOND_FACE = replace(FACE, id=2, box=(300.0, 63.0, 86.0, 111.0))
CHECKPOINT = Checkpoint("tiny", ("synthetic:A, seed 3",), {"model.safetensors": "ab12"}, "0.1.0")
THRESHOLDS = {code: round(0.3 + 0.04 * number, 2) for number, code in enumerate(CODES)}


def segment(start, end, *, active=(), fps=25.0, face=FACE):
    units = {
        code: UnitResult(ACTION_UNITS[code].name, 0.9 if code in active else 0.01 * number, code in active)
        for number, code in enumerate(CODES)
    }
    return SegmentResult(start, end, start / fps, end / fps, units, face)


def gap(start, end, reason="no face", fps=25.0):
    return SegmentResult(start, end, start / fps, end / fps, None, reason=reason)


def prediction(*spans, source="clip.mp4", fps=25.0, **more):
    spans = list(spans) or [segment(0, 11, active=("AU6", "AU12"))]
    face = next((span.face.id for span in spans if span.face), None)
    more = {"face_id": face, "settings": {"window": None, "dtype": "float32"}} | more
    return Prediction(source, fps, spans[-1].end_frame + 1, CHECKPOINT, THRESHOLDS, spans, **more)


def astronaut_frames(num_frames=12):
    """The astronaut's photograph, `(num_frames, 256, 256, 3)` around the face, brightening a little."""
    from skimage.data import astronaut

    photo = astronaut()[:256, 90:346].astype(float)
    return np.stack([np.clip(photo * (1 + 0.002 * index), 0, 255).astype(np.uint8) for index in range(num_frames)])


def event(onset, apex, offset, *, active=("AU12",), probability=0.9, fps=25.0):
    units = {
        code: UnitResult(
            ACTION_UNITS[code].name, 0.95 - 0.1 * active.index(code) if code in active else 0.02, code in active
        )
        for code in CODES
    }
    times = onset / fps, apex / fps, offset / fps
    kind = "micro" if times[2] - times[0] <= 0.5 else "longer"
    return EventResult(onset, apex, offset, *times, kind, probability, units)


def recording(*events, spans=(), **more):
    """Two seconds or more in which events were looked for."""
    spans = spans or [segment(start, start + 12) for start in range(0, 38, 6)]
    settings = {"window": None, "dtype": "float32", "sensitivity": "normal", "false_alarms_per_minute": 2.0}
    return prediction(*spans, **{"events": list(events), "settings": settings} | more)
