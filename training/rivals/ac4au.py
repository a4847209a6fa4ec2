"""AC4AU-like: action units without an apex label, after AC4AU (ACM MM 2025), as far as its paper says.

Published: per-frame features of a face network with a spatial transformer (4 heads); per channel a real DFT over time,
whose zero frequency, the temporal mean, is taken out and sent to an ArcFace-like subject loss (scale 32, margin 0.5,
weight 0.1), while the rest goes through a temporal transformer, mean pooling and 12 experts mixed by one softmax gate a
unit; focal loss (`training.learning.losses`). Its MobileFaceNet is pretrained on face recognition; no such weights are
to be had here, so the frame network starts at random (published without: 22.3 for 40.5 mean binary F1). Frames are the
harness's: 6 grey ones of 64 x 64 instead of 8 in colour of 112 x 112. Its code is not public: layers and widths are own
choice, and so is that what is left of the spectrum goes back to time, where it is the features less their mean. Another
own choice, in place of the pretraining: beside each frame the frame network sees its change from the clip's mean frame.
"""

from typing import Any

import torch
from torch import nn
from transformers import initialization as init

from .configuration_rivals import RivalConfig
from .network import Network, RivalOutput

CHANNELS = (32, 64)  # of the frame network; own choice, as the sizes below
GAIN = 4.0  # brings the changes up to the size of the moments' embeddings; own choice
SIZE, HEADS, EXPERTS = 128, 4, 12  # 4 heads and 12 experts are published
ARC_SCALE, ARC_MARGIN, SUBJECT_WEIGHT = 32.0, 0.5, 0.1  # published


class AC4AU(Network):
    """Frames to features, less what stays the same over time, to logits."""

    def __init__(self, config: RivalConfig) -> None:
        super().__init__()
        self.without, units = frozenset(config.without), len(config.action_units)
        first, second = CHANNELS
        self.frames = nn.Sequential(
            nn.Conv2d(2, first, 3, 2, 1), nn.BatchNorm2d(first), nn.GELU(),
            *_separable(first, second, stride=2), *_separable(second, second, stride=2),
        )  # fmt: skip
        side = -(-config.image_size // 8)
        self.places = nn.Parameter(torch.empty(side * side, second))
        self.moments = nn.Parameter(torch.empty(config.num_frames, SIZE))
        self.spatial = _transformer(second, config.dropout)
        self.frame_features = nn.Linear(second * side * side, SIZE)
        self.temporal = _transformer(SIZE, config.dropout)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(SIZE, SIZE), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(SIZE, SIZE))
            for _ in range(EXPERTS)
        )
        self.gate = None if "router" in self.without else nn.Linear(SIZE, units * EXPERTS)
        self.head = nn.Linear(SIZE, units)
        self.register_parameter("subjects", None)  # classes of the subject loss, while it is trained
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start what is no layer of its own."""
        for places in (self.places, self.moments):
            init.normal_(places, std=0.5)

    def learn_from(self, labels: torch.Tensor, subjects: int) -> None:
        """Make a class for each of the training fold's subjects, see `Network`."""
        if "subject_loss" not in self.without:
            self.subjects = nn.Parameter(torch.randn(subjects, SIZE))

    def forget_subjects(self) -> None:
        """Drop the classes: a checkpoint need not know a single person's face."""
        self.subjects = None

    def features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Features of each frame and its change from the mean frame, (batch, num_frames, 128)."""
        change = (pixel_values - pixel_values.mean(1, keepdim=True)) / 0.05
        seen = torch.stack([(pixel_values - 0.5) / 0.25, change], 2)
        tokens = self.frames(seen.flatten(0, 1)).flatten(2).transpose(1, 2) + self.places
        return self.frame_features(self.spatial(tokens).flatten(1)).unflatten(0, pixel_values.shape[:2])

    def read(self, changes: torch.Tensor) -> torch.Tensor:
        """Logits (batch, units) of features over time, (batch, num_frames, 128)."""
        seen = self.temporal(GAIN * changes + self.moments).mean(1)
        told = torch.stack([expert(seen) for expert in self.experts], 1)
        if self.gate is None:
            return self.head(told.mean(1))
        weights = self.gate(seen).unflatten(1, (-1, EXPERTS)).softmax(-1)
        return (weights @ told * self.head.weight).sum(-1) + self.head.bias

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        person: torch.Tensor | None = None,
        **llm: Any,
    ) -> RivalOutput:
        """See clips, see `Network`."""
        features = self.features(pixel_values)
        mean, changes = split_spectrum(features.float())
        output = RivalOutput(logits=self.read(features if "mean_removal" in self.without else changes))
        if labels is not None and person is not None and self.subjects is not None:
            output.auxiliary = {"loss_subject": SUBJECT_WEIGHT * subject_loss(mean, self.subjects, person)}
        return output


def split_spectrum(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The temporal mean of each channel (batch, channels), and the features without it, by a real DFT over time.

    Args:
        features: (batch, frames, channels).
    """
    spectrum = torch.fft.rfft(features, dim=1)
    mean = spectrum[:, 0].real / features.shape[1]
    rest = torch.cat([torch.zeros_like(spectrum[:, :1]), spectrum[:, 1:]], 1)
    return mean, torch.fft.irfft(rest, features.shape[1], dim=1)


def subject_loss(mean: torch.Tensor, subjects: torch.Tensor, person: torch.Tensor) -> torch.Tensor:
    """Cross-entropy over subjects with ArcFace's additive angular margin (Deng et al., CVPR 2019).

    Args:
        mean: Temporal means of features, (batch, channels).
        subjects: A direction each, (subjects, channels).
        person: Whose clip it is, (batch,).
    """
    cosine = nn.functional.normalize(mean, dim=-1) @ nn.functional.normalize(subjects, dim=-1).T
    own = nn.functional.one_hot(person, len(subjects)).bool()
    angle = cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos()
    return nn.functional.cross_entropy(ARC_SCALE * torch.where(own, (angle + ARC_MARGIN).cos(), cosine), person)


def _separable(channels: int, wider: int, *, stride: int) -> list[nn.Module]:
    """A depthwise and a pointwise convolution, MobileFaceNet's block without its shortcut."""
    return [
        nn.Conv2d(channels, channels, 3, stride, 1, groups=channels), nn.Conv2d(channels, wider, 1),
        nn.BatchNorm2d(wider), nn.GELU(),
    ]  # fmt: skip


def _transformer(size: int, dropout: float) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(size, HEADS, 2 * size, dropout, "gelu", batch_first=True, norm_first=True)
