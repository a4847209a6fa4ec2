"""The side head learns sides and intensities from the clips in which they were coded; everything else rests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from modeling_aullm import AULLMForAUDetection
from training.data.clips import Clip
from training.learning.augmentation import ClipDataset
from training.questions.answer_fit import CaseTokens
from training.questions.labelled import side_targets

LEARNING_RATE, WEIGHT_DECAY, AT_ONCE, READ_AT_ONCE = 1e-3, 0.01, 256, 32


@torch.inference_mode()
def read_clips(model: AULLMForAUDetection, clips: Sequence[Clip], name: str) -> tuple[CaseTokens, torch.Tensor]:
    """What evidence and structure make of clips, which is all that is learned from.

    Args:
        model: With a side head.
        clips: To be read.
        name: Of the progress bar.

    Returns:
        Their tokens, and the motion of every unit's region, (clips, units, 2, features).
    """
    sampled = ClipDataset(clips, model.config.num_frames)
    regions: list[torch.Tensor] = []
    side_head: Any = model.side_head
    hook = side_head.motion.register_forward_hook(lambda _, given, seen: regions.append(seen.half().cpu()))
    tokens = []
    try:
        for start in tqdm(range(0, len(clips), READ_AT_ONCE), desc=name, unit="batch", dynamic_ncols=True):
            rows = range(start, min(start + READ_AT_ONCE, len(clips)))
            output = model(pixel_values=torch.stack([sampled[row]["pixel_values"] for row in rows]).to(model.device))
            tokens.append(CaseTokens(output.content_token.cpu(), _off(output.instruction_token)))
    finally:
        hook.remove()
    instruction = [each.instruction for each in tokens if each.instruction is not None]
    content = torch.cat([each.content for each in tokens])
    return CaseTokens(content, torch.cat(instruction) if instruction else None), torch.cat(regions)


def _off(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.cpu()


def fit_sides(
    model: AULLMForAUDetection, clips: Sequence[Clip], regions: torch.Tensor, *, epochs: int, seed: int
) -> int:
    """Teach a model's side head.

    Args:
        model: With a side head; everything else of it rests.
        clips: With their codes.
        regions: From `read_clips`.
        epochs: Times that every clip is seen.
        seed: Of the order.

    Returns:
        How many units with a coded side there were to learn from.
    """
    sides, intensity = map(torch.from_numpy, side_targets(clips, model.config.action_units))
    head: Any = model.side_head.cpu().train().requires_grad_(True)
    optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    order = np.random.default_rng(seed)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=epochs * -(-len(clips) // AT_ONCE)
    )
    for _ in tqdm(range(epochs), desc="sides", unit="epoch", dynamic_ncols=True):
        rows = torch.from_numpy(order.permutation(len(clips)))
        for batch in rows.split(AT_ONCE):
            logits, letters = head.of_regions(regions[batch].float())
            loss = _over_known(nn.functional.binary_cross_entropy_with_logits, logits, sides[batch])
            loss = loss + _over_known(nn.functional.smooth_l1_loss, letters, intensity[batch])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    head.eval().requires_grad_(False).to(model.device)
    return int(sides[..., 0].isfinite().sum())


def _over_known(loss: Any, said: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    known = wanted.isfinite()
    return loss(said[known], wanted[known]) if known.any() else said.sum() * 0
