"""Opening a checkpoint: the model, its processor and what of its answers is reported."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import HFValidationError, StrictDataclassError
from safetensors import SafetensorError

from .configuration_aullm import AULLMConfig
from .modeling_aullm import AULLMForAUDetection
from .processing_aullm import AULLMProcessor


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, or not as asked; its text is one line for people."""


@dataclass(frozen=True)
class Detector:
    """An opened checkpoint.

    Attributes:
        model: Returns an output with `logits` of shape `(batch, units)`.
        processor: Cuts sources into segments and reads the logits.
        name: Id or folder name, with `@revision` where one was given.
        thresholds: By code: the units to report, in the model's order, and the probability from which each is active.
    """

    model: Any
    processor: Any
    name: str
    thresholds: dict[str, float]


def _check_kind(checkpoint: str, revision: str | None) -> None:
    """Refuse a folder or repository that holds another kind of model, before its weights are read."""
    try:
        config, _ = AULLMConfig.get_config_dict(checkpoint, revision=revision)
    except HFValidationError as error:
        raise CheckpointError(f"{checkpoint}: neither a folder nor the id of a repository") from error
    if config.get("model_type") != AULLMConfig.model_type:
        raise CheckpointError(f"{checkpoint}: holds a model of type {config.get('model_type')!r}, not an AULLM++ model")


def choose_thresholds(processor: Any, action_units: Sequence[str] | None, threshold: float | None) -> dict[str, float]:
    """The units to report with the probability from which each is active.

    Args:
        processor: Has `action_units` and `thresholds` of the model.
        action_units: Codes to restrict the report to; None for all of the model's.
        threshold: From 0 to 1, for every unit; None for the checkpoint's own.

    Raises:
        CheckpointError: If the model does not know one of the units.
    """
    missing = [code for code in action_units or () if code not in processor.action_units]
    if missing:
        known = ", ".join(processor.action_units)
        raise CheckpointError(f"--aus: the model was not made for {', '.join(missing)}; it knows {known}")
    own = dict(zip(processor.action_units, processor.thresholds, strict=True))
    return {
        code: value if threshold is None else threshold
        for code, value in own.items()
        if action_units is None or code in action_units
    }


def open_detector(
    checkpoint: str,
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    action_units: Sequence[str] | None = None,
    threshold: float | None = None,
) -> Detector:
    """Open a checkpoint with the classes of this package; code that comes with the checkpoint is never run.

    Args:
        checkpoint: Folder or id on the Hub.
        revision: Commit, branch or tag on the Hub.
        device: Such as `cpu` or `cuda:1`; None for the GPU if there is one.
        dtype: Name of a torch type.
        action_units: Codes to report; None for all of the model's.
        threshold: From 0 to 1, for every unit; None for the checkpoint's own.

    Raises:
        CheckpointError: If it is not an AULLM++ checkpoint, or not one for these units, or there is no such device.
        OSError: If it, or the LLM it stands on, cannot be found.
    """
    place = _choose_device(device)
    _check_kind(checkpoint, revision)
    if os.path.isdir(checkpoint) and not (Path(checkpoint) / "processor_config.json").is_file():
        raise CheckpointError(
            f"{checkpoint}: holds no processor_config.json; save a processor beside the model, "
            "AULLMProcessor(action_units=model.config.action_units).save_pretrained(folder)"
        )
    processor = AULLMProcessor.from_pretrained(checkpoint, revision=revision or "main")
    thresholds = choose_thresholds(processor, action_units, threshold)
    try:
        model = AULLMForAUDetection.from_pretrained(
            checkpoint, revision=revision or "main", dtype=getattr(torch, dtype)
        )
    except (RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise CheckpointError(f"{checkpoint}: the model cannot be loaded ({error})") from error
    if list(model.config.action_units) != list(processor.action_units):
        raise CheckpointError(f"{checkpoint}: model and processor are for different action units")
    name = Path(checkpoint).resolve().name if os.path.isdir(checkpoint) else checkpoint
    return Detector(model.eval().to(device=place), processor, f"{name}@{revision}" if revision else name, thresholds)


def _choose_device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise CheckpointError(f"--device {name}: {str(error).splitlines()[0]}") from error
