"""How well a checkpoint answers, in wordings that it has not learned from, about people that it has never seen.

Beside every share of right answers stand what the logits and events themselves allow (a reader that takes no question
for another) and the blind baseline: the same questions, answered of another clip or recording.

    python -m training.question_scores --checkpoint CHECKPOINT --output FOLDER
"""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from modeling_aullm.asking import Asking, question_words
from modeling_aullm.findings import Expression, Findings, UnitFinding, of_events, of_units
from modeling_aullm.output_files import write_whole
from modeling_aullm.statements import statements
from modeling_aullm.stretch_reading import read_stretch
from training.data.clips import load_clips
from training.errors import InputError, run_command
from training.events.checkpoint import open_checkpoint
from training.events.finding import in_full
from training.events.motion_records import MotionRecord, drawn_records
from training.json_files import write_json
from training.learning.augmentation import ClipDataset
from training.options import DataOptions, option, parse_options
from training.questions.asked import NOT_ANSWERED, QuestionDraw
from training.questions.labelled import labelled_expression
from training.questions.scoring import Scored, ask_about, contradictions, table
from training.report.questions import questions_markdown

OF_TIME = (
    "count", "count_micro", "count_longer", "any", "time", "time_first", "time_last", "type", "type_first", "length",
    "length_first", "units_of", "when_unit",
)  # fmt: skip
OF_CLIPS = (
    "units", "number", "strongest", "where", "emotion", "emotion_class", "describe", "moved", "sure", "intensity",
    "why", "side", "moved_on", "region", "region_on", "raised", "raised_on", "pair", "recording",
)  # fmt: skip
SAMPLES = 40
Seen = tuple[Findings, Asking]


@dataclass
class QuestionOptions:
    """Which checkpoint is asked, and how much."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint with an adapter for answers."})
    output: str = field(metadata={"help": "New folder for questions.json and questions.md."})
    data: str = option("synthetic:B", "Labelled clips: synthetic data, a folder or a Hub id.")
    subjects: int = option(50, "People of synthetic clips.")
    clips_per_subject: int = option(4, "Clips of each.")
    recordings: int = option(24, "Recordings drawn to be asked about; 0 for none.")
    seconds: float = option(20.0, "Length of each.")
    seed: int = option(1, "Seed of people, clips and questions.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new folder")
        for name, least in (("subjects", 1), ("clips_per_subject", 2), ("recordings", 0)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be at least {least}, got {getattr(self, name)}")


def look_at_clips(model: Any, processor: Any, options: QuestionOptions) -> list[Seen]:
    """What was coded of each clip, and the model with what it found."""
    drawn = DataOptions(
        max_subjects=options.subjects, clips_per_subject=options.clips_per_subject, data_seed=1000 + options.seed
    )
    which = drawn if options.data.startswith("synthetic:") else DataOptions(ignore_other_units=True)
    units, words = list(processor.action_units), question_words(model)
    clips = load_clips(options.data, which, units, num_proc=os.cpu_count() or 1).clips
    sampled, thresholds = (
        ClipDataset(clips, model.config.num_frames),
        dict(zip(units, processor.thresholds, strict=True)),
    )
    seen = []
    for row, clip in enumerate(tqdm(clips, desc=f"{options.data}, read", unit="clip", dynamic_ncols=True)):
        frames = sampled[row]["pixel_values"]
        with torch.inference_mode():
            output = model(pixel_values=frames[None])
        (decided,) = processor.post_process_action_units(output)
        found = Findings([of_units(decided, thresholds)], False, units)
        true = Findings([labelled_expression(clip, units)], False, units)
        seen.append((true, Asking(model, found, [frames], words)))
    return seen


def look_at_recordings(model: Any, processor: Any, options: QuestionOptions) -> list[Seen]:
    """The same of recordings that are drawn."""
    first = 200_000  # far behind the people of training, validation and spotting
    records = drawn_records(
        "B", range(first, first + options.recordings), seconds=options.seconds, seed=options.seed, num_proc=2,
        with_crops=True,
    )  # fmt: skip
    words, units = question_words(model), list(processor.action_units)
    limits = dict.fromkeys(units, processor.sensitivity("normal")["unit_probability"])
    seen = []
    for record in tqdm(records, desc="recordings, read", unit="recording", dynamic_ncols=True):
        stretch = in_full(record)
        reading = read_stretch(model, stretch)
        events = processor.post_process_events(reading, stretch)
        clips = {proposal.onset: torch.from_numpy(proposal.pixel_values) for proposal in reading.proposals}
        asking = Asking(model, of_events(events, limits), [clips[event["onset_time"]] for event in events], words)
        seen.append((_coded(record, units), asking))
    return seen


def _coded(record: MotionRecord, units: list[str]) -> Findings:
    """The events that were drawn."""
    expressions = [
        Expression({code: UnitFinding(code, float(code in event.units), 0.5) for code in units},
                   event.onset, event.apex, event.offset)
        for event in sorted(record.events, key=lambda event: event.onset)
    ]  # fmt: skip
    return Findings(expressions, True, units)


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
    rng = np.random.default_rng(options.seed)
    clips = look_at_clips(model, processor, options)
    scored = {"clips": ask_all(clips, (*OF_CLIPS, *NOT_ANSWERED), rng, "clips, asked")}
    if options.recordings:
        scored["recordings"] = ask_all(look_at_recordings(model, processor, options), OF_TIME, rng, "recordings, asked")
    said = [(each.text, asking.findings) for _, asking in clips for each in statements(asking.findings)]
    wrong = [text for text, findings in said if contradictions(text, findings)]
    samples = rng.permutation(len(scored["clips"]))[:SAMPLES]
    record = {
        "command": shlex.join(["python", "-m", "training.question_scores", *sys.argv[1:]]),
        "tables": {name: table(those) for name, those in scored.items()},
        "sentences": len(said),
        "contradictions": len(wrong),
        "samples": [scored["clips"][int(row)].row() for row in samples],
    }
    folder = Path(options.output)
    folder.mkdir(parents=True)
    write_json(folder / "questions.json", record)
    text = questions_markdown(record)
    write_whole(folder / "questions.md", lambda path: path.write_text(text, encoding="utf-8"))
    sys.stdout.write(text)


if __name__ == "__main__":
    run_command(main)
