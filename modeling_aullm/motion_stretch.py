"""What the temporal head sees of a recording: a stretch of a face's motion, and the measures that it comes in."""

from dataclasses import dataclass
from typing import Any

import numpy as np

STEP_SECONDS = 0.02  # all recordings are read at this rate
CROP_SIZE, GRID_SIZE = 64, 16
NUM_CHANNELS = 4  # displacement right, down; change of brightness; what no displacement explains
NUM_HEAD = 6  # shift right, down, turn in the plane, approach, turn right, nod: since the step before


@dataclass(frozen=True)
class MotionStretch:
    """A part of a continuous run of one face.

    Attributes:
        face_id: Which face, from 1; None for ready crops.
        times: Seconds of each step, (steps,).
        frames: Number of the frame nearest to each step, (steps,).
        motion: (steps, 4, 16, 16) float32, see `MotionStep`.
        head: (steps, 6) float32, likewise, a step of `STEP_SECONDS`.
        crops: (steps, 64, 64) uint8 grey, head-fixed.
        own: First step that is this stretch's own, and the first one behind them.
        seen: The number of a frame every tenth of a second, and the `Face` in it, as the head was followed.
        begins: Number and seconds of the run's first frame; None if it lies in a stretch before.
        ends: The same of its last frame; None if it lies in a stretch behind.
        fps: Frames a second of the video, None if its container does not say.
        recording: See `VideoStream.recording`.
    """

    face_id: int | None
    times: np.ndarray
    frames: np.ndarray
    motion: np.ndarray
    head: np.ndarray
    crops: np.ndarray
    own: tuple[int, int]
    seen: tuple[tuple[int, Any], ...]
    begins: tuple[int, float] | None
    ends: tuple[int, float] | None
    fps: float | None
    recording: dict[str, Any]

    @property
    def end_frame(self) -> int:
        """Number of the last frame that is this stretch's own."""
        return self.ends[0] if self.ends else int(self.frames[self.own[1] - 1])

    def seen_between(self, start: int, end: int) -> list[tuple[int, Any]]:
        """Where the face is in a frame, and from there on to another one."""
        before = [face for at, face in self.seen if at <= start] or [face for _, face in self.seen[:1]]
        return [(start, face) for face in before[-1:]] + [(at, face) for at, face in self.seen if start < at <= end]
