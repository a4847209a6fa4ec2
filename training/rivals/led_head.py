"""Baseline: LED and AU-LLM's motion encoder with a plain head."""

from typing import Any

import torch
from torch import nn

from modeling_aullm.motion_encoder import ENCODER_CHANNELS, MotionEncoder, feature_map_size

from .configuration_rivals import RivalConfig
from .network import Network, RivalOutput

HIDDEN = 256  # F_high's in AU-LLM


class LEDHead(Network):
    """LED and AU-LLM's 3D encoder as in the model, F_mid as published, and a plain head on it.

    Own choice: the head, one hidden layer as wide as AU-LLM's F_high.
    """

    def __init__(self, config: RivalConfig) -> None:
        super().__init__()
        self.motion_encoder = MotionEncoder(config)
        positions = ((config.num_frames - 2) // 2) * (feature_map_size(config.image_size) // 2) ** 2
        self.mid_level = nn.Sequential(nn.MaxPool3d(2), nn.Dropout3d(config.dropout))
        self.head = nn.Sequential(
            nn.Linear(ENCODER_CHANNELS[-1] * positions, HIDDEN),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(HIDDEN, len(config.action_units)),
        )

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        person: torch.Tensor | None = None,
        **llm: Any,
    ) -> RivalOutput:
        """Logits (batch, units) of clips, see `Network`."""
        x_att, motion = self.motion_encoder(pixel_values)
        return RivalOutput(logits=self.head(self.mid_level(x_att).flatten(1)), motion_frames=motion[:, 0])
