"""From the motion of a face to scores at every moment: temporal convolutions over `head_fixed_motion`.

Own choice throughout. An event is found at its middle, as anchor-free detectors find boxes at theirs (Zhou et al.,
"Objects as Points", 2019): a score that is highest there, and from there the way to onset, apex and offset.
"""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import initialization as init

from .motion_stretch import GRID_SIZE, NUM_CHANNELS, NUM_HEAD

OTHERS = ("blink", "talk", "head")
_FILTERS, _FILTER_STEPS = 12, 13
_DILATIONS = (1, 2, 4, 8, 16, 32, 1, 2, 4, 8)
CONTEXT_STEPS = sum(_DILATIONS) + _FILTER_STEPS // 2  # how far to either side a score depends on the motion


@dataclass
class TemporalScores:
    """What is said of every step, (batch, steps, ...).

    Attributes:
        middle: Logit of the middle of an event.
        extent: (..., 3) natural logarithm of the seconds from here back to the onset and on to the offset, and the
            apex, as a share of the way from onset to offset.
        units: (..., num_units) logits of the units of an event whose middle is here.
        activity: (..., num_units) logits of each unit in motion, or held, at this step.
        others: (..., len(OTHERS)) logits of what is no expression.
    """

    middle: torch.Tensor
    extent: torch.Tensor
    units: torch.Tensor
    activity: torch.Tensor
    others: torch.Tensor


class TemporalHead(nn.Module):
    """Scores every step of a recording.

    Args:
        num_units: Action units.
        width: Channels of the temporal convolutions.
    """

    def __init__(self, num_units: int, width: int = 96) -> None:
        super().__init__()
        self.num_units = num_units
        # Differences in time are taken before anything that is not linear: what is moved and stays is no motion.
        self.filters = nn.Conv2d(NUM_CHANNELS, _FILTERS, (_FILTER_STEPS, 1), padding=(_FILTER_STEPS // 2, 0))
        self.cells = nn.Sequential(
            nn.Conv2d(_FILTERS, 24, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(24, 24, 3, padding=1), nn.ReLU()
        )
        self.project = nn.Linear(24 * (GRID_SIZE // 2) ** 2 + NUM_HEAD, width)
        self.blocks = nn.ModuleList(_Block(width, dilation) for dilation in _DILATIONS)
        self.scores = nn.Linear(width, 1 + 3 + 2 * num_units + len(OTHERS))
        self.mixture = nn.Parameter(torch.tensor([1.0, 0.0, 0.0]))  # own logit, that of the clip's reading, offset

    def forward(self, motion: torch.Tensor, head: torch.Tensor) -> TemporalScores:
        """Score a stretch of a recording.

        Args:
            motion: (batch, steps, NUM_CHANNELS, GRID_SIZE, GRID_SIZE), see `MotionStep`.
            head: (batch, steps, NUM_HEAD).
        """
        batch, steps = motion.shape[:2]
        filtered = self.filters(_compressed(motion).transpose(1, 2).flatten(-2))  # (batch, filters, steps, cells)
        maps = torch.relu(filtered).transpose(1, 2).reshape(batch * steps, -1, *motion.shape[-2:])
        cells = self.cells(maps).view(batch, steps, -1)
        hidden = self.project(torch.cat([cells, 10 * head], dim=-1)).transpose(1, 2)
        for block in self.blocks:
            hidden = block(hidden)
        scores = self.scores(torch.relu(hidden).transpose(1, 2)).float()
        sizes = [1, 3, self.num_units, self.num_units, len(OTHERS)]
        middle, extent, units, activity, others = scores.split(sizes, dim=-1)
        return TemporalScores(middle[..., 0], extent, units, activity, others)

    def reset_parameters(self) -> None:
        """Set what is in no layer that transformers knows."""
        init.copy_(self.mixture, torch.tensor([1.0, 0.0, 0.0]))


def _compressed(motion: torch.Tensor) -> torch.Tensor:
    """Large motion, as of a mouth that talks, must not drown the small one."""
    return torch.asinh(4 * motion)


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + self.out(torch.relu(self.mix(torch.relu(hidden))))
