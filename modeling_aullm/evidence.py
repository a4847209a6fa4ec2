"""Stage 1, second half: the evidence of movement becomes ONE Content Token.

MGE-EFP follows the framework figure of AULLM++ (arXiv 2603.08387); the figure gives the parts and their order, sizes
are our own choice. EFP is AU-LLM's (arXiv 2507.21778), as published.
"""

import torch
from torch import nn
from transformers import initialization as init

from .configuration_aullm import AULLMConfig
from .motion_encoder import ENCODER_CHANNELS, feature_map_size

EXPERTS = ("meso_fine", "meso_wide", "global", "laplacian")


class TokenNorm(nn.Module):
    """Gives a token the root mean square of the LLM's own embeddings, then learns a gain a dimension.

    Own choice: a token far off the scale the LLM was trained on is read badly, and trains slowly.
    """

    def __init__(self, size: int, token_rms: float) -> None:
        super().__init__()
        self.token_rms = token_rms
        self.gain = nn.Parameter(torch.empty(size))

    def reset_parameters(self) -> None:
        """Start the gain at the embeddings' root mean square."""
        init.constant_(self.gain, self.token_rms)

    def forward(self, token: torch.Tensor) -> torch.Tensor:
        """Normalise tokens, shape (batch, size); same shape out."""
        return nn.functional.rms_norm(token, token.shape[-1:], eps=1e-6) * self.gain


class Laplacian(nn.Module):
    """The discrete Laplacian of every channel: what is left of the map at the highest spatial frequency."""

    kernel: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.empty(3, 3))

    def reset_parameters(self) -> None:
        """Write the 4-neighbour kernel."""
        init.copy_(self.kernel, torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Filter x, shape (batch, channels, time, height, width), with replicated borders; same shape out."""
        batch, channels, time, height, width = x.shape
        planes = nn.functional.pad(x.reshape(batch * channels * time, 1, height, width), (1, 1, 1, 1), "replicate")
        return nn.functional.conv2d(planes, self.kernel[None, None].to(x.dtype)).reshape(x.shape)


class MultiGranularityEvidence(nn.Module):
    """MGE-EFP: four branches see `x_att` at four granularities, a mixture-of-experts gate weighs them.

    Two meso branches (3x3x3; 1x3x3 dilated by two), a global one (a 9x9 depthwise convolution, half the map wide)
    and the Laplacian; harmonization to a common width; a soft gate (own choice: four experts are too few to leave any
    out); skip; F_mid; F_high; Content Token. At H = 576 it has 1.6 M parameters, the published EFP 61 M.
    """

    def __init__(self, config: AULLMConfig, hidden_size: int) -> None:
        super().__init__()
        channels, width = ENCODER_CHANNELS[-1], config.evidence_width
        self.branches = nn.ModuleDict(
            {
                "meso_fine": nn.Conv3d(channels, width, 3, padding=1),
                "meso_wide": nn.Conv3d(channels, width, (1, 3, 3), padding=(0, 2, 2), dilation=(1, 2, 2)),
                "global": nn.Sequential(
                    nn.Conv3d(channels, channels, (1, 9, 9), padding=(0, 4, 4), groups=channels),
                    nn.Conv3d(channels, width, 1),
                ),
                "laplacian": nn.Sequential(Laplacian(), nn.Conv3d(channels, width, 1)),
            }
        )
        self.harmonization = nn.ModuleDict(
            {name: nn.Sequential(nn.GroupNorm(1, width), nn.GELU(), nn.Conv3d(width, width, 1)) for name in EXPERTS}
        )
        self.gate = nn.Linear(channels, len(EXPERTS))
        self.skip = nn.Conv3d(channels, width, 1)
        self.mid_level = nn.Sequential(
            nn.MaxPool3d(2), nn.Conv3d(width, config.evidence_mid_channels, 1), nn.ReLU(), nn.Dropout3d(config.dropout)
        )
        mid = config.evidence_mid_channels * _pooled_positions(config)
        self.high_level = _high_level(mid, config)
        hidden = config.evidence_hidden_size
        self.projection = nn.Sequential(
            nn.Linear(mid + hidden, hidden), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(hidden, hidden_size)
        )
        self.norm = TokenNorm(hidden_size, config.token_rms)

    def forward(self, x_att: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Fuse the evidence.

        Args:
            x_att: Motion features, shape (batch, 64, time, s, s).

        Returns:
            Content token, shape (batch, hidden_size), and gate weights, shape (batch, 4) in the order of `EXPERTS`,
            each row summing to one.
        """
        gate = self.gate(x_att.mean((2, 3, 4))).softmax(-1)
        fused = self.skip(x_att)
        for index, name in enumerate(EXPERTS):
            seen = self.harmonization[name](self.branches[name](x_att))
            fused = fused + gate[:, index, None, None, None, None] * seen
        mid = self.mid_level(fused).flatten(1)
        return self.norm(self.projection(torch.cat([mid, self.high_level(mid)], -1))), gate


class EnhancedFusionProjection(nn.Module):
    """EFP of AU-LLM, as published: F_mid and F_high, concatenated, through one wide hidden layer to the token."""

    def __init__(self, config: AULLMConfig, hidden_size: int) -> None:
        super().__init__()
        self.mid_level = nn.Sequential(nn.MaxPool3d(2), nn.Dropout3d(config.dropout))
        mid = ENCODER_CHANNELS[-1] * _pooled_positions(config)
        self.high_level = _high_level(mid, config)
        fused = mid + config.evidence_hidden_size
        hidden = (fused + hidden_size) // 2
        self.projection = nn.Sequential(
            nn.Linear(fused, hidden), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(hidden, hidden_size)
        )

    def forward(self, x_att: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Content token, shape (batch, hidden_size), from `x_att`, shape (batch, 64, time, s, s); no gate."""
        mid = self.mid_level(x_att).flatten(1)
        return self.projection(torch.cat([mid, self.high_level(mid)], -1)), None


def _high_level(mid: int, config: AULLMConfig) -> nn.Sequential:
    """F_high = Dropout(ReLU(Linear(F_mid))), AU-LLM."""
    return nn.Sequential(nn.Linear(mid, config.evidence_hidden_size), nn.ReLU(), nn.Dropout(config.dropout))


def _pooled_positions(config: AULLMConfig) -> int:
    """Positions of `x_att` after pooling by two in time and space: 2 x 9 x 9 for the published input."""
    return ((config.num_frames - 2) // 2) * (feature_map_size(config.image_size) // 2) ** 2
