"""Asking a trained model for other action units: in another order, for some of them, for one it was never taught.

What all units share (encoder, evidence, the reading of a unit's own region, relational reasoning, LLM) stays. What each
unit has learned for itself goes with its code. A unit that was never taught has nothing of its own: it is known by its
FACS places and direction, its relations and its name in the prompt. Own choice throughout.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch

from .configuration_aullm import AULLMConfig
from .facs import RELATIONS
from .prompt import case_file_prompt

OF_UNITS = ("structure.nodes.", "reader.content.", "reader.instruction.")


def config_for_units(config: AULLMConfig, action_units: Sequence[str]) -> AULLMConfig:
    """The configuration of the same model for other units, with the default prompt and relations among them.

    Args:
        config: Of the trained model.
        action_units: Codes, in the order of the logits.

    Raises:
        ValueError: If a unit is unknown or named twice, or the model cannot be asked by name.
    """
    if config.read_out != "by_name":
        raise ValueError(
            f"only a model with read_out='by_name' can be asked for other units; this one has {config.read_out!r}"
        )
    known: Any = config.action_units
    settings = copy.deepcopy(config.to_dict()) | {
        "action_units": list(action_units), "relations": None, "prompt": None, "prompt_token_ids": None,
        "unit_positions": None, "temporal_head": False,
    }  # fmt: skip
    other = AULLMConfig.from_dict(settings)
    kept = [edge for edge in config.relations or [] if set(edge[:2]) <= set(action_units)]
    new = [edge for edge in other.relations or [] if not set(edge[:2]) <= set(known)]
    order: dict[tuple[str, ...], int] = {
        (edge.first, edge.second, edge.type): place for place, edge in enumerate(RELATIONS)
    }
    other.relations = sorted(kept + new, key=lambda edge: order.get(tuple(edge), len(order)))
    other.prompt = case_file_prompt(action_units, other.relations, structure=other.structure != "none")
    return other


def for_units(model: Any, action_units: Sequence[str], tokenizer: Any) -> Any:
    """A model that detects other units, with all that the given one has learned.

    Units that the model knows keep what they learned, in the order asked for. Others are read by their description: try
    them on labelled clips before you trust them. The temporal head is not taken along.

    Args:
        model: A trained `AULLMForAUDetection`; it is not changed.
        action_units: Codes of `facs.ACTION_UNITS`, in the order of the new logits.
        tokenizer: The LLM's, to name the units in the prompt.

    Raises:
        ValueError: As `config_for_units`.
    """
    config = config_for_units(model.config, action_units)
    other = type(model)(config)
    other.load_state_dict(_weights_for(model, other))
    other.set_prompt(config.prompt, tokenizer)
    for name, parameter in model.named_parameters():
        other.get_parameter(name).requires_grad_(parameter.requires_grad)
    return other.train(model.training)


def _weights_for(model: Any, other: Any) -> dict[str, torch.Tensor]:
    known, asked = model.config.action_units, other.config.action_units
    units = [known.index(unit) if unit in known else -1 for unit in asked]
    edges = [list(edge) for edge in model.config.relations]
    relations = [edges.index(list(edge)) if list(edge) in edges else -1 for edge in other.config.relations]
    before, weights = model.state_dict(), {}
    for name, fresh in other.state_dict().items():
        if name.startswith(OF_UNITS) and name in before and before[name].shape[0] == len(known):
            weights[name] = _rows(before[name], units, fresh if name.endswith("site_logits") else None)
        elif name.endswith("relation_logits"):
            weights[name] = _rows(before[name], relations, None)
        else:
            weights[name] = fresh if fresh.dtype == torch.long else before[name]  # the graph's edges are whole numbers
    return weights


def _rows(learned: torch.Tensor, wanted: list[int], fresh: torch.Tensor | None) -> torch.Tensor:
    """Rows by index; for -1 what a fresh model has there, or nothing."""
    rows = learned.new_zeros(len(wanted), *learned.shape[1:]) if fresh is None else fresh.clone().to(learned)
    known = [row for row, index in enumerate(wanted) if index >= 0]
    rows[known] = learned[[wanted[row] for row in known]]
    return rows
