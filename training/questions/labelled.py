"""What was coded of a clip, as findings that can be asked about, and as targets of the side head."""

import re
from collections.abc import Sequence

import numpy as np

from modeling_aullm.findings import Expression, Side, UnitFinding
from modeling_aullm.post_processing import LETTERS
from training.data.clips import Clip

CODE = re.compile(r"(?P<side>[LRTBU])?(?P<number>\d+)(?P<intensity>[A-E])?")
SIDES: dict[str | None, Side] = {"L": "left", "R": "right", None: "both"}


def coded_units(clip: Clip) -> dict[str, tuple[Side | None, str | None]]:
    """Side and intensity of each unit that was coded, by its code; None where they are not known, or it is in doubt."""
    found = {}
    for text in clip.au_codes:
        match = CODE.fullmatch(text)
        if match:
            found[f"AU{match['number']}"] = SIDES.get(match["side"]), match["intensity"]
    return found


def side_targets(clips: Sequence[Clip], action_units: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Targets of the side head; NaN where a unit is not active, or nobody has coded it.

    Args:
        clips: With their codes.
        action_units: The model's.

    Returns:
        1 where a unit moved on the subject's right and left, (clips, units, 2), and its intensity from 0 (A) to 4 (E),
        (clips, units).
    """
    sides = np.full((len(clips), len(action_units), 2), np.nan, np.float32)
    intensity = np.full((len(clips), len(action_units)), np.nan, np.float32)
    for row, clip in enumerate(clips):
        for code, (side, letter) in coded_units(clip).items():
            if code not in action_units:
                continue
            unit = list(action_units).index(code)
            if side is not None:
                sides[row, unit] = side in ("right", "both"), side in ("left", "both")
            if letter is not None:
                intensity[row, unit] = LETTERS.index(letter)
    return sides, intensity


def labelled_expression(clip: Clip, action_units: Sequence[str], *times: float | None) -> Expression:
    """The clip's labels as an expression of which everything is certain.

    Args:
        clip: Labelled.
        action_units: The model's.
        *times: Onset, apex and offset in seconds, in a recording.
    """
    coded = coded_units(clip)
    units = {}
    for code, label in zip(action_units, clip.labels.tolist(), strict=True):
        side, intensity = coded.get(code, (None, None)) if label else (None, None)
        units[code] = UnitFinding(code, float(label), 0.5, side, intensity)
    return Expression(units, *times)
