"""The cards of the examples: the face at the height of its movement, with rings where it was moved."""

from html import escape

import numpy as np

from . import detector
from .examples import EXAMPLES, Example
from .facs import full_name
from .units import marked_face

FEW = 2  # units that a card has room to name in words
RING = 6.0  # per cent of the card, to be seen on a small picture


def cards() -> str:
    """A button an example."""
    return f'<div class="cards">{"".join(map(_card, range(len(EXAMPLES)), EXAMPLES))}</div>'


def _card(number: int, example: Example) -> str:
    rings = dict.fromkeys(example.action_units, RING)
    few = len(example.action_units) <= FEW
    names = ", ".join(full_name(code) if few else code for code in example.action_units)
    return (
        f'<button type="button" class="card" data-example="{number}">{marked_face(_height(example), rings)}'
        f"<strong>{escape(example.title)}</strong><span>{names}</span></button>"
    )


def _height(example: Example) -> np.ndarray:
    """The frame of the aligned face that differs most from the first, grey, (side, side), 0..1."""
    crops = detector.sharp_processor.read_clip(str(example.path)).pixel_values
    return crops[np.abs(crops - crops[0]).mean((1, 2)).argmax()]
