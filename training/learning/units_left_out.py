"""Every unit read by a model that was never taught it, by its FACS places, direction, relations and name alone.

Own choice of protocol: each unit of the data is left out once, and one model is trained with the labels of all others,
on the same clips. So the figures of a run are those of units that training did not know; 0.5 is the AUC of chance.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState
from safetensors.numpy import load_file, save_file
from transformers import AutoTokenizer

from modeling_aullm.language_model import LanguageModel, find_language_model
from modeling_aullm.output_files import write_whole
from training.data.clips import Clip
from training.data.folds import Fold
from training.learning.fit import Fitted, fit, predict_clips
from training.learning.progress import RunProgress
from training.options import Recipe


def fit_without_each(
    recipe: Recipe,
    fold: Fold,
    action_units: Sequence[str],
    *,
    seed: int,
    work: Path,
    progress: RunProgress | None = None,
) -> Fitted:
    """Train once without each unit, and ask each model for the one it was not taught.

    Args:
        recipe: Model and training, the same for all.
        fold: Clips by part.
        action_units: Codes of the label columns.
        seed: Of every training.
        work: Scratch folder. What a killed call left there is gone on from; the caller removes it at the end.
        progress: Bar to show the steps on.

    Returns:
        Probabilities whose columns come from one model each; no model is kept.
    """
    said: dict[str, list[np.ndarray]] = {part: [] for part in ("validation", *fold.test)}
    history: list[dict[str, Any]] = []
    for column, unit in enumerate(action_units):
        own, kept = work / unit, work / f"{unit}.safetensors"
        if progress:
            progress.within = column * recipe.fold_steps()
        if kept.is_file():
            answers = load_file(kept)
        else:
            others = [code for code in action_units if code != unit]
            fitted = fit(recipe, _without(fold, column), others, seed=seed, work=own, progress=progress)
            history += [entry | {"phase": f"{entry['phase']}, {unit} left out"} for entry in fitted.history]
            answers = _ask(fitted.model, unit, fold, own)
            if PartialState().is_main_process:
                write_whole(kept, partial(save_file, answers))
                shutil.rmtree(own, ignore_errors=True)
        for part, columns in said.items():
            columns.append(answers[part])
    return Fitted(None, {part: np.stack(columns, axis=1) for part, columns in said.items()}, history)


def _without(fold: Fold, column: int) -> Fold:
    """The fold with the labels of all units but one."""

    def relabelled(clips: list[Clip]) -> list[Clip]:
        return [clip._replace(labels=np.delete(clip.labels, column)) for clip in clips]

    tests = {part: relabelled(clips) for part, clips in fold.test.items()}
    return replace(fold, train=relabelled(fold.train), validation=relabelled(fold.validation), test=tests)


def _ask(model: Any, unit: str, fold: Fold, work: Path) -> dict[str, np.ndarray]:
    """What a model says of a unit it was not taught, beside those it was, in each part: (clips,)."""
    folder = find_language_model(LanguageModel(**model.config.llm))
    asked = model.for_action_units([*model.config.action_units, unit], AutoTokenizer.from_pretrained(folder))
    parts = {"validation": fold.validation} | fold.test
    return {part: predict_clips(asked, clips, work, show=False)[:, -1].copy() for part, clips in parts.items()}
