"""What the model gives: its answer, and what it rests on."""

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput


@dataclass
class AULLMOutput(ModelOutput):
    """What the model saw, thought and decided, a row a clip.

    Attributes:
        loss: Binary cross-entropy, a mean over units and clips, if labels were given; shape ().
        logits: One an action unit, shape (batch, units), in the order of `config.action_units`.
        counterfactual_logits: The answer to the same evidence when rules are flipped, if they were, of the same shape.
        content_token: The evidence, shape (batch, hidden_size).
        instruction_token: The structure, shape (batch, hidden_size); `None` without a structure.
        node_states: AU nodes after reasoning, shape (batch, units, node_size); `None` without a structure.
        gate_weights: Weight of each expert of MGE-EFP in the order of `evidence.EXPERTS`, shape (batch, 4); `None`
            with plain EFP.
        relation_strengths: Strength of each relation of `config.relations`, shape (batch, relations), within 0..1;
            `None` without a structure.
        motion_frames: Output of LED, shape (batch, num_frames - 1, image_size, image_size), within -1..1.
        side_logits: That each unit moved on the subject's right and left, should it have moved, shape
            (batch, units, 2); `None` without a side head.
        intensity: Of each unit, should it have moved, from 0 (A of FACS) to 4 (E), shape (batch, units); likewise.
        hidden_states: If asked for, the LLM's: its input and each layer's output, layers + 1 of the shape
            (batch, positions, hidden_size), a position a token of `config.prompt_token_ids`.
        attentions: If asked for, the LLM's attention weights, one a layer, shape (batch, heads, positions, positions).
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    counterfactual_logits: torch.Tensor | None = None
    content_token: torch.Tensor | None = None
    instruction_token: torch.Tensor | None = None
    node_states: torch.Tensor | None = None
    gate_weights: torch.Tensor | None = None
    relation_strengths: torch.Tensor | None = None
    motion_frames: torch.Tensor | None = None
    side_logits: torch.Tensor | None = None
    intensity: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


def of_clips(values: torch.Tensor | None, clips: int) -> torch.Tensor | None:
    """Those of the clips as they are, without their counterfactuals, which come after them."""
    return values if values is None or values.shape[0] == clips else values[:clips]
