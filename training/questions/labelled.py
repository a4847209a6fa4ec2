"""What was coded of a clip or recording, as findings that can be asked about, and as targets of the side head."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modeling_aullm.findings import Expression, Findings, Side, UnitFinding
from modeling_aullm.post_processing import LETTERS
from training.data.clips import Clip

CODE = re.compile(r"(?P<side>[LRTBU])?(?P<number>\d+)(?P<intensity>[A-E])?")
SIDES: dict[str | None, Side] = {"L": "left", "R": "right", None: "both"}


def coded_units(au_codes: Sequence[str]) -> dict[str, tuple[Side | None, str | None]]:
    """Side and intensity of each unit that was coded, by its code; None where they are not known, or it is in doubt."""
    found = {}
    for text in au_codes:
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
        for code, (side, letter) in coded_units(clip.au_codes).items():
            if code not in action_units:
                continue
            unit = list(action_units).index(code)
            if side is not None:
                sides[row, unit] = side in ("right", "both"), side in ("left", "both")
            if letter is not None:
                intensity[row, unit] = LETTERS.index(letter)
    return sides, intensity


def labelled_expression(clip: Clip, action_units: Sequence[str]) -> Expression:
    """The clip's labels as an expression of which everything is certain."""
    active = [code for code, label in zip(action_units, clip.labels.tolist(), strict=True) if label]
    return Expression(_units(active, clip.au_codes, action_units))


def labelled_recording(about: Mapping[str, Any], action_units: Sequence[str]) -> Findings:
    """The events of a recording as its coders saw them; of units that nobody coded it cannot be told.

    Args:
        about: A row of a dataset of recordings, see `recording_features`; its events were looked for.
        action_units: To be asked about.
    """
    numbers = about["frame_numbers"]
    seconds = [(number - numbers[0]) / about["fps"] for number in numbers]
    expressions = []
    for event in sorted(about["events"], key=lambda event: event["onset"]):
        apex = seconds[event["apex"]] if event["apex"] >= 0 else None
        units = _units(event["action_units"], event["au_codes"] or (), action_units)
        expressions.append(Expression(units, seconds[event["onset"]], apex, seconds[event["offset"]]))
    return Findings(expressions, True, action_units)


def _units(
    active: Sequence[str] | None, au_codes: Sequence[str], action_units: Sequence[str]
) -> dict[str, UnitFinding]:
    coded, units = coded_units(au_codes), {}
    for code in action_units:
        if active is None:
            units[code] = UnitFinding(code, 0.5, 0.5)  # as near to its threshold as can be: not known
        else:
            side, intensity = coded.get(code, (None, None)) if code in active else (None, None)
            units[code] = UnitFinding(code, float(code in active), 0.5, side, intensity)
    return units
