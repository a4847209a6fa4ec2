"""Answers beside what was coded, what the logits and events allow, and answers of another face's evidence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modeling_aullm.asking import Answer, Asking
from modeling_aullm.findings import Findings
from modeling_aullm.statements import Statement, statements
from training.questions.asked import ANSWERED_BY, NOT_ANSWERED, Asked, QuestionDraw

OPEN = ("why", "sure", "describe", "recording")  # no coder has said what is right
LENGTH_WITHIN = 0.1  # seconds; own choice
IOU = 0.5  # of two spans from which they are one, as the challenge has it


@dataclass(frozen=True)
class Scored:
    """One question, and all that was said to it.

    Attributes:
        asked: With the answer that is true by what was coded.
        given: What the model answered.
        best: What a reader without a fault would have answered of what the model found.
        blind: What the model answered of another face.
    """

    asked: Asked
    given: Answer
    best: Statement
    blind: Answer

    def row(self) -> dict[str, Any]:
        """For a table of samples."""
        return {
            "kind": self.asked.kind,
            "question": self.asked.question,
            "answer": self.given.answer,
            "right": is_right(self.given, self.asked.answer),
            "true": self.asked.answer.text,
            "allowed": self.best.text,
            "blind": self.blind.answer,
        }


def ask_about(draw: QuestionDraw, kinds: Sequence[str], true: Findings, asking: Asking, other: Asking) -> list[Scored]:
    """Ask a model some questions about one clip or recording.

    Args:
        draw: Of the wordings.
        kinds: Of the questions.
        true: What was coded.
        asking: The model, and what it found.
        other: The model, and what it found of another one.
    """
    asked = [draw.ask(true, kind) for kind in kinds]
    questions = [each.question for each in asked]
    answers, blind = asking.answer(questions), other.answer(questions)
    said = statements(asking.findings)
    return [
        Scored(each, given, _best(said, each), unseeing)
        for each, given, unseeing in zip(asked, answers, blind, strict=True)
    ]


def _best(said: Sequence[Statement], asked: Asked) -> Statement:
    """The statement that answers the question; of what is not there in what was found, the one that says so."""
    wanted = ANSWERED_BY.get(asked.kind, asked.kind), asked.answer.about
    return next((each for each in said if (each.kind, each.about) == wanted), said[-1])


def is_right(given: Answer | Statement, true: Statement) -> bool:
    """Whether an answer says what is true: of the same kind, about the same thing, with the same value."""
    if (given.kind, given.about) != (true.kind, true.about):
        return False
    if true.kind == "time" and given.value and true.value:
        return _shared(given.value, true.value) >= IOU
    if true.kind == "length" and given.value and true.value:
        return abs(given.value - true.value) <= LENGTH_WITHIN
    if isinstance(true.value, list) and isinstance(given.value, list):
        return set(given.value) == set(true.value)
    return bool(given.value == true.value)


def _shared(first: Sequence[float], second: Sequence[float]) -> float:
    both = min(first[2], second[2]) - max(first[0], second[0])
    return max(0.0, both) / max(max(first[2], second[2]) - min(first[0], second[0]), 1e-9)


def table(scored: Sequence[Scored]) -> dict[str, dict[str, float | int | None]]:
    """By kind of question: how many, and the shares that are right, understood, told and right without sight."""
    kinds: Mapping[str, list[Scored]] = {
        kind: [each for each in scored if each.asked.kind == kind]
        for kind in dict.fromkeys(s.asked.kind for s in scored)
    }
    return {kind: _row(kind, those) for kind, those in sorted(kinds.items())}


def _row(kind: str, scored: Sequence[Scored]) -> dict[str, float | int | None]:
    def share(values: Sequence[bool]) -> float:
        return round(sum(values) / len(values), 4)

    is_open = kind in OPEN
    row: dict[str, float | int | None] = {
        "questions": len(scored),
        "understood": share([(s.given.kind, s.given.about) == (s.best.kind, s.best.about) for s in scored]),
        "right": None if is_open else share([is_right(s.given, s.asked.answer) for s in scored]),
        "allowed": None if is_open else share([is_right(s.best, s.asked.answer) for s in scored]),
        "blind": None
        if is_open or kind in NOT_ANSWERED
        else share([is_right(s.blind, s.asked.answer) for s in scored]),
        "declined": share([s.given.kind in NOT_ANSWERED for s in scored]),
        "cannot tell": share(["cannot be told" in s.given.answer for s in scored]),
    }
    named = [s for s in scored if isinstance(s.asked.answer.value, list) and s.asked.answer.kind == "units"]
    if named:
        row["unit F1"] = _set_f1([(_codes(s.given.value), set(s.asked.answer.value)) for s in named])
    return row


def _codes(value: Any) -> set[str]:
    """The units that an answer names in a list; none if it is an answer to something else."""
    return set(value) if isinstance(value, list) else set()


def _set_f1(pairs: Sequence[tuple[set[str], set[str]]]) -> float:
    """Mean F1 of the units that are named, 1 where none is and none was."""
    values = [1.0 if not given | true else 2 * len(given & true) / (len(given) + len(true)) for given, true in pairs]
    return round(sum(values) / len(values), 4)


def contradictions(text: str, findings: Findings) -> list[str]:
    """What a sentence says of units against their probabilities: read off its words alone, not off how it was made.

    Args:
        text: The sentence.
        findings: Of the clip or recording, without expressions one by one.
    """
    text = re.sub(r"[^.]*cannot be told[^.]*\.", "", text)  # says nothing of them
    wrong, side = [], re.search(r"On the (left|right),", text)
    for code, words in re.findall(r"(AU\d+) \([a-z ]+\)([^A]*)", text):
        unit = findings.whole.units.get(code)
        if unit is None:
            continue
        active = unit.probability >= unit.threshold
        if side and active and unit.side not in (side[1], "both", None):
            active = False  # on that side
        if "did not move" in words and active:
            wrong.append(f"{code} did not move")
        said = re.match(r"( on the (left|right))?,?( and)? *(moved|$)|: it moved", words)
        if said and "moved" in text and not active:
            wrong.append(f"{code} moved")
    return wrong
