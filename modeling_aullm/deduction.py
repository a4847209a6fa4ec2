"""Stage 3: the LLM reads the case file; what stands before the first token is read once for the whole batch.

AULLM++ (arXiv 2603.08387): structured prompt, LLM with LoRA, linear head. LoRA's values: AU-LLM (arXiv 2507.21778).
Sharing the static prefix is our own choice; it changes nothing but the cost.
"""

import copy
import inspect
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import AutoModel, PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from .configuration_aullm import AULLMConfig
from .llm_state import LLMState
from .prompt import ANCHORS, CONTENT_ID, INSTRUCTION_ID, bare_prompt

ANSWERS = "answers"  # the adapter with which questions are answered; it rests while units are detected
CLIPS_IN_A_ROW = 64  # own choice: a mask grows by its square


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
    if config.answer_rank:  # first, for the last one is the one that is on
        answers = LoraConfig(r=config.answer_rank, lora_alpha=2 * config.answer_rank, target_modules=targets)
        inject_adapter_in_model(answers, llm, adapter_name=ANSWERS)  # changes it in place
    lora = LoraConfig(
        r=config.lora_rank, lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout, target_modules=targets
    )
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # that there are two adapters, which is meant
        inject_adapter_in_model(lora, llm)
    return llm


class Reading(NamedTuple):
    """What the LLM made of the prompt, see `PromptReader.read`."""

    state: torch.Tensor
    unit_states: torch.Tensor
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


class PromptReader:
    """Reads the prompt with the LLM, the text before the first placeholder once for all clips.

    What follows it is laid out in rows, each holding the positions of many clips one after the other; a mask lets each
    clip see the shared prefix and itself alone. So neither the prefix's work nor its memory grows with the batch.

    Holds no weights. Between calls without gradients the prefix's keys and values are kept; they are dropped when
    the prompt changes, or anything that the LLM's answers depend on (see `LLMState`). While the LLM learns, they would
    be stale at the next step: prefix and clips go through it together then, in one row. A graph that is exported or
    compiled holds the reading of the prefix, and reads each clip in a row of its own, so that it fits any batch.
    """

    def __init__(self) -> None:
        self._kept: tuple[list[int], LLMState, Cache, torch.Tensor] | None = None

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
        output_hidden_states: bool | list[int] = False,
        output_attentions: bool = False,
    ) -> Reading:
        """Read the prompt of each clip.

        Args:
            llm: The decoder, with LoRA. One whose attention takes no mask of ours shares nothing while it learns.
            config: Holds the prompt.
            content_token: Shape (batch, hidden_size).
            instruction_token: Shape (batch, hidden_size), or `None` for a model without structure.
            share_prefix: `False` reads the whole prompt for every clip (for comparison).
            output_hidden_states: Whether to give them, or of which layers; each clip reads the whole prompt then.
            output_attentions: Likewise.

        Returns:
            `state`: at the last position of the prompt after the last layer, shape (batch, hidden_size);
            `unit_states`: at the name of each unit, shape (batch, units, hidden_size), with 1 for batch where all names
            stand before the first token; no units in a prompt without names;
            `hidden_states`: embeddings and each layer's output, layers + 1 of shape (batch, positions, hidden_size);
            `attentions`: one a layer, shape (batch, heads, positions, positions).

        Raises:
            ValueError: If attention weights are asked for and the LLM's attention computes none.
        """
        if output_attentions and llm.config._attn_implementation != "eager":
            raise ValueError(
                f"output_attentions needs attn_implementation='eager', the LLM has "
                f"{llm.config._attn_implementation!r}: give it to from_pretrained or model.set_attn_implementation"
            )
        share_prefix &= not (output_hidden_states or output_attentions)
        learns = torch.is_grad_enabled() or llm.training
        if learns:
            self._kept = None  # with or without sharing: a fused optimizer changes weights and leaves no trace
        share_prefix &= _takes_masks(llm) or not learns
        ids = config.prompt_token_ids or bare_prompt(config.prompt or "")
        split = next(position for position, token in enumerate(ids) if token < 0) if share_prefix else 0
        text = embed_text(llm, config, ids, content_token.device)
        tokens = {CONTENT_ID: content_token, INSTRUCTION_ID: instruction_token}
        embeddings = fill_in(text[:, split:], config, ids[split:], tokens)
        names = config.unit_positions or []
        if split == 0:
            options: dict[str, Any] = {
                "output_hidden_states": output_hidden_states,
                "output_attentions": output_attentions,
            }
            wanted = {name: value for name, value in options.items() if value}
            read = llm(inputs_embeds=embeddings, use_cache=False, **wanted)
            states = read.last_hidden_state
            return Reading(states[:, -1], states[:, names], read.hidden_states, read.attentions)
        if learns or content_token.shape[0] == 0:
            before, after = _read_at_once(llm, text[:, :split], embeddings)
        else:
            cache, before = self._prefix(llm, text[:, :split], ids[:split])
            most = 1 if torch.compiler.is_compiling() else CLIPS_IN_A_ROW
            after = read_suffix(llm, cache, embeddings, split, most)
        if all(position < split for position in names):
            return Reading(after[:, -1], before[:, names])
        return Reading(after[:, -1], torch.cat([before.expand(after.shape[0], -1, -1), after], 1)[:, names])

    def read_case(
        self,
        llm: PreTrainedModel,
        config: AULLMConfig,
        content_token: torch.Tensor,
        instruction_token: torch.Tensor | None,
        opening: Sequence[int] = (),
    ) -> Cache:
        """Keys and values of the prompt of each clip, without gradients; for what is asked about it afterwards.

        Args:
            llm: The decoder, as it detects.
            config: Holds the prompt.
            content_token: Shape (batch, hidden_size).
            instruction_token: Shape (batch, hidden_size), or `None` for a model without structure.
            opening: Ids of what stands after the prompt in every case.
        """
        ids = [*(config.prompt_token_ids or bare_prompt(config.prompt or "")), *opening]
        split = next(position for position, token in enumerate(ids) if token < 0)
        with torch.no_grad():
            text = embed_text(llm, config, ids, content_token.device)
            tokens = {CONTENT_ID: content_token, INSTRUCTION_ID: instruction_token}
            embeddings = fill_in(text[:, split:], config, ids[split:], tokens)
            cache: Cache = DynamicCache(config=llm.config)
            if split:
                cache = expand(self._prefix(llm, text[:, :split], ids[:split])[0], len(content_token))
            llm(inputs_embeds=embeddings, use_cache=True, **cache_argument(llm, cache))
        return cache

    def _prefix(self, llm: PreTrainedModel, text: torch.Tensor, ids: list[int]) -> tuple[Cache, torch.Tensor]:
        """Keys and values of the prefix, and its last states, shape (1, positions, hidden_size)."""
        if torch.compiler.is_compiling():
            return read_prefix(llm, text)
        if self._kept is None or self._kept[0] != ids or not self._kept[1].still_holds(llm, text.device):
            state = LLMState(llm, text.device)
            self._kept = (ids, state, *read_prefix(llm, text))
        return self._kept[2:]


def read_prefix(llm: PreTrainedModel, text: torch.Tensor) -> tuple[Cache, torch.Tensor]:
    """Keys and values of text, (1, positions, hidden_size), and the last states, of the same shape."""
    cache = DynamicCache(config=llm.config)
    read = llm(inputs_embeds=text, use_cache=True, **cache_argument(llm, cache))
    return cache, read.last_hidden_state


def _read_at_once(
    llm: PreTrainedModel, prefix: torch.Tensor, embeddings: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Last states of the prefix and of each clip, (1 or batch, positions, hidden_size), from one row that holds all."""
    batch, length, hidden_size = embeddings.shape
    start = prefix.shape[1]
    layout = _Layout(batch, length, start, embeddings)
    states = llm(
        inputs_embeds=torch.cat([prefix, embeddings.reshape(1, batch * length, hidden_size)], 1),
        attention_mask=layout.masks(llm),
        position_ids=layout.position[None],
        use_cache=False,
    ).last_hidden_state
    return states[:, :start], states[0, start:].view(batch, length, hidden_size)


def read_suffix(
    llm: PreTrainedModel, prefix: Cache, embeddings: torch.Tensor, start: int, most: int = CLIPS_IN_A_ROW
) -> torch.Tensor:
    """Last states of clips, (batch, positions, hidden_size), from their own positions and what is kept of the prefix.

    Args:
        llm: The decoder.
        prefix: From `read_prefix`; it is not touched.
        embeddings: Of what follows it in each clip, (batch, positions, hidden_size).
        start: Positions of the prefix.
        most: Clips in a row.
    """
    batch, length, hidden_size = embeddings.shape
    clips = min(batch, most) if _takes_masks(llm) else 1
    rows = -(-batch // clips)
    filled = nn.functional.pad(embeddings, (0, 0, 0, 0, 0, rows * clips - batch))
    layout = _Layout(clips, length, start, embeddings)
    states = llm(
        inputs_embeds=filled.view(rows, clips * length, hidden_size),
        attention_mask=layout.masks(llm, prefix) if clips > 1 else None,
        position_ids=layout.position[None, start:].expand(rows, -1),
        use_cache=True,
        **cache_argument(llm, expand(prefix, rows)),
    ).last_hidden_state
    return states.reshape(rows * clips, length, hidden_size)[:batch]


def cache_argument(llm: PreTrainedModel, cache: Cache) -> dict[str, Cache]:
    """The cache under the name this LLM's forward takes it by: `cache` from transformers 5.24 on, as its successor."""
    taken = inspect.signature(type(llm).forward).parameters
    return {"cache" if "cache" in taken else "past_key_values": cache}


def _takes_masks(llm: PreTrainedModel) -> bool:
    """Whether the attention of all layers takes a mask of ours; flash attention does not."""
    known = set(getattr(llm.config, "layer_types", None) or ()) <= {"full_attention", "sliding_attention"}
    return known and llm.config._attn_implementation in ("sdpa", "eager")


class _Layout:
    """A row: the prefix's positions, then those of each clip; `clip` (-1: prefix) and `position` in the prompt."""

    def __init__(self, clips: int, length: int, start: int, like: torch.Tensor) -> None:
        self.start, self.end, self.dtype = start, start + length, like.dtype
        everywhere = torch.arange(start + clips * length, device=like.device)
        self.clip = (everywhere - start).div(length, rounding_mode="floor").clamp(min=-1)
        self.position = everywhere - self.clip.clamp(min=0) * length

    def masks(self, llm: PreTrainedModel, kept: Cache | None = None) -> torch.Tensor | dict[str, torch.Tensor]:
        """What each position may see, added to the attention scores: (1, 1, positions that ask, positions seen).

        For an LLM with sliding layers one mask a kind of layer. Where the prefix is `kept` the clips' positions alone
        ask, and what sliding layers have kept of it is only its end.
        """
        kinds: list[str] = getattr(llm.config, "layer_types", None) or []
        windows = {"full_attention": self.end, "sliding_attention": getattr(llm.config, "sliding_window", None)}
        layers: list[Any] = [] if kept is None else kept.layers
        found = {}
        for kind in set(kinds) or {"full_attention"}:
            seen = layers[kinds.index(kind) if kinds else 0].keys.shape[-2] if layers else self.start
            found[kind] = self._mask(0 if kept is None else self.start, self.start - seen, windows[kind] or self.end)
        return found if "sliding_attention" in found else found["full_attention"]

    def _mask(self, first_asking: int, first_seen: int, window: int) -> torch.Tensor:
        asking, seen = slice(first_asking, None), slice(first_seen, None)
        own = (self.clip[seen] < 0) | (self.clip[seen] == self.clip[asking, None])
        distance = self.position[asking, None] - self.position[seen]
        hidden = ~own | (distance < 0) | (distance >= window)
        mask = torch.zeros(hidden.shape, dtype=self.dtype, device=hidden.device)
        return mask.masked_fill(hidden, torch.finfo(self.dtype).min)[None, None]


def expand(prefix: Cache, rows: int) -> Cache:
    """What is kept for every row: views, no copies; it is not itself touched by what follows.

    Args:
        prefix: Of one row, or of as many.
        rows: How many.
    """
    cache = copy.copy(prefix)
    layers: list[Any] = [copy.copy(layer) for layer in prefix.layers]
    for layer in layers:
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)
    cache.layers = layers
    return cache


def embed_text(llm: PreTrainedModel, config: AULLMConfig, ids: list[int], device: torch.device) -> torch.Tensor:
    """Embeddings of the prompt's words, shape (1, positions, hidden_size); at a placeholder, of its anchor.

    Args:
        llm: The decoder.
        config: Holds the anchors.
        ids: Of `config.prompt_token_ids`.
        device: Where they are looked up.
    """
    anchors = dict(zip(ANCHORS, config.anchor_token_ids or (), strict=False))
    words = [anchors.get(token, max(token, 0)) for token in ids]
    return llm.get_input_embeddings()(torch.tensor([words], device=device))


def fill_in(
    text: torch.Tensor, config: AULLMConfig, ids: list[int], tokens: dict[int, torch.Tensor | None]
) -> torch.Tensor:
    """The text of each clip, shape (batch, positions, hidden_size), its tokens in their places or added to anchors.

    Args:
        text: From `embed_text`.
        config: Whether there are anchors.
        ids: Of the text.
        tokens: Each placeholder's, (batch, hidden_size); `None` for one that is not there.
    """
    given = ((position, tokens.get(name)) for position, name in enumerate(ids))
    filled = [(position, token) for position, token in given if token is not None]
    columns = list(text.expand(filled[0][1].shape[0], -1, -1).unbind(1))
    for position, token in filled:
        anchored = config.anchor_token_ids and ids[position] in ANCHORS
        columns[position] = (token + (columns[position] if anchored else 0)).to(text.dtype)  # rounded once
    return torch.stack(columns, 1)
