"""L_main: four losses of logits against labels, each a mean over clips and units."""

from collections.abc import Callable

import torch
from torch import nn

GAMMA_NEGATIVE, CLIP = 4, 0.05  # AU-LLM's values; its gamma of positives is 0


def positive_weights(labels: torch.Tensor) -> torch.Tensor:
    """Square root of negatives over positives, shape (units,), from labels (clips, units), at most 5.

    Own choice: the full ratio would push the probabilities of rare units up further, away from a fair 0.5.
    """
    positives = labels.sum(0).clamp(min=1)
    return ((len(labels) - positives) / positives).clamp(min=0.04, max=25).sqrt()


def weighted_bce(logits: torch.Tensor, labels: torch.Tensor, positive_weight: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy with a weight for each unit's positives.

    Args:
        logits: Shape (clips, units).
        labels: 0 or 1, shape (clips, units).
        positive_weight: Shape (units,), from the training subjects.
    """
    return nn.functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=positive_weight)


def asymmetric_loss(logits: torch.Tensor, labels: torch.Tensor, _positive_weight: torch.Tensor) -> torch.Tensor:
    """Asymmetric loss as published (Ridnik et al., ICCV 2021): easy negatives count little, the easiest not at all.

    -[y log p + (1 - y) p_m^4 log(1 - p_m)] with p_m = max(p - 0.05, 0); the exponent and the shift are AU-LLM's.
    """
    shifted = (logits.sigmoid() - CLIP).clamp(min=0)
    negative = shifted**GAMMA_NEGATIVE * (1 - shifted).log()
    return -(labels * nn.functional.logsigmoid(logits) + (1 - labels) * negative).mean()


def au_llm_loss(logits: torch.Tensor, labels: torch.Tensor, _positive_weight: torch.Tensor) -> torch.Tensor:
    """The loss of AU-LLM's script (arXiv 2507.21778): as `asymmetric_loss`, with the negatives' weight reversed.

    A negative is weighed with (1 - p_m)^4, so that easy ones count most.
    """
    kept = 1 - (logits.sigmoid() - CLIP).clamp(min=0)
    negative = kept**GAMMA_NEGATIVE * kept.log()
    return -(labels * nn.functional.logsigmoid(logits) + (1 - labels) * negative).mean()


def focal_loss(logits: torch.Tensor, labels: torch.Tensor, positive_weight: torch.Tensor) -> torch.Tensor:
    """AC4AU's focal loss: -[(1 - a) (1 - p)^2 y log p + a p^2 (1 - y) log(1 - p)], a the unit's rate of positives.

    Args:
        logits: Shape (clips, units).
        labels: 0 or 1, shape (clips, units).
        positive_weight: Shape (units,), from the training subjects: its square is negatives over positives.
    """
    rate = 1 / (1 + positive_weight**2)
    missed, p = nn.functional.logsigmoid(-logits), logits.sigmoid()
    positive = (1 - rate) * (1 - p) ** 2 * nn.functional.logsigmoid(logits)
    return -(labels * positive + (1 - labels) * rate * p**2 * missed).mean()


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "bce": weighted_bce,
    "asymmetric": asymmetric_loss,
    "au_llm": au_llm_loss,
    "focal": focal_loss,
}
