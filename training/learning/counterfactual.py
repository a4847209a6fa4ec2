"""CCR: change the rules a little and ask that what rests on evidence holds (AULLM++, arXiv 2603.08387).

Published: an "AU flip" makes another Instruction Token IT', the same Content Token and prompt with IT' go through the
same LLM to the answer Z_cf, and L_total = L_main + lambda L_cf(Z, Z_cf). What is flipped, L_cf and lambda are our own
choice, by measurement (docs/training.md).
"""

import numpy as np
import torch

FLIP_SHARE = 0.15  # of the units of a clip; two of twelve, so that most rules stand


def draw_flipped_units(units: int, rng: np.random.Generator) -> np.ndarray:
    """Units to flip in a clip, at least one: bool, shape (units,)."""
    flipped = rng.random(units) < FLIP_SHARE
    flipped[rng.integers(units)] = True
    return flipped


def donors_of(clips: int) -> torch.Tensor:
    """The clip whose nodes take the place of each clip's flipped units: its neighbour in the batch, (clips,).

    Training clips come in an order of chance, so another person's, mostly. Neighbours by twos are the same however a
    batch is shared out over processes and accumulation steps; the last of an odd number is its own.
    """
    neighbour = torch.arange(clips) ^ 1
    return torch.where(neighbour < clips, neighbour, torch.arange(clips))


def relations_of(flipped_units: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """Relations with a flipped unit at either end: bool, shape (batch, relations).

    Args:
        flipped_units: Bool, shape (batch, units).
        pairs: Indices of the two units of each relation, shape (2, relations).
    """
    return flipped_units[:, pairs[0]] | flipped_units[:, pairs[1]]


def consistency_loss(
    logits: torch.Tensor, counterfactual_logits: torch.Tensor, flipped_units: torch.Tensor
) -> torch.Tensor:
    """L_cf: how far sure answers moved, by the symmetric KL divergence (p - q)(Z - Z_cf) of each unit.

    Each unit is weighed by how sure its answer was, |2p - 1|: what rests on evidence of its own must hold, what is in
    doubt, since its place is hidden, may lean on its partners. A flipped unit's own node was turned around, so its
    answer may move. A mean over the units of a clip, then over the clips: so each clip counts alike, and a batch's
    loss is the mean of its parts', however it is shared out over processes.

    Args:
        logits: Z, shape (batch, units).
        counterfactual_logits: Z_cf, shape (batch, units).
        flipped_units: Bool, shape (batch, units).
    """
    p, q = logits.sigmoid(), counterfactual_logits.sigmoid()
    sure = (2 * p.detach() - 1).abs() * ~flipped_units
    moved = (p - q) * (logits - counterfactual_logits)
    return ((moved * sure).sum(1) / sure.sum(1).clamp(min=1e-3)).mean()
