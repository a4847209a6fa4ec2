"""What `training.question_scores` has found, as Markdown."""

from collections.abc import Mapping
from typing import Any

COLUMNS = ("questions", "right", "allowed", "blind", "understood", "declined", "cannot tell", "unit F1")
NOTE = (
    "*right*: says what was coded (sets exact; spans by an IoU of 0.5; lengths within 0.1 s). *allowed*: what a reader "
    "without a fault would have made of the same logits and events. *blind*: the same questions answered of another "
    "clip. *understood*: taken for what was asked, and about what was asked. *declined*: answered by one of the three "
    "sentences that say that it is not answered. *cannot tell*: answered so. Wordings are those that nobody learned "
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
        lines.append("")
    lines += [
        f"Sentences that could have been said of these clips: {record['sentences']}; that contradict a logit: "
        f"{record['contradictions']}.", *_faithful(record["faithfulness"]), "", "## Samples, drawn by the seed", "",
    ]  # fmt: skip
    for sample in record["samples"]:
        mark = "right" if sample["right"] else "wrong"
        lines.append(f"- *{sample['question']}* {sample['answer']} ({mark}; true: {sample['true']})")
    return "\n".join(lines) + "\n"


def _faithful(changes: Mapping[str, Any]) -> list[str]:
    what = {"still": "the movement is taken out", "mirrored": "the face is mirrored"}
    return [
        f"Answers about a unit or its side that change as they must when {what[change]}: {row['changed']:.2f} of "
        f"{row['answers']}."
        for change, row in changes.items()
    ]


def _cell(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.2f}"
