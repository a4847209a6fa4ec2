"""Micro-AU-CLIP-like: units as local tokens, their dependency, and their contrast with sentences.

After Micro-AU CLIP (arXiv 2603.16302), of which only the abstract and summaries could be read. From the abstract: patch
token attention (PTA) inside each unit's region, global dependency attention (GDA) and loss (GDLoss) over the units, and
MiAUCL, which aligns each unit's visual feature with its text feature. Everything else is own choice: sizes, what goes
in, which patches are a unit's, the wording, and the form of both losses. No weights of CLIP are to be had in an
installable package: the text encoder is the harness's frozen LLM (mean of its last states, centred over the sentences,
computed once and kept with the weights), and the image encoder starts at random.
"""

import math
from typing import Any

import torch
from torch import nn
from transformers import initialization as init

from modeling_aullm.facs import ACTION_UNITS
from modeling_aullm.motion_encoder import LearnableEulerianDynamics, MagnifiedFlow

from .configuration_rivals import RivalConfig
from .network import Network, RivalOutput

STRIDE, PATCH = 4, 8  # pixels between patches, and of one
SIZE, SHARED, HEADS, BLOCKS = 96, 128, 4, 2
RADIUS = 0.14  # of the crop: patches whose middle is no further from one of a unit's sites are its own
TEMPERATURE = 0.1  # of MiAUCL
SCALE = 10.0  # of the head's cosines at the start; learned
GDLOSS_WEIGHT, MIAUCL_WEIGHT = 0.1, 0.1


class MicroAUCLIP(Network):
    """Onset and strongest motion to patch tokens, to a token a unit, to its cosines with two sentences."""

    text_features: torch.Tensor
    label_correlation: torch.Tensor
    own_patches: torch.Tensor

    def __init__(self, config: RivalConfig) -> None:
        super().__init__()
        self.without, units = frozenset(config.without), len(config.action_units)
        self.led, self.flow = LearnableEulerianDynamics(config), MagnifiedFlow()
        self.patches = nn.Conv2d(6, SIZE, PATCH, STRIDE, (PATCH - STRIDE) // 2)
        grid = config.image_size // STRIDE
        self.places = nn.Parameter(torch.empty(grid * grid, SIZE))
        # Without attention among patches: else no unit's token would be local.
        self.blocks = nn.ModuleList(_feed_forward(SIZE, config.dropout) for _ in range(BLOCKS))
        self.queries = nn.Parameter(torch.empty(units, SIZE))
        self.keys = None if "pta" in self.without else nn.Linear(SIZE, SIZE)
        self.values = nn.Linear(SIZE, SIZE)
        self.unit_block = _feed_forward(SIZE, config.dropout)
        self.dependency = None if "gda" in self.without else _dependency(config.dropout)
        self.to_shared = nn.Linear(SIZE, SHARED)
        self.text_to_shared = nn.Linear(config.text_size, SHARED, bias=False)
        self.log_scale = nn.Parameter(torch.empty(()))
        self.register_buffer("own_patches", own_patches(config.action_units, grid))
        self.register_buffer("text_features", torch.zeros(units, 2, config.text_size))
        self.register_buffer("label_correlation", torch.eye(units))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start what is no layer of its own."""
        for tokens in (self.places, self.queries):
            init.normal_(tokens, std=0.5)
        init.constant_(self.log_scale, math.log(SCALE))

    def learn_from(self, labels: torch.Tensor, subjects: int) -> None:
        """Take the training fold's correlation of labels, see `Network`; a unit that never varies has none."""
        self.label_correlation.copy_(correlation(labels))

    def unit_tokens(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Local tokens, (batch, units, 96): of each unit what its own patches show."""
        tokens = self.patches(self._seen(pixel_values)).flatten(2).transpose(1, 2) + self.places
        for block in self.blocks:
            tokens = tokens + block(tokens)
        if self.keys is None:
            pooled = self.values(tokens).mean(1, keepdim=True).expand(-1, len(self.queries), -1)
        else:
            pooled = patch_token_attention(self.queries, self.keys(tokens), self.values(tokens), self.own_patches)
        pooled = pooled + self.queries
        return pooled + self.unit_block(pooled)

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        person: torch.Tensor | None = None,
        **llm: Any,
    ) -> RivalOutput:
        """See clips, see `Network`."""
        tokens = self.unit_tokens(pixel_values)
        if self.dependency is not None:
            tokens = self.dependency(tokens)
        visual = nn.functional.normalize(self.to_shared(tokens).float(), dim=-1)
        text = nn.functional.normalize(self.text_to_shared(self.text_features).float(), dim=-1)
        present, absent = ((visual * text[:, state]).sum(-1) for state in (0, 1))
        output = RivalOutput(logits=self.log_scale.exp() * (present - absent))
        if labels is not None:
            output.auxiliary = {}
            if "gdloss" not in self.without:
                output.auxiliary["loss_gd"] = GDLOSS_WEIGHT * dependency_loss(tokens.float(), self.label_correlation)
            if "miaucl" not in self.without:
                output.auxiliary["loss_miaucl"] = MIAUCL_WEIGHT * contrast(visual, text, labels)
        return output

    def _seen(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Onset, and of each pixel its strongest motion: LED's change and four of its flow, (batch, 6, h, w).

        Strongest by the coarse flow, pixel by pixel, so that what is seen of a place depends on its surroundings alone.
        """
        moved, change = self.led(pixel_values)
        motion = torch.cat([moved[:, None], self.flow(pixel_values, change)], 1)
        strongest = motion[:, 3:].square().sum(1, keepdim=True).argmax(2, keepdim=True)
        onset = (pixel_values[:, :1] - 0.5) / 0.25
        picked = motion.gather(2, strongest.expand(-1, motion.shape[1], -1, -1, -1))[:, :, 0]
        return torch.cat([onset, picked], 1)


def own_patches(action_units: list[str], grid: int) -> torch.Tensor:
    """Which patches are whose, bool (units, grid * grid), by `facs.ACTION_UNITS` sites."""
    middle = (torch.arange(grid) + 0.5) / grid
    places = torch.stack(torch.meshgrid(middle, middle, indexing="xy"), -1).flatten(0, 1)
    sites = [torch.tensor(ACTION_UNITS[code].sites) for code in action_units]
    return torch.stack([torch.cdist(places, own).amin(1) <= RADIUS for own in sites])


def patch_token_attention(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, own: torch.Tensor
) -> torch.Tensor:
    """PTA: each unit's query attends, with several heads, to its own patches alone; (batch, units, size).

    Args:
        queries: Learned, (units, size).
        keys: (batch, patches, size).
        values: Likewise.
        own: Bool, (units, patches).
    """

    def heads(tokens: torch.Tensor) -> torch.Tensor:
        return tokens.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    asked = heads(queries.to(keys.dtype).expand(len(keys), -1, -1))
    return nn.functional.scaled_dot_product_attention(asked, heads(keys), heads(values), own).transpose(1, 2).flatten(2)


def correlation(labels: torch.Tensor) -> torch.Tensor:
    """Correlation of the units' labels, (units, units); 0 with a unit that never varies, 1 with itself."""
    centred = labels.float() - labels.float().mean(0)
    normed = nn.functional.normalize(centred, dim=0, eps=1e-6)
    return (normed.T @ normed).fill_diagonal_(1)


def dependency_loss(tokens: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """GDLoss: squared distance of the tokens' cosines from the labels' correlations, a mean over clips and pairs.

    Args:
        tokens: (batch, units, size).
        wanted: (units, units).
    """
    unit = nn.functional.normalize(tokens, dim=-1)
    apart = (unit @ unit.transpose(1, 2) - wanted).triu(1)
    units = len(wanted)
    return apart.square().sum() / (len(tokens) * max(1, units * (units - 1) // 2))


def contrast(visual: torch.Tensor, text: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """MiAUCL: InfoNCE of each unit's visual feature over all units' sentences, of which its own true one is positive.

    Own choice: not over the batch's clips, so that the loss of a batch is the mean of its parts'.

    Args:
        visual: Unit vectors, (batch, units, size).
        text: Unit vectors of each unit's two sentences, present and absent, (units, 2, size).
        labels: (batch, units).
    """
    alike = visual @ text.flatten(0, 1).T / TEMPERATURE
    own = 2 * torch.arange(len(text), device=labels.device) + (labels < 0.5).long()
    return nn.functional.cross_entropy(alike.flatten(0, 1), own.flatten())


def _feed_forward(size: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * size, size)
    )


def _dependency(dropout: float) -> nn.TransformerEncoderLayer:
    """GDA: self-attention over the units' tokens, with its residual."""
    return nn.TransformerEncoderLayer(SIZE, HEADS, 2 * SIZE, dropout, "gelu", batch_first=True, norm_first=True)
