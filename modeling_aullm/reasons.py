"""Why a unit was found, or not: what the model computed, as sentences that a FACS coder can check.

Own choice. Each sentence rests on one thing: the displacement of the skin at the unit's own places (`MagnifiedFlow`),
its partners in the graph with their strength in this clip, and its probability if its own evidence is turned around
(the counterfactual of CCR).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .facs import ACTION_UNITS
from .findings import UnitFinding
from .statements import named

NEAR = 0.06  # of the crop's side around a site: what is averaged
ALONG = 0.5  # cosine from which the skin is said to have gone the unit's way
PARTNERS = 2  # that are named
RELATION_WORDS = {"co-occurring": "often goes with it", "mutually exclusive": "rarely goes with it"}


@torch.inference_mode()
def reasons_for(model: Any, clip: torch.Tensor, unit: UnitFinding, units: Mapping[str, UnitFinding]) -> str:
    """One to three sentences.

    Args:
        model: That found it.
        clip: What it saw, (num_frames, image_size, image_size).
        unit: Which is asked about.
        units: All that were looked for in the same expression.
    """
    if not unit.moved:
        kind = "is below" if unit.moved is False else "is too near to"
        return (
            f"its probability, {unit.probability:.2f}, {kind} the {unit.threshold:.2f} from which it counts as active."
        )
    pixel_values = clip[None].to(model.device)
    row = list(model.config.action_units).index(unit.code)
    said = [_where_to(model, pixel_values, unit.code)]
    if model.structure is not None:
        flipped = torch.zeros(1, len(model.config.action_units), dtype=torch.bool, device=model.device)
        flipped[0, row] = True
        output = model(pixel_values=pixel_values, flipped_units=flipped, return_dict=True)
        said.append(_partners(model.config.relations, output.relation_strengths[0].tolist(), unit.code, units))
        turned = output.counterfactual_logits[0, row].sigmoid().item()
        direct = output.logits[0, row].sigmoid().item()
        said.append(f"with its own evidence turned around, its probability goes from {direct:.2f} to {turned:.2f}")
    return "; ".join(each for each in said if each) + "."


def _where_to(model: Any, pixel_values: torch.Tensor, code: str) -> str:
    """The way that the skin went at the unit's places when it went farthest; empty for a model that sees no way."""
    _, motion = model.motion_encoder(pixel_values)
    if motion.shape[1] < 3:
        return ""
    way, unit = _displacement(motion[0, -2:], ACTION_UNITS[code].sites), ACTION_UNITS[code]
    x, y = (way / way.norm().clamp(min=1e-9)).tolist()
    expected = torch.tensor(unit.direction)
    fits = float(way @ expected) >= ALONG * float(way.norm() * expected.norm())
    words = [
        word for word, share in (("up", -y), ("down", y), ("towards the midline", x), ("outwards", -x)) if share > 0.4
    ]
    return f"the skin at its place ({unit.region}) moved {' and '.join(words)}{', as this unit has it' * fits}"


def _displacement(flow: torch.Tensor, sites: Sequence[tuple[float, float]]) -> torch.Tensor:
    """Mean displacement at a unit's sites, towards the midline and down, where it is greatest in time.

    Args:
        flow: Right and down, x pixels as x / (1 + |x|), (2, time, height, width).
        sites: As fractions of the crop, the subject's right first, which is left in the picture.
    """
    pixels = flow / (1 - flow.abs()).clamp(min=1e-3)
    side = flow.shape[-1]
    place = (torch.arange(side, device=flow.device) + 0.5) / side
    means = []
    for number, (x, y) in enumerate(sites):
        near = ((place[None, :] - x) ** 2 + (place[:, None] - y) ** 2).sqrt() < NEAR
        mean = pixels[:, :, near].mean(-1).cpu()
        means.append(torch.stack([mean[0] * (1 - 2 * number), mean[1]]))
    over_time = torch.stack(means)  # (sites, 2, time)
    strongest = over_time.norm(dim=1).flatten().argmax()
    return over_time.permute(0, 2, 1).flatten(0, 1)[strongest]


def _partners(
    relations: Sequence[Sequence[str]], strengths: Sequence[float], code: str, units: Mapping[str, UnitFinding]
) -> str:
    """Partners in the graph that moved, too, the strongest relations first."""
    found = sorted(
        (-strength, other, kind)
        for (first, second, kind), strength in zip(relations, strengths, strict=True)
        if code in (first, second)
        for other in [second if code == first else first]
        if units[other].moved
    )
    said = [
        f"{named(other)} moved, too, which {RELATION_WORDS[kind]} (strength {-strength:.2f})"
        for strength, other, kind in found[:PARTNERS]
    ]
    return " and ".join(said)
