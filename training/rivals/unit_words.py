"""What each unit does, in FACS words and as a direction: for text encoders, sentences, and the check of both by flow.

Own choice throughout: neither Micro-AU CLIP's prompts nor DEFT-LLM's templates could be read. The wording follows the
appearance changes of the FACS manual (Ekman, Friesen & Hager 2002).
"""

from collections.abc import Sequence
from typing import NamedTuple

from modeling_aullm.facs import ACTION_UNITS


class Movement(NamedTuple):
    """What a unit does.

    Attributes:
        present: Of the part, when the unit is active.
        part: Of the face.
        way: Where the skin goes, in words.
        direction: The same at the subject's right side (left in the picture), (right, down); the other is mirrored.
    """

    present: str
    part: str
    way: str
    direction: tuple[float, float]


MOVEMENTS: dict[str, Movement] = {
    "AU1": Movement("raised", "the inner brows", "up", (0.0, -1.0)),
    "AU2": Movement("raised", "the outer brows", "up", (0.0, -1.0)),
    "AU4": Movement("lowered and drawn together", "the brows", "down", (0.3, 1.0)),
    "AU5": Movement("raised, so that the eyes widen", "the upper lids", "up", (0.0, -1.0)),
    "AU6": Movement("raised, so that the eyes narrow", "the cheeks", "up", (0.15, -1.0)),
    "AU7": Movement("tightened", "the lower lids", "up", (0.15, -1.0)),
    "AU9": Movement("wrinkled and pulled up", "the sides of the nose", "up", (0.1, -1.0)),
    "AU10": Movement("raised", "the upper lip", "up", (0.0, -1.0)),
    "AU12": Movement("pulled up and outwards", "the lip corners", "up and outwards", (-0.75, -0.7)),
    "AU14": Movement("tightened and drawn in", "the lip corners", "outwards", (-1.0, 0.0)),
    "AU15": Movement("pulled down", "the lip corners", "down", (-0.15, 1.0)),
    "AU17": Movement("pushed up", "the chin", "up", (0.0, -1.0)),
    "AU45": Movement("closed for a moment", "the eyes", "down", (0.0, 1.0)),
}


def present_and_absent(action_units: Sequence[str]) -> list[tuple[str, str]]:
    """Two sentences a unit: it is active, it is not."""
    pairs = []
    for code in action_units:
        name, movement = f"{code} {ACTION_UNITS[code].name.lower()}", MOVEMENTS[code]
        verb = "is" if movement.part in ("the upper lip", "the chin") else "are"
        pairs.append(
            (f"{name}: {movement.part} {verb} {movement.present}", f"no {name}: {movement.part} {verb} at rest")
        )
    return pairs


def sentence(code: str) -> str:
    """What a clip with this unit shows, for the LLM to say."""
    return f" {code} {ACTION_UNITS[code].name.lower()}, {MOVEMENTS[code].way}."
