"""On which side of the face a unit moved, and how strongly.

Own choice throughout: both sides of a unit's region are read by the same weights, the left one mirrored, each beside
the other; nothing is of one unit alone, so a unit that was never taught has a side, too.
"""

import torch
from torch import nn

from .configuration_aullm import AULLMConfig
from .structure import RegionMotion

HIDDEN = 64


class SideHead(nn.Module):
    """Sides and intensity from the motion of each unit's own region."""

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        self.motion = RegionMotion(config)
        self.own = nn.Linear(self.motion.features, HIDDEN)
        self.beside = nn.Linear(2 * HIDDEN, HIDDEN)
        self.told = nn.Linear(HIDDEN, 2)

    def forward(self, motion: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is said of each unit, should it have moved.

        Args:
            motion: What the motion encoder has seen, shape (batch, channels, num_frames - 1, side, side).

        Returns:
            Logits that it moved on the subject's right and left, shape (batch, units, 2), and its intensity from 0 (A)
            to 4 (E), shape (batch, units).
        """
        return self.of_regions(self.motion(motion))

    def of_regions(self, regions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, of what `RegionMotion` has made of the motion, (batch, units, 2, features)."""
        own = self.own(regions).relu()
        told = self.told(self.beside(torch.cat([own, own.flip(2)], -1)).relu())
        return told[..., 0], told[..., 1].amax(-1)
