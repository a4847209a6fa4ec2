"""From a stretch of head-fixed motion to the expressions in it: proposals in time, which AULLM++ then reads.

Own choice throughout. So the cost of evidence, structure and LLM goes by the number of proposals: a quiet hour costs
next to nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .motion_stretch import STEP_SECONDS, MotionStretch

MICRO_SECONDS = 0.5  # the usual bound of a micro-expression (Yan et al. 2013)
FLOOR = 0.02  # probability below which a proposal is not read, whatever the sensitivity
_PEAK_STEPS = 3  # to either side of a peak, which is the highest of them
_SHARED = 0.3  # of the shorter of two proposals: then they are one, the more probable
_LONGEST = 8.0  # seconds from the middle of an event to its end


@dataclass(frozen=True)
class Proposal:
    """An expression that there may be.

    Attributes:
        onset: Seconds.
        apex: Seconds.
        offset: Seconds.
        probability: That there is one, calibrated.
        units: (num_units,) probability of each unit, given that there is one; empty before AULLM++ has read it.
        sides: (num_units, 2) logits that each moved on the subject's right and left; None where nobody has told.
        intensity: (num_units,) of each, from 0 (A of FACS) to 4 (E); likewise.
        pixel_values: (num_frames, 64, 64) float32 grey in 0..1, what it reads; empty before.
    """

    onset: float
    apex: float
    offset: float
    probability: float
    units: np.ndarray = field(default_factory=lambda: np.empty(0))
    pixel_values: np.ndarray = field(default_factory=lambda: np.empty(0))
    sides: np.ndarray | None = None
    intensity: np.ndarray | None = None

    @property
    def is_micro(self) -> bool:
        """Whether it is over within half a second."""
        return self.offset - self.onset <= MICRO_SECONDS


@dataclass(frozen=True)
class StretchReading:
    """What the model says of a stretch.

    Attributes:
        proposals: In order of their onsets; their middles lie in the stretch's own steps.
        activity: (steps, num_units) probability of each unit in motion, or held, at each step.
    """

    proposals: list[Proposal]
    activity: np.ndarray


def read_proposals(
    scores: Any,
    stretch: MotionStretch,
    num_frames: int,
    read: Callable[[np.ndarray], Mapping[str, np.ndarray | None]],
    mixture: np.ndarray,
) -> StretchReading:
    """Make proposals of a temporal head's scores, and read them as clips.

    Args:
        scores: As `TemporalScores`, arrays or tensors on the CPU, a batch of one.
        stretch: What they are of.
        num_frames: Frames a clip.
        read: Clips (events, num_frames, 64, 64) to what AULLM++ says of them: `logits`, (events, num_units), and where
            it tells them `side_logits`, (events, num_units, 2), and `intensity`, (events, num_units).
        mixture: (3,) weight of the head's own logits, of those read, and an offset.
    """
    found, proposals = propose(scores, stretch), []
    if found:
        clips = np.stack([clip_of(stretch, proposal, num_frames) for proposal, _ in found])
        own = np.stack([logits for _, logits in found])
        said = read(clips)
        units = sigmoid(mixture[0] * own + mixture[1] * said["logits"] + mixture[2])
        told = {"sides": said.get("side_logits"), "intensity": said.get("intensity")}
        for row, (proposal, _) in enumerate(found):
            known = {name: values[row] for name, values in told.items() if values is not None}
            proposals.append(replace(proposal, units=units[row], pixel_values=clips[row], **known))
    proposals.sort(key=lambda proposal: proposal.onset)
    return StretchReading(proposals, sigmoid(scores.activity[0]))


def clip_of(stretch: MotionStretch, proposal: Proposal, num_frames: int) -> np.ndarray:
    """What AULLM++ reads of a proposal: from the onset to the offset, of a longer one, which is held, to the apex.

    Returns:
        (num_frames, 64, 64) float32 grey in 0..1.
    """
    end = proposal.offset if proposal.is_micro else proposal.apex
    times = np.linspace(proposal.onset, end, num_frames)
    steps = np.rint((times - stretch.times[0]) / STEP_SECONDS).astype(int)
    return stretch.crops[np.clip(steps, 0, len(stretch.crops) - 1)].astype(np.float32) / np.float32(255)


def propose(scores: Any, stretch: MotionStretch) -> list[tuple[Proposal, np.ndarray]]:
    """The peaks of the middle's score among a stretch's own steps, with the units' logits of the temporal head.

    Args:
        scores: As `read_proposals`.
        stretch: What they are of.
    """
    certain = sigmoid(scores.middle[0])
    highest = np.array([certain[max(0, i - _PEAK_STEPS) : i + _PEAK_STEPS + 1].max() for i in range(len(certain))])
    peaks = [step for step in range(*stretch.own) if certain[step] == highest[step] and certain[step] >= FLOOR]
    extent, units = np.asarray(scores.extent[0]), np.asarray(scores.units[0], np.float32)
    kept: list[tuple[Proposal, np.ndarray]] = []
    for step in sorted(peaks, key=lambda step: -certain[step]):
        near = slice(max(0, step - 1), step + 2)
        weights = (certain[near] / certain[near].sum())[:, None]
        back, on, share = (weights * extent[near]).sum(0).tolist()
        middle = float(stretch.times[step])
        onset, offset = (middle + sign * min(float(np.exp(way)), _LONGEST) for sign, way in ((-1, back), (1, on)))
        onset, offset = max(onset, float(stretch.times[0])), min(offset, float(stretch.times[-1]))
        apex = onset + float(np.clip(share, 0, 1)) * (offset - onset)
        if not any(_shared(onset, offset, other) > _SHARED for other, _ in kept):
            proposal = Proposal(onset, apex, offset, float(certain[step]))
            kept.append((proposal, (weights * units[near]).sum(0)))
    return kept


def sigmoid(logits: Any) -> np.ndarray:
    """Probabilities, of an array or a tensor on the CPU of any shape, in single precision; of any size, too."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64))).astype(np.float32)


def _shared(onset: float, offset: float, other: Proposal) -> float:
    overlap = min(offset, other.offset) - max(onset, other.onset)
    return overlap / max(min(offset - onset, other.offset - other.onset), 1e-6)
