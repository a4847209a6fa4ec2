"""Baseline: the shallow network on optical flow of the MEB benchmark."""

from typing import Any

import numpy as np
import torch
from torch import nn

from modeling_aullm.motion_encoder import feature_map_size

from .configuration_rivals import RivalConfig
from .network import Network, RivalOutput
from .optical_flow import flow_channels

HIDDEN = 256  # published


class FlowSSSNet(Network):
    """The shallow single-stream network on optical flow, as the MEB benchmark has it (arXiv 2211.11425).

    Source: Varanka, Peng & Zhao, "Micro-expression recognition with noisy labels" (2021): two convolutions (5x5 of 32,
    3x3 of 64), each with ReLU, max-pooling (3, then 2), batch norm and dropout, then 256 hidden units; u, v and strain
    go in. Own choice: which flow, see `optical_flow`.
    """

    def __init__(self, config: RivalConfig) -> None:
        super().__init__()
        side = feature_map_size(config.image_size) // 2
        self.network = nn.Sequential(
            nn.Conv2d(3, 32, 5), nn.ReLU(), nn.MaxPool2d(3), nn.BatchNorm2d(32), nn.Dropout2d(0.5),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(64), nn.Dropout2d(0.5),
            nn.Flatten(), nn.Linear(64 * side * side, HIDDEN), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(HIDDEN, len(config.action_units)),
        )  # fmt: skip

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        person: torch.Tensor | None = None,
        **llm: Any,
    ) -> RivalOutput:
        """Logits (batch, units) of clips, see `Network`.

        The flow is computed on the CPU, without gradients, wherever the network is.
        """
        clips = pixel_values.detach().float().cpu().numpy()
        flow = torch.from_numpy(np.stack([flow_channels(clip) for clip in clips]))
        return RivalOutput(logits=self.network(flow.to(pixel_values.device)))
