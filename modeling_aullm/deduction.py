"""Stage 3: the LLM reads the case file; what stands before the first token is read once for the whole batch.

AULLM++ (arXiv 2603.08387): structured prompt, LLM with LoRA, linear head. LoRA's values: AU-LLM (arXiv 2507.21778).
Sharing the static prefix is our own choice; it changes nothing but the cost.
"""

import copy
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import Cache, DynamicCache

from .configuration_aullm import AULLMConfig
from .prompt import ANCHORS, CONTENT_ID, INSTRUCTION_ID, bare_prompt


def build_llm(config: AULLMConfig) -> PreTrainedModel:
    """The LLM's decoder with random weights and LoRA in place.

    Raises:
        ValueError: If none of `lora_target_modules` is a module of this LLM.
    """
    llm = AutoModel.from_config(config.text_config)
    if config.lora_rank == 0:
        return llm
    targets = config.lora_target_modules or []
    if not any(name.rsplit(".", 1)[-1] in targets for name, _ in llm.named_modules()):
        raise ValueError(f"this LLM ({llm.config.model_type}) has no module named {' or '.join(targets)}")
    lora = LoraConfig(
        r=config.lora_rank, lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout, target_modules=targets
    )
    inject_adapter_in_model(lora, llm)  # changes it in place
    return llm


class PromptReader:
    """Reads the prompt with the LLM, the text before the first placeholder once for all clips.

    What follows it is laid out in rows, each holding the positions of many clips one after the other; a mask lets each
    clip see the shared prefix and itself alone. So neither the prefix's work nor its memory grows with the batch.

    Holds no weights. Between calls without gradients the prefix's keys and values are kept; they are dropped when
    a weight of the LLM changes (in place or replaced), when it moves, or when the prompt changes.
    """

    def __init__(self) -> None:
        self._kept: tuple[tuple, Cache] | None = None

    def __deepcopy__(self, memo: dict) -> "PromptReader":
        return PromptReader()

    def read(
        self,
        llm: PreTrainedModel,
        config: AULLMConfig,
        content_token: torch.Tensor,
        instruction_token: torch.Tensor | None,
        *,
        share_prefix: bool = True,
    ) -> torch.Tensor:
        """Last hidden state at the last position of the prompt, shape (batch, hidden_size).

        Args:
            llm: The decoder, with LoRA.
            config: Holds the prompt.
            content_token: Shape (batch, hidden_size).
            instruction_token: Shape (batch, hidden_size), or `None` for a model without structure.
            share_prefix: `False` reads the whole prompt for every clip (for comparison; needed under gradient
                checkpointing, which cannot keep keys and values).
        """
        if torch.is_grad_enabled() or llm.training:
            self._kept = None  # with or without sharing: a fused optimizer changes weights and leaves no trace
        ids = config.prompt_token_ids or bare_prompt(config.prompt or "")
        split = next(position for position, token in enumerate(ids) if token < 0) if share_prefix else 0
        embeddings = _embed(llm, config, ids[split:], {CONTENT_ID: content_token, INSTRUCTION_ID: instruction_token})
        if split == 0:
            return llm(inputs_embeds=embeddings, use_cache=False).last_hidden_state[:, -1]
        return _read_suffix(llm, self._prefix(llm, config, ids[:split]), embeddings, split)

    def _prefix(self, llm: PreTrainedModel, config: AULLMConfig, ids: list[int]) -> Cache:
        if torch.is_grad_enabled() or llm.training:
            return _read_prefix(llm, config, ids)
        weights = tuple((weight.data_ptr(), weight._version, weight.dtype) for weight in llm.parameters())
        state = (tuple(ids), weights)
        traced = all(address for address, *_ in weights)  # weights that FSDP shares out have no address
        if self._kept is None or self._kept[0] != state or not traced:
            self._kept = (state, _read_prefix(llm, config, ids))
        return self._kept[1]


def _read_prefix(llm: PreTrainedModel, config: AULLMConfig, ids: list[int]) -> Cache:
    cache = DynamicCache(config=llm.config)
    llm(inputs_embeds=_embed(llm, config, ids, {}), past_key_values=cache, use_cache=True)
    return cache


def _read_suffix(llm: PreTrainedModel, prefix: Cache, embeddings: torch.Tensor, start: int) -> torch.Tensor:
    """Last state of each clip, shape (batch, hidden_size), from its own positions (batch, positions, hidden_size)."""
    batch, length, hidden_size = embeddings.shape
    clips = min(batch, _clips_in_a_row(llm))
    rows = -(-batch // clips)
    filled = nn.functional.pad(embeddings, (0, 0, 0, 0, 0, rows * clips - batch))
    positions = start + torch.arange(length, device=embeddings.device).repeat(clips)
    states = llm(
        inputs_embeds=filled.view(rows, clips * length, hidden_size),
        attention_mask=_row_mask(llm, prefix, embeddings, clips, start) if clips > 1 else None,
        position_ids=positions[None].expand(rows, -1),
        past_key_values=_expand(prefix, rows),
        use_cache=True,
    ).last_hidden_state
    return states.reshape(rows * clips, length, hidden_size)[:batch, -1]


def _clips_in_a_row(llm: PreTrainedModel) -> int:
    """One with flash attention, which takes no mask of ours; else 64 (own choice: a mask grows by its square)."""
    known = set(getattr(llm.config, "layer_types", None) or ()) <= {"full_attention", "sliding_attention"}
    return 64 if known and llm.config._attn_implementation in ("sdpa", "eager") else 1


def _row_mask(
    llm: PreTrainedModel, prefix: Cache, embeddings: torch.Tensor, clips: int, start: int
) -> torch.Tensor | dict[str, torch.Tensor]:
    """What each position of a row may see, added to the attention scores: (1, 1, clips * positions, keys).

    For an LLM with sliding layers one mask a kind of layer; those keep only the end of a long prefix.
    """
    length, device = embeddings.shape[1], embeddings.device
    clip = torch.arange(clips, device=device).repeat_interleave(length)
    position = start + torch.arange(length, device=device).repeat(clips)
    own = (clip[:, None] == clip[None, :]) & (position[None, :] <= position[:, None])
    lowest = torch.finfo(embeddings.dtype).min

    def mask(kept: int, window: int) -> torch.Tensor:
        keys = torch.cat([torch.arange(start - kept, start, device=device), position])
        near = position[:, None] - keys[None, :] < window
        seen = torch.cat([own.new_ones(clips * length, kept), own], 1) & near
        return torch.zeros_like(seen, dtype=embeddings.dtype).masked_fill(~seen, lowest)[None, None]

    kinds = getattr(llm.config, "layer_types", None) or []
    layers: list[Any] = prefix.layers
    if "sliding_attention" not in kinds:
        return mask(start, start + length)
    windows = {"full_attention": start + length, "sliding_attention": llm.config.sliding_window}
    return {kind: mask(layers[kinds.index(kind)].keys.shape[-2], windows[kind]) for kind in set(kinds)}


def _expand(prefix: Cache, rows: int) -> Cache:
    """The prefix for every row: views, no copies; the prefix itself is not touched by what follows."""
    cache = copy.copy(prefix)
    layers: list[Any] = [copy.copy(layer) for layer in prefix.layers]
    for layer in layers:
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)
    cache.layers = layers
    return cache


def _embed(
    llm: PreTrainedModel, config: AULLMConfig, ids: list[int], tokens: dict[int, torch.Tensor | None]
) -> torch.Tensor:
    """Embeddings of a piece of the prompt, shape (batch, positions, hidden_size); batch is 1 for text alone."""
    table: Any = llm.get_input_embeddings()
    anchors = dict(zip(ANCHORS, config.anchor_token_ids or (), strict=False))
    words = [anchors.get(token, max(token, 0)) for token in ids]
    text = table(torch.tensor(words, device=table.weight.device))[None]
    filled = [(position, tokens[token]) for position, token in enumerate(ids) if token < 0]
    if not filled:
        return text
    columns = list(text.expand(len(filled[0][1]), -1, -1).unbind(1))
    for position, token in filled:
        columns[position] = token.to(text.dtype) + (columns[position] if ids[position] in anchors else 0)
    return torch.stack(columns, 1)


class ActionUnitHead(nn.Linear):
    """The linear head: one logit an action unit, from the LLM's last position."""

    def reset_parameters(self) -> None:
        """Start near even odds: the LLM's last states are large, a usual draw would start with sure answers."""
        init.normal_(self.weight, 0.0, 1e-3)
        init.zeros_(self.bias)
