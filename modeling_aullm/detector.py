"""A checkpoint opened: the model, its processor, and what of its answers is reported; by torch, or ONNX Runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .results import Checkpoint

ENGINES = ("torch", "onnx")
GRAPH = "model.onnx"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, or not as asked; its text is one line for people."""


@dataclass(frozen=True)
class Detector:
    """An opened checkpoint.

    Attributes:
        model: Returns an output with `logits` of shape `(batch, units)`: of torch, or a `GraphModel`.
        processor: Cuts sources into segments and reads the logits.
        checkpoint: What it is, for the results.
        thresholds: By code: the units to report, in the model's order, and the probability from which each is active.
        dtype: Name of the torch type asked for.
        threshold: The one asked for, for every unit; None for the checkpoint's own.
        engine: `torch`, or `onnx` for ONNX Runtime.
    """

    model: Any
    processor: Any
    checkpoint: Checkpoint
    thresholds: dict[str, float]
    dtype: str = "float32"
    threshold: float | None = None
    engine: str = "torch"

    def answer(self, clips: np.ndarray) -> Any:
        """What the model says of clips, (batch, num_frames, image_size, image_size): an output with `logits`."""
        if self.engine == "onnx":
            return self.model(clips)
        import torch

        with torch.inference_mode():
            return self.model(pixel_values=torch.from_numpy(clips).to(self.model.device))

    def event_thresholds(self, sensitivity: str) -> dict[str, float]:
        """By code, as `thresholds`: the probability from which a unit is active in an event."""
        own = self.processor.sensitivity(sensitivity)["unit_probability"]
        return dict.fromkeys(self.thresholds, own if self.threshold is None else self.threshold)


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
        raise CheckpointError(f"action units: the model was not made for {', '.join(missing)}; it knows {known}")
    own = dict(zip(processor.action_units, processor.thresholds, strict=True))
    return {
        code: value if threshold is None else threshold
        for code, value in own.items()
        if action_units is None or code in action_units
    }


def package_version() -> str:
    """Of the package `aullm`."""
    try:
        return version("aullm")
    except PackageNotFoundError:  # run from a copy of the folder
        return "not installed"


def open_detector(
    checkpoint: str,
    *,
    engine: str | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    action_units: Sequence[str] | None = None,
    threshold: float | None = None,
) -> Detector:
    """Open a checkpoint with the classes of this package; code that comes with the checkpoint is never run.

    Args:
        checkpoint: Folder or id on the Hub; for ONNX Runtime a folder that `hub.export_onnx` has written, or the id of
            a repository that has one as `onnx/`.
        engine: `torch` or `onnx`; None for that which the folder is for.
        revision: Commit, branch or tag on the Hub.
        device: Such as `cpu` or `cuda:1`; None for the GPU if there is one.
        dtype: Name of a torch type.
        action_units: Codes to report; None for all of the model's.
        threshold: From 0 to 1, for every unit; None for the checkpoint's own.

    Raises:
        CheckpointError: If it is not an AULLM++ checkpoint, or not one for these units, or there is no such device.
        OSError: If it, or the LLM it stands on, cannot be found.
    """
    if engine is None:
        engine = "onnx" if (Path(checkpoint) / GRAPH).is_file() else "torch"
    if engine == "onnx":
        from .onnx_engine import open_graph

        if device not in (None, "cpu") or dtype != "float32":
            raise CheckpointError(f"engine onnx: computes on the CPU in float32, not on {device or 'cpu'} in {dtype}")
        return open_graph(checkpoint, revision=revision, action_units=action_units, threshold=threshold)
    try:
        from .torch_engine import open_checkpoint
    except ModuleNotFoundError as error:
        raise CheckpointError(
            f"{checkpoint}: needs {error.name}, which is not installed; pip install aullm brings it. Without it, a "
            "folder that python -m hub.export_onnx has written is read"
        ) from error

    return open_checkpoint(
        checkpoint, revision=revision, device=device, dtype=dtype, action_units=action_units, threshold=threshold
    )
