"""FACS: the action units this project knows, the datasets' sets of them, and how they go together.

Names and muscles: Ekman, Friesen & Hager, *Facial Action Coding System* (2002 manual). AU sets: the datasets' own
papers, CD6ME from Varanka et al. (arXiv 2211.11425). The paper of AULLM++ publishes no edge list for its AU relation
graph; `RELATIONS` is our own choice, each edge with the source it rests on.
"""

from dataclasses import dataclass
from typing import Literal, get_args

RelationType = Literal["co-occurring", "mutually exclusive"]
RELATION_TYPES: tuple[str, ...] = get_args(RelationType)


@dataclass(frozen=True)
class ActionUnit:
    """One action unit of FACS.

    Attributes:
        number: FACS number, 12 for AU12.
        name: FACS name.
        muscle: Muscles whose contraction (for AU45 partly relaxation) makes the unit.
        region: Part of the face where the unit is seen: brow, eye, nose, cheek, mouth or chin.
        sites: Points where the movement is strongest, (x, y) as fractions of the aligned face crop, the subject's
            right side (left in the picture) first. Own choice, read off the crop's template in `face_alignment`.
        direction: Where the skin goes there on the subject's right side, (x, y): +x to the midline, +y down. From the
            appearance changes of the FACS manual, as a number own choice.
    """

    number: int
    name: str
    muscle: str
    region: str
    sites: tuple[tuple[float, float], ...]
    direction: tuple[float, float]

    @property
    def code(self) -> str:
        """Short name, such as `AU12`."""
        return f"AU{self.number}"


@dataclass(frozen=True)
class Relation:
    """A prior relation of two action units: an undirected edge of the AU relation graph.

    Attributes:
        first: Code of one unit.
        second: Code of the other.
        type: Whether they tend to appear together or to shut each other out.
        source: Where this is known from.
    """

    first: str
    second: str
    type: RelationType
    source: str


def _sides(x: float, y: float) -> tuple[tuple[float, float], ...]:
    """A point and its mirror image."""
    return ((x, y), (1 - x, y))


ACTION_UNITS: dict[str, ActionUnit] = {
    unit.code: unit
    for unit in (
        ActionUnit(1, "Inner brow raiser", "Frontalis, pars medialis", "brow", _sides(0.43, 0.20), (0.1, -1.0)),
        ActionUnit(2, "Outer brow raiser", "Frontalis, pars lateralis", "brow", _sides(0.25, 0.20), (0.0, -1.0)),
        ActionUnit(
            4,
            "Brow lowerer",
            "Depressor glabellae, depressor supercilii, corrugator",
            "brow",
            _sides(0.42, 0.23),
            (0.4, 0.9),
        ),
        ActionUnit(5, "Upper lid raiser", "Levator palpebrae superioris", "eye", _sides(0.32, 0.32), (0.0, -1.0)),
        ActionUnit(6, "Cheek raiser", "Orbicularis oculi, pars orbitalis", "cheek", _sides(0.27, 0.44), (0.15, -1.0)),
        ActionUnit(7, "Lid tightener", "Orbicularis oculi, pars palpebralis", "eye", _sides(0.32, 0.36), (0.1, -1.0)),
        ActionUnit(
            9, "Nose wrinkler", "Levator labii superioris alaeque nasi", "nose", _sides(0.45, 0.46), (0.0, -1.0)
        ),
        ActionUnit(10, "Upper lip raiser", "Levator labii superioris", "mouth", _sides(0.44, 0.66), (0.0, -1.0)),
        ActionUnit(12, "Lip corner puller", "Zygomaticus major", "mouth", _sides(0.36, 0.71), (-0.7, -0.7)),
        ActionUnit(14, "Dimpler", "Buccinator", "mouth", _sides(0.34, 0.72), (-1.0, 0.0)),
        ActionUnit(15, "Lip corner depressor", "Depressor anguli oris", "mouth", _sides(0.36, 0.75), (-0.1, 1.0)),
        ActionUnit(17, "Chin raiser", "Mentalis", "chin", ((0.50, 0.86),), (0.0, -1.0)),
        ActionUnit(
            45,
            "Blink",
            "Orbicularis oculi, pars palpebralis; levator palpebrae relaxes",
            "eye",
            _sides(0.32, 0.33),
            (0.0, 1.0),
        ),
    )
}

# Of the FACS manual, too, and detected by no model here: what people ask about nevertheless.
OTHER_ACTION_UNITS: dict[str, str] = {
    "AU11": "Nasolabial deepener",
    "AU13": "Sharp lip puller",
    "AU16": "Lower lip depressor",
    "AU18": "Lip pucker",
    "AU20": "Lip stretcher",
    "AU22": "Lip funneler",
    "AU23": "Lip tightener",
    "AU24": "Lip pressor",
    "AU25": "Lips part",
    "AU26": "Jaw drop",
    "AU27": "Mouth stretch",
    "AU28": "Lip suck",
    "AU38": "Nostril dilator",
    "AU39": "Nostril compressor",
    "AU43": "Eye closure",
}

AU_SETS: dict[str, tuple[str, ...]] = {
    name: tuple(f"AU{number}" for number in numbers)
    for name, numbers in {
        "cd6me": (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17),
        "casme": (1, 4, 9, 14),
        "casme2": (1, 2, 4, 7, 12, 14, 15, 17),
        "samm": (2, 4, 7, 12),
        "4dme": (1, 2, 4, 6, 7, 12, 17, 45),
        "mmew": (1, 2, 4, 5, 7, 10, 12, 14),
    }.items()
}

_SURPRISE = "EMFACS surprise 1+2+5(+26)"
_FEAR = "EMFACS fear 1+2+4+5(+20)"
_ANGER = "EMFACS anger 4+5+7(+23)"
_SADNESS = "EMFACS sadness 1+4+15(+17)"
_DISGUST = "EMFACS disgust 9/10+17"

RELATIONS: tuple[Relation, ...] = (
    Relation("AU1", "AU2", "co-occurring", f"{_SURPRISE}; {_FEAR}"),
    Relation("AU1", "AU5", "co-occurring", _SURPRISE),
    Relation("AU2", "AU5", "co-occurring", _SURPRISE),
    Relation("AU1", "AU4", "co-occurring", f"{_SADNESS}; {_FEAR}"),
    Relation("AU1", "AU15", "co-occurring", _SADNESS),
    Relation("AU4", "AU15", "co-occurring", _SADNESS),
    Relation("AU15", "AU17", "co-occurring", _SADNESS),
    Relation("AU4", "AU5", "co-occurring", f"{_ANGER}; {_FEAR}"),
    Relation("AU4", "AU7", "co-occurring", _ANGER),
    Relation("AU5", "AU7", "co-occurring", _ANGER),
    Relation("AU6", "AU12", "co-occurring", "EMFACS happiness 6+12"),
    Relation("AU12", "AU14", "co-occurring", "EMFACS contempt, one-sided 12+14"),
    Relation("AU4", "AU9", "co-occurring", "FACS manual, AU9: the brows are drawn down with the nose wrinkle"),
    Relation("AU9", "AU17", "co-occurring", _DISGUST),
    Relation("AU10", "AU17", "co-occurring", _DISGUST),
    Relation("AU12", "AU15", "mutually exclusive", "FACS manual: antagonists at the lip corner"),
    Relation("AU2", "AU9", "mutually exclusive", "FACS manual, AU9: brows go down, AU2 lifts them"),
    Relation("AU5", "AU6", "mutually exclusive", "FACS manual: the eye opening widens with 5, narrows with 6"),
    Relation("AU5", "AU45", "mutually exclusive", "FACS manual: levator palpebrae contracts in 5, relaxes in 45"),
)


def check_action_units(codes: list[str] | tuple[str, ...]) -> None:
    """Check that every code is a unit of this table and stands there once.

    Args:
        codes: Codes such as `AU12`.

    Raises:
        ValueError: If the list is empty, names an unknown unit or names one twice.
    """
    unknown = [code for code in codes if code not in ACTION_UNITS]
    if unknown:
        raise ValueError(f"unknown action unit {', '.join(map(repr, unknown))}; known are {', '.join(ACTION_UNITS)}")
    if not codes or len(set(codes)) != len(codes):
        raise ValueError(f"action units must be named at least one and each once, got {list(codes)}")


def relations_among(codes: list[str] | tuple[str, ...]) -> list[Relation]:
    """The prior relations both of whose units are in `codes`, in the table's order."""
    return [relation for relation in RELATIONS if relation.first in codes and relation.second in codes]
