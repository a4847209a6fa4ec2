"""The model as a graph of clips: what it reads before the first token is a constant in it."""

import torch
from torch import nn

from modeling_aullm import AULLMForAUDetection
from modeling_aullm.deduction import embed_text, fill_in, read_prefix, read_suffix
from modeling_aullm.prompt import CONTENT_ID, INSTRUCTION_ID
from training.errors import InputError


class ClipGraph(nn.Module):
    """Clips to logits, and to sides and intensities where the model tells them.

    The keys and values of the static prompt, and the states at the units' names, are baked in.

    Args:
        model: In eval mode, in single precision, its LLM as it is; its layers may be replaced afterwards. Its LED is
            put in double precision.

    Raises:
        InputError: If nothing of the prompt stands before the first token, or the units are not all named there.
    """

    def __init__(self, model: AULLMForAUDetection) -> None:
        super().__init__()
        config, ids = model.config, model.config.prompt_token_ids or []
        start = next((position for position, token in enumerate(ids) if token < 0), 0)
        names = config.unit_positions or []
        if not start or config.read_out != "by_name" or any(position >= start for position in names):
            raise InputError(
                "only a model whose prompt begins with its text, and that reads its units by name there, is exported; "
                f"this one has read_out {config.read_out!r} and {start} positions of text before its first token"
            )
        self.model, self.own, self.start = model, ids[start:], start
        model.motion_encoder.led.double()  # its matrix is a constant, and each rounding on the way to it is magnified
        with torch.no_grad():
            text = embed_text(model.llm, config, ids, model.device)
            self.prefix, states = read_prefix(model.llm, text[:, :start])
        self.register_buffer("text", text[:, start:].clone())
        self.register_buffer("unit_states", states[:, names].clone())

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives."""
        return ("logits",) if self.model.side_head is None else ("logits", "side_logits", "intensity")

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What `outputs` names, see `AULLMOutput`, of (batch, num_frames, image_size, image_size)."""
        model, text, unit_states = self.model, self.get_buffer("text"), self.get_buffer("unit_states")
        x_att, motion = model.motion_encoder(pixel_values)
        content, _ = model.evidence(x_att)
        instruction, nodes, _ = (None, None, None) if model.structure is None else model.structure(x_att, motion)
        filled = fill_in(text, model.config, self.own, {CONTENT_ID: content, INSTRUCTION_ID: instruction})
        # All clips in one row: with a row each, the prefix would be copied for each.
        state = read_suffix(model.llm, self.prefix, filled, self.start, filled.shape[0])[:, -1]
        logits = model.head(state, unit_states) + model.reader(content, instruction, nodes)
        return (logits,) if model.side_head is None else (logits, *model.side_head(motion))
