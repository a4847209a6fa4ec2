"""What a unit's partners do to it: a counterfactual that a person would call one, a partner present instead of absent.

After FACR's faithfulness (arXiv 2606.15779, abstract): what the rules call related must move the answer, what they
call unrelated must not. Own choice of both sides. An effect: how far a unit's logit moves when another unit's node
comes from a clip that shows it instead of one that does not. The rule: the correlation of both units' training labels.
"""

from typing import Any, NamedTuple

import numpy as np
import torch


class PartnerEffect(NamedTuple):
    """How large effects are, and how far they follow the rules.

    Attributes:
        size: Mean of their absolute values, in logits.
        agreement: Correlation of effects and rules over all pairs of units, -1 to 1; None if either does not vary.
    """

    size: float
    agreement: float | None


@torch.inference_mode()
def partner_effects(model: Any, pixel_values: torch.Tensor, labels: np.ndarray, seed: int) -> np.ndarray:
    """Mean effect of each unit (row) on each other (column), in logits, (units, units).

    NaN on the diagonal, and in the row of a unit that all or none of the clips show.

    Args:
        model: With a structure.
        pixel_values: Clips, read in one batch.
        labels: Of the clips, (clips, units).
        seed: Of the clips that nodes are taken from.
    """
    rng, units = np.random.default_rng(seed), labels.shape[1]
    effects = np.full((units, units), np.nan)
    for unit in range(units):
        flipped = torch.zeros(labels.shape, dtype=torch.bool)
        flipped[:, unit] = True
        shown = [np.flatnonzero(labels[:, unit] == value) for value in (1, 0)]
        if min(map(len, shown)) == 0:
            continue
        present, absent = (
            model(
                pixel_values=pixel_values,
                flipped_units=flipped,
                donors=torch.from_numpy(rng.choice(clips, len(labels))),
            ).counterfactual_logits
            for clips in shown
        )
        effects[unit] = (present - absent).float().mean(0).numpy()
        effects[unit, unit] = np.nan
    return effects


def label_correlations(labels: np.ndarray) -> np.ndarray:
    """Pearson's r of every two units' labels, (units, units); NaN for a unit that all or none of the clips show.

    Args:
        labels: 0 or 1, (clips, units).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.corrcoef(labels.T)


def compare_with_rules(effects: np.ndarray, rules: np.ndarray) -> PartnerEffect:
    """Size of effects, and their agreement with rules.

    Args:
        effects: From `partner_effects`.
        rules: From `label_correlations`.
    """
    known = np.isfinite(effects) & np.isfinite(rules)
    own, wanted = effects[known], rules[known]
    if len(own) < 3 or own.std() == 0 or wanted.std() == 0:
        return PartnerEffect(float(np.abs(own).mean()) if len(own) else 0.0, None)
    return PartnerEffect(float(np.abs(own).mean()), float(np.corrcoef(own, wanted)[0, 1]))
