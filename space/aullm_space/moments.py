"""One video looked at: of each face what is stated over time, its moments, what was found in each, and its gaps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from . import detector
from .request import Request

OUTSIDE_MARKS = "outside onset and offset"  # a reason; of all others the time axis is shown


@dataclass(frozen=True)
class Window:
    """A stretch of the video in which a face is seen, and of which the model says something.

    Attributes:
        segment: Its frames, times and face.
        action_units: By code, `{"probability", "active"}`.
        thresholds: By code, the probability from which a unit counts as active.
    """

    segment: Any
    action_units: dict[str, dict[str, Any]]
    thresholds: dict[str, float]

    @property
    def centre(self) -> float:
        """The time, in seconds, that it speaks for."""
        return (self.segment.start_time + self.segment.end_time) / 2

    @property
    def active(self) -> list[str]:
        """Codes of the active units, the most probable first."""
        codes = [code for code, unit in self.action_units.items() if unit["active"]]
        return sorted(codes, key=lambda code: -self.action_units[code]["probability"])


@dataclass(frozen=True)
class Moment(Window):
    """One that is looked at closely: a clip, one of the windows of a recording, or an expression found in it.

    Attributes:
        sampled: Frames of the video that the model saw; its segment holds their pixel values.
        times: Seconds of these frames.
        read: What AULLM++ says of the clip by itself, as `action_units`: of an expression, those weigh its motion, too.
        gate_weights: One an expert, None for a model without experts.
        relation_strengths: One a relation, None for a model without a graph.
        event: The expression, as the processor's `post_process_events` has it; None if it is a clip or a window.
    """

    sampled: list[int]
    times: list[float]
    read: dict[str, dict[str, Any]]
    gate_weights: np.ndarray | None
    relation_strengths: np.ndarray | None
    event: dict[str, Any] | None = None


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
class Analysis:
    """What was found of one face in one video.

    Attributes:
        request: What was asked.
        face_id: Number of the face, from 1 in the order they are met; None with ready crops.
        fps: Frames a second, as the frames' own times tell; None if the file carries none.
        num_frames: Frames decoded.
        end_time: Seconds, time of the video's last frame.
        windows: The stretches of which something is stated, in order; at least one.
        moments: What can be looked at closely: the windows, or the expressions where these were looked for.
        gaps: What lies between them, in order.
        peaks: Where each unit is strongest each time it is active: index of the moment and code, in order. None of them
            where expressions were looked for.
        recording: What the video can show, as the processor's `check_recording` tells, and how it is shown.
        finds_events: Whether expressions were looked for, so that `moments` are those found.
    """

    request: Request
    face_id: int | None
    fps: float | None
    num_frames: int
    end_time: float
    windows: Sequence[Window]
    moments: list[Moment]
    gaps: list[Gap] = field(default_factory=list)
    peaks: list[tuple[int, str]] = field(default_factory=list)
    recording: dict[str, Any] = field(default_factory=dict)
    finds_events: bool = False

    @property
    def is_timeline(self) -> bool:
        """Whether there is anything to show over time."""
        return self.finds_events or len(self.windows) + sum(gap.reason != OUTSIDE_MARKS for gap in self.gaps) > 1

    @cached_property
    def asking(self) -> Any:
        """The model, ready to be asked about this face."""
        return detector.ask_about(self)

    @property
    def strongest(self) -> int:
        """Index of the moment to show first: the surest expression, or most units at their peak, then the surest."""

        def weight(index: int) -> tuple[int, float]:
            event, units = self.moments[index].event, self.moments[index].action_units.values()
            if event is not None:
                return 0, event["probability"]
            return sum(at == index for at, _ in self.peaks), max(unit["probability"] for unit in units)

        return max(range(len(self.moments)), key=weight, default=0)
