"""Question-answer pairs about labelled clips: `python -m training.questions --data DATA --output PAIRS.jsonl`.

A JSON object a line: `dataset`, `subject`, `clip_id`, `kind` of the wording, `question`, `answer`, and `value`, the
same for machines. Every answer is true of what was coded; some questions are not to be answered, and are answered so.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modeling_aullm.facs import AU_SETS
from modeling_aullm.findings import Findings
from modeling_aullm.output_files import write_whole
from training.data.clips import load_clips
from training.errors import InputError, run_command
from training.options import DataOptions, option, parse_options
from training.questions.asked import QuestionDraw
from training.questions.labelled import labelled_expression


@dataclass
class PairOptions:
    """What is asked about, and how often."""

    data: str = field(metadata={"help": "Labelled clips: synthetic data, a folder or a Hub id."})
    output: str = field(metadata={"help": "New file."})
    questions: int = option(10, "Questions a clip.")
    tried: bool = option(False, "Take the wordings that nobody learns from.")
    seed: int = option(1, "Seed of the questions.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new file")
        if self.questions < 1:
            raise InputError(f"--questions must be at least 1, got {self.questions}")


def main() -> None:
    """Draw the pairs, and write them whole or not at all."""
    options, data = parse_options(PairOptions, DataOptions, description=__doc__)
    units = data.action_units or list(AU_SETS["cd6me"])
    draw = QuestionDraw(np.random.default_rng(options.seed), tried=options.tried)
    lines = []
    for clip in load_clips(options.data, data, units).clips:
        findings = Findings([labelled_expression(clip, units)], False, units)
        about = {"dataset": clip.dataset, "subject": clip.subject, "clip_id": clip.clip_id}
        for asked in (draw.ask(findings) for _ in range(options.questions)):
            told = {"kind": asked.kind, "question": asked.question, "answer": asked.answer.text}
            lines.append(json.dumps(about | told | {"value": asked.answer.value}, ensure_ascii=False))
    text = "\n".join(lines) + "\n"
    write_whole(Path(options.output), lambda path: path.write_text(text, encoding="utf-8"))
    sys.stdout.write(f"{len(lines)} questions about {len(lines) // options.questions} clips: {options.output}\n")


if __name__ == "__main__":
    run_command(main)
