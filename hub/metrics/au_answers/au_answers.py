"""Answers to questions about action units as a metric of the library `evaluate`; it needs nothing but this file."""

import re
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

_DESCRIPTION = """
Answers to questions about facial action units, by kind of question: the share that is right to the letter, the share
that has the same words in any order, the F1 of the units named, the share that says it cannot tell, and the share
right of a blind baseline, whose answers are of another clip's evidence.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions: An answer a question.
    references: The right one of each.
    kinds: Kind of each question, such as "units" or "moved". Default: all of one kind, "all".
    blind: The same questions answered of another clip; without them, what is blind is None.

Returns:
    accuracy: Share of answers equal to their references; small letters, spaces and final dots do not count.
    set_accuracy: Share with the same words in any order, brackets and `and` left out.
    unit_f1: Mean F1 of the units named; 1 where none is and none should be. None if no reference names any.
    cannot_tell: Share of answers that say so.
    blind_accuracy: As set_accuracy, of `blind`.
    above_blind: set_accuracy less blind_accuracy.
    by_kind: The same of each kind, with `questions`, how many there are.

Examples:
    >>> au_answers = evaluate.load("hub/metrics/au_answers")
    >>> result = au_answers.compute(
    ...     predictions=["What moved: AU6 and AU12.", "Yes. AU4 moved."],
    ...     references=["What moved: AU12 and AU6.", "No. AU4 did not move."],
    ...     kinds=["units", "moved"],
    ... )
    >>> result["accuracy"], result["set_accuracy"], result["by_kind"]["units"]["unit_f1"]
    (0.0, 0.5, 1.0)
"""

_CITATION = ""
_UNIT = re.compile(r"\bAU ?(\d{1,2})\b", re.IGNORECASE)
_CANNOT_TELL = re.compile(r"\bcannot (be told|tell)\b", re.IGNORECASE)
_WORD = re.compile(r"[\w.]*\w")
_BRACKETS = re.compile(r"\([^)]*\)")


def au_answers(
    predictions: Sequence[str], references: Sequence[str], kinds: Sequence[str], blind: Sequence[str] | None
) -> dict[str, Any]:
    """All figures, as the metric's description says.

    Args:
        predictions: An answer a question.
        references: The right one of each.
        kinds: Of each question.
        blind: Answers of another clip's evidence.
    """
    result = _figures(predictions, references, blind)
    result["by_kind"] = {}
    for kind in dict.fromkeys(kinds):
        rows = [row for row, each in enumerate(kinds) if each == kind]
        picked: list[Any] = [None if each is None else [each[row] for row in rows] for each in
                             (predictions, references, blind)]  # fmt: skip
        result["by_kind"][kind] = {"questions": len(rows)} | _figures(*picked)
    return result


def _figures(predictions: Sequence[str], references: Sequence[str], blind: Sequence[str] | None) -> dict[str, Any]:
    pairs = list(zip(predictions, references, strict=True))
    named = [(_units(said), _units(true)) for said, true in pairs if _units(true) or _units(said)]
    same = _mean([_meaning(said) == _meaning(true) for said, true in pairs])
    unseen = (
        None if blind is None else _mean([_meaning(s) == _meaning(t) for s, t in zip(blind, references, strict=True)])
    )
    return {
        "accuracy": _mean([_plain(said) == _plain(true) for said, true in pairs]),
        "set_accuracy": same,
        "unit_f1": _mean([2 * len(s & t) / (len(s) + len(t)) for s, t in named]) if named else None,
        "cannot_tell": _mean([bool(_CANNOT_TELL.search(said)) for said, _ in pairs]),
        "blind_accuracy": unseen,
        "above_blind": None if unseen is None else same - unseen,
    }


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values))


def _plain(answer: str) -> str:
    return " ".join(answer.lower().split()).rstrip(".")


def _units(answer: str) -> frozenset[str]:
    return frozenset(f"AU{number}" for number in _UNIT.findall(answer))


def _meaning(answer: str) -> frozenset[str]:
    """Its words in any order, without joining ones and what stands in brackets."""
    return frozenset(_WORD.findall(_BRACKETS.sub("", answer.lower()))) - {"and"}


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class AuAnswers(evaluate.Metric):
    """Answers to questions about facial action units."""

    def _info(self) -> evaluate.MetricInfo:
        """What `evaluate` asks of a metric."""
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(
        self,
        predictions: Any,
        references: Any,
        kinds: Sequence[str] | None = None,
        blind: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """See the metric's description.

        Raises:
            ValueError: If there is no question, or `kinds` or `blind` are not one each.
        """
        questions = len(predictions)
        for name, given in (("kinds", kinds), ("blind", blind)):
            if given is not None and len(given) != questions:
                raise ValueError(f"{name} must be one for each of the {questions} questions, got {len(given)}")
        if not questions:
            raise ValueError("there is no question to be scored")
        return au_answers(predictions, references, list(kinds or ["all"] * questions), blind)
