"""What each action unit does to the skin: its pulls and its folds, as data.

A unit is a sum of pulls: places of the face that are drawn in a direction when the muscle contracts. Directions and
places follow the appearance changes of the FACS manual (Ekman, Friesen & Hager 2002); their numbers are own choice,
as the manual gives none. Everything is written for the subject's right side, which is left in the picture: +x leads
to the midline, +y down. The other side is the mirror image. Lengths are fractions of the aligned face crop.
"""

from dataclasses import dataclass
from typing import Literal

Edge = Literal["none", "above eye", "below eye", "above mouth", "below mouth"]


@dataclass(frozen=True)
class Pull:
    """A place of the face that a muscle moves.

    Attributes:
        anchor: Landmark of `FaceLandmarks` it is attached to.
        direction: Where the skin goes, (x, y); only its angle matters.
        strength: Displacement relative to the unit's main pull, which has 1.
        spread: Standard deviations of the moved area, (x, y), in fractions of the crop.
        offset: From the anchor to the centre of the pull, (x, y).
        edge: Slit of the face (eye opening, mouth) beyond which the skin need not follow.
    """

    anchor: str
    direction: tuple[float, float]
    strength: float
    spread: tuple[float, float]
    offset: tuple[float, float] = (0.0, 0.0)
    edge: Edge = "none"


@dataclass(frozen=True)
class Fold:
    """A furrow that deepens with a unit: a darker line with a lighter shoulder.

    Attributes:
        anchor: Landmark it is attached to.
        offset: From the anchor to the furrow's centre.
        angle: Direction along the furrow in degrees, 0 is horizontal, 90 vertical.
        length: Standard deviation along the furrow.
        width: Standard deviation across it.
    """

    anchor: str
    offset: tuple[float, float]
    angle: float
    length: float
    width: float = 0.014


PULLS: dict[str, tuple[Pull, ...]] = {
    "AU1": (
        Pull("brow_inner", (0.12, -1), 1.0, (0.065, 0.055)),
        Pull("brow_inner", (0.0, -1), 0.55, (0.075, 0.06), offset=(0.0, -0.08)),
        Pull("brow_middle", (0.05, -1), 0.3, (0.05, 0.05)),
        Pull("brow_inner", (0.1, -1), 0.3, (0.06, 0.04), offset=(-0.02, 0.06)),
    ),
    "AU2": (
        Pull("brow_outer", (0.05, -1), 1.0, (0.075, 0.055), offset=(0.02, 0.0)),
        Pull("brow_outer", (0.0, -1), 0.5, (0.08, 0.06), offset=(0.02, -0.08)),
        Pull("brow_middle", (0.0, -1), 0.4, (0.05, 0.05)),
        Pull("brow_outer", (0.05, -1), 0.35, (0.06, 0.035), offset=(0.02, 0.06)),
    ),
    "AU4": (
        Pull("brow_inner", (0.45, 1), 1.0, (0.065, 0.06)),
        Pull("brow_middle", (0.3, 1), 0.6, (0.07, 0.055)),
        Pull("nose_root", (0.0, 1), 0.45, (0.045, 0.06), offset=(0.0, -0.06)),
        Pull("brow_outer", (0.4, 0.7), 0.25, (0.06, 0.05)),
        Pull("eye", (0.1, 1), 0.25, (0.08, 0.03), offset=(0.01, -0.05), edge="above eye"),
    ),
    "AU5": (
        Pull("eye", (0.0, -1), 1.0, (0.06, 0.024), offset=(0.0, -0.028), edge="above eye"),
        Pull("eye", (0.0, -1), 0.4, (0.07, 0.025), offset=(0.0, -0.06), edge="above eye"),
    ),
    "AU6": (
        Pull("eye", (0.15, -1), 1.0, (0.085, 0.055), offset=(-0.045, 0.11), edge="below eye"),
        Pull("eye", (0.85, -0.2), 0.7, (0.045, 0.05), offset=(-0.115, 0.015)),
        Pull("eye", (0.1, -1), 0.5, (0.07, 0.025), offset=(0.0, 0.04), edge="below eye"),
        Pull("brow_outer", (0.15, 0.8), 0.2, (0.05, 0.04)),
    ),
    "AU7": (
        Pull("eye", (0.15, -1), 1.0, (0.065, 0.024), offset=(0.0, 0.028), edge="below eye"),
        Pull("eye", (0.0, 1), 0.4, (0.065, 0.022), offset=(0.0, -0.03), edge="above eye"),
        Pull("eye", (0.9, 0.0), 0.3, (0.035, 0.03), offset=(-0.09, 0.0)),
    ),
    "AU9": (
        Pull("nose_wing", (0.1, -1), 1.0, (0.04, 0.05), offset=(0.01, -0.01)),
        Pull("nose_root", (0.0, -1), 0.7, (0.04, 0.05), offset=(-0.035, 0.05)),
        Pull("eye", (0.2, -1), 0.5, (0.05, 0.04), offset=(0.05, 0.1), edge="below eye"),
        Pull("brow_inner", (0.3, 1), 0.45, (0.055, 0.045)),
        Pull("lip_upper", (0.0, -1), 0.45, (0.05, 0.035), offset=(-0.05, 0.0), edge="above mouth"),
    ),
    "AU10": (
        Pull("lip_upper", (-0.05, -1), 1.0, (0.05, 0.032), offset=(-0.06, 0.0), edge="above mouth"),
        Pull("nose_wing", (-0.1, -1), 0.6, (0.045, 0.05), offset=(-0.04, 0.06), edge="above mouth"),
        Pull("lip_upper", (0.0, -1), 0.35, (0.04, 0.03), edge="above mouth"),
        Pull("nose_wing", (0.0, -1), 0.3, (0.035, 0.035)),
    ),
    "AU12": (
        Pull("mouth_corner", (-0.75, -0.7), 1.0, (0.06, 0.055)),
        Pull("mouth_corner", (-0.35, -0.9), 0.5, (0.08, 0.065), offset=(-0.05, -0.14)),
        Pull("nose_wing", (-0.7, -0.6), 0.4, (0.04, 0.05), offset=(-0.06, 0.07)),
        Pull("mouth_corner", (-1, -0.2), 0.45, (0.05, 0.04), offset=(0.055, 0.01)),
    ),
    "AU14": (
        Pull("mouth_corner", (-1, -0.08), 1.0, (0.045, 0.042), offset=(0.005, 0.0)),
        Pull("mouth_corner", (1, 0.0), 0.5, (0.04, 0.06), offset=(-0.085, 0.0)),
        Pull("mouth_corner", (-0.4, 1), 0.3, (0.04, 0.035), offset=(0.0, -0.055)),
        Pull("mouth_corner", (-0.4, -1), 0.3, (0.04, 0.035), offset=(0.0, 0.055)),
    ),
    "AU15": (
        Pull("mouth_corner", (-0.15, 1), 1.0, (0.055, 0.05)),
        Pull("mouth_corner", (-0.1, 1), 0.45, (0.055, 0.05), offset=(-0.01, 0.085)),
        Pull("mouth_corner", (-0.3, 0.9), 0.3, (0.045, 0.04), offset=(0.055, 0.015), edge="below mouth"),
    ),
    "AU17": (
        Pull("chin", (0.0, -1), 1.0, (0.085, 0.055), offset=(0.0, -0.04)),
        Pull("lip_lower", (0.0, -1), 0.65, (0.075, 0.032), edge="below mouth"),
        Pull("chin", (0.5, -0.8), 0.35, (0.05, 0.045), offset=(-0.09, -0.05)),
        Pull("lip_upper", (0.0, -1), 0.2, (0.07, 0.025), edge="above mouth"),
    ),
}

OTHER_READINGS: dict[str, tuple[tuple[Pull, ...], ...]] = {
    "AU5": (
        (
            Pull("eye", (0.0, -1), 1.0, (0.075, 0.034), offset=(0.0, -0.022)),
            Pull("eye", (0.0, -1), 0.4, (0.07, 0.025), offset=(0.0, -0.06), edge="above eye"),
        ),
    ),
    "AU6": (
        (
            Pull("eye", (0.1, -1), 1.0, (0.1, 0.06), offset=(-0.02, 0.1), edge="below eye"),
            Pull("eye", (0.9, 0.0), 0.5, (0.05, 0.05), offset=(-0.115, 0.015)),
        ),
        (
            Pull("eye", (0.8, -0.5), 1.0, (0.06, 0.06), offset=(-0.1, 0.05)),
            Pull("eye", (0.1, -1), 0.8, (0.075, 0.04), offset=(0.0, 0.075), edge="below eye"),
        ),
    ),
    "AU7": (
        (Pull("eye", (0.05, -1), 1.0, (0.07, 0.03), offset=(0.0, 0.035)),),
        (
            Pull("eye", (0.1, -1), 1.0, (0.065, 0.026), offset=(0.0, 0.03), edge="below eye"),
            Pull("eye", (0.0, 1), 0.8, (0.065, 0.024), offset=(0.0, -0.03), edge="above eye"),
        ),
    ),
    "AU10": (
        (
            Pull("lip_upper", (0.0, -1), 1.0, (0.1, 0.04), edge="above mouth"),
            Pull("nose_wing", (-0.1, -1), 0.5, (0.05, 0.05), offset=(-0.03, 0.04), edge="above mouth"),
        ),
        (
            Pull("lip_upper", (0.0, -1), 1.0, (0.06, 0.045), offset=(-0.065, -0.01)),
            Pull("nose_wing", (0.0, -1), 0.6, (0.045, 0.05), offset=(-0.02, 0.02)),
        ),
    ),
    "AU14": (
        (
            Pull("mouth_corner", (1, 0.0), 1.0, (0.05, 0.045)),
            Pull("mouth_corner", (1, 0.0), 0.6, (0.05, 0.06), offset=(-0.07, 0.0)),
            Pull("mouth_corner", (0.1, 1), 0.2, (0.04, 0.035), offset=(0.0, -0.055)),
            Pull("mouth_corner", (0.1, -1), 0.2, (0.04, 0.035), offset=(0.0, 0.055)),
        ),
        (
            Pull("mouth_corner", (1, 0.0), 1.0, (0.045, 0.055), offset=(-0.055, 0.0)),
            Pull("mouth_corner", (-1, 0.0), 0.4, (0.045, 0.04), offset=(0.025, 0.0)),
            Pull("mouth_corner", (0.0, 1), 0.5, (0.045, 0.035), offset=(0.0, -0.06)),
            Pull("mouth_corner", (0.0, -1), 0.5, (0.045, 0.035), offset=(0.0, 0.06)),
        ),
    ),
}
"""Units that can be understood in more ways than one. The manual's words on AU14, that the corners are tightened and
pulled inwards, mean for the one a corner drawn out towards the cheek's muscle, for the other one drawn in, for a third
the skin around it that runs together; a lid or a lip moves with or without what it lies on."""

FOLDS: dict[str, tuple[Fold, ...]] = {
    "AU1": (Fold("brow_inner", (0.03, -0.07), 10, 0.06), Fold("brow_inner", (0.03, -0.11), 10, 0.06)),
    "AU2": (Fold("brow_outer", (0.03, -0.07), -15, 0.06), Fold("brow_outer", (0.04, -0.11), -15, 0.05)),
    "AU4": (Fold("brow_inner", (0.035, 0.015), 80, 0.035), Fold("nose_root", (0.0, 0.0), 0, 0.03)),
    "AU5": (Fold("eye", (0.0, -0.05), 0, 0.05, 0.01),),
    "AU6": (Fold("eye", (-0.125, 0.03), 25, 0.025, 0.009), Fold("eye", (-0.01, 0.065), -8, 0.06)),
    "AU7": (Fold("eye", (0.0, 0.045), 0, 0.055, 0.01),),
    "AU9": (Fold("nose_root", (-0.02, 0.04), 35, 0.025, 0.01), Fold("nose_wing", (-0.025, -0.01), -60, 0.04)),
    "AU10": (Fold("nose_wing", (-0.035, 0.03), -50, 0.045),),
    "AU12": (Fold("nose_wing", (-0.06, 0.07), -58, 0.06), Fold("mouth_corner", (-0.03, 0.0), 70, 0.025)),
    "AU14": (Fold("mouth_corner", (-0.035, 0.0), 85, 0.03, 0.012),),
    "AU15": (Fold("mouth_corner", (-0.015, 0.045), 65, 0.03), Fold("mouth_corner", (0.0, 0.005), 30, 0.02, 0.01)),
    "AU17": (Fold("lip_lower", (0.0, 0.045), 0, 0.06), Fold("chin", (0.03, -0.045), 20, 0.03, 0.012)),
}
"""Folds a unit deepens; a fold on a midline anchor with no x offset appears once, all others on both sides."""

JAW_DROP: tuple[Pull, ...] = (
    Pull("chin", (0.0, 1), 1.0, (0.17, 0.09), offset=(0.0, -0.02), edge="below mouth"),
    Pull("lip_lower", (0.0, 1), 0.8, (0.1, 0.04), edge="below mouth"),
)
"""Speech-like opening of the mouth (AU25/AU26), which is none of the twelve units: it moves, and carries no label."""

MIDLINE_ANCHORS = ("nose_root", "nose", "lip_upper", "lip_lower", "chin")
"""Landmarks of which there is one; the others come in pairs."""
