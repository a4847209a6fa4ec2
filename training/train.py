"""Train one model: `python -m training.train --data synthetic:A --test synthetic:B --output RUN`."""

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import HfArgumentParser, set_seed

from modeling_aullm import AULLMConfig, AULLMForAUDetection, AULLMProcessor
from training.card import write_card
from training.data import Clip, ClipDataset, clips_in_memory, load_data, split_by_subject
from training.metrics import choose_thresholds, score
from training.trainer import AULLMTrainer, TokenProbe, freeze_llm, positive_weights, training_arguments

NUM_FRAMES = 6  # as published


@dataclass
class Options:
    """Options of a training run."""

    output: str = field(metadata={"help": "Folder of the run: checkpoint, metrics, provenance."})
    data: str = field(default="synthetic:A", metadata={"help": "Dataset to train on, split by subject."})
    test: str = field(default="synthetic:B", metadata={"help": "Dataset of the other domain, for testing alone."})
    model: str = field(default="", metadata={"help": "Checkpoint to go on from; default: start from the LLM."})
    subjects: int = field(default=2000, metadata={"help": "Subjects of a synthetic training domain."})
    clips_per_subject: int = field(default=10, metadata={"help": "Clips of each synthetic subject."})
    test_subjects: int = field(default=100, metadata={"help": "Subjects of a synthetic test domain."})
    seed: int = field(default=1, metadata={"help": "Seed of corpus, split, initial weights and order."})
    evidence_steps: int = field(default=2000, metadata={"help": "Steps before the LLM joins."})
    max_steps: int = field(default=650, metadata={"help": "Steps of the whole model."})
    batch_size: int = field(default=64, metadata={"help": "Clips a step."})
    evidence_learning_rate: float = field(default=2e-3, metadata={"help": "Before the LLM joins."})
    learning_rate: float = field(default=7e-4, metadata={"help": "Of encoder, evidence, structure and head."})
    lora_learning_rate: float = field(default=7e-4, metadata={"help": "Of LoRA."})
    led_learning_rate: float = field(default=1e-2, metadata={"help": "Of LED's three values."})
    weight_decay: float = field(default=0.05, metadata={"help": "AdamW's weight decay."})
    dropout: float = field(default=0.2, metadata={"help": "Dropout of encoder and evidence."})
    workers: int = field(default=1, metadata={"help": "Processes that prepare batches."})
    bf16: bool = field(default=False, metadata={"help": "Mixed precision in bfloat16 (a GPU, or a CPU with AMX)."})


def build_model(options: Options) -> AULLMForAUDetection:
    """The model to train: a checkpoint, or AULLM++ on the pretrained LLM."""
    if options.model:
        return AULLMForAUDetection.from_pretrained(options.model)
    return AULLMForAUDetection.from_backbones(AULLMConfig(dropout=options.dropout))


def load_parts(options: Options, model: AULLMForAUDetection) -> dict[str, list[Clip]]:
    """Clips by part: train, validation, unseen subjects of the same domain, other domain."""
    data = load_data(
        options.data, subjects=options.subjects, clips_per_subject=options.clips_per_subject, seed=options.seed
    )
    shares = {"train": 0.9, "validation": 0.05, "unseen_subjects": 0.05}
    parts = split_by_subject(data, shares, options.seed)
    parts["other_domain"] = load_data(
        options.test, subjects=options.test_subjects, clips_per_subject=options.clips_per_subject, seed=options.seed
    )
    config = model.config
    return {name: clips_in_memory(part, config.action_units, config.image_size) for name, part in parts.items()}


def make_trainer(
    options: Options, model: AULLMForAUDetection | TokenProbe, clips: list[Clip], *, steps: int, learning_rate: float
) -> AULLMTrainer:
    """A trainer for one part of the run."""
    arguments = training_arguments(
        output_dir=str(Path(options.output) / "trainer"),
        max_steps=steps,
        per_device_train_batch_size=options.batch_size,
        learning_rate=learning_rate,
        weight_decay=options.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        bf16=options.bf16,
        use_cpu=not torch.cuda.is_available(),
        dataloader_num_workers=options.workers,
        dataloader_persistent_workers=options.workers > 0,
        logging_steps=50,
        save_strategy="no",
        seed=options.seed,
    )
    return AULLMTrainer(
        model=model,
        args=arguments,
        train_dataset=ClipDataset(clips, NUM_FRAMES, training=True),
        positive_weight=positive_weights(torch.from_numpy(np.stack([clip.labels for clip in clips]))),
        led_learning_rate=options.led_learning_rate,
        lora_learning_rate=options.lora_learning_rate,
    )


def train(options: Options, model: AULLMForAUDetection, clips: list[Clip]) -> None:
    """Train evidence and structure by a probe, then everything with the LLM."""
    if options.evidence_steps:
        probe = TokenProbe(model)
        make_trainer(
            options, probe, clips, steps=options.evidence_steps, learning_rate=options.evidence_learning_rate
        ).train()
    freeze_llm(model, torch.bfloat16 if options.bf16 else torch.float32)
    if options.max_steps:
        make_trainer(options, model, clips, steps=options.max_steps, learning_rate=options.learning_rate).train()


@torch.inference_mode()
def predict(model: AULLMForAUDetection, clips: list[Clip]) -> np.ndarray:
    """Probabilities, shape (clips, units), in single precision."""
    loader = torch.utils.data.DataLoader(ClipDataset(clips, NUM_FRAMES), batch_size=64)
    batches = tqdm(loader, desc="scoring", leave=False)
    return np.concatenate(
        [model(batch["pixel_values"].to(model.device)).logits.float().sigmoid().cpu().numpy() for batch in batches]
    )


def evaluate(model: AULLMForAUDetection, parts: dict[str, list[Clip]]) -> tuple[list[float], dict]:
    """Thresholds from the validation subjects, and every part's figures with them."""
    probabilities = {name: predict(model, clips) for name, clips in parts.items() if name != "train"}
    labels = {name: np.stack([clip.labels for clip in parts[name]]) for name in probabilities}
    thresholds = choose_thresholds(labels["validation"], probabilities["validation"])
    units = list(model.config.action_units)
    return thresholds, {name: score(labels[name], probabilities[name], units, thresholds) for name in probabilities}


def main() -> None:
    """Train, choose thresholds on validation subjects, score, and write the run's folder."""
    parser: Any = HfArgumentParser
    (options,) = parser(Options).parse_args_into_dataclasses()
    start = time.time()
    set_seed(options.seed)
    model = build_model(options)
    parts = load_parts(options, model)
    train(options, model, parts["train"])
    folder = Path(options.output) / "checkpoint"
    model.save_pretrained(folder)
    minutes = round((time.time() - start) / 60, 1)
    model = AULLMForAUDetection.from_pretrained(folder).to(model.device)
    thresholds, scores = evaluate(model, parts)
    AULLMProcessor(action_units=list(model.config.action_units), thresholds=thresholds).save_pretrained(folder)
    record = {
        "command": "python -m training.train " + " ".join(sys.argv[1:]),
        "options": vars(options),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores",
        "minutes": minutes,
        "clips": {name: len(clips) for name, clips in parts.items()},
        "thresholds": dict(zip(model.config.action_units, thresholds, strict=True)),
        "scores": scores,
    }
    (folder.parent / "metrics.json").write_text(json.dumps(record, indent=2) + "\n")
    write_card(folder.parent)
    for name, table in scores.items():
        sys.stdout.write(f"{name}: {json.dumps(table['mean'])}\n")


if __name__ == "__main__":
    main()
