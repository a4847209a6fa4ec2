"""From tokens, nodes and the LLM's states to one logit a unit.

Published (AU-LLM, arXiv 2507.21778) is a linear head at the LLM's last position. Own choice for AULLM++: a linear
reader of what the LLM is given says what it can, and the LLM corrects it, from nothing on. So it is measured what
deduction adds, and a unit needs no row of the LLM's head: it is found by its name in the prompt.
"""

import math

import torch
from torch import nn
from transformers import initialization as init

from .configuration_aullm import AULLMConfig
from .structure import draw_known


class TokenReader(nn.Module):
    """The linear reader: a row a unit for both tokens, and one for all units that reads each unit's own node."""

    def __init__(self, config: AULLMConfig, hidden_size: int) -> None:
        super().__init__()
        units = len(config.action_units or ())
        self.scale, self.described_share = 1 / config.token_rms, config.described_share
        self.content = nn.Linear(hidden_size, units)
        self.instruction = nn.Linear(hidden_size, units, bias=False) if config.structure != "none" else None
        self.node = nn.Linear(config.node_size, 1) if config.structure != "none" else None

    def forward(
        self,
        content_token: torch.Tensor,
        instruction_token: torch.Tensor | None,
        node_states: torch.Tensor | None,
    ) -> torch.Tensor:
        """Logits, shape (batch, units).

        Args:
            content_token: Shape (batch, hidden_size).
            instruction_token: Shape (batch, hidden_size); `None` without a structure.
            node_states: Shape (batch, units, node_size); `None` without a structure.
        """
        logits = self.content(content_token * self.scale)
        if self.instruction is None or self.node is None or instruction_token is None:
            return logits
        logits = logits + self.instruction(instruction_token * self.scale)
        if self.training:
            logits = logits * draw_known(logits, self.described_share)
        return logits + self.node(node_states)[..., 0]


class NamedCorrection(nn.Module):
    """What the LLM changes in the reader's logits: its state after the case, matched with its state at a unit's name.

    Nothing at first: one side starts at zero.
    """

    def __init__(self, hidden_size: int, size: int = 64) -> None:
        super().__init__()
        self.case = nn.Linear(hidden_size, size)
        self.name = nn.Linear(hidden_size, size)

    def reset_parameters(self) -> None:
        """Start without a correction."""
        init.zeros_(self.case.weight)
        init.zeros_(self.case.bias)

    def forward(self, state: torch.Tensor, unit_states: torch.Tensor) -> torch.Tensor:
        """Corrections, shape (batch, units); none, (batch, 1), where no unit is named.

        Args:
            state: After the case, shape (batch, hidden_size).
            unit_states: At the names, shape (batch or 1, units, hidden_size).
        """
        if not unit_states.shape[1]:
            return state.new_zeros(state.shape[0], 1)
        case, names = self.case(_even(state)), self.name(_even(unit_states))
        return (case[:, None] * names).sum(-1) / math.sqrt(names.shape[-1])


def _even(states: torch.Tensor) -> torch.Tensor:
    """An LLM's last states are large, and not alike large."""
    return nn.functional.rms_norm(states, states.shape[-1:], eps=1e-6)


class ActionUnitHead(nn.Linear):
    """The published linear head: one logit an action unit, from the LLM's last position.

    Args:
        hidden_size: Of the LLM.
        units: Action units.
        corrects: Start without any logit, for the reader has said something already.
    """

    def __init__(self, hidden_size: int, units: int, *, corrects: bool) -> None:
        self.deviation = 0.0 if corrects else 1e-3
        super().__init__(hidden_size, units)

    def reset_parameters(self) -> None:
        """Start near even odds: the LLM's last states are large, a usual draw would start with sure answers."""
        init.normal_(self.weight, 0.0, self.deviation)
        init.zeros_(self.bias)
