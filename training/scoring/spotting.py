"""How well events are found in recordings: who is found, with which units, when, and what is found where nothing is.

Counts are pooled over recordings before any figure is taken of them, as MEGC does, so that a recording counts by its
events. A figure that is undefined (0 of 0) is `None`, never NaN, 0 or 1: a recording without truth and without finding
adds its minutes and nothing else. This file needs numpy and scipy alone; the metric `hub/metrics/spotting` is it.

Sources: spotting precision, recall and F1 at IoU 0.5 are those of MEGC 2020 (He et al., "Spotting Macro- and
Micro-expression Intervals in Long Video Sequences", arXiv 1912.11985); STRS is Liong, See and Chan, "Spot-then-
recognize", Signal Processing: Image Communication 110 (2023), with the analysis F1 of MEGC's public script of that
name. The figures of unit events and of quiet recordings are own choices.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2

IOU = 0.5
LEVEL = 0.95
ROUNDING = 1e-9  # times are sums of frame durations: an overlap of exactly a half must not hang on their last bit
Kind = Literal["micro", "longer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TIMES = ("onset", "apex", "offset")


@dataclass(frozen=True)
class Event:
    """A facial movement, as annotated or as found.

    Args:
        onset: Seconds from the recording's start.
        apex: Seconds, from `onset` to `offset`; NaN where nobody said.
        offset: Seconds, not before `onset`.
        units: Codes of the action units in it, such as `AU12`; may be empty.
        kind: `micro` or `longer`.

    Raises:
        ValueError: If the times are out of order, the units no frozenset (a text is letters) or the kind another.
    """

    onset: float
    apex: float
    offset: float
    units: frozenset[str] = frozenset()
    kind: Kind = "micro"

    def __post_init__(self) -> None:
        ends = math.isfinite(self.onset) and math.isfinite(self.offset) and self.onset <= self.offset
        if not ends or self.apex < self.onset or self.apex > self.offset:
            raise ValueError(
                f"an event's times must be seconds with onset <= apex <= offset (apex NaN if unknown), got onset "
                f"{self.onset}, apex {self.apex}, offset {self.offset}"
            )
        if not isinstance(self.units, frozenset):
            raise ValueError(f"an event's units must be a frozenset of codes, got {self.units!r}")
        if self.kind not in KINDS:
            raise ValueError(f"an event's kind must be {' or '.join(KINDS)}, got {self.kind!r}")


@dataclass(frozen=True)
class Recording:
    """What is true of one recording and what was found in it.

    Args:
        truth: Its annotated events.
        found: The events that a method found.
        minutes: Its length, above 0.
        is_quiet: It is known to hold no event: whatever is found in it is a false alarm. A recording whose events were
            not annotated is no quiet one.

    Raises:
        ValueError: If it is quiet and has events, or its length is none.
    """

    truth: Sequence[Event]
    found: Sequence[Event]
    minutes: float
    is_quiet: bool

    def __post_init__(self) -> None:
        if self.is_quiet and self.truth:
            raise ValueError(f"a quiet recording has no events, this one has {len(self.truth)}")
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise ValueError(f"a recording's length must be above 0 minutes, got {self.minutes}")


class Counts(NamedTuple):
    """How many events are true, were found, and are both: one to one. They add up over recordings."""

    true: int
    found: int
    matched: int

    @property
    def precision(self) -> float | None:
        """Share of the found that is true; `None` if nothing was found."""
        return _ratio(self.matched, self.found)

    @property
    def recall(self) -> float | None:
        """Share of the true that was found; `None` if nothing is true."""
        return _ratio(self.matched, self.true)

    @property
    def f1(self) -> float | None:
        """2 matched / (true + found): 0 if only one of the two is empty, `None` if both are."""
        return _ratio(2 * self.matched, self.true + self.found)

    def as_dict(self) -> dict[str, float | int | None]:
        """Counts and figures, for JSON."""
        return self._asdict() | {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def interval_iou(true: Sequence[Event], found: Sequence[Event]) -> np.ndarray:
    """Intersection over union of the times of each pair, in seconds (MEGC counts frames, the last one included).

    Returns:
        Shape (true, found); 0 for two events without length.
    """
    first, second = (np.array([(e.onset, e.offset) for e in events], float).reshape(-1, 2) for events in (true, found))
    starts, ends = np.maximum.outer(first[:, 0], second[:, 0]), np.minimum.outer(first[:, 1], second[:, 1])
    overlap = np.maximum(ends - starts, 0)
    union = np.add.outer(first[:, 1] - first[:, 0], second[:, 1] - second[:, 0]) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def match_events(true: Sequence[Event], found: Sequence[Event], iou: float = IOU) -> list[tuple[int, int]]:
    """Match one to one whatever overlaps enough: as many pairs as can be, and among such the largest sum of IoU.

    MEGC's script takes the first that fits instead, so its count depends on the order of the findings. Units and kinds
    are not looked at.

    Args:
        true: The events of ONE recording.
        found: What was found in it.
        iou: Least intersection over union of a pair.

    Returns:
        Indices into `true` and `found`, by the first.
    """
    overlap = interval_iou(true, found)
    fits = overlap >= iou - ROUNDING
    worth = np.where(fits, 1 + overlap / (min(overlap.shape, default=0) + 1), 0)  # all the IoU weigh less than one pair
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if fits[row, column]]


def count_events(recordings: Iterable[Recording], iou: float = IOU, kind: Kind | None = None) -> Counts:
    """Counts of spotting, pooled over recordings.

    Args:
        recordings: See `Recording`.
        iou: As in `match_events`.
        kind: Only the events of this kind on both sides, as MEGC counts micro and macro; all of them by default,
            whatever their kinds.
    """
    counts = []
    for recording in recordings:
        true, found = ([e for e in es if kind in (None, e.kind)] for es in (recording.truth, recording.found))
        counts.append(Counts(len(true), len(found), len(match_events(true, found, iou))))
    return _sum(counts)


def count_unit_events(recordings: Sequence[Recording], iou: float = IOU) -> dict[str, Counts]:
    """Counts of unit events (an event of two units is two), pooled over recordings, for each unit that occurs, sorted.

    One to one within a unit: a found event may stand for one true event in AU1 and for another in AU12.
    """
    names = _units(event for r in recordings for event in [*r.truth, *r.found])
    return {
        unit: count_events(
            [replace(r, truth=_with(r.truth, unit), found=_with(r.found, unit)) for r in recordings], iou
        )
        for unit in names
    }


def analysis_f1(recordings: Sequence[Recording], iou: float = IOU) -> float | None:
    """F1 of the units of events that were rightly spotted: MEGC's analysis F1, with units for its emotions.

    As MEGC's script has it: the harmonic mean of macro precision and macro recall over the classes that the truth has
    (spotted or not), where a class that is undefined counts 0. Own choice: an event may have several units, so they are
    counted each for itself.

    Returns:
        `None` if no true event has a unit; 0 if there are some and none was spotted.
    """
    names = _units(event for r in recordings for event in r.truth)
    pairs = [(r.truth[a].units, r.found[b].units) for r in recordings for a, b in match_events(r.truth, r.found, iou)]
    if not names:
        return None
    by_unit = [
        Counts(sum(n in a for a, _ in pairs), sum(n in b for _, b in pairs), sum(n in a and n in b for a, b in pairs))
        for n in names
    ]
    precision, recall = (float(np.mean([getattr(c, name) or 0 for c in by_unit])) for name in ("precision", "recall"))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def timing_errors(recordings: Iterable[Recording], iou: float = IOU) -> dict[str, list[float]]:
    """Absolute errors of `onset`, `apex` and `offset` of all matched events, in ms; none where a time is NaN."""
    errors: dict[str, list[float]] = {name: [] for name in TIMES}
    for recording in recordings:
        for a, b in match_events(recording.truth, recording.found, iou):
            for name, values in errors.items():
                error = 1000 * abs(getattr(recording.found[b], name) - getattr(recording.truth[a], name))
                values += [] if math.isnan(error) else [error]
    return errors


def poisson_interval(count: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a Poisson mean from one count (Garwood, Biometrika 28, 1936).

    Args:
        count: Of events, 0 or more.
        level: Of confidence.
    """
    tail = (1 - level) / 2
    low = float(chi2.ppf(tail, 2 * count) / 2) if count else 0.0
    return low, float(chi2.ppf(1 - tail, 2 * count + 2) / 2)


def score_recordings(recordings: Sequence[Recording], iou: float = IOU) -> dict[str, Any]:
    """All figures, ready for JSON; whatever is undefined is `None`.

    Args:
        recordings: Truth and findings of each; quiet ones are scored with the others, and by themselves under `quiet`.
        iou: As in `match_events`.

    Returns:
        `recordings`, `minutes`, `iou`.
        `spotting`: `Counts.as_dict` of the events, whatever their units and kinds; `kinds`: the same of each kind.
        `unit_events`: the same of unit events, pooled over units (micro F1); `units`: of each unit.
        `analysis_f1` (macro over units, of rightly spotted events) and `strs`, its product with the spotting F1.
        `error_ms`: for `onset`, `apex`, `offset` of matched events the `median` and `p90` of the absolute error.
        `quiet`: `recordings`, `minutes`, and for `events` and `unit_events`, which all are false there, their `count`,
        `per_minute`, and `low`, `high`: its 95 % Poisson interval.
    """
    spotting, by_unit = count_events(recordings, iou), count_unit_events(recordings, iou)
    analysis = analysis_f1(recordings, iou)
    return {
        "recordings": len(recordings),
        "minutes": float(sum(recording.minutes for recording in recordings)),
        "iou": iou,
        "spotting": spotting.as_dict(),
        "kinds": {kind: count_events(recordings, iou, kind).as_dict() for kind in KINDS},
        "unit_events": _sum(by_unit.values()).as_dict(),
        "units": {unit: counts.as_dict() for unit, counts in by_unit.items()},
        "analysis_f1": analysis,
        "strs": None if spotting.f1 is None or analysis is None else spotting.f1 * analysis,
        "error_ms": {name: _quantiles(values) for name, values in timing_errors(recordings, iou).items()},
        "quiet": _false_alarms([recording for recording in recordings if recording.is_quiet]),
    }


def _units(events: Iterable[Event]) -> list[str]:
    """The units that occur, AU2 before AU12."""
    return sorted({unit for event in events for unit in event.units}, key=lambda unit: (len(unit), unit))


def _with(events: Sequence[Event], unit: str) -> list[Event]:
    return [event for event in events if unit in event.units]


def _false_alarms(quiet: Sequence[Recording]) -> dict[str, Any]:
    minutes = float(sum(recording.minutes for recording in quiet))
    found = [event for recording in quiet for event in recording.found]
    counts = {"events": len(found), "unit_events": sum(len(event.units) for event in found)}
    rates: dict[str, Any] = {"recordings": len(quiet), "minutes": minutes}
    for name, count in counts.items():
        low, high = poisson_interval(count)
        values = {"per_minute": count, "low": low, "high": high}
        rates[name] = {"count": count} | {key: _ratio(value, minutes) for key, value in values.items()}
    return rates


def _quantiles(errors: Sequence[float]) -> dict[str, float | None]:
    if not errors:
        return {"median": None, "p90": None}
    median, late = np.percentile(errors, (50, 90))
    return {"median": float(median), "p90": float(late)}


def _sum(counts: Iterable[Counts]) -> Counts:
    return Counts(*(sum(column) for column in zip(*counts, Counts(0, 0, 0), strict=True)))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
