"""What the networks of the other systems have in common."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from modeling_aullm.outputs import AULLMOutput


@dataclass
class RivalOutput(AULLMOutput):
    """As `AULLMOutput`, of which only `loss`, `logits` and `motion_frames` are ever there.

    Attributes:
        auxiliary: What the method's training adds to the loss of the logits, weighted, by name; each of shape ().
    """

    auxiliary: dict[str, torch.Tensor] | None = None


class Network(nn.Module):
    """One of the systems: clips to logits, in training with what its own losses are."""

    def learn_from(self, labels: torch.Tensor, subjects: int) -> None:
        """Take what the method knows of its training fold beforehand; nothing unless overridden.

        Args:
            labels: 0 or 1, (training clips, units).
            subjects: How many people these clips are of.
        """

    def forget_subjects(self) -> None:
        """Drop what is known of single people, once training is over; nothing unless overridden."""

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        person: torch.Tensor | None = None,
        **llm: Any,
    ) -> RivalOutput:
        """See clips.

        Args:
            pixel_values: Grey 0..1, (batch, num_frames, image_size, image_size).
            labels: 1 where a unit is active, (batch, units): in training, for the method's own losses.
            person: Number of each clip's subject among those of training, (batch,), likewise.
            **llm: `llm` and `head` of a method that has them.
        """
        raise NotImplementedError
