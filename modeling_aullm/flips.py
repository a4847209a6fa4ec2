"""Rules turned around, for a counterfactual answer beside the factual one (CCR's "AU flip", AULLM++)."""

from typing import NamedTuple

import torch

from .configuration_aullm import AULLMConfig


class Flips(NamedTuple):
    """Rules to turn around in each clip, for a counterfactual Instruction Token ("AU flip").

    Own choice: the papers name the flip and leave open what it turns. Before the reasoning a flipped unit's node
    becomes that of another clip, or without `donors` says its opposite (its features are negated); a flipped relation
    is as weak as it was strong (1 - strength).
    """

    units: torch.Tensor
    relations: torch.Tensor
    donors: torch.Tensor | None


def check_flips(
    config: AULLMConfig,
    batch: int,
    device: torch.device,
    units: torch.Tensor | None,
    relations: torch.Tensor | None,
    donors: torch.Tensor | None,
) -> Flips | None:
    """Both kinds of flips of a batch; None if nothing is flipped.

    Args:
        config: The model's.
        batch: Clips.
        device: Where flips of a kind that is not given, which are none, are made.
        units: Bool, shape (batch, units), or None.
        relations: Bool, shape (batch, relations), or None.
        donors: The clip of the batch whose nodes take the place of each clip's flipped units, long, (batch,), or None.

    Raises:
        ValueError: If a tensor is not as described, or the model has no structure.
    """
    if units is None and relations is None:
        return None
    if config.structure == "none":
        raise ValueError("this model has no structure (config.structure is none), so no rule can be flipped")
    flips = []
    for name, given, count in (
        ("flipped_units", units, len(config.action_units or ())),
        ("flipped_relations", relations, len(config.relations or ())),
    ):
        if given is None:
            given = torch.zeros(batch, count, dtype=torch.bool, device=device)
        if given.dtype != torch.bool or tuple(given.shape) != (batch, count):
            raise ValueError(f"{name} must be bool of shape ({batch}, {count}), got {given.dtype} {tuple(given.shape)}")
        flips.append(given)
    if donors is not None and (donors.dtype != torch.long or tuple(donors.shape) != (batch,)):
        raise ValueError(f"donors must be long of shape ({batch},), got {donors.dtype} {tuple(donors.shape)}")
    return Flips(units=flips[0], relations=flips[1], donors=donors)
