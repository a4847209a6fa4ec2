"""Stage 3: the LLM reads the case file; what stands before the first token is read once for the whole batch.

AULLM++ (arXiv 2603.08387): structured prompt, LLM with LoRA, linear head. LoRA's values: AU-LLM (arXiv 2507.21778).
Sharing the static prefix is our own choice; it changes nothing but the cost.
"""

import copy

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import Cache, DynamicCache

from .configuration_aullm import AULLMConfig
from .prompt import CONTENT_ID, INSTRUCTION_ID, bare_prompt


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
    return inject_adapter_in_model(lora, llm)


class PromptReader:
    """Reads the prompt with the LLM, the text before the first placeholder once for all clips.

    Holds no weights. Between calls without gradients the prefix's keys and values are kept; they are dropped when
    a weight of the LLM changes (in place or replaced), when it moves, or when the prompt changes.
    """

    def __init__(self) -> None:
        self._kept: tuple[tuple, Cache] | None = None

    def __deepcopy__(self, memo: dict) -> "PromptReader":
        return PromptReader()

    def forget(self) -> None:
        """Drop the prefix that is kept."""
        self._kept = None

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
        ids = config.prompt_token_ids or bare_prompt(config.prompt or "")
        split = next(position for position, token in enumerate(ids) if token < 0) if share_prefix else 0
        tokens = {CONTENT_ID: content_token, INSTRUCTION_ID: instruction_token}
        embeddings = _embed(llm, ids[split:], tokens)
        if split == 0:
            return llm(inputs_embeds=embeddings, use_cache=False).last_hidden_state[:, -1]
        prefix = self._prefix(llm, ids[:split])
        cache = _expand(prefix, content_token.shape[0])
        # A slice of the cache's growth is thrown away with it: every call expands the same prefix anew.
        return llm(inputs_embeds=embeddings, past_key_values=cache, use_cache=True).last_hidden_state[:, -1]

    def _prefix(self, llm: PreTrainedModel, ids: list[int]) -> Cache:
        if torch.is_grad_enabled() or llm.training:
            self.forget()
            return _read_prefix(llm, ids)
        state = (tuple(ids), tuple((weight.data_ptr(), weight._version, weight.dtype) for weight in llm.parameters()))
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, _read_prefix(llm, ids))
        return self._kept[1]


def _read_prefix(llm: PreTrainedModel, ids: list[int]) -> Cache:
    cache = DynamicCache(config=llm.config)
    llm(inputs_embeds=_embed(llm, ids, {}), past_key_values=cache, use_cache=True)
    return cache


def _expand(prefix: Cache, batch: int) -> Cache:
    """The prefix for every clip of a batch: views, no copies; the prefix itself is not touched by what follows."""
    cache = copy.copy(prefix)
    cache.layers = [copy.copy(layer) for layer in prefix.layers]
    for layer in cache.layers:
        layer.keys = layer.keys.expand(batch, -1, -1, -1)
        layer.values = layer.values.expand(batch, -1, -1, -1)
    return cache


def _embed(llm: PreTrainedModel, ids: list[int], tokens: dict[int, torch.Tensor | None]) -> torch.Tensor:
    """Embeddings of a piece of the prompt, shape (batch, positions, hidden_size); batch is 1 for text alone."""
    table = llm.get_input_embeddings()
    text = table(torch.tensor([max(token, 0) for token in ids], device=table.weight.device))[None]
    filled = [(position, tokens[token]) for position, token in enumerate(ids) if token < 0]
    if not filled:
        return text
    columns = list(text.expand(len(filled[0][1]), -1, -1).unbind(1))
    for position, token in filled:
        columns[position] = token.to(text.dtype)
    return torch.stack(columns, 1)


class ActionUnitHead(nn.Module):
    """The linear head: one logit an action unit, from the LLM's last position."""

    def __init__(self, hidden_size: int, num_units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden_size, num_units)

    def reset_parameters(self) -> None:
        """Start near even odds: the LLM's last states are large, a usual draw would start with sure answers."""
        init.normal_(self.linear.weight, 0.0, 0.01)
        init.zeros_(self.linear.bias)

    def forward(self, hidden_state: torch.Tensor) -> torch.Tensor:
        """Logits, shape (batch, units), from hidden states, shape (batch, hidden_size)."""
        return self.linear(hidden_state)
