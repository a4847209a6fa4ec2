"""From a stretch of head-fixed motion to the expressions in it: proposals in time, which AULLM++ then reads.

Own choice throughout. So the cost of evidence, structure and LLM goes by the number of proposals: a quiet hour costs
next to nothing.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from .motion_stretch import STEP_SECONDS, MotionStretch
from .temporal_head import TemporalScores

if TYPE_CHECKING:
    from .modeling_aullm import AULLMForAUDetection

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
        pixel_values: (num_frames, 64, 64) float32 grey in 0..1, what it reads; empty before.
    """

    onset: float
    apex: float
    offset: float
    probability: float
    units: np.ndarray = field(default_factory=lambda: np.empty(0))
    pixel_values: np.ndarray = field(default_factory=lambda: np.empty(0))

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


@torch.inference_mode()
def read_stretch(model: "AULLMForAUDetection", stretch: MotionStretch) -> StretchReading:
    """Find the expressions of a stretch.

    Args:
        model: One with a temporal head.
        stretch: From `AULLMVideoProcessor.iter_motion`.

    Raises:
        ValueError: If the model has no temporal head.
    """
    if model.temporal_head is None:
        raise ValueError("this model was trained on clips alone: it has no temporal head, so it finds no events")
    scores = score_stretch(model, stretch)
    found, proposals = propose(scores, stretch), []
    if found:
        clips = np.stack([clip_of(stretch, proposal, model.config.num_frames) for proposal, _ in found])
        read = model(pixel_values=torch.from_numpy(clips).to(model.device)).logits.float().cpu()
        own = torch.stack([logits for _, logits in found])
        units = torch.sigmoid(model.temporal_head.units_of(own, read)).numpy()
        proposals = [
            replace(proposal, units=row, pixel_values=clip)
            for (proposal, _), row, clip in zip(found, units, clips, strict=True)
        ]
    proposals.sort(key=lambda proposal: proposal.onset)
    return StretchReading(proposals, torch.sigmoid(scores.activity[0]).cpu().numpy())


def score_stretch(model: "AULLMForAUDetection", stretch: MotionStretch) -> TemporalScores:
    """The temporal head's scores of a stretch, as a batch of one."""
    motion, head = (torch.from_numpy(each)[None].to(model.device) for each in (stretch.motion, stretch.head))
    return model.temporal_head(motion, head)


def clip_of(stretch: MotionStretch, proposal: Proposal, num_frames: int) -> np.ndarray:
    """What AULLM++ reads of a proposal: from the onset to the offset, of a longer one, which is held, to the apex.

    Returns:
        (num_frames, 64, 64) float32 grey in 0..1.
    """
    end = proposal.offset if proposal.is_micro else proposal.apex
    times = np.linspace(proposal.onset, end, num_frames)
    steps = np.rint((times - stretch.times[0]) / STEP_SECONDS).astype(int)
    return stretch.crops[np.clip(steps, 0, len(stretch.crops) - 1)].astype(np.float32) / np.float32(255)


def propose(scores: TemporalScores, stretch: MotionStretch) -> list[tuple[Proposal, torch.Tensor]]:
    """The peaks of the middle's score among a stretch's own steps, with the units' logits of the temporal head."""
    certain = torch.sigmoid(scores.middle[0]).cpu().numpy()
    highest = np.array([certain[max(0, i - _PEAK_STEPS) : i + _PEAK_STEPS + 1].max() for i in range(len(certain))])
    peaks = [step for step in range(*stretch.own) if certain[step] == highest[step] and certain[step] >= FLOOR]
    extent, units = scores.extent[0].cpu(), scores.units[0].float().cpu()
    kept: list[tuple[Proposal, torch.Tensor]] = []
    for step in sorted(peaks, key=lambda step: -certain[step]):
        near = slice(max(0, step - 1), step + 2)
        weights = torch.from_numpy(certain[near] / certain[near].sum())[:, None]
        back, on, share = (weights * extent[near]).sum(dim=0).tolist()
        middle = float(stretch.times[step])
        onset, offset = (middle + sign * min(float(np.exp(way)), _LONGEST) for sign, way in ((-1, back), (1, on)))
        onset, offset = max(onset, float(stretch.times[0])), min(offset, float(stretch.times[-1]))
        apex = onset + float(np.clip(share, 0, 1)) * (offset - onset)
        if not any(_shared(onset, offset, other) > _SHARED for other, _ in kept):
            proposal = Proposal(onset, apex, offset, float(certain[step]))
            kept.append((proposal, (weights * units[near]).sum(dim=0)))
    return kept


def _shared(onset: float, offset: float, other: Proposal) -> float:
    overlap = min(offset, other.offset) - max(onset, other.onset)
    return overlap / max(min(offset - onset, other.offset - other.onset), 1e-6)
