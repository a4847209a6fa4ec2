"""What `training.question_scores` has found, as Markdown."""

from collections.abc import Mapping
from typing import Any

from training.questions.asked import NOT_ANSWERED

COLUMNS = ("questions", "right", "allowed", "blind", "understood", "declined", "cannot tell", "unit F1")
NOTE = (
    "*right*: says what was coded (sets exact; spans by an IoU of 0.5; lengths within 0.1 s). *allowed*: what a reader "
    "without a fault would have made of the same logits and events. *blind*: the same questions answered of another "
    "clip. *understood*: taken for what was asked, and about what was asked. *declined*: answered by one of the three "
    "sentences that say that it is not answered. *cannot tell*: answered so. *unit F1*: of the set of units named "
    "against the set coded, a mean over questions, 1 where both are empty. Wordings are those that nobody learned "
    "from. Questions nobody has coded an answer to have no right one."
)


def questions_markdown(record: Mapping[str, Any]) -> str:
    """Tables by kind of question, and the samples.

    Args:
        record: As `questions.json` has it.
    """
    lines = [f"    {record['command']}", "", NOTE, ""]
    for name, rows in record["tables"].items():
        lines += [f"## {name.capitalize()}", "", f"| kind | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
        lines += [
            f"| {kind} | {' | '.join(_cell(row.get(column)) for column in COLUMNS)} |" for kind, row in rows.items()
        ]
        lines += ["", in_all(rows), ""]
    lines += [
        f"Sentences that could have been said of these clips: {record['sentences']}; that contradict a logit: "
        f"{record['contradictions']}.", *_faithful(record["faithfulness"]), "", "## Samples, drawn by the seed", "",
    ]  # fmt: skip
    for sample in record["samples"]:
        mark = "right" if sample["right"] else "wrong"
        lines.append(f"- *{sample['question']}* {sample['answer']} ({mark}; true: {sample['true']})")
    return "\n".join(lines) + "\n"


def in_all(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The shares over all questions of a table, in a line.

    Args:
        rows: By kind of question.
    """

    def mean(name: str, kinds: Mapping[str, Mapping[str, Any]]) -> str:
        return f"{sum(row[name] * row['questions'] for row in kinds.values()) / _count(kinds):.3f}"

    closed = {kind: row for kind, row in rows.items() if row["right"] is not None and kind not in NOT_ANSWERED}
    declining = {kind: row for kind, row in rows.items() if kind in NOT_ANSWERED and "declined" in row}
    shares = ", ".join(f"{name} {mean(name, closed)}" for name in ("right", "allowed", "blind"))
    line = (
        f"In all: {_count(closed)} closed questions, {shares}; understood, open ones too: {mean('understood', rows)}."
    )
    return f"{line} Not to be answered: declined {mean('declined', declining)}." if declining else line


def _count(rows: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(row["questions"] for row in rows.values())


def _faithful(changes: Mapping[str, Any]) -> list[str]:
    what = {"still": "the movement is taken out", "mirrored": "the face is mirrored"}
    return [
        f"Answers about a unit or its side that change as they must when {what[change]}: {row['changed']:.2f} of "
        f"{row['answers']}."
        for change, row in changes.items()
    ]


def _cell(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.2f}"
