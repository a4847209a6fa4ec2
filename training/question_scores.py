"""How well a checkpoint answers, in wordings that it has not learned from, about people that it has never seen.

Beside every share of right answers stand what the logits and events themselves allow (a reader that takes no question
for another) and the blind baseline: the same questions, answered of another clip or recording.

    python -m training.question_scores --checkpoint CHECKPOINT --output FOLDER
"""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from modeling_aullm.output_files import write_whole
from modeling_aullm.statements import statements
from training.errors import InputError, run_command
from training.events.checkpoint import open_checkpoint
from training.json_files import write_json
from training.options import option, parse_options
from training.questions.asked import NOT_ANSWERED, QuestionDraw
from training.questions.faithfulness import faithfulness, follow
from training.questions.looking import Seen, look_at_clips, look_at_recordings, looking
from training.questions.scoring import Scored, ask_about, contradictions, table
from training.report.questions import questions_markdown

OF_TIME = (
    "count", "count_micro", "count_longer", "any", "time", "time_first", "time_last", "type", "type_first", "length",
    "length_first", "length_last", "type_last", "units_of", "units_last", "when_unit",
)  # fmt: skip
OF_CLIPS = (
    "units", "number", "strongest", "where", "emotion", "emotion_class", "describe", "moved", "rested", "still", "sure",
    "intensity", "why", "side", "moved_on", "region", "region_on", "raised", "raised_on", "pair", "recording",
)  # fmt: skip
SAMPLES = 40


@dataclass
class QuestionOptions:
    """Which checkpoint is asked, and how much."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint with an adapter for answers."})
    output: str = field(metadata={"help": "New folder for questions.json, questions.md and answers.jsonl."})
    data: str = option("synthetic:B", "Labelled clips: synthetic data, a folder or a Hub id.")
    clips: int = option(200, "Clips that are asked about, drawn from the data.")
    recordings: int = option(24, "Recordings drawn to be asked about; 0 for none.")
    seconds: float = option(20.0, "Length of each.")
    seed: int = option(1, "Seed of people, clips and questions.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new folder")
        for name, least in (("clips", 2), ("recordings", 0)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be at least {least}, got {getattr(self, name)}")


def ask_all(seen: Sequence[Seen], kinds: Sequence[str], rng: np.random.Generator, name: str) -> list[Scored]:
    """Ask a question of every kind about each; blind is who is asked about the next one instead."""
    draw, scored = QuestionDraw(rng, tried=True), []
    for row, (true, asking) in enumerate(tqdm(seen, desc=name, unit="face", dynamic_ncols=True)):
        other = seen[(row + 1 + int(rng.integers(max(1, len(seen) - 1)))) % len(seen)][1]
        scored += ask_about(draw, kinds, true, asking, other)
    return scored


def main() -> None:
    """Ask, score, and write the figures and some samples."""
    (options,) = parse_options(QuestionOptions, description=__doc__)
    model, processor = open_checkpoint(options.checkpoint)
    if not model.config.answer_rank:
        raise InputError(f"{options.checkpoint} answers no questions; python -m training.answers gives it the words")
    rng, folder = np.random.default_rng(options.seed), Path(options.output)
    clips = look_at_clips(model, processor, options.data, options.clips, options.seed)
    scored = {"clips": ask_all(clips, (*OF_CLIPS, *NOT_ANSWERED), rng, "clips, asked")}
    folder.mkdir(parents=True)
    _write_answers(folder / "answers.jsonl", scored)
    if options.recordings:
        drawn = look_at_recordings(model, processor, options.recordings, options.seconds, options.seed)
        scored["recordings"] = ask_all(drawn, OF_TIME, rng, "recordings, asked")
        _write_answers(folder / "answers.jsonl", scored)
    followed = follow(looking(model, processor), [asking.clips[0] for _, asking in clips])
    said = [(each.text, asking.findings) for _, asking in clips for each in statements(asking.findings)]
    wrong = [text for text, findings in said if contradictions(text, findings)]
    every = [each for those in scored.values() for each in those]
    record = {
        "command": shlex.join(["python", "-m", "training.question_scores", *sys.argv[1:]]),
        "tables": {name: table(those) for name, those in scored.items()},
        "sentences": len(said),
        "contradictions": len(wrong),
        "faithfulness": faithfulness(followed),
        "samples": [every[int(row)].row() for row in rng.permutation(len(every))[:SAMPLES]],
    }
    write_json(folder / "questions.json", record)
    text = questions_markdown(record)
    write_whole(folder / "questions.md", lambda path: path.write_text(text, encoding="utf-8"))
    sys.stdout.write(text)


def _write_answers(path: Path, scored: Mapping[str, Sequence[Scored]]) -> None:
    """Every answer, a line each: what took long is kept before anything is counted."""
    lines = [json.dumps({"of": name} | each.row()) + "\n" for name, those in scored.items() for each in those]
    write_whole(path, lambda temporary: temporary.write_text("".join(lines), encoding="utf-8"))


if __name__ == "__main__":
    run_command(main)
