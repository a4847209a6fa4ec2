"""Train one model: `python -m training.train --data synthetic:A --test synthetic:B --output RUN`."""

import json
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from transformers import HfArgumentParser, set_seed

from modeling_aullm import AULLMConfig, AULLMForAUDetection, AULLMProcessor
from training.data import Clip, ClipDataset, clips_in_memory, load_data, split_by_subject
from training.metrics import choose_thresholds, score
from training.trainer import AULLMTrainer, positive_weights, training_arguments


@dataclass
class Options:
    """Options of a training run."""

    output: str = field(metadata={"help": "Folder of the run: checkpoint, metrics, provenance."})
    data: str = field(default="synthetic:A", metadata={"help": "Dataset to train on, split by subject."})
    test: str = field(default="synthetic:B", metadata={"help": "Dataset of the other domain, for testing alone."})
    model: str = field(default="", metadata={"help": "Checkpoint to go on from; default: start from the LLM."})
    subjects: int = field(default=400, metadata={"help": "Subjects of a synthetic training domain."})
    clips_per_subject: int = field(default=20, metadata={"help": "Clips of each synthetic subject."})
    test_subjects: int = field(default=40, metadata={"help": "Subjects of a synthetic test domain."})
    seed: int = field(default=1, metadata={"help": "Seed of corpus, split, initial weights and order."})
    epochs: float = field(default=10.0, metadata={"help": "Passes over the training clips."})
    max_steps: int = field(default=-1, metadata={"help": "Optimiser steps, instead of epochs."})
    batch_size: int = field(default=128, metadata={"help": "Clips a step."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Of encoder, evidence, structure and head."})
    lora_learning_rate: float = field(default=5e-4, metadata={"help": "Of LoRA."})
    led_learning_rate: float = field(default=1e-2, metadata={"help": "Of LED's three values."})
    weight_decay: float = field(default=0.05, metadata={"help": "AdamW's weight decay."})
    dropout: float = field(default=0.3, metadata={"help": "Dropout of encoder and evidence."})
    workers: int = field(default=2, metadata={"help": "Processes that prepare batches."})
    bf16: bool = field(default=False, metadata={"help": "Mixed precision in bfloat16 (GPU)."})


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
    shares = {"train": 0.85, "validation": 0.075, "unseen_subjects": 0.075}
    parts = split_by_subject(data, shares, options.seed)
    parts["other_domain"] = load_data(
        options.test, subjects=options.test_subjects, clips_per_subject=options.clips_per_subject, seed=options.seed
    )
    config = model.config
    return {name: clips_in_memory(part, config.action_units, config.image_size) for name, part in parts.items()}


def make_trainer(options: Options, model: AULLMForAUDetection, train: list[Clip]) -> AULLMTrainer:
    """The trainer for a run."""
    arguments = training_arguments(
        output_dir=str(Path(options.output) / "trainer"),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=2 * options.batch_size,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        bf16=options.bf16,
        dataloader_num_workers=options.workers,
        dataloader_persistent_workers=options.workers > 0,
        logging_steps=50,
        save_strategy="no",
        seed=options.seed,
    )
    labels = torch.from_numpy(np.stack([clip.labels for clip in train]))
    return AULLMTrainer(
        model=model,
        args=arguments,
        train_dataset=ClipDataset(train, model.config.num_frames, training=True),
        positive_weight=positive_weights(labels),
        led_learning_rate=options.led_learning_rate,
        lora_learning_rate=options.lora_learning_rate,
    )


def evaluate(trainer: AULLMTrainer, parts: dict[str, list[Clip]], model: AULLMForAUDetection) -> tuple[list[float], dict]:
    """Thresholds from the validation subjects, and every part's figures with them."""
    probabilities, labels = {}, {}
    for name, clips in parts.items():
        if name != "train":
            found = trainer.predict(ClipDataset(clips, model.config.num_frames))
            probabilities[name] = torch.from_numpy(found.predictions).float().sigmoid().numpy()
            labels[name] = found.label_ids
    thresholds = choose_thresholds(labels["validation"], probabilities["validation"])
    units = list(model.config.action_units)
    return thresholds, {name: score(labels[name], probabilities[name], units, thresholds) for name in probabilities}


def main() -> None:
    """Train, choose thresholds on validation subjects, score, and write the run's folder."""
    (options,) = HfArgumentParser(Options).parse_args_into_dataclasses()
    start = time.time()
    set_seed(options.seed)
    model = build_model(options)
    parts = load_parts(options, model)
    trainer = make_trainer(options, model, parts["train"])
    trainer.train()
    thresholds, scores = evaluate(trainer, parts, model)
    folder = Path(options.output)
    model.save_pretrained(folder / "checkpoint")
    AULLMProcessor(action_units=list(model.config.action_units), thresholds=thresholds).save_pretrained(
        folder / "checkpoint"
    )
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "CPU"
    record = {
        "command": "python -m training.train " + " ".join(sys.argv[1:]),
        "options": vars(options),
        "device": device,
        "minutes": round((time.time() - start) / 60, 1),
        "clips": {name: len(clips) for name, clips in parts.items()},
        "thresholds": dict(zip(model.config.action_units, thresholds, strict=True)),
        "scores": scores,
    }
    (folder / "metrics.json").write_text(json.dumps(record, indent=2) + "\n")
    for name, table in scores.items():
        sys.stdout.write(f"{name}: {json.dumps(table['mean'])}\n")


if __name__ == "__main__":
    main()
