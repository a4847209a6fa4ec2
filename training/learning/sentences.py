"""What DEFT-LLM-like writes of clips: how often the unit that its sentence names is right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from training.data.clips import Clip
from training.learning.augmentation import ClipDataset
from training.rivals.modeling_rivals import RivalForAUDetection

MOST = 128  # clips that are asked for a sentence; own choice, for words are dear
AT_ONCE = 32


def about_sentences(model: RivalForAUDetection, clips: Sequence[Clip], part: str, step: int) -> dict[str, Any]:
    """`sentences_named_right` as an entry of the training's history, without what is undefined.

    Args:
        model: DEFT-LLM-like.
        clips: Of one part.
        part: Its name.
        step: The last of training.
    """
    found = sentences_named_right(model, clips)
    known = {f"eval_{name}_{part}": value for name, value in found.items() if value is not None}
    return {"phase": "llm", "step": step} | known


def sentences_named_right(model: RivalForAUDetection, clips: Sequence[Clip]) -> dict[str, Any]:
    """The share of clips with an active unit whose sentence names one that is.

    Args:
        model: DEFT-LLM-like.
        clips: Of these at most 128 with an active unit, evenly spaced, are asked for a sentence.

    Returns:
        `sentences`, how many were asked for; `named_right`, the share; `by_chance`, what naming the unit that is
        commonest among these very clips would give. The shares are None where no clip has an active unit.
    """
    active = [clip for clip in clips if clip.labels.any()]
    asked = [active[int(k)] for k in np.linspace(0, len(active) - 1, min(MOST, len(active)))]
    if not asked:
        return {"sentences": 0, "named_right": None, "by_chance": None}
    labels = torch.from_numpy(np.stack([clip.labels for clip in asked])).bool()
    loader = torch.utils.data.DataLoader(ClipDataset(asked, model.config.num_frames), batch_size=AT_ONCE)
    network: Any = model.eval().network
    named = torch.cat([network.name_units(model.llm, batch["pixel_values"].to(model.device)) for batch in loader])
    right = labels[torch.arange(len(asked)), named].float().mean().item()
    return {"sentences": len(asked), "named_right": right, "by_chance": labels.float().mean(0).max().item()}
