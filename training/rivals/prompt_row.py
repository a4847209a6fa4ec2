"""One row of an LLM for many clips: a prefix that all see, then each clip's positions, which only it sees."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


def read_row(llm: PreTrainedModel, prefix: torch.Tensor, clips: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The LLM's last states at the positions of each clip, as if it had read the prefix and that clip alone.

    Args:
        llm: The decoder; its attention must take a mask (`sdpa` or `eager`).
        prefix: Embeddings, (positions, hidden_size).
        clips: Embeddings of each clip, (its positions, hidden_size).

    Returns:
        Of each clip, (its positions, hidden_size).

    Raises:
        ValueError: If the attention takes no mask of ours.
    """
    if llm.config._attn_implementation not in ("sdpa", "eager"):
        raise ValueError(
            f"this model reads many clips in one row, which attention {llm.config._attn_implementation!r} cannot mask: "
            "load it with attn_implementation='sdpa'"
        )
    lengths = [len(clip) for clip in clips]
    device, start = prefix.device, len(prefix)
    owner = torch.repeat_interleave(torch.arange(-1, len(clips)), torch.tensor([start, *lengths]))
    position = torch.cat([torch.arange(start), *(start + torch.arange(length) for length in lengths)])
    seen = ((owner < 0) | (owner == owner[:, None])) & (position <= position[:, None])
    mask = torch.zeros(seen.shape, dtype=prefix.dtype).masked_fill(~seen, torch.finfo(prefix.dtype).min)
    states = llm(
        inputs_embeds=torch.cat([prefix, *clips])[None],
        attention_mask=mask[None, None].to(device),
        position_ids=position[None].to(device),
        use_cache=False,
    ).last_hidden_state[0]
    return states[start:].split(lengths)


def next_token_losses(
    llm: PreTrainedModel, states: Sequence[torch.Tensor], texts: Sequence[Sequence[int]]
) -> torch.Tensor:
    """Mean cross-entropy of the words of each text, (texts,); 0 of an empty one.

    Args:
        llm: Whose embeddings are its output layer, too.
        states: Of each text, at the position before it and at all its words but the last, (words, hidden_size).
        texts: Token ids.
    """
    embeddings: Any = llm.get_input_embeddings()
    table = embeddings.weight
    spoken = [index for index, ids in enumerate(texts) if ids]
    losses = torch.zeros(len(texts), device=table.device)
    if not spoken:
        return losses
    scores = (torch.cat([states[index] for index in spoken]).to(table.dtype) @ table.T).float()
    words = torch.tensor([word for index in spoken for word in texts[index]], device=scores.device)
    each = nn.functional.cross_entropy(scores, words, reduction="none")
    means = torch.stack([part.mean() for part in each.split([len(texts[index]) for index in spoken])])
    return losses.index_put((torch.tensor(spoken, device=table.device),), means)
