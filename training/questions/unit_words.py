"""How people call action units, regions, sides and numbers when they ask. Sentences are ours."""

from modeling_aullm.facs import ACTION_UNITS, OTHER_ACTION_UNITS

CLAUSES: dict[str, tuple[str, ...]] = {  # after `did`, `does` and the like
    "AU1": ("the inner brows rise", "the inner ends of the eyebrows go up", "the middle of the forehead lift"),
    "AU2": ("the outer brows rise", "the outer ends of the eyebrows go up", "the tails of the brows lift"),
    "AU4": ("the brows come down", "they frown", "the eyebrows draw together", "the face show a frown"),
    "AU5": ("the upper lids go up", "the eyes widen", "the eyes open wider", "the upper eyelids lift"),
    "AU6": ("the cheeks rise", "the cheeks go up", "crow's feet appear", "the cheeks lift"),
    "AU7": ("the lids tighten", "the eyes narrow", "they squint", "the lower lids tense"),
    "AU9": ("the nose wrinkle", "they wrinkle their nose", "the nose crinkle", "the sides of the nose go up"),
    "AU10": ("the upper lip rise", "the upper lip go up", "the upper lip curl", "they raise the upper lip"),
    "AU12": ("the lip corners go up", "they smile", "the corners of the mouth pull up", "the face show a smile"),
    "AU14": ("a dimple appear", "the lip corners tighten inwards", "the mouth corners dimple", "dimples show"),
    "AU15": (
        "the lip corners go down",
        "the corners of the mouth drop",
        "the mouth turn down",
        "they pull a sad mouth",
    ),
    "AU17": ("the chin go up", "the chin push up", "the chin boss rise", "the chin wrinkle"),
    "AU45": ("they blink", "the eyes blink"),
    "AU25": ("the lips part", "the lips open"),
    "AU26": ("the jaw drop", "the mouth fall open"),
    "AU20": ("the lips stretch",),
    "AU24": ("they press the lips together",),
    "AU43": ("the eyes close",),
}
NOUNS: dict[str, tuple[str, ...]] = {  # besides code and FACS name
    "AU1": ("inner brow raise", "frontalis pars medialis"),
    "AU2": ("outer brow raise", "frontalis pars lateralis"),
    "AU4": ("frown", "corrugator", "brow lowering"),
    "AU5": ("upper lid raise", "widening of the eyes", "levator palpebrae"),
    "AU6": ("cheek raise", "orbicularis oculi pars orbitalis", "Duchenne marker"),
    "AU7": ("lid tightening", "squint"),
    "AU9": ("nose wrinkle", "nose wrinkling"),
    "AU10": ("upper lip raise", "levator labii"),
    "AU12": ("smile", "lip corner pull", "zygomaticus major", "zygomatic"),
    "AU14": ("dimple", "buccinator"),
    "AU15": ("lip corner depression", "depressor anguli oris"),
    "AU17": ("chin raise", "mentalis"),
    "AU45": ("eye blink",),
}
REGIONS: dict[str, tuple[str, ...]] = {
    "brow": ("brow", "brows", "eyebrows", "forehead"),
    "eye": ("eye", "eyes", "eyelids", "eye region"),
    "cheek": ("cheek", "cheeks"),
    "nose": ("nose", "nose region"),
    "mouth": ("mouth", "lips", "mouth region"),
    "chin": ("chin",),
    "upper face": ("upper face", "upper half of the face", "top of the face"),
    "lower face": ("lower face", "lower half of the face", "bottom of the face"),
}
SIDED_REGIONS: dict[str, tuple[str, ...]] = {
    "brow": ("brow", "eyebrow"),
    "eye": ("eye", "eyelid"),
    "cheek": ("cheek",),
    "mouth": ("corner of the mouth", "side of the mouth", "mouth corner", "lip corner"),
}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def unit_name(code: str) -> str:
    """Its FACS name, as it stands within a sentence."""
    return (ACTION_UNITS[code].name if code in ACTION_UNITS else OTHER_ACTION_UNITS[code]).lower()


def unit_nouns(code: str) -> list[str]:
    """All that a unit is called by: codes in several spellings, its name, and other words."""
    number = code[2:]
    name = unit_name(code)
    codes = [code, code, code.lower(), f"AU {number}", f"AU-{number}", f"action unit {number}", f"unit {number}"]
    return [*codes, f"the {name}", f"the {name}", name, f"{code} ({name})", *(f"the {n}" for n in NOUNS.get(code, ()))]
