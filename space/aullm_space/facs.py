"""What FACS says of each action unit, and what EMFACS says of their combinations.

Names: Ekman, Friesen & Hager, *Facial Action Coding System* (2002). Sites: (x, y) as fractions of the aligned face,
where the movement is strongest, the subject's right side first. Emotions: EMFACS prototypes, as far as these units go.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionUnit:
    """One action unit.

    Attributes:
        name: FACS name.
        site: Point on the subject's right side (left in the picture); its mirror image is the other.
    """

    name: str
    site: tuple[float, float]

    @property
    def sites(self) -> list[tuple[float, float]]:
        """Both points; one where the unit lies in the middle of the face."""
        x, y = self.site
        return [(x, y)] if x == 0.5 else [(x, y), (1 - x, y)]


ACTION_UNITS = {
    "AU1": ActionUnit("Inner brow raiser", (0.43, 0.20)),
    "AU2": ActionUnit("Outer brow raiser", (0.25, 0.20)),
    "AU4": ActionUnit("Brow lowerer", (0.42, 0.23)),
    "AU5": ActionUnit("Upper lid raiser", (0.32, 0.32)),
    "AU6": ActionUnit("Cheek raiser", (0.27, 0.44)),
    "AU7": ActionUnit("Lid tightener", (0.32, 0.36)),
    "AU9": ActionUnit("Nose wrinkler", (0.45, 0.46)),
    "AU10": ActionUnit("Upper lip raiser", (0.44, 0.66)),
    "AU12": ActionUnit("Lip corner puller", (0.36, 0.71)),
    "AU14": ActionUnit("Dimpler", (0.34, 0.72)),
    "AU15": ActionUnit("Lip corner depressor", (0.36, 0.75)),
    "AU17": ActionUnit("Chin raiser", (0.50, 0.86)),
    "AU45": ActionUnit("Blink", (0.32, 0.33)),
}

RELATIONS = {"co-occurring": "often with", "mutually exclusive": "rarely with"}  # what each kind says of two units

EMOTIONS = {
    "happiness": {"AU6", "AU12"},
    "surprise": {"AU1", "AU2", "AU5"},
    "fear": {"AU1", "AU2", "AU4", "AU5"},
    "anger": {"AU4", "AU5", "AU7"},
    "sadness": {"AU1", "AU4", "AU15"},
    "disgust": {"AU9", "AU17"},
    "contempt": {"AU12", "AU14"},
}


def full_name(code: str) -> str:
    """Code and FACS name, as they stand within a sentence."""
    return f"{code} {ACTION_UNITS[code].name.lower()}"


def emotion_hints(active: set[str]) -> list[str]:
    """Emotions all of whose units are active; one whose units are part of another such emotion's is left out.

    Args:
        active: Codes of the active units.
    """
    complete = {name: units for name, units in EMOTIONS.items() if units <= active}
    return [name for name, units in complete.items() if not any(units < other for other in complete.values())]
