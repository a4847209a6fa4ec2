"""Made-up predictions for the tests of what is written, and a real clip for those of what is read."""

import numpy as np

from modeling_aullm.facs import ACTION_UNITS, AU_SETS
from modeling_aullm.results import FaceResult, Prediction, SegmentResult, UnitResult

CODES = AU_SETS["cd6me"]
FACE = FaceResult((183.0, 63.0, 86.0, 111.0), 0.99)


def segment(start, end, *, active=(), fps=25.0, face=FACE):
    units = {
        code: UnitResult(ACTION_UNITS[code].name, 0.9 if code in active else 0.01 * number, code in active)
        for number, code in enumerate(CODES)
    }
    return SegmentResult(start, end, start / fps, end / fps, units, face)


def prediction(*segments, source="clip.mp4", num_windows=None, fps=25.0):
    segments = list(segments) or [segment(0, 11, active=("AU6", "AU12"))]
    thresholds = dict.fromkeys(CODES, 0.5)
    num_frames = segments[-1].end_frame + 1
    return Prediction(source, fps, num_frames, "tiny", thresholds, segments, num_windows or len(segments))


def astronaut_frames(num_frames=12):
    """The astronaut's photograph, `(num_frames, 256, 256, 3)` around the face, brightening a little."""
    from skimage.data import astronaut

    photo = astronaut()[:256, 90:346].astype(float)
    return np.stack([np.clip(photo * (1 + 0.002 * index), 0, 255).astype(np.uint8) for index in range(num_frames)])
