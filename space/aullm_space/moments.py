"""One video looked at: what was asked, and of each face its moments, what was found in each, and its gaps."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

OUTSIDE_MARKS = "outside onset and offset"  # a reason; of all others the time axis is shown


@dataclass(frozen=True)
class Moment:
    """A stretch of the video in which a face is seen, and of which the model says something.

    Attributes:
        segment: The processor's: its frames, times, face and pixel values.
        sampled: Frames of the video that the model saw.
        action_units: By code, `{"probability", "active"}`.
        gate_weights: One an expert, None for a model without experts.
        relation_strengths: One a relation, None for a model without a graph.
    """

    segment: Any
    sampled: list[int]
    action_units: dict[str, dict[str, Any]]
    gate_weights: np.ndarray | None
    relation_strengths: np.ndarray | None

    @property
    def centre(self) -> float:
        """The time, in seconds, that it speaks for."""
        return (self.segment.start_time + self.segment.end_time) / 2

    @property
    def active(self) -> list[str]:
        """Codes of the active units."""
        return [code for code, unit in self.action_units.items() if unit["active"]]


@dataclass(frozen=True)
class Gap:
    """A stretch of the video of which nothing is stated.

    Attributes:
        start_frame: First frame.
        end_frame: Last frame, inclusive.
        start_time: Seconds.
        end_time: Seconds.
        reason: Why not.
    """

    start_frame: int
    end_frame: int
    start_time: float
    end_time: float
    reason: str


@dataclass(frozen=True)
class Request:
    """What a visitor asked.

    Attributes:
        path: The upload.
        face: `all`, `largest`, `cropped` or the number of a face from 1.
        onset: First frame of the expression, None if not known.
        apex: Frame of its height, likewise.
        offset: Last frame, likewise.
    """

    path: Path
    face: str | int = "all"
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None

    @property
    def marks(self) -> dict[str, int | None]:
        """Onset, apex and offset."""
        return {"onset": self.onset, "apex": self.apex, "offset": self.offset}

    @property
    def is_marked(self) -> bool:
        """Whether it says where the expression lies."""
        return any(mark is not None for mark in self.marks.values())


@dataclass(frozen=True)
class Analysis:
    """What was found of one face in one video.

    Attributes:
        request: What was asked.
        face_id: Number of the face, from 1 in the order they are met; None with ready crops.
        fps: Frames a second, as the frames' own times tell; None if the file carries none.
        num_frames: Frames decoded.
        end_time: Seconds, time of the video's last frame.
        moments: The stretches of which something is stated, in order; at least one.
        gaps: What lies between them, in order.
        peaks: Where each unit is strongest each time it is active: index of the moment and code, in order.
        recording: What the video can show, as the processor's `check_recording` tells, and how it is shown.
    """

    request: Request
    face_id: int | None
    fps: float | None
    num_frames: int
    end_time: float
    moments: list[Moment]
    gaps: list[Gap] = field(default_factory=list)
    peaks: list[tuple[int, str]] = field(default_factory=list)
    recording: dict[str, Any] = field(default_factory=dict)

    @property
    def is_timeline(self) -> bool:
        """Whether there is anything to show over time."""
        return len(self.moments) + sum(gap.reason != OUTSIDE_MARKS for gap in self.gaps) > 1

    @property
    def strongest(self) -> int:
        """Index of the moment to show first: the one with most units at their peak, then the surest."""

        def weight(index: int) -> tuple[int, float]:
            units = self.moments[index].action_units.values()
            return sum(at == index for at, _ in self.peaks), max(unit["probability"] for unit in units)

        return max(range(len(self.moments)), key=weight)
