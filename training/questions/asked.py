"""Questions drawn about findings, each with the sentence that answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modeling_aullm.facs import ACTION_UNITS
from modeling_aullm.findings import Expression, Findings
from modeling_aullm.statements import LAST, Statement, statements
from training.questions.unit_words import CLAUSES, ORDINALS, REGIONS, SIDED_REGIONS, unit_name, unit_nouns
from training.questions.wordings import POLITE, chosen, wordings

# The kind of the statement that answers a kind of wording, where it has another name.
ANSWERED_BY = {
    "units_of": "units", "emotion_of": "emotion", "raised": "region", "raised_on": "region_on", "pair": "units",
    "time_first": "time", "time_last": "time", "type_first": "type", "length_first": "length",
    "type_last": "type", "length_last": "length", "units_last": "units",
}  # fmt: skip
OF_A_UNIT = ("moved", "rested", "sure", "intensity", "why", "side", "moved_on", "when_unit")
OF_A_NUMBER = ("units_of", "emotion_of", "time", "type", "length")
NOT_ANSWERED = ("refused", "unknown", "english")
# How much oftener than others a kind is asked: those with many different answers, and those that are not answered.
WEIGHTS = {
    "moved": 6.0, "rested": 2.0, "moved_on": 3.0, "side": 2.0, "region": 2.0, "region_on": 2.0, "why": 2.0,
    "when_unit": 1.5, "refused": 4.0, "unknown": 4.0, "english": 2.0, "time": 2.0,
}  # fmt: skip
MOVED_SHARE = 0.5  # share of questions about a unit that ask for one that moved


@dataclass(frozen=True)
class Asked:
    """A question and its answer.

    Attributes:
        question: As somebody might ask it.
        kind: Of its wording.
        answer: One of the sentences that can be said of the findings.
        among: All of these.
    """

    question: str
    kind: str
    answer: Statement
    among: Sequence[Statement]


class QuestionDraw:
    """Draws questions.

    Args:
        rng: Source of the draws.
        tried: Take the wordings that nobody learns from.
    """

    def __init__(self, rng: np.random.Generator, *, tried: bool = False) -> None:
        self.rng, self.tried = rng, tried
        self.wordings = wordings("tried" if tried else "learned")
        weights = np.array([WEIGHTS.get(kind, 1.0) for kind in self.wordings])
        self.shares = weights / weights.sum()

    def ask(self, findings: Findings, kind: str | None = None) -> Asked:
        """A question about findings, of a kind of wordings or of any."""
        among = statements(findings)
        kind = kind or str(self.rng.choice(list(self.wordings), p=self.shares))
        about, words = self._about(findings, kind)
        wanted = ANSWERED_BY.get(kind, kind), about
        answer = next(each for each in among if (each.kind, each.about) == wanted)
        template = chosen(self._one(self.wordings[kind]), self._one)
        question = template.format(**words)
        return Asked(self._said(question, kind), kind, answer, among)

    def _about(self, findings: Findings, kind: str) -> tuple[tuple[Any, ...], dict[str, str]]:
        """What is asked about, and the words for it."""
        if kind in OF_A_UNIT:
            return self._unit(findings, kind)
        if kind in OF_A_NUMBER:
            number = 1 + int(self.rng.integers(max(3, len(findings.expressions) + 1)))
            number = min(number, len(ORDINALS))
            return (number,), {"nth": ORDINALS[number - 1], "n": str(number)}
        if kind == "pair":
            return (), self._unit(findings, "pair")[1]
        if kind.endswith(("_first", "_last")):
            return (LAST if kind.endswith("last") else 1,), {}
        side = self._one(("left", "right"))
        if kind in ("raised", "raised_on"):
            return ("raised brow", side)[: 1 + (kind == "raised_on")], {"side": side}
        if kind == "region":
            region = self._one(tuple(REGIONS))
            return (region,), {"region": self._one(REGIONS[region])}
        if kind == "region_on":
            region = self._one(tuple(SIDED_REGIONS))
            return (region, side), {"region": self._one(SIDED_REGIONS[region]), "side": side}
        return (), {}

    def _unit(self, findings: Findings, kind: str) -> tuple[tuple[Any, ...], dict[str, str]]:
        moved = [unit.code for unit in findings.whole.active]
        codes = [code for code in findings.units if kind != "moved_on" or len(ACTION_UNITS[code].sites) == 2]
        if self.rng.random() < 0.1:
            codes = [code for code in CLAUSES if code not in findings.units]
        elif moved and self.rng.random() < MOVED_SHARE:
            codes = [code for code in codes if code in moved] or codes
        code, side = self._one(codes), self._one(("left", "right"))
        other = self._one([each for each in findings.units if each != code])
        words = {"unit": self._one(unit_nouns(code)), "clause": self._one(CLAUSES[code]), "side": side}
        words |= {"name": unit_name(code), "other": self._one(unit_nouns(other))}
        return (code, side) if kind == "moved_on" else (code,), words

    def _said(self, question: str, kind: str) -> str:
        """With small talk and small letters, as people type."""
        question = question.replace("the the ", "the ").replace("any the ", "any ")
        for side in ("left", "right"):
            question = question.replace(f"the {side} the ", f"the {side} ")
        if kind in NOT_ANSWERED or self.tried:
            return question
        question = self._one(POLITE).format(question)
        if self.rng.random() < 0.25:
            question = question.lower()
        return question.rstrip("?.") if self.rng.random() < 0.15 else question

    def _one(self, many: Sequence[str]) -> str:
        return many[int(self.rng.integers(len(many)))]


def draw_findings(
    rng: np.random.Generator, expressions: Sequence[Expression], units: Sequence[str], most: int = 5
) -> Findings:
    """Findings of a clip, or of a recording with some of the expressions one after the other.

    Args:
        rng: Source of the draws.
        expressions: To draw from, without times.
        units: Codes of all units that were looked for.
        most: Expressions of a recording.
    """
    if rng.random() < 0.5:
        return Findings([expressions[int(rng.integers(len(expressions)))]], False, units, _limits(rng))
    count, at = int(rng.integers(most + 1)), 0.0
    found: list[Expression] = []
    while len(found) < count:
        drawn = expressions[int(rng.integers(len(expressions)))]
        if drawn.active:
            onset = at + rng.uniform(0.1, 4)
            offset = onset + (rng.uniform(0.15, 0.5) if rng.random() < 0.6 else rng.uniform(0.55, 3))
            found.append(Expression(drawn.units, onset, rng.uniform(onset, offset), offset))
            at = offset
    return Findings(found, True, units, _limits(rng))


def _limits(rng: np.random.Generator) -> str:
    return "this recording is limited: its compression hides small movements" if rng.random() < 0.3 else ""
