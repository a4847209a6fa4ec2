"""Action units as FACS coders write them into spreadsheets: `R12 + L15`, `AU4+7`, `14B`, `4 (k)`, `?`.

One grammar for all datasets (arXiv 2211.11425 lists their habits): tokens joined by `+` or a comma; each is a number,
perhaps after `AU`, with a side, an intensity A to E, and a mark of doubt, `(k)` or `?`. `or` joins readings of which
the coder could not choose one: what does not stand in all of them is in doubt. A cell that does not say, or says `?`
beside other units, is no statement that a unit is absent: what it leaves open is unknown.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from training.data.clips import FACS_NUMBERS

NONE_CODED = ("none", "no", "no au", "no aus")  # says that no unit is active
UNSAID = re.compile(r"[?/\-.]+|n/?a|#n/a|nan|null|unknown|unclear|uncertain|unsure|tbd|not coded")
_TOKEN = re.compile(
    r"(?:AU|AD)?\s*(?P<before>[LRTBU])?\s*(?:AU|AD)?\s*(?P<number>\d{1,3})\s*(?P<after>[LR])?\s*(?P<intensity>[A-E])?"
    r"\s*(?P<doubt>\(\s*[Kk]\s*\)|\?)?"
)
_OR = re.compile(r"(?<![a-z])or(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class ActionUnitCode:
    """One action unit as coded.

    Attributes:
        number: FACS number.
        side: `L` left, `R` right, `T` top, `B` bottom, `U` one side that is not named; empty: both, or not said.
        intensity: `A` (trace) to `E` (maximum); empty: not coded.
        uncertain: The coder was not sure that it is there.
    """

    number: int
    side: str = ""
    intensity: str = ""
    uncertain: bool = False

    @property
    def unit(self) -> str:
        """Name without side and intensity, such as `AU12`."""
        return f"AU{self.number}"

    def __str__(self) -> str:
        """As FACS coders write it, such as `R14A`; `parse_action_units` reads it back."""
        return f"{self.side}{self.number}{self.intensity}" + " (k)" * self.uncertain


def parse_action_units(cell: Any) -> list[ActionUnitCode] | None:
    """Read a spreadsheet's cell.

    Args:
        cell: Text, a number, or None.

    Returns:
        The codes in their order, each once; empty if the cell says that there is none; None if it does not say which
        units there are, or not of all.

    Raises:
        ValueError: If it cannot be read, or names a number that FACS does not have.
    """
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if not isinstance(cell, str | int) or isinstance(cell, bool):
        raise ValueError(f"{cell!r} is no list of action units")
    text = unicodedata.normalize("NFKC", str(cell)).strip()  # full-width commas and digits become plain ones
    readings = [_parse_reading(reading, text) for reading in _OR.split(text)]
    said = [reading for reading in readings if reading is not None]
    return _agree(said) if len(said) == len(readings) else None


def present_units(codes: Iterable[ActionUnitCode], *, keep_uncertain: bool = False) -> list[str]:
    """Units that are there, such as `AU12`, by number, each once.

    Args:
        codes: As parsed.
        keep_uncertain: Count those in doubt, too; by default they count as absent.
    """
    numbers = {code.number for code in codes if keep_uncertain or not code.uncertain}
    return [f"AU{number}" for number in sorted(numbers)]


def _parse_reading(reading: str, text: str) -> list[ActionUnitCode] | None:
    """The codes of one reading of a cell; None if it leaves any open."""
    codes: list[ActionUnitCode] = []
    tokens = [token for token in map(str.strip, re.split(r"[+,;]", reading)) if token]
    is_open = not tokens
    for token in tokens:
        if token.lower() in NONE_CODED:
            continue
        if UNSAID.fullmatch(token.lower()):
            is_open = True
            continue
        match = _TOKEN.fullmatch(token) or _TOKEN.fullmatch(token.upper())
        if match is None or (match["before"] and match["after"]):
            raise ValueError(f"{token!r} in {text[:80]!r} is no action unit such as 12, AU12, R12B or 4 (k)")
        number = int(match["number"])
        if number not in FACS_NUMBERS:
            raise ValueError(f"{token!r} in {text[:80]!r}: FACS has no number {number}")
        side = match["before"] or match["after"] or ""
        code = ActionUnitCode(number, side, match["intensity"] or "", bool(match["doubt"]))
        if code not in codes:
            codes.append(code)
    return None if is_open else codes


def _agree(readings: list[list[ActionUnitCode]]) -> list[ActionUnitCode]:
    """One list of several readings: what all say is certain, and without a side where they differ in it."""
    if len(readings) == 1:
        return readings[0]
    agreed: dict[int, ActionUnitCode] = {}
    for code in (code for reading in readings for code in reading):
        said = [[other for other in reading if other.number == code.number] for reading in readings]
        alike = all(codes == said[0] for codes in said)
        certain = all(said) and not any(other.uncertain for codes in said for other in codes)
        plain = code if alike or not all(said) else replace(code, side="", intensity="")
        agreed.setdefault(code.number, replace(plain, uncertain=not certain))
    return list(agreed.values())
