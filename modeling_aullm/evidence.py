"""Stage 1, second half: the evidence of movement becomes ONE Content Token.

MGE-EFP follows the framework figure of AULLM++ (arXiv 2603.08387); the figure gives the parts and their order, sizes
are our own choice. EFP is AU-LLM's (arXiv 2507.21778), as published.
"""

import torch
from torch import nn
from transformers import initialization as init

from .configuration_aullm import AULLMConfig
from .motion_encoder import ENCODER_CHANNELS, feature_map_size

EXPERTS = ("meso_fine", "meso_wide", "global_context", "laplacian")


class TokenNorm(nn.Module):
    """Gives a token a root mean square the LLM can read, then learns a gain a dimension.

    Own choice: a token far off the scale the LLM was trained on is read badly, and trains slowly.
    """

    def __init__(self, size: int, token_rms: float) -> None:
        super().__init__()
        self.token_rms = token_rms
        self.gain = nn.Parameter(torch.empty(size))

    def reset_parameters(self) -> None:
        """Start the gain at `token_rms`."""
        init.constant_(self.gain, self.token_rms)

    def forward(self, token: torch.Tensor) -> torch.Tensor:
        """Normalise tokens, shape (batch, size); same shape out."""
        return nn.functional.rms_norm(token, token.shape[-1:], eps=1e-6) * self.gain


class Laplacian(nn.Module):
    """The discrete Laplacian of every channel: what is left of the map at the highest spatial frequency."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Four neighbours less four times the middle, borders replicated; x is (batch, channels, time, s, s)."""
        high = torch.cat([x[..., :1, :], x, x[..., -1:, :]], -2)
        wide = torch.cat([x[..., :1], x, x[..., -1:]], -1)
        return high[..., :-2, :] + high[..., 2:, :] + wide[..., :-2] + wide[..., 2:] - 4 * x


class GlobalConvolution(nn.Module):
    """A convolution at a third of the resolution, whose 5x5 kernel spans 15 of the map's 18 positions.

    Own choice: at full resolution a kernel that wide would be the dearest part of the vision side.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(channels, width, (1, 5, 5), padding=(0, 2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (batch, channels, time, s, s) to (batch, width, time, s, s)."""
        pooled = nn.functional.avg_pool2d(x.flatten(1, 2), 3, ceil_mode=True)
        coarse = self.convolution(pooled.view(*x.shape[:3], *pooled.shape[2:]))
        enlarged = coarse.repeat_interleave(3, -1).repeat_interleave(3, -2)
        return enlarged[..., : x.shape[-2], : x.shape[-1]]


class MultiGranularityEvidence(nn.Module):
    """MGE-EFP: four branches see `x_att` at four granularities, a mixture-of-experts gate weighs them.

    Two meso branches (3x3x3; 1x3x3 dilated by two), a global one and the Laplacian; harmonization to a common width; a
    soft gate (own choice: four experts are too few to leave any out); skip; F_mid; F_high; Content Token. An order of
    magnitude smaller than the published EFP: 1.3 M parameters at H = 576, against 65 M.
    """

    def __init__(self, config: AULLMConfig, hidden_size: int) -> None:
        super().__init__()
        channels, width = ENCODER_CHANNELS[-1], config.evidence_width
        self.branches = nn.ModuleDict(
            {
                "meso_fine": nn.Conv3d(channels, width, 3, padding=1),
                "meso_wide": nn.Conv3d(channels, width, (1, 3, 3), padding=(0, 2, 2), dilation=(1, 2, 2)),
                "global_context": GlobalConvolution(channels, width),
                "laplacian": nn.Sequential(nn.Conv3d(channels, width, 1), Laplacian()),
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
