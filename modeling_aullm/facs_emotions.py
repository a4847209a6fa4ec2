"""What EMFACS says of combinations of action units: hints, and no proof of a feeling.

Prototypes: EMFACS (Friesen & Ekman 1983), as far as the units of `facs` go. Classes: as the Micro-Expression Grand
Challenge groups emotions.
"""

from collections.abc import Collection

EMOTIONS: dict[str, frozenset[str]] = {
    "happiness": frozenset({"AU6", "AU12"}),
    "surprise": frozenset({"AU1", "AU2", "AU5"}),
    "fear": frozenset({"AU1", "AU2", "AU4", "AU5"}),
    "anger": frozenset({"AU4", "AU5", "AU7"}),
    "sadness": frozenset({"AU1", "AU4", "AU15"}),
    "disgust": frozenset({"AU9", "AU17"}),
    "contempt": frozenset({"AU12", "AU14"}),
}
CLASSES = {"happiness": "positive", "surprise": "surprise"}  # the others are negative


def emotions_of(active: Collection[str]) -> list[str]:
    """Emotions all of whose units are active; one whose units are part of another such emotion's is left out.

    Args:
        active: Codes of the active units.
    """
    complete = {name: units for name, units in EMOTIONS.items() if units <= set(active)}
    return [name for name, units in complete.items() if not any(units < other for other in complete.values())]


def emotion_class(active: Collection[str]) -> str | None:
    """`positive`, `negative` or `surprise`; None where no emotion is hinted at, or several of different classes.

    Args:
        active: Codes of the active units.
    """
    classes = {CLASSES.get(emotion, "negative") for emotion in emotions_of(active)}
    return classes.pop() if len(classes) == 1 else None
