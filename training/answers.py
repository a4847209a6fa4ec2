"""Give a checkpoint that detects units the words to be asked about them: sides, intensities, and answers.

The clips' part of the checkpoint stays as it is, bit for bit: a side head is fitted to the motion of the units'
regions, and a LoRA of its own (PEFT's adapter `answers`) learns from questions drawn about labelled clips which of all
true sentences answers each. What a checkpoint has of both already goes on learning.

    python -m training.answers --checkpoint CHECKPOINT --output FOLDER
"""

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from modeling_aullm import AULLMConfig, AULLMForAUDetection
from modeling_aullm.asking import question_words
from modeling_aullm.lean_checkpoint import without_load_report
from training.data.clips import load_clips
from training.errors import InputError, run_command
from training.events.checkpoint import open_checkpoint
from training.json_files import read_json, write_json
from training.options import DataOptions, option, parse_options
from training.questions.answer_fit import fit_answers
from training.questions.labelled import labelled_expression
from training.questions.side_fit import fit_sides, read_clips


@dataclass
class AnswerOptions:
    """What is learned from, and where the checkpoint is written."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint that detects units."})
    output: str = field(metadata={"help": "New folder of the checkpoint."})
    data: str = option("synthetic:A", "Labelled clips: synthetic data, a folder or a Hub id; `au_codes` tell sides.")
    subjects: int = option(600, "People of synthetic data.")
    clips_per_subject: int = option(8, "Clips of each.")
    data_seed: int = option(5, "Seed of synthetic people and clips.")
    rank: int = option(8, "Rank of the LoRA for answers.")
    steps: int = option(400, "Steps of the LoRA for answers.")
    batch_size: int = option(24, "Questions a step.")
    side_epochs: int = option(30, "Times that the side head sees every clip.")
    seed: int = option(1, "Seed of initial weights, order and questions.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new folder")
        for name in ("subjects", "clips_per_subject", "rank", "steps", "batch_size", "side_epochs"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")


def with_answers(model: AULLMForAUDetection, rank: int) -> AULLMForAUDetection:
    """The same model with a side head and an adapter for answers: those that it has, or new ones.

    Raises:
        InputError: If its LLM has no LoRA, or no head tied to its words, or an adapter for answers of another rank.
    """
    settings: Any = model.config.to_dict()
    if settings["answer_rank"] not in (0, rank):
        raise InputError(f"the checkpoint's adapter for answers is of rank {settings['answer_rank']}; give that --rank")
    if not settings["lora_rank"] or not settings["text_config"].get("tie_word_embeddings"):
        raise InputError("the checkpoint's LLM has no LoRA, or words of its own for what it says: it cannot answer")
    config = AULLMConfig.from_dict(settings | {"side_head": True, "answer_rank": rank})
    with without_load_report():
        return AULLMForAUDetection.from_pretrained(
            None, config=config, state_dict=model.state_dict(), dtype=model.llm.dtype
        ).eval()


def main() -> None:
    """Read the clips, fit both parts, and write the checkpoint whole or not at all."""
    (options,) = parse_options(AnswerOptions, description=__doc__)
    started = time.monotonic()
    model, processor = open_checkpoint(options.checkpoint)
    torch.manual_seed(options.seed)
    model = with_answers(model, options.rank)
    units = list(model.config.action_units)
    drawn = DataOptions(
        max_subjects=options.subjects, clips_per_subject=options.clips_per_subject, data_seed=options.data_seed
    )
    which = drawn if options.data.startswith("synthetic:") else DataOptions(ignore_other_units=True)
    clips = load_clips(options.data, which, units, num_proc=os.cpu_count() or 1).clips
    tokens, regions = read_clips(model, clips, options.data)
    coded = fit_sides(model, clips, regions, epochs=options.side_epochs, seed=options.seed)
    expressions = [labelled_expression(clip, units) for clip in clips]
    loss = fit_answers(
        model,
        question_words(model),
        expressions,
        tokens,
        steps=options.steps,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    own = {name: Path(getattr(options, name)).name for name in ("checkpoint", "output")}
    before = Path(options.checkpoint, "answers.json")
    record = {
        "options": vars(options) | own,
        "goes on from": read_json(before) if before.is_file() else None,
        "clips": len(clips),
        "units with a coded side": coded,
        "loss": round(loss, 4),
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    part = Path(f"{options.output}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.cpu().save_pretrained(part)
    processor.save_pretrained(part)
    write_json(part / "answers.json", record)
    part.rename(options.output)


if __name__ == "__main__":
    run_command(main)
