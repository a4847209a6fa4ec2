"""All that can be said of what was found, a sentence each: an answer is one of them, so it cannot be untrue to it.

Own choice throughout. A sentence begins with what it is about and ends with what was found: whoever chooses by the
question has chosen before it shows what is true. The sentences are ours; their words are those of FACS.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .event_reading import MICRO_SECONDS
from .facs import ACTION_UNITS, OTHER_ACTION_UNITS
from .facs_emotions import emotion_class, emotions_of
from .findings import INTENSITIES, Expression, Findings, UnitFinding

REFUSAL = "I do not say who somebody is, how old or honest they are or what they are fit for; the model card says why."
UNKNOWN = "I cannot tell from this recording: I answer what moved in a face, when, on which side, how strongly and why."
ENGLISH = "I understand questions in English alone."
HINT = "A movement of the face is no proof of a feeling: see the model card."
REGIONS: dict[str, tuple[str, ...]] = {
    "brow": ("AU1", "AU2", "AU4"),
    "raised brow": ("AU1", "AU2"),
    "eye": ("AU5", "AU7", "AU45"),
    "cheek": ("AU6",),
    "nose": ("AU9",),
    "mouth": ("AU10", "AU12", "AU14", "AU15"),
    "chin": ("AU17",),
    "upper face": ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU45"),
    "lower face": ("AU9", "AU10", "AU12", "AU14", "AU15", "AU17"),
}
PLACES = ("brow", "eye", "cheek", "nose", "mouth", "chin")  # that share the units among them
SIDED = ("brow", "raised brow", "eye", "cheek", "mouth")
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
LAST = "last"  # what is said of the last of several is about
ASKED = 10  # expressions that are asked for by number, whether there are as many or not
MOVED = {True: "it moved", False: "it did not move", None: "it cannot be told whether it moved"}
LEADS: dict[bool | None, str] = {True: "Yes. ", False: "No. ", None: ""}


@dataclass(frozen=True)
class Statement:
    """Something that can be said.

    Attributes:
        kind: Of the question that it answers.
        about: What it is about: a unit, a region, a side, the number of an expression.
        said: The sentence.
        value: The same for machines: codes, a number, seconds, a letter, `left`; True and False for yes and no; None
            where it cannot be told.
        is_closed: Whether it answers a question of yes or no.
        reasons_for: The unit whose reasons follow.
    """

    kind: str
    about: tuple[Any, ...]
    said: str
    value: Any = None
    is_closed: bool = False
    reasons_for: str | None = None

    @property
    def text(self) -> str:
        """The sentence, after a yes or no."""
        return (LEADS[self.value] if self.is_closed else "") + self.said


def named(code: str) -> str:
    """Such as `AU12 (lip corner puller)`."""
    name = ACTION_UNITS[code].name if code in ACTION_UNITS else OTHER_ACTION_UNITS[code]
    return f"{code} ({name.lower()})"


def listed(words: Sequence[str], nothing: str = "nothing") -> str:
    """Such as `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or nothing


def statements(findings: Findings) -> list[Statement]:
    """All that can be said, each sentence once."""
    findings = findings.doubted()
    said = [*_of_whole(findings), *_of_time(findings), *_of_none(findings)]
    if not findings.is_readable:
        said = [_with_reason(statement, findings.limits) for statement in said]
    return list({statement.said: statement for statement in said}.values())


def _with_reason(statement: Statement, limits: str) -> Statement:
    """What cannot be told, with the reason why."""
    hidden = "it cannot be told" in statement.said
    return (
        replace(statement, said=f"{statement.said} The recording does not show it: {limits}.") if hidden else statement
    )


def _of_whole(findings: Findings) -> Iterator[Statement]:
    """Of the clip, or of all expressions of a recording together."""
    whole = findings.whole
    yield from _of_expression(whole, "", ())
    yield Statement("describe", (), f"In sum: {_description(findings)}")
    for unit in whole.units.values():
        yield from _of_unit(unit)
        yield _sureness(unit, is_seen=bool(findings.expressions))
        yield _when_it_moved(findings, unit.code)
    for name, codes in REGIONS.items():
        yield from _of_region(name, [whole.units[code] for code in codes if code in whole.units])


def _of_expression(expression: Expression, within: str, about: tuple[Any, ...]) -> Iterator[Statement]:
    """What is said of any expression, and with the same words of one of several."""

    def say(kind: str, text: str, value: Any = None) -> Statement:
        return Statement(kind, about, within + text if within else text[0].upper() + text[1:], value)

    active, unsure = expression.active, expression.with_answer(None)
    codes = [unit.code for unit in active]
    rest = f" It cannot be told of {listed([named(unit.code) for unit in unsure])}." if unsure else ""
    yield say("units", f"what moved: {_units(active)}.{rest}", codes)
    yield say("number", f"the number of action units: {_number(len(active))}.", len(active))
    yield say("strongest", f"the clearest: {named(codes[0]) if codes else 'nothing'}.", codes[0] if codes else None)
    where = [place for place in PLACES if set(REGIONS[place]) & set(codes)]
    yield say("where", f"where it moved: {listed([f'the {place}' for place in where], 'nowhere')}.", where)
    hints, kind = emotions_of(codes), emotion_class(codes)
    yield say("emotion", f"a hint by EMFACS: {listed(hints, 'no emotion')}. {HINT}", hints)
    yield say("emotion_class", f"a hint by EMFACS, as a class: {kind or 'none'}. {HINT}", kind)


def _units(units: Sequence[UnitFinding]) -> str:
    return listed([named(unit.code) + (f" on the {unit.side}" * (unit.side not in (None, "both"))) for unit in units])


def _moved(moved: bool | None, verb: str = "moved") -> str:
    return {True: f" {verb}.", False: " did not move.", None: ": it cannot be told whether it moved."}[moved]


def _of_unit(unit: UnitFinding, within: str = "") -> Iterator[Statement]:
    code, name = unit.code, named(unit.code)
    yield Statement("moved", (code,), f"{name}{_moved(unit.moved)}", unit.moved, is_closed=True)
    rested = None if unit.moved is None else not unit.moved
    yield Statement("rested", (code,), f"At rest, {name}: {MOVED[unit.moved]}.", rested, is_closed=True)
    yield _known(unit, "intensity", "intensity", unit.intensity, f"{unit.intensity}, "
                 f"{INTENSITIES.get(unit.intensity or '')}")  # fmt: skip
    yield Statement("why", (code,), f"The reason for {name}:", reasons_for=code)
    if not unit.has_sides:
        yield Statement("side", (code,), f"The side of {name}: it is in the middle of the face, and has none.")
        return
    yield _known(unit, "side", "side", unit.side, "both" if unit.side == "both" else f"{unit.side} alone")
    for side in ("left", "right"):
        moved = unit.moved_on(side)
        said = f"On the {side}, {name}{_moved(moved)}"
        yield Statement("moved_on", (code, side), said, moved, is_closed=True)


def _sureness(unit: UnitFinding, *, is_seen: bool) -> Statement:
    begin = f"The probability of {named(unit.code)}: "
    if not is_seen:
        return Statement("sure", (unit.code,), f"{begin}no expression was found.")
    said = f"{begin}{unit.probability:.2f}; it counts as active from {unit.threshold:.2f} on."
    return Statement("sure", (unit.code,), said, unit.probability)


def _known(unit: UnitFinding, kind: str, word: str, value: str | None, said: str) -> Statement:
    """What is told only of a unit that moved."""
    begin = f"The {word} of {named(unit.code)}: "
    if not unit.moved or value is None:
        said, value = ("it did not move" if unit.moved is False else "it cannot be told"), None
    return Statement(kind, (unit.code,), f"{begin}{said}.", value)


def _of_region(name: str, units: Sequence[UnitFinding]) -> Iterator[Statement]:
    if not units:
        return
    said, value = _seen(units, [unit.moved for unit in units])
    yield Statement("region", (name,), f"The {name}: {said}", value, is_closed=True)
    for side in ("left", "right") if name in SIDED else ():
        said, value = _seen(units, [unit.moved_on(side) for unit in units])
        yield Statement("region_on", (name, side), f"On the {side}, the {name}: {said}", value, is_closed=True)


def _seen(units: Sequence[UnitFinding], moved: Sequence[bool | None]) -> tuple[str, bool | None]:
    """What is said of several units together: one that moved is enough, one that is not known is not."""
    seen = [named(unit.code) for unit, did in zip(units, moved, strict=True) if did]
    if seen:
        return f"{listed(seen)} moved.", True
    unsure = [named(unit.code) for unit, did in zip(units, moved, strict=True) if did is None]
    return (f"it cannot be told of {listed(unsure)}.", None) if unsure else ("it did not move.", False)


def _when_it_moved(findings: Findings, code: str) -> Statement:
    begin, shown = f"The time of {named(code)}: ", enumerate(findings.expressions, 1)
    numbers = [number for number, each in shown if each.units[code].moved]
    if not numbers:
        return Statement("when_unit", (code,), f"{begin}{MOVED[findings.whole.units[code].moved]}.")
    if not findings.is_recording:
        return Statement("when_unit", (code,), f"{begin}{NO_TIMES}")
    times = [f"{_span(findings.expressions[number - 1])} in expression {number}" for number in numbers]
    return Statement("when_unit", (code,), f"{begin}{listed(times)}.", numbers)


NO_TIMES = "it cannot be told, for a clip of up to a second is read as a whole."


def _span(expression: Expression) -> str:
    return f"{expression.onset:.2f} to {expression.offset:.2f} s"


def _apex(expression: Expression) -> str:
    return "" if expression.apex is None else f", its apex at {expression.apex:.2f} s"


def _type(expression: Expression) -> str:
    return "micro-expression" if (expression.duration or 0) <= MICRO_SECONDS else "longer than half a second"


def _of_time(findings: Findings) -> Iterator[Statement]:
    """Of the expressions of a recording one by one, and how many there are."""
    shown = findings.expressions if findings.is_recording else [e for e in findings.expressions if e.active]
    micro, hidden = [each for each in shown if _type(each) == "micro-expression"], not findings.is_readable
    yield _count("expressions", shown, "count", hidden=hidden)
    was = "there was one" if shown else "it cannot be told whether there was one" if hidden else "there was none"
    seen = None if hidden and not shown else bool(shown)
    yield Statement("any", (), f"An expression: {was}.", seen, is_closed=True)
    rested = None if seen is None else not seen
    yield Statement("still", (), f"A face at rest: {MOVED[seen]}.", rested, is_closed=True)
    for kind, word, those in (
        ("count_micro", "micro-expressions", micro),
        ("count_longer", "longer expressions", [each for each in shown if each not in micro]),
    ):
        known = findings.is_recording or not shown
        yield (
            _count(word, those, kind, hidden=hidden)
            if known
            else Statement(kind, (), f"The number of {word}: {NO_TIMES}")
        )
    for number in range(1, max(ASKED, len(shown)) + 1):
        one = shown[number - 1] if number <= len(shown) else None
        yield from _of_one((number,), f"expression {number}", one, findings, len(shown))
    yield from _of_one((LAST,), "the last expression", shown[-1] if shown else None, findings, len(shown))


def _of_one(
    about: tuple[Any, ...], name: str, expression: Expression | None, findings: Findings, count: int
) -> Iterator[Statement]:
    """Of one expression; None where there is none of this number."""
    none = _none(count)
    for kind, say in PARTS.items():
        said, value = NO_TIMES.rstrip("."), None
        if expression is None:
            said = none
        elif findings.is_recording:
            said, value = say(expression)
        yield Statement(kind, about, f"The {kind} of {name}: {said}.", value)
    if expression is not None:
        yield from _of_expression(expression, f"In {name}, ", about)
    else:
        yield Statement("units", about, f"In {name}, what moved: {none}.")
        yield Statement("emotion", about, f"In {name}, a hint by EMFACS: {none}.")


PARTS: dict[str, Callable[[Expression], tuple[str, Any]]] = {
    "time": lambda e: (f"{_span(e)}{_apex(e)}", [e.onset, e.apex, e.offset]),
    "type": lambda e: (_type(e), _type(e).split()[0]),
    "length": lambda e: (f"{e.duration:.2f} s", e.duration),
}


def _count(word: str, shown: Sequence[Expression], kind: str, *, hidden: bool) -> Statement:
    more = ", and it cannot be told whether there were more" if hidden else ""
    return Statement(kind, (), f"The number of {word}: {_number(len(shown))}{more}.", len(shown))


def _none(count: int) -> str:
    """What is said of an expression beyond the last."""
    return f"there is none, {_number(count)} in all" if count else "there is none"


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _description(findings: Findings) -> str:
    """Of the most that was found, in two sentences at most."""
    if not findings.is_recording:
        return f"{_units(findings.whole.active)} moved."
    lines = [f"{_span(each)} {_units(each.active)}" for each in findings.expressions[:5]]
    more = len(findings.expressions) - len(lines)
    return f"{listed(lines)}{f', and {more} more' if more else ''}." if lines else "no expression was found."


def _of_none(findings: Findings) -> Iterator[Statement]:
    """What is said whatever was found: of units not looked for, of the recording, and what is not answered."""
    for code in (*ACTION_UNITS, *OTHER_ACTION_UNITS):
        if code not in findings.units:
            yield from _of_other_unit(code)
    limits = findings.limits or "nothing was found that hides small movements"
    yield Statement("recording", (), f"The recording: {limits}.", findings.limits)
    for kind, said in (("refused", REFUSAL), ("unknown", UNKNOWN), ("english", ENGLISH)):
        yield Statement(kind, (), said)


def _of_other_unit(code: str) -> Iterator[Statement]:
    """What is said of a unit that the model was not made for: with the same beginnings as of the others."""
    begins = {
        "moved": "", "sure": "The probability of ", "intensity": "The intensity of ", "why": "The reason for ",
        "side": "The side of ", "when_unit": "The time of ", "rested": "At rest, ",
    }  # fmt: skip
    for kind, begin in begins.items():
        yield Statement(kind, (code,), f"{begin}{named(code)}: this model does not look for it.")
    for side in ("left", "right"):
        yield Statement("moved_on", (code, side), f"On the {side}, {named(code)}: this model does not look for it.")
