"""A checkpoint opened by torch and transformers."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from huggingface_hub.errors import HFValidationError, StrictDataclassError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError

from .checkpoint_files import weight_files
from .configuration_aullm import AULLMConfig
from .detector import CheckpointError, Detector, choose_thresholds, package_version
from .modeling_aullm import AULLMForAUDetection
from .processing_aullm import AULLMProcessor
from .results import Checkpoint


def _check_kind(checkpoint: str, revision: str | None) -> None:
    """Refuse a folder or repository that holds another kind of model, before its weights are read."""
    if not os.path.isdir(checkpoint):
        try:
            validate_repo_id(checkpoint)
        except HFValidationError as error:
            raise CheckpointError(f"{checkpoint}: neither a folder nor the id of a repository") from error
    config, _ = AULLMConfig.get_config_dict(checkpoint, revision=revision)
    if config.get("model_type") != AULLMConfig.model_type:
        raise CheckpointError(f"{checkpoint}: holds a model of type {config.get('model_type')!r}, not an AULLM++ model")


def open_checkpoint(
    checkpoint: str,
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    action_units: Sequence[str] | None = None,
    threshold: float | None = None,
) -> Detector:
    """Open a checkpoint by torch, see `open_detector`.

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
    described = _describe(checkpoint, revision, model.config.trained_on)
    return Detector(model.eval().to(device=place), processor, described, thresholds, dtype, threshold)


def _describe(checkpoint: str, revision: str | None, trained_on: list[str] | None) -> Checkpoint:
    name = Path(checkpoint).resolve().name if os.path.isdir(checkpoint) else checkpoint
    hashes = {}
    for path in weight_files(checkpoint, {"revision": revision or "main"}):
        with open(path, "rb") as file:
            hashes[os.path.basename(path)] = hashlib.file_digest(file, "sha256").hexdigest()
    trained = None if trained_on is None else tuple(trained_on)
    return Checkpoint(f"{name}@{revision}" if revision else name, trained, hashes, package_version())


def _choose_device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.zeros(1, device=name).device
    except Exception as error:  # whatever a device that is not there makes torch raise: there is no end of kinds
        gpu = torch.accelerator.current_accelerator(check_available=True)
        there = "cpu" if gpu is None else f"cpu and {gpu.type}:0 to {gpu.type}:{torch.accelerator.device_count() - 1}"
        raise CheckpointError(f"device {name}: not here, or torch cannot use it; there is {there}") from error
    if place.type == "meta":
        raise CheckpointError("device meta: holds no values, so nothing can be computed there; give cpu or cuda")
    return place
