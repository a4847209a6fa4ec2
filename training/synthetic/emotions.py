"""Which action units come together: emotion-conditioned co-occurrence, independent combinations, still faces."""

from collections.abc import Sequence

import numpy as np

from modeling_aullm.facs import AU_SETS

UNITS = AU_SETS["cd6me"]

EMOTIONS: dict[str, dict[str, float]] = {
    "happiness": {"AU12": 0.9, "AU6": 0.75},
    "surprise": {"AU1": 0.85, "AU2": 0.9, "AU5": 0.75},
    "fear": {"AU1": 0.8, "AU2": 0.6, "AU4": 0.8, "AU5": 0.7},
    "anger": {"AU4": 0.85, "AU5": 0.4, "AU7": 0.75},
    "sadness": {"AU1": 0.7, "AU4": 0.6, "AU15": 0.8, "AU17": 0.5},
    "disgust": {"AU9": 0.7, "AU10": 0.6, "AU4": 0.25, "AU17": 0.35, "AU7": 0.2},
    "contempt": {"AU14": 0.9, "AU12": 0.35, "AU10": 0.2},
    "repression": {"AU14": 0.6, "AU17": 0.7, "AU15": 0.45},
}
"""Units of each emotion and how often each takes part: EMFACS combinations (`facs.RELATIONS`), shares own choice."""

SHARES = {"still": 0.12, "independent": 0.40}
"""Clips without any unit, and clips whose units are drawn without regard to emotion; the others show an emotion."""

INDEPENDENT_WEIGHTS = {"AU1": 0.7, "AU2": 1.0, "AU4": 0.6, "AU9": 1.3, "AU10": 1.3, "AU6": 1.3, "AU7": 1.2, "AU12": 1.3}
"""Relative frequency in independent combinations, 1 if not named: what emotions show seldom is drawn more often."""

ANTAGONISTS = (("AU12", "AU15"), ("AU5", "AU6"), ("AU2", "AU9"))
"""Units that shut each other out (`facs.RELATIONS`); four in five such combinations are drawn again."""


def draw_action_units(rng: np.random.Generator) -> tuple[str, list[str]]:
    """Draw a clip's emotion and its units.

    Returns:
        Emotion (`none` for a still face, `other` for an independent combination), and the units' codes by number.
    """
    kind = rng.random()
    if kind < SHARES["still"]:
        return "none", []
    while True:
        if kind < SHARES["still"] + SHARES["independent"]:
            emotion, units = "other", _draw_independent(rng)
        else:
            emotion = str(rng.choice(list(EMOTIONS)))
            units = {unit for unit, share in EMOTIONS[emotion].items() if rng.random() < share}
        opposed = any(first in units and second in units for first, second in ANTAGONISTS)
        if units and (not opposed or rng.random() < 0.2):
            return emotion, sorted(units, key=UNITS.index)


def _draw_independent(rng: np.random.Generator) -> set[str]:
    """One to four units."""
    weights = np.array([INDEPENDENT_WEIGHTS.get(unit, 1.0) for unit in UNITS])
    number = rng.choice((1, 2, 3, 4), p=(0.35, 0.3, 0.2, 0.15))
    return {str(unit) for unit in rng.choice(UNITS, number, replace=False, p=weights / weights.sum())}


def sort_units(action_units: Sequence[str]) -> list[str]:
    """Units in the order of their numbers, each once.

    Args:
        action_units: Codes such as `AU12`.

    Raises:
        ValueError: If one cannot be moved.
    """
    unknown = [unit for unit in action_units if unit not in UNITS]
    if unknown:
        raise ValueError(f"cannot move {', '.join(map(repr, unknown))}; the units that can be are {', '.join(UNITS)}")
    return sorted(set(action_units), key=UNITS.index)
