"""What the temporal head is to say of every step of a recording, and the loss of what it says instead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from modeling_aullm.temporal_head import OTHERS, TemporalScores
from training.events.motion_records import MotionRecord

# Own choices: width of the middle's bump, and how near it a step must be to tell extent and units.
_BUMP = (0.03, 0.06)  # seconds, and share of the event's length, of one standard deviation
_NEAR = (0.06, 0.2)  # seconds, or share of the event's length, to either side
_SHORTEST = 0.02  # seconds from the middle to an end
_WEIGHTS = {"middle": 1.0, "extent": 1.0, "units": 4.0, "activity": 4.0, "others": 0.3}


@dataclass(frozen=True)
class Targets:
    """Of every step; a batch has another dimension in front. float32.

    Attributes:
        middle: (steps,) 1 in the middle of an event, falling off as a bell.
        near: (steps,) 1 where extent and units are known.
        extent: (steps, 3) as `TemporalScores.extent`; NaN where the apex is unknown.
        units: (steps, num_units) units of the event that is near; NaN where they are unknown.
        activity: (steps, num_units) units under way, likewise.
        others: (steps, len(OTHERS)) what is no expression.
        known: (steps,) 1 where `others` is known.
    """

    middle: np.ndarray
    near: np.ndarray
    extent: np.ndarray
    units: np.ndarray
    activity: np.ndarray
    others: np.ndarray
    known: np.ndarray

    def cut(self, first: int, behind: int) -> "Targets":
        """Those of some steps."""
        return Targets(*(value[first:behind] for value in vars(self).values()))


def targets_of(record: MotionRecord, action_units: Sequence[str]) -> Targets:
    """What is to be said of a recording.

    Args:
        record: The recording.
        action_units: The model's units in their order.
    """
    times = record.stretch.times
    num_steps, num_units = len(times), len(action_units)
    middle, near = np.zeros(num_steps, np.float32), np.zeros(num_steps, np.float32)
    extent = np.zeros((num_steps, 3), np.float32)
    units, activity = np.zeros((num_steps, num_units), np.float32), np.zeros((num_steps, num_units), np.float32)
    for event in record.events:
        centre, length = (event.onset + event.offset) / 2, event.offset - event.onset
        bump = np.exp(-0.5 * ((times - centre) / (_BUMP[0] + _BUMP[1] * length)) ** 2)
        bump[np.abs(times - centre).argmin()] = 1
        middle = np.maximum(middle, bump)
        close = np.abs(times - centre) < max(_NEAR[0], _NEAR[1] * length)
        near[close] = 1
        extent[close, 0] = np.log(np.maximum(times[close] - event.onset, _SHORTEST))
        extent[close, 1] = np.log(np.maximum(event.offset - times[close], _SHORTEST))
        extent[close, 2] = (event.apex - event.onset) / max(length, _SHORTEST)
        during = (times >= event.onset) & (times <= event.offset)
        if event in record.unnamed:
            units[close] = activity[during] = np.nan
            continue
        shown = np.array([code in event.units for code in action_units])
        units[np.ix_(close, shown)] = 1
        activity[np.ix_(during, shown)] = 1
    others = np.zeros((num_steps, len(OTHERS)), np.float32)
    for column, name in enumerate(OTHERS):
        for begin, end in (record.others or {}).get(name, ()):
            others[(times >= begin) & (times <= end), column] = 1
    known = np.full(num_steps, record.others is not None, np.float32)
    return Targets(middle.astype(np.float32), near, extent, units, activity, others, known)


def loss_of(scores: TemporalScores, targets: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each part of the loss, already weighted.

    The middle has the focal loss of Zhou et al. (2019, equation 1); the others are plain.

    Args:
        scores: Of a batch.
        targets: By name, see `Targets`.
    """
    near = targets["near"][..., None]
    num_near = near.sum().clamp(min=1)
    extent, says_extent = _known(targets["extent"])
    distance = functional.smooth_l1_loss(scores.extent, extent, reduction="none", beta=0.1) * says_extent
    units = _bce(scores.units, targets["units"]).mean(dim=-1, keepdim=True)
    others = _bce(scores.others, targets["others"]).mean(dim=-1)
    parts = {
        "middle": _focal(scores.middle, targets["middle"]),
        "extent": (distance * distance.new_tensor([1, 1, 2]) * near).sum() / num_near,
        "units": (units * near).sum() / num_near,
        "activity": _bce(scores.activity, targets["activity"]).mean(),
        "others": (others * targets["known"]).sum() / targets["known"].sum().clamp(min=1),
    }
    return {name: _WEIGHTS[name] * part for name, part in parts.items()}


def _known(target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A target with 0 for what is unknown, NaN, and 1 where it is known."""
    return torch.nan_to_num(target), (~torch.isnan(target)).float()


def _bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Of each value; 0 where the target is unknown."""
    told, is_known = _known(target)
    return functional.binary_cross_entropy_with_logits(logits, told, reduction="none") * is_known


def _focal(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    certain = torch.sigmoid(logits)
    is_middle = (target > 0.999).float()
    found = functional.logsigmoid(logits) * (1 - certain) ** 2 * is_middle
    left = functional.logsigmoid(-logits) * certain**2 * (1 - target) ** 4 * (1 - is_middle)
    return -(found + left).sum() / is_middle.sum().clamp(min=1)
