"""What was found of one face, in the shape in which it can be asked about: expressions, their units, times and limits.

Answers are put together from this and from nothing else, so that none can contradict the logits or the events.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .facs import ACTION_UNITS

Side = Literal["left", "right", "both"]
INTENSITIES = {"A": "trace", "B": "slight", "C": "marked", "D": "severe", "E": "maximum"}  # FACS manual
MARGIN = 0.05  # own choice: so near to its threshold a probability tells neither that a unit moved nor that it did not


@dataclass(frozen=True)
class UnitFinding:
    """One action unit in one expression.

    Attributes:
        code: Such as `AU12`.
        probability: From 0 to 1.
        threshold: From which it counts as active.
        side: The subject's side on which it moved, or both; None where that cannot be told.
        intensity: FACS letter, A to E; None where it cannot be told.
        can_be_ruled_out: Whether what was seen is good enough to say that it did not move.
    """

    code: str
    probability: float
    threshold: float
    side: Side | None = None
    intensity: str | None = None
    can_be_ruled_out: bool = True

    @property
    def moved(self) -> bool | None:
        """Whether it did; None within `MARGIN` of the threshold, and below it where it cannot be ruled out."""
        if abs(self.probability - self.threshold) < MARGIN:
            return None
        return self.probability >= self.threshold or (False if self.can_be_ruled_out else None)

    def moved_on(self, side: str) -> bool | None:
        """Whether it moved on the subject's left or right; None where that cannot be told."""
        if not self.moved:
            return self.moved
        return None if self.side is None else self.side in (side, "both")

    @property
    def has_sides(self) -> bool:
        """Whether it is seen on two sides of the face, unlike AU17 in its middle."""
        return len(ACTION_UNITS[self.code].sites) == 2


@dataclass(frozen=True)
class Expression:
    """What came and went, once.

    Attributes:
        units: By code, all that were looked for.
        onset: Seconds; None for a clip, which is read as a whole.
        apex: Seconds; likewise.
        offset: Seconds; likewise.
    """

    units: Mapping[str, UnitFinding]
    onset: float | None = None
    apex: float | None = None
    offset: float | None = None

    def with_answer(self, moved: bool | None) -> list[UnitFinding]:
        """The units of which that is said, the most probable first."""
        found = [unit for unit in self.units.values() if unit.moved is moved]
        return sorted(found, key=lambda unit: -unit.probability)

    @property
    def active(self) -> list[UnitFinding]:
        """The units that moved, the most probable first."""
        return self.with_answer(True)

    @property
    def duration(self) -> float | None:
        """Seconds from onset to offset."""
        return None if self.onset is None or self.offset is None else self.offset - self.onset


@dataclass(frozen=True)
class Findings:
    """What was found of one face in one clip or recording.

    Attributes:
        expressions: Of a clip the one that it is; of a recording those found, in order of their onsets.
        is_recording: Whether expressions were looked for in time.
        units: Codes of all units that were looked for.
        limits: What keeps the recording from showing small movements, in words; empty where nothing does.
        is_readable: Whether the recording can show a micro-expression at all.
    """

    expressions: Sequence[Expression]
    is_recording: bool
    units: Sequence[str]
    limits: str = ""
    is_readable: bool = True

    @property
    def whole(self) -> Expression:
        """All expressions as one: each unit as it was when it was most probable."""
        if not self.expressions:
            none = UnitFinding("", 0.0, 0.5, can_be_ruled_out=self.is_readable)
            return Expression({code: replace(none, code=code) for code in self.units})
        strongest = {
            code: max((expression.units[code] for expression in self.expressions), key=lambda unit: unit.probability)
            for code in self.units
        }
        return Expression(strongest)

    def doubted(self) -> "Findings":
        """The same where the recording cannot show small movements: no unit is said to rest."""
        limited = [replace(each, units=_doubt(each.units)) for each in self.expressions]
        return self if self.is_readable else replace(self, expressions=limited)


def _doubt(units: Mapping[str, UnitFinding]) -> dict[str, UnitFinding]:
    return {code: replace(unit, can_be_ruled_out=False) for code, unit in units.items()}


def limits_of(recording: Mapping[str, Any]) -> tuple[str, bool]:
    """What keeps a recording from showing small movements, in words, and whether it can show a micro-expression at all.

    Args:
        recording: As `RecordingCheck.record` has it; empty where nobody has looked.
    """
    reasons = "; ".join(limit["reason"] for limit in recording.get("limits", ()))
    return reasons, not recording.get("verdict", "").startswith("cannot")


def of_units(
    units: Mapping[str, Mapping[str, Any]], thresholds: Mapping[str, float], *times: float | None
) -> Expression:
    """An expression from an entry of `post_process_action_units` or of `post_process_events`.

    Args:
        units: By code: `probability` and, where they are told, `side` and `intensity`.
        thresholds: By code.
        *times: Onset, apex and offset in seconds.
    """
    return Expression(
        {
            code: UnitFinding(code, unit["probability"], thresholds[code], unit.get("side"), unit.get("intensity"))
            for code, unit in units.items()
        },
        *times,
    )


def of_events(
    events: Iterable[Mapping[str, Any]], thresholds: Mapping[str, float], limits: str = "", *, is_readable: bool = True
) -> Findings:
    """The findings of a recording.

    Args:
        events: As `post_process_events` has them.
        thresholds: By code, of the units in events.
        limits: See `Findings`.
        is_readable: See `Findings`.
    """
    found = [of_units(e["action_units"], thresholds, e["onset_time"], e["apex_time"], e["offset_time"]) for e in events]
    return Findings(found, True, list(thresholds), limits, is_readable)
