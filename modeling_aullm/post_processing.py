"""From what a model says to what people read: probabilities and decisions, events, the timeline. NumPy alone."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .event_reading import StretchReading, sigmoid
from .event_timeline import iter_windows
from .facs import ACTION_UNITS, AU_SETS, check_action_units
from .motion_stretch import MotionStretch

DEFAULT_THRESHOLD = 0.5
LETTERS = "ABCDE"  # FACS intensities, from trace to maximum; the side head counts them from 0
SURE = 0.7  # of all that says that a unit moved on either side or both; own choice
SENSITIVITIES: dict[str, dict[str, float | None]] = {
    name: {"probability": probability, "unit_probability": 0.5, "false_alarms_per_minute": None}
    for name, probability in (("high", 0.2), ("normal", 0.4), ("low", 0.7))
}

Thresholds = float | Sequence[float] | Mapping[str, float]


class PostProcessing:
    """The half of a processor that reads answers; see `AULLMProcessor` for its arguments and errors."""

    def __init__(
        self,
        action_units: list[str] | None = None,
        thresholds: list[float] | None = None,
        sensitivities: dict[str, dict[str, float | None]] | None = None,
    ) -> None:
        self.action_units = list(AU_SETS["cd6me"] if action_units is None else action_units)
        check_action_units(self.action_units)
        self.thresholds = [DEFAULT_THRESHOLD] * len(self.action_units)
        self.thresholds = self._resolve_thresholds(thresholds)
        self.sensitivities = copy.deepcopy(SENSITIVITIES if sensitivities is None else sensitivities)
        _check_sensitivities(self.sensitivities)

    def post_process_action_units(
        self, outputs: Mapping[str, Any], thresholds: Thresholds | None = None
    ) -> list[dict[str, dict[str, float | bool]]]:
        """Turn logits into probabilities and decisions.

        Args:
            outputs: Model output, or any mapping, whose `logits` are (batch, num_action_units).
            thresholds: Overrides the processor's: one for all, one each, or some by code.

        Returns:
            For each clip a dict from code to `{"probability": float, "active": bool}`, in the order of `action_units`;
            where the model has a side head also `"side"`, the subject's `left`, `right` or `both`, and `"intensity"`,
            FACS letter `A` to `E`, each None where the unit is not active, or it cannot be told.

        Raises:
            ValueError: If the logits or thresholds do not fit the action units.
        """
        logits = _as_array(outputs["logits"])
        if logits.ndim != 2 or logits.shape[1] != len(self.action_units):
            raise ValueError(
                f"logits of shape {tuple(logits.shape)} do not fit the {len(self.action_units)} action units of the "
                "processor"
            )
        limits = dict(zip(self.action_units, self._resolve_thresholds(thresholds), strict=True))
        told = [
            None if outputs.get(name) is None else _as_array(outputs[name]) for name in ("side_logits", "intensity")
        ]
        return [
            _decide(dict(zip(self.action_units, probabilities, strict=True)), limits, self.action_units,
                    *(None if each is None else each[row] for each in told))
            for row, probabilities in enumerate(sigmoid(logits).tolist())
        ]  # fmt: skip

    def post_process_events(
        self,
        reading: StretchReading,
        stretch: MotionStretch,
        sensitivity: str = "normal",
        thresholds: Mapping[str, float] | None = None,
    ) -> list[dict[str, Any]]:
        """Turn what the model said of a stretch into events.

        Args:
            reading: From `AULLMForAUDetection.read_stretch`.
            stretch: What it was said of.
            sensitivity: A name among `sensitivities`.
            thresholds: By code: the units that count, and the probability from which each is active; None for all and
                the sensitivity's own.

        Returns:
            In order of their onsets, those events that are sure enough and have an active unit: `{"onset_frame",
            "apex_frame", "offset_frame", "onset_time", "apex_time", "offset_time", "kind", "probability",
            "action_units"}`; times in seconds, `kind` is `micro` or `longer`, `action_units` as
            `post_process_action_units` has them.

        Raises:
            ValueError: If the sensitivity has another name.
        """
        limits = self.sensitivity(sensitivity)
        wanted = dict.fromkeys(self.action_units, limits["unit_probability"]) if thresholds is None else thresholds
        events = []
        for proposal in reading.proposals:
            probabilities = dict(zip(self.action_units, proposal.units.tolist(), strict=True))
            units = _decide(probabilities, wanted, self.action_units, proposal.sides, proposal.intensity)
            if proposal.probability < limits["probability"] or not any(unit["active"] for unit in units.values()):
                continue
            times = {name: getattr(proposal, name) for name in ("onset", "apex", "offset")}
            frames = np.interp(list(times.values()), stretch.times, stretch.frames)
            events.append(
                {f"{name}_frame": round(frame) for name, frame in zip(times, frames.tolist(), strict=True)}
                | {f"{name}_time": time for name, time in times.items()}
                | {"kind": "micro" if proposal.is_micro else "longer", "probability": proposal.probability}
                | {"action_units": units}
            )
        return events

    def post_process_timeline(
        self, reading: StretchReading, stretch: MotionStretch, events: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """The timeline of a stretch, in windows of half a second every quarter, see `event_timeline.iter_windows`.

        Args:
            reading: From `AULLMForAUDetection.read_stretch`.
            stretch: What it was said of.
            events: From `post_process_events`.

        Returns:
            `{"start_frame", "end_frame", "start_time", "end_time", "action_units"}` of each window.
        """
        return list(iter_windows(reading, stretch, events, self.action_units))

    def sensitivity(self, name: str) -> dict[str, Any]:
        """What a sensitivity stands for, see `sensitivities`.

        Raises:
            ValueError: If there is none of this name.
        """
        if name not in self.sensitivities:
            raise ValueError(f"sensitivity must be one of {', '.join(self.sensitivities)}, got {name!r}")
        return self.sensitivities[name]

    def _resolve_thresholds(self, thresholds: Thresholds | None) -> list[float]:
        """One threshold a unit."""
        if thresholds is None:
            return self.thresholds
        if isinstance(thresholds, Mapping):
            unknown = set(thresholds) - set(self.action_units)
            if unknown:
                raise ValueError(
                    f"thresholds for {', '.join(sorted(unknown))}, but the action units are "
                    f"{', '.join(self.action_units)}"
                )
            own = dict(zip(self.action_units, self.thresholds, strict=True))
            values = list({**own, **thresholds}.values())
        elif isinstance(thresholds, Sequence):
            values = list(thresholds)
        else:
            values = [thresholds] * len(self.action_units)
        if len(values) != len(self.action_units):
            raise ValueError(f"got {len(values)} thresholds for {len(self.action_units)} action units")
        if not all(0 <= value <= 1 for value in values):
            raise ValueError(f"thresholds must lie in 0..1, got {values}")
        return values


def _decide(
    probabilities: Mapping[str, float],
    limits: Mapping[str, float],
    action_units: Sequence[str],
    sides: np.ndarray | None,
    intensity: np.ndarray | None,
) -> dict[str, dict[str, Any]]:
    """By code, for those with a limit: probability, whether it is active, and, where told, side and intensity."""
    units: dict[str, dict[str, Any]] = {
        code: {"probability": probabilities[code], "active": probabilities[code] >= limit}
        for code, limit in limits.items()
    }
    if sides is not None and intensity is not None:
        for code, unit in units.items():
            row = action_units.index(code)
            unit["side"] = side_of(code, sides[row]) if unit["active"] else None
            unit["intensity"] = letter_of(intensity[row]) if unit["active"] else None
    return units


def side_of(code: str, logits: np.ndarray) -> str | None:
    """The subject's side on which a unit moved; None where it has none, or neither is sure enough.

    Args:
        code: The unit's.
        logits: (2,), that it moved on the right and on the left.
    """
    if len(ACTION_UNITS[code].sites) < 2:
        return None
    right, left = sigmoid(logits).tolist()
    shares = {"both": right * left, "right": right * (1 - left), "left": left * (1 - right)}
    told = max(shares, key=lambda side: shares[side])
    return told if shares[told] >= SURE * sum(shares.values()) else None


def letter_of(intensity: float) -> str:
    """FACS letter of an intensity from 0 (A) to 4 (E)."""
    return LETTERS[int(np.clip(np.rint(intensity), 0, len(LETTERS) - 1))]


def _as_array(logits: Any) -> np.ndarray:
    """In double precision, whoever has made them."""
    if hasattr(logits, "detach"):  # a tensor
        logits = logits.detach().cpu().double().numpy()
    return np.asarray(logits, np.float64)


def _check_sensitivities(sensitivities: Mapping[str, Any]) -> None:
    """Raise ValueError unless each has two probabilities and a rate."""
    for name, limits in sensitivities.items():
        values = limits if isinstance(limits, Mapping) else {}
        shares = [values.get(key) for key in ("probability", "unit_probability")]
        rate = values.get("false_alarms_per_minute")
        fits = all(isinstance(share, float | int) and 0 <= share <= 1 for share in shares)
        if not fits or not (rate is None or (isinstance(rate, float | int) and rate >= 0)):
            raise ValueError(
                f"sensitivities[{name!r}] must be probability and unit_probability, each from 0 to 1, and "
                f"false_alarms_per_minute, a number or None; got {limits!r}"
            )
    if "normal" not in sensitivities:
        raise ValueError(f"sensitivities must hold one that is named normal, got {', '.join(sensitivities) or 'none'}")
