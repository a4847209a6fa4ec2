"""Question-answer pairs about labelled data: `python -m training.questions --data DATA --output PAIRS.jsonl`.

Clips are asked about as ME-VQA does, recordings as ME-LVQA: how many, of which kind, when, which units. A JSON object a
line: `dataset`, `subject`, `clip_id` or `recording_id`, `kind` of the wording, `question`, `answer`, and `value`, the
same for machines. Every answer is true of what was coded; some questions are not to be answered, and are answered so.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modeling_aullm.facs import AU_SETS
from modeling_aullm.findings import Findings
from modeling_aullm.output_files import write_whole
from training.data.clips import load_clips, open_dataset
from training.errors import InputError, run_command
from training.options import DataOptions, option, parse_options
from training.questions.asked import QuestionDraw
from training.questions.labelled import labelled_expression, labelled_recording

PEOPLE = "dataset", "subject"


@dataclass
class PairOptions:
    """What is asked about, and how often."""

    data: str = field(metadata={"help": "Labelled clips or recordings: synthetic data, a folder or a Hub id."})
    output: str = field(metadata={"help": "New file."})
    questions: int = option(10, "Questions about each.")
    tried: bool = option(False, "Take the wordings that nobody learns from.")
    seed: int = option(1, "Seed of the questions.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new file")
        if self.questions < 1:
            raise InputError(f"--questions must be at least 1, got {self.questions}")


def labelled(name: str, options: DataOptions, units: Sequence[str]) -> Iterator[tuple[dict[str, str], Findings]]:
    """Names and labels of each clip of a dataset, or of each recording whose events were looked for.

    Args:
        name: Synthetic data, a folder or a Hub id.
        options: Which of its clips.
        units: To be asked about.

    Raises:
        InputError: If it cannot be used.
    """
    if not name.startswith("synthetic:") and "events" in (rows := open_dataset(name)).column_names:
        for row in rows.select_columns([*PEOPLE, "recording_id", "fps", "frame_numbers", "events"]):
            if row["events"] is not None:
                yield {column: row[column] for column in (*PEOPLE, "recording_id")}, labelled_recording(row, units)
        return
    for clip in load_clips(name, options, units).clips:
        names = {"dataset": clip.dataset, "subject": clip.subject, "clip_id": clip.clip_id}
        yield names, Findings([labelled_expression(clip, units)], False, units)


def main() -> None:
    """Draw the pairs, and write them whole or not at all."""
    options, data = parse_options(PairOptions, DataOptions, description=__doc__)
    units = data.action_units or list(AU_SETS["cd6me"])
    draw, lines, asked_about = QuestionDraw(np.random.default_rng(options.seed), tried=options.tried), [], 0
    for about, findings in labelled(options.data, data, units):
        asked_about += 1
        for asked in (draw.ask(findings) for _ in range(options.questions)):
            told = {"kind": asked.kind, "question": asked.question, "answer": asked.answer.text}
            lines.append(json.dumps(about | told | {"value": asked.answer.value}, ensure_ascii=False))
    text = "\n".join(lines) + "\n"
    write_whole(Path(options.output), lambda path: path.write_text(text, encoding="utf-8"))
    sys.stdout.write(f"{len(lines)} questions about {asked_about} clips or recordings: {options.output}\n")


if __name__ == "__main__":
    run_command(main)
