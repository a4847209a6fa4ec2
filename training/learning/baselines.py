"""Baselines for the same harness: networks without an LLM, and predictors that look at no clip at all."""

from typing import Any

import numpy as np
import torch
from torch import nn

from modeling_aullm import AULLMConfig, AULLMOutput
from modeling_aullm.motion_encoder import ENCODER_CHANNELS, MotionEncoder, feature_map_size
from training.learning.flow import flow_channels

HIDDEN = 256  # SSSNet's published width, and F_high's in AU-LLM


class LEDHead(nn.Module):
    """LED and AU-LLM's 3D encoder as in the model, F_mid as published, and a plain head on it.

    Own choice: the head, one hidden layer as wide as AU-LLM's F_high.
    """

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        self.motion_encoder = MotionEncoder(config)
        self.motion_encoder.led.reset_parameters()
        if self.motion_encoder.flow is not None:
            self.motion_encoder.flow.reset_parameters()
        positions = ((config.num_frames - 2) // 2) * (feature_map_size(config.image_size) // 2) ** 2
        self.mid_level = nn.Sequential(nn.MaxPool3d(2), nn.Dropout3d(config.dropout))
        self.head = nn.Sequential(
            nn.Linear(ENCODER_CHANNELS[-1] * positions, HIDDEN),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(HIDDEN, len(config.action_units)),
        )

    def forward(self, pixel_values: torch.Tensor, **unused: Any) -> AULLMOutput:
        """Logits (batch, units) of clips, grey 0..1, (batch, num_frames, image_size, image_size)."""
        x_att, motion_frames = self.motion_encoder(pixel_values)
        return AULLMOutput(logits=self.head(self.mid_level(x_att).flatten(1)), motion_frames=motion_frames)


class FlowSSSNet(nn.Module):
    """The shallow single-stream network on optical flow, as the MEB benchmark has it (arXiv 2211.11425).

    Source: Varanka, Peng & Zhao, "Micro-expression recognition with noisy labels" (2021): two convolutions (5x5 of 32,
    3x3 of 64), each with ReLU, max-pooling (3, then 2), batch norm and dropout, then 256 hidden units; u, v and strain
    go in. Own choice: which flow, see `training.learning.flow`.
    """

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        side = feature_map_size(config.image_size) // 2
        self.network = nn.Sequential(
            nn.Conv2d(3, 32, 5), nn.ReLU(), nn.MaxPool2d(3), nn.BatchNorm2d(32), nn.Dropout2d(0.5),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(64), nn.Dropout2d(0.5),
            nn.Flatten(), nn.Linear(64 * side * side, HIDDEN), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(HIDDEN, len(config.action_units)),
        )  # fmt: skip

    def forward(self, pixel_values: torch.Tensor, **unused: Any) -> AULLMOutput:
        """Logits (batch, units) of clips, grey 0..1, (batch, num_frames, image_size, image_size).

        The flow is computed on the CPU, without gradients, wherever the network is.
        """
        clips = pixel_values.detach().float().cpu().numpy()
        flow = torch.from_numpy(np.stack([flow_channels(clip) for clip in clips]))
        return AULLMOutput(logits=self.network(flow.to(pixel_values.device)))


def all_negative(clips: int, train_labels: np.ndarray) -> np.ndarray:
    """No unit is ever active: probabilities of 0, float32 (clips, units).

    Args:
        clips: How many to predict.
        train_labels: 0 or 1, (training clips, units).
    """
    return np.zeros((clips, train_labels.shape[1]), np.float32)


def prior(clips: int, train_labels: np.ndarray) -> np.ndarray:
    """Every unit is as likely in every clip as it was among the training clips: float32 (clips, units).

    Args:
        clips: How many to predict.
        train_labels: 0 or 1, (training clips, units).
    """
    return np.tile(train_labels.mean(0).astype(np.float32), (clips, 1))
