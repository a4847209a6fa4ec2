"""Train one model on one fold, and predict the fold's other parts."""

import json
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import Subset
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback, TrainingArguments, set_seed
from transformers.integrations import is_tensorboard_available, is_trackio_available

from modeling_aullm import AULLMForAUDetection
from training.data.clips import Clip
from training.data.folds import Fold
from training.errors import InputError
from training.json_files import read_json
from training.learning.augmentation import ClipDataset
from training.learning.baselines import all_negative, prior
from training.learning.losses import positive_weights
from training.learning.models import align_head, build_model, frozen_llm, linear_reader
from training.learning.progress import RunProgress, ShowSteps
from training.learning.sentences import about_sentences
from training.learning.sharding import frozen_weights, launched_with_fsdp, make_shardable, make_whole, without_fsdp
from training.learning.synchronized_batch_norm import synchronize_batch_norm
from training.learning.trainer import AULLMTrainer
from training.options import Recipe
from training.rivals.modeling_rivals import RivalForAUDetection
from training.scoring.metrics import trainer_metrics

NUM_FRAMES = 6  # as published
ALIGNED = 2048  # clips by which the LLM's head is set to what the linear reader has learned; more gain little
BEST = "average_precision"  # needs no threshold, and unlike ROC AUC sees how few positives there are (own choice)


class Fitted(NamedTuple):
    """A trained model and what it says of the clips it did not learn from.

    Attributes:
        model: `None` for the predictors that are not trained.
        probabilities: Of `validation`, if there is any, and each test part, shape (clips, units), in the clips' order.
        history: What was logged, one dictionary each time, with its `phase`; what a killed training had logged, too.
    """

    model: nn.Module | None
    probabilities: dict[str, np.ndarray]
    history: list[dict[str, Any]]


def fit(
    recipe: Recipe,
    fold: Fold,
    action_units: Sequence[str],
    *,
    seed: int,
    work: Path,
    progress: RunProgress | None = None,
) -> Fitted:
    """Train on a fold. Runs in every process of Accelerate, and all get all probabilities.

    Everything random comes from `seed`, so that a fold's figures do not depend on what ran before it.

    Args:
        recipe: Model and training.
        fold: Clips by part.
        action_units: Codes of the label columns.
        seed: Of initial weights, order, augmentation, dropout.
        work: Scratch folder. What a killed call left there is gone on from; the caller removes it at the end.
        progress: Bar to show the steps on.

    Raises:
        InputError: If the recipe does not suit the number of processes, or its model is not to be had.
    """
    parts = ({} if fold.fixed_steps else {"validation": fold.validation}) | fold.test
    labels = np.stack([clip.labels for clip in fold.train])
    if recipe.method in ("all_negative", "prior"):
        predict = all_negative if recipe.method == "all_negative" else prior
        return Fitted(None, {name: predict(len(clips), labels) for name, clips in parts.items()}, [])
    set_seed(seed)
    model = build_model(recipe, action_units)
    if isinstance(model, RivalForAUDetection):
        model.network.learn_from(torch.from_numpy(labels), len({clip.person for clip in fold.train}))
    if PartialState().num_processes > 1:
        synchronize_batch_norm(model)
    frozen = frozen_weights(model) if launched_with_fsdp() else {}
    with without_fsdp() if isinstance(model, RivalForAUDetection) else nullcontext():
        history = _train(recipe, model, fold, seed, work, progress)
    probabilities = {name: predict_clips(model, clips, work, show=False) for name, clips in parts.items()}
    if isinstance(model, RivalForAUDetection):
        model.network.forget_subjects()
        if recipe.method == "deft_llm" and "sentences" not in recipe.without:
            history += [about_sentences(model, clips, name, recipe.max_steps) for name, clips in parts.items()]
    elif launched_with_fsdp() and isinstance(model, AULLMForAUDetection):
        model = make_whole(model, frozen)
    return Fitted(model, probabilities, history)


def _train(
    recipe: Recipe,
    model: nn.Module,
    fold: Fold,
    seed: int,
    work: Path,
    progress: RunProgress | None,
) -> list[dict[str, Any]]:
    """Evidence and structure by a linear reader first, then everything with the LLM; returns what was logged."""
    show, evidence_steps = ShowSteps(progress, 0), recipe.evidence_steps
    if getattr(model, "llm", None) is None:
        steps, rate = evidence_steps + recipe.max_steps, recipe.evidence_learning_rate
        with without_fsdp():
            return _run_trainer(recipe, model, fold, seed, work / "model", show, steps=steps, learning_rate=rate)
    history: list[dict[str, Any]] = []
    finished = work / "evidence.safetensors"
    if finished.is_file():
        model.load_state_dict(load_file(finished), strict=False)
        history = _logged_before(work / "evidence")
    elif evidence_steps:
        reader, rate = linear_reader(model), recipe.evidence_learning_rate
        with without_fsdp():
            history = _run_trainer(
                recipe, reader, fold, seed, work / "evidence", show, steps=evidence_steps, learning_rate=rate
            )
        if getattr(model, "reader", None) is None:  # a head of its own alone, which starts as the reader ends
            every = range(0, len(fold.train), max(1, len(fold.train) // ALIGNED))
            device: Any = "cpu" if launched_with_fsdp() else PartialState().device  # a shared LLM may not fit one GPU
            align_head(model.to(device), reader, Subset(ClipDataset(fold.train, NUM_FRAMES), every))
        if PartialState().is_main_process:
            trained = {n: w.contiguous() for n, w in model.state_dict().items() if not n.startswith("llm.")}
            save_file(trained, finished.with_suffix(".part"))
            os.replace(finished.with_suffix(".part"), finished)
    if recipe.max_steps:
        if launched_with_fsdp():
            make_shardable(model)
        set_seed(seed)  # whether the first part was trained or found finished
        show, rate = ShowSteps(progress, evidence_steps), recipe.learning_rate
        with frozen_llm(model, torch.bfloat16 if recipe.bf16 else torch.float32):
            history += _run_trainer(
                recipe, model, fold, seed, work / "llm", show, steps=recipe.max_steps, learning_rate=rate
            )
    return history


def _run_trainer(
    recipe: Recipe,
    model: nn.Module,
    fold: Fold,
    seed: int,
    folder: Path,
    show: ShowSteps,
    *,
    steps: int,
    learning_rate: float,
) -> list[dict[str, Any]]:
    """Train, and leave the model at its best step on the fold's validation part; at the last if there is none."""
    llm = isinstance(model, AULLMForAUDetection)
    arguments = _arguments(recipe, folder, steps, learning_rate, seed, llm=llm, fold=fold)
    callbacks: list[TrainerCallback] = [ValidateAtTheEnd(), SeveralProcesses(), show]
    if recipe.patience and not fold.fixed_steps:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=recipe.patience))
    trainer = AULLMTrainer(
        model=model,
        args=arguments,
        recipe=recipe,
        positive_weight=positive_weights(torch.from_numpy(np.stack([clip.labels for clip in fold.train]))),
        train_dataset=ClipDataset(fold.train, NUM_FRAMES, augment=recipe.augment, seed=seed),
        eval_dataset=None if fold.fixed_steps else ClipDataset(fold.validation, NUM_FRAMES),
        compute_metrics=trainer_metrics,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # which takes the place of a bar of its own
    trainer.train(resume_from_checkpoint=_last_whole_checkpoint(folder))
    return [entry | {"phase": folder.name} for entry in trainer.state.log_history]


class ValidateAtTheEnd(TrainerCallback):
    """Validates and saves after the last step, too, whatever `eval_steps` is."""

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for it when the last step is done."""
        if state.global_step >= state.max_steps:
            control.should_evaluate, control.should_save = args.eval_strategy != "no", True


class SeveralProcesses(TrainerCallback):
    """What transformers and accelerate leave undone where there are several processes."""

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Let every process draw its own dropout: transformers seeds all alike.

        The clips' order has a generator of its own by then, and what a checkpoint holds of each process comes later.
        """
        if args.process_index:
            torch.manual_seed(args.seed + 1_000_000 * args.process_index)

    def on_epoch_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell the clips the epoch: accelerate's loader (1.15) does so in one process only."""
        kwargs["train_dataloader"].dataset.set_epoch(int(state.epoch))


def _arguments(
    recipe: Recipe, folder: Path, steps: int, learning_rate: float, seed: int, *, llm: bool, fold: Fold
) -> TrainingArguments:
    trained, parts = len(fold.train), recipe.gradient_accumulation_steps * PartialState().num_processes
    batch = min(recipe.batch_size, trained - trained % parts)
    if recipe.batch_size % parts or not batch:
        raise InputError(
            f"batch_size {recipe.batch_size}, of {trained} training clips, cannot be cut into {parts} equal parts "
            f"({PartialState().num_processes} processes, {recipe.gradient_accumulation_steps} accumulation steps)"
        )
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=batch // parts,
        per_device_eval_batch_size=_batch_to_read(len(fold.validation)),
        gradient_accumulation_steps=recipe.gradient_accumulation_steps,
        activation_checkpointing=recipe.gradient_checkpointing and llm,
        learning_rate=learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        bf16=recipe.bf16,
        fp16=recipe.fp16,
        use_cpu=not torch.accelerator.is_available(),
        dataloader_num_workers=recipe.workers,
        dataloader_persistent_workers=recipe.workers > 0,
        logging_steps=min(recipe.eval_steps, 50),
        disable_tqdm=True,  # `show` moves the run's one bar
        ddp_find_unused_parameters=False,  # every parameter that learns has a part in every answer
        eval_strategy="no" if fold.fixed_steps else "steps",
        save_strategy="steps",
        eval_steps=recipe.eval_steps,
        save_steps=recipe.eval_steps,
        save_total_limit=1,
        load_best_model_at_end=not fold.fixed_steps,
        metric_for_best_model=BEST,
        seed=seed,
        label_names=["labels"],
        remove_unused_columns=False,
        report_to=_trackers(),
    )


def _batch_to_read(clips: int) -> int:
    """Clips a process reads at once: no more than its share, for accelerate fills every batch up by repeating clips."""
    return min(64, max(1, -(-clips // PartialState().num_processes)))


def _trackers() -> list[str]:
    """TensorBoard, else trackio, when installed."""
    if is_tensorboard_available():
        return ["tensorboard"]
    return ["trackio"] if is_trackio_available() else []


def _last_whole_checkpoint(folder: Path) -> str | None:
    """The newest of a killed training's checkpoints that was written to its end (`trainer_state.json` comes last)."""
    found = [path for path in folder.glob("checkpoint-*") if _is_whole(path / "trainer_state.json")]
    return str(max(found, key=lambda path: int(path.name.rsplit("-", 1)[1]))) if found else None


def _logged_before(folder: Path) -> list[dict[str, Any]]:
    """What a training that is finished had logged when it last saved."""
    checkpoint = _last_whole_checkpoint(folder)
    state = read_json(Path(checkpoint) / "trainer_state.json") if checkpoint else {}
    return [entry | {"phase": folder.name} for entry in state.get("log_history", [])]


def _is_whole(file: Path) -> bool:
    """Whether a JSON file was written to its end: on a full disk it stays there empty or cut off."""
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


@without_fsdp()
def predict_clips(model: nn.Module, clips: Sequence[Clip], work: Path, *, show: bool = True) -> np.ndarray:
    """Probabilities, shape (clips, units), shared out over the processes, in single precision.

    An LLM that FSDP holds in bfloat16 stays so.

    Args:
        model: Gives logits.
        clips: To be predicted.
        work: Scratch folder.
        show: Show a progress bar.
    """
    arguments = TrainingArguments(
        output_dir=str(work),
        per_device_eval_batch_size=_batch_to_read(len(clips)),
        disable_tqdm=not show,
        bf16=any(weight.dtype == torch.bfloat16 for weight in model.parameters()),
        use_cpu=not torch.accelerator.is_available(),
        label_names=["labels"],
        remove_unused_columns=False,
        report_to=[],
    )
    units = len(clips[0].labels)
    trainer = AULLMTrainer(model=model, args=arguments, recipe=Recipe(), positive_weight=torch.ones(units))
    predictions: Any = trainer.predict(ClipDataset(clips, NUM_FRAMES)).predictions
    return torch.from_numpy(predictions).float().sigmoid().numpy()
