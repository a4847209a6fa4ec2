"""Stage 2: how the action units go together becomes ONE Instruction Token (R-AUGNN).

AULLM++ (arXiv 2603.08387) draws the parts: AU nodes cut out of `x_att`, a sparse relation graph, relational reasoning
whose learned attention feeds back onto the edges, structural attention pooling. Sizes and formulas are our own choice.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import nn
from torch_geometric.nn import MessagePassing
from transformers import initialization as init

from .configuration_aullm import AULLMConfig
from .evidence import TokenNorm
from .facs import ACTION_UNITS, RELATION_TYPES
from .flips import Flips
from .motion_encoder import ENCODER_CHANNELS, feature_map_size

WINDOWS_X, WIDTH_X = (-0.07, 0.0, 0.07), 0.03  # of the crop's side: windows around a site, and their spread
WINDOWS_Y, WIDTH_Y = (-0.08, -0.04, 0.0, 0.04, 0.08), 0.018
SITE_SPREAD = 0.08  # of the crop's side: how wide a unit looks around its FACS sites before it has learned better


class StructureOutput(NamedTuple):
    """What the structure says of a batch: see `RelationalAUGraph.forward`."""

    instruction_token: torch.Tensor
    node_states: torch.Tensor
    relation_strengths: torch.Tensor


class RegionMotion(nn.Module):
    """The motion around a unit's own places at full resolution, told in the unit's own terms.

    Own choice: `x_att` has a ninth of the picture's positions, too few for a lid. Around each FACS site, and on both
    sides, Gaussian windows take means of what the motion encoder has seen; displacements are turned into the unit's
    direction (along, across), the left side mirrored. So the same weights can read every unit, one that was never
    labelled, too.
    """

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        self.units = [ACTION_UNITS[unit] for unit in config.action_units or ()]
        self.channels = 5 if config.motion == "led_flow" else 1
        self.features = len(WINDOWS_X) * len(WINDOWS_Y) * self.channels * (config.num_frames - 1)

    def forward(self, motion: torch.Tensor) -> torch.Tensor:
        """Motion (batch, channels, time, side, side) to features (batch, units, 2, features), right side first."""
        across = _windows([[unit.sites[0][0] + x for x in WINDOWS_X] for unit in self.units], WIDTH_X, motion)
        down = _windows([[unit.sites[0][1] + y for y in WINDOWS_Y] for unit in self.units], WIDTH_Y, motion)
        seen = torch.einsum("bcthw,kyh,skxw->bkscxyt", motion, down, torch.stack([across, across.flip(-1)]))
        if self.channels > 1:
            seen = self._turned(seen)
        return seen.flatten(3)

    def _turned(self, seen: torch.Tensor) -> torch.Tensor:
        """Displacements right and down as displacements along the unit's direction and across it."""
        angle = torch.tensor([math.atan2(unit.direction[1], unit.direction[0]) for unit in self.units])
        cosine, sine = (part.to(seen)[None, :, None, None, None, None] for part in (angle.cos(), angle.sin()))
        mirror = torch.tensor([1.0, -1.0]).to(seen)[None, None, :, None, None, None]
        parts = [seen[:, :, :, 0]]
        for right, below in ((1, 2), (3, 4)):
            inward, lower = mirror * seen[:, :, :, right], seen[:, :, :, below]
            parts += [cosine * inward + sine * lower, cosine * lower - sine * inward]
        return torch.stack(parts, 3)


class RegionReader(nn.Module):
    """Reads the motion of every unit's region by the same weights, a side at a time; a unit adds a bias of its own."""

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        self.motion = RegionMotion(config)
        hidden = 2 * config.node_size
        self.one_side = nn.Linear(self.motion.features, hidden)
        self.unit_bias = nn.Parameter(torch.empty(len(config.action_units or ()), hidden))
        self.both_sides = nn.Linear(2 * hidden, config.node_size)

    def reset_parameters(self) -> None:
        """Start all units nearly alike."""
        init.normal_(self.unit_bias, 0.0, 0.02)

    def forward(self, motion: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """What a clip's motion says of each unit, (batch, units, node_size).

        Args:
            motion: Shape (batch, channels, num_frames - 1, side, side).
            known: 0 where a unit is read by its description alone, else 1, (batch, units).
        """
        own = self.unit_bias * known[..., None]
        sides = (self.one_side(self.motion(motion)) + own[:, :, None]).relu()
        return self.both_sides(torch.cat([sides.mean(2), sides.amax(2)], -1))


def draw_known(units: torch.Tensor, described_share: float) -> torch.Tensor:
    """Zeros where, in training, a unit is read by its description alone, else ones: (batch, units).

    Args:
        units: What they stand for, (batch, units, ...).
        described_share: Share of the zeros.
    """
    return (torch.rand(units.shape[:2], device=units.device) >= described_share).to(units.dtype)


def _windows(centres: list[list[float]], width: float, like: torch.Tensor) -> torch.Tensor:
    """Gaussian weights that sum to one along an axis of the picture, (units, windows, side)."""
    size = like.shape[-1]
    place = (torch.arange(size, device=like.device) + 0.5) / size
    distance = place - torch.tensor(centres, device=like.device)[..., None]
    return torch.softmax(-0.5 * (distance / width) ** 2, -1).to(like.dtype)


class ActionUnitNodes(nn.Module):
    """One node a unit: what `x_att` holds where a learned map looks for it, and the motion of its own region.

    The maps start at the unit's FACS sites (own choice: the paper says only "AU node chunking").
    """

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        self.units = list(config.action_units or ())
        self.described_share = config.described_share
        self.side = feature_map_size(config.image_size)
        features = ENCODER_CHANNELS[-1] * (config.num_frames - 2)
        self.site_logits = nn.Parameter(torch.empty(len(self.units), self.side * self.side))
        self.weight = nn.Parameter(torch.empty(len(self.units), features, config.node_size))
        self.bias = nn.Parameter(torch.empty(len(self.units), config.node_size))
        self.region = RegionReader(config) if config.node_regions else None
        self.norm = nn.LayerNorm(config.node_size)

    def reset_parameters(self) -> None:
        """Point every map at its unit's sites; draw the projections."""
        centre = (torch.arange(self.side) + 0.5) / self.side
        maps = []
        for unit in self.units:
            distance = torch.stack(
                [
                    (centre[None, :] - x) ** 2 + (centre[:, None] - y) ** 2 for x, y in ACTION_UNITS[unit].sites
                ]
            )  # fmt: skip
            maps.append(torch.logsumexp(-distance / (2 * SITE_SPREAD**2), 0).clamp(min=-10).flatten())
        init.copy_(self.site_logits, torch.stack(maps))
        bound = 1 / math.sqrt(self.weight.shape[1])
        init.uniform_(self.weight, -bound, bound)
        init.normal_(self.bias, 0.0, 0.02)

    def forward(self, x_att: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
        """Node features, shape (batch, units, node_size).

        Args:
            x_att: Shape (batch, 64, time, s, s).
            motion: What it was made from, shape (batch, channels, num_frames - 1, side, side).
        """
        where = self.site_logits.softmax(-1).to(x_att.dtype)
        seen = torch.einsum("bctp,kp->bkct", x_att.flatten(3), where).flatten(2)
        own = torch.einsum("bkf,kfd->bkd", seen, self.weight) + self.bias
        if self.region is None:
            return self.norm(own)
        known = draw_known(own, self.described_share) if self.training else own.new_ones(own.shape[:2])
        return self.norm(own * known[..., None] + self.region(motion, known))


class RelationalReasoning(MessagePassing):
    """One layer of message passing over typed relations, each scaled by its strength in this clip.

    strength(r) = sigmoid(prior(r) + <q_first, k_second> / 2 sqrt(d) + <q_second, k_first> / 2 sqrt(d)): a learned
    value of the relation, changed by what the clip's own nodes say (the attention that feeds back onto the edges).
    Own choice: symmetric, since the prior is.
    """

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__(aggr="add", node_dim=0)
        size = config.node_size
        self.relation_logits = nn.Parameter(torch.empty(len(config.relations or ())))
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)
        self.value = nn.ModuleList(nn.Linear(size, size, bias=False) for _ in RELATION_TYPES)
        self.update_node = nn.Linear(2 * size, size)
        self.norm = nn.LayerNorm(size)

    def reset_parameters(self) -> None:
        """Start every relation half strong."""
        init.zeros_(self.relation_logits)

    def strengths(self, nodes: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
        """Strength of every relation in every clip, shape (batch, relations), within 0..1.

        Args:
            nodes: Shape (batch, units, node_size).
            pairs: Indices of the first and second unit of each relation, shape (2, relations).
        """
        query, key = self.query(nodes), self.key(nodes)
        first, second = pairs
        agreement = (query[:, first] * key[:, second] + query[:, second] * key[:, first]).sum(-1)
        return (self.relation_logits + agreement / (2 * math.sqrt(nodes.shape[-1]))).sigmoid()

    def forward(
        self, nodes: torch.Tensor, pairs: torch.Tensor, types: torch.Tensor, flipped: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Reason once over the graph of all clips of the batch, laid side by side as one large graph.

        Args:
            nodes: Shape (batch, units, node_size).
            pairs: Units of each relation, shape (2, relations).
            types: Index into `RELATION_TYPES` of each relation, shape (relations,).
            flipped: Which relations are as weak as they were strong, bool, shape (batch, relations).

        Returns:
            Nodes of the same shape, and the strengths, shape (batch, relations).
        """
        batch, units, size = nodes.shape
        strengths = self.strengths(nodes, pairs)
        if flipped is not None:
            strengths = torch.where(flipped, 1 - strengths, strengths)
        both_ways = torch.cat([pairs, pairs.flip(0)], 1)
        offsets = torch.arange(batch, device=nodes.device)[:, None, None] * units
        edge_index = (both_ways[None] + offsets).transpose(0, 1).reshape(2, -1)
        weight = torch.nn.functional.one_hot(types, len(RELATION_TYPES)).to(nodes.dtype) * strengths[..., None]
        received = self.propagate(
            edge_index,
            values=torch.stack([value(nodes) for value in self.value], 2).flatten(0, 1),
            weight=torch.cat([weight, weight], 1).flatten(0, 1),
            size=(batch * units, batch * units),
        )
        update = self.update_node(torch.cat([nodes, received.view(batch, units, size)], -1))
        return self.norm(nodes + update.relu()), strengths

    def propagate(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """As in PyTorch Geometric, which else writes a file of code to the temporary folder in every process."""
        return super().propagate(*args, **kwargs)

    def message(self, values_j: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """What a unit tells its neighbour, shape (edges, node_size): its value under the relation's type, scaled."""
        return (values_j * weight[..., None]).sum(1)


class StructuralAttentionPooling(nn.Module):
    """Pools the nodes into one vector, several heads weighing the units each in its own way."""

    def __init__(self, config: AULLMConfig, hidden_size: int) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.Linear(config.node_size, config.node_size),
            nn.Tanh(),
            nn.Linear(config.node_size, config.num_pooling_heads),
        )
        self.projection = nn.Linear(config.num_pooling_heads * config.node_size, hidden_size)
        self.norm = TokenNorm(hidden_size, config.token_rms)

    def forward(self, nodes: torch.Tensor) -> torch.Tensor:
        """Instruction token, shape (batch, hidden_size), from nodes, shape (batch, units, node_size)."""
        weight = self.score(nodes).softmax(1)
        pooled = torch.einsum("bkh,bkd->bhd", weight, nodes).flatten(1)
        return self.norm(self.projection(pooled))


class RelationalAUGraph(nn.Module):
    """R-AUGNN: AU nodes, relational reasoning over the sparse prior, structural attention pooling."""

    pairs: torch.Tensor
    types: torch.Tensor

    def __init__(self, config: AULLMConfig, hidden_size: int) -> None:
        super().__init__()
        units = list(config.action_units or ())
        self.edges = [
            (units.index(first), units.index(second), RELATION_TYPES.index(type_))
            for first, second, type_ in config.relations or ()
        ]
        pairs, types = self._edge_tensors()
        self.register_buffer("pairs", pairs)
        self.register_buffer("types", types)
        self.nodes = ActionUnitNodes(config)
        self.reasoning = nn.ModuleList(RelationalReasoning(config) for _ in range(config.num_relation_layers))
        self.pooling = StructuralAttentionPooling(config, hidden_size)

    def _edge_tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        edges = torch.tensor(self.edges, dtype=torch.long).reshape(-1, 3).T
        return edges[:2].clone(), edges[2].clone()

    def reset_parameters(self) -> None:
        """Write the graph's edges, which a model that began on the meta device does not have yet."""
        for buffer, edges in zip((self.pairs, self.types), self._edge_tensors(), strict=True):
            init.copy_(buffer, edges)

    def forward(self, x_att: torch.Tensor, motion: torch.Tensor, flips: Flips | None = None) -> StructureOutput:
        """Reason about the units of each clip; with flips twice, as the rules are, then with some of them flipped.

        Args:
            x_att: Motion features, shape (batch, 64, time, s, s).
            motion: What they were made from, shape (batch, channels, num_frames - 1, side, side).
            flips: What is flipped, from `check_flips`.

        Returns:
            Instruction token, shape (batch, hidden_size); node states, shape (batch, units, node_size); relation
            strengths of the last layer, shape (batch, relations), in the order of `config.relations`. With flips, the
            counterfactual ones after the factual ones: 2 batch for batch.
        """
        nodes, flipped = self.nodes(x_att, motion), None
        if flips is not None:
            turned = -nodes if flips.donors is None else nodes[flips.donors]
            nodes = torch.cat([nodes, torch.where(flips.units[..., None], turned, nodes)])
            flipped = torch.cat([torch.zeros_like(flips.relations), flips.relations])
        for layer in self.reasoning:
            nodes, strengths = layer(nodes, self.pairs, self.types, flipped)
        return StructureOutput(self.pooling(nodes), nodes, strengths)
