"""The model: opened once, through transformers' Auto classes alone, and asked from several visitors' threads.

`MODEL_ID` (Hub id or folder) and `MODEL_REVISION` in the environment say which. On ZeroGPU every question borrows the
GPU for the time it takes.
"""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import spaces  # on ZeroGPU it must come before torch
except ImportError:
    spaces = None

import numpy as np
import torch
from transformers import AutoModel, AutoProcessor

SHIPPED = Path(__file__).parents[2] / "modeling_aullm" / "checkpoints" / "synthetic-smollm2-135m"
ROOT = SHIPPED.parents[2]
IS_SHIPPED = not os.environ.get("MODEL_ID")
MODEL_ID = os.environ.get("MODEL_ID") or str(SHIPPED)
MODEL_REVISION = os.environ.get("MODEL_REVISION") or None
BATCH_SIZE = 16  # clips a pass, as `aullm predict` has it
SHARP_SIDE = 192  # pixels of the face as the page shows it; the model's own crop is smaller
MAGNIFICATION = 4  # times a lasting change is added: LED's matrix knows no scale, its output is a share


def on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """Borrow the GPU of ZeroGPU for a call; elsewhere the function as it is."""
    return spaces.GPU(function) if spaces else function


def _open() -> tuple[Any, Any, Any]:
    """The model, its processor, and the processor that cuts the same face sharper."""
    if IS_SHIPPED and not SHIPPED.is_dir():
        raise SystemExit("Set MODEL_ID to a model on the Hub, and MODEL_REVISION to its commit.")
    options = {"trust_remote_code": True} | ({"revision": MODEL_REVISION} if MODEL_REVISION else {})
    model = AutoModel.from_pretrained(MODEL_ID, **options).eval().requires_grad_(False)
    processor = AutoProcessor.from_pretrained(MODEL_ID, **options)
    sharp = copy.deepcopy(processor.video_processor)
    sharp.image_size = SHARP_SIDE
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), processor, sharp


model, processor, sharp_processor = _open()
config = model.config
THRESHOLDS = dict(zip(processor.action_units, processor.thresholds, strict=True))  # of clips and windows
FINDS_EVENTS = getattr(model, "temporal_head", None) is not None  # without it, recordings are read in windows
NAME = (Path(MODEL_ID).resolve().name if Path(MODEL_ID).is_dir() else MODEL_ID) + (
    f"@{MODEL_REVISION}" if MODEL_REVISION else ""
)


@dataclass(frozen=True)
class Answers:
    """What the model said of some clips, a row a clip.

    Attributes:
        logits: (clips, units).
        gate_weights: (clips, experts), None for a model without experts.
        relation_strengths: (clips, relations), None for a model without a graph.
        side_logits: (clips, units, 2), None for a model without a side head.
        intensity: (clips, units), likewise.
    """

    logits: np.ndarray
    gate_weights: np.ndarray | None
    relation_strengths: np.ndarray | None
    side_logits: np.ndarray | None
    intensity: np.ndarray | None

    def reasons(self, row: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Gate weights and relation strengths of one clip."""
        gates, strengths = self.gate_weights, self.relation_strengths
        return None if gates is None else gates[row], None if strengths is None else strengths[row]


@on_gpu
@torch.inference_mode()
def ask(clips: np.ndarray) -> Answers:
    """Ask the model about clips, (clips, num_frames, image_size, image_size)."""
    outputs = [model(pixel_values=_tensor(clips[at : at + BATCH_SIZE])) for at in range(0, len(clips), BATCH_SIZE)]
    names = ("logits", "gate_weights", "relation_strengths", "side_logits", "intensity")
    parts = {name: [output.get(name) for output in outputs] for name in names}  # older checkpoints have not all of them
    joined: dict[str, Any] = {name: None if own[0] is None else _joined(own) for name, own in parts.items()}
    return Answers(**joined)


def decide(answers: Answers) -> list[dict[str, dict[str, Any]]]:
    """For each clip a dict from code to `{"probability", "active"}` and more, by the checkpoint's thresholds."""
    told = {name: None if own is None else torch.from_numpy(own) for name, own in vars(answers).items()}
    return processor.post_process_action_units(told)


def ask_about(analysis: Any) -> Any:
    """The model, ready to be asked about what was found of a face."""
    events = [moment.event for moment in analysis.moments] if analysis.finds_events else None
    findings = processor.findings(
        events=events,
        action_units=None if events is not None else analysis.moments[analysis.strongest].action_units,
        sensitivity=analysis.request.sensitivity,
        recording=analysis.recording,
    )
    shown = analysis.moments if analysis.finds_events else [analysis.moments[analysis.strongest]]
    clips = [torch.from_numpy(moment.segment.pixel_values) for moment in shown]
    return model.asking(findings, clips)


def event_thresholds(sensitivity: str) -> dict[str, float]:
    """By code, the probability from which a unit is active in an expression."""
    return dict.fromkeys(processor.action_units, processor.sensitivities[sensitivity]["unit_probability"])


@on_gpu
def read_stretch(stretch: Any) -> Any:
    """Look for expressions in a stretch of a recording."""
    return model.read_stretch(stretch)


@on_gpu
@torch.inference_mode()
def ask_what_if(clip: np.ndarray, flipped_units: list[bool], flipped_relations: list[bool]) -> np.ndarray:
    """Probabilities, (units,), of one clip when units' nodes and relations are flipped, as in training by CCR."""
    units = torch.tensor([flipped_units], device=model.device)
    relations = torch.tensor([flipped_relations], dtype=torch.bool, device=model.device)
    output = model(pixel_values=_tensor(clip[None]), flipped_units=units, flipped_relations=relations)
    return output.counterfactual_logits[0].float().sigmoid().cpu().numpy()


@on_gpu
@torch.inference_mode()
def ask_each_rule(clip: np.ndarray) -> np.ndarray:
    """The same for each rule by itself: probabilities, (units + relations, units), flipped units first."""
    units, relations = len(config.action_units), len(config.relations)
    alone = torch.eye(units + relations, dtype=torch.bool, device=model.device)
    clips = _tensor(clip[None]).expand(len(alone), -1, -1, -1)
    output = model(pixel_values=clips, flipped_units=alone[:, :units], flipped_relations=alone[:, units:])
    return output.counterfactual_logits.float().sigmoid().cpu().numpy()


@on_gpu
@torch.inference_mode()
def magnify(clip: np.ndarray, sharp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What LED makes of the movement.

    Args:
        clip: The model's crops, (num_frames, image_size, image_size).
        sharp: The same frames, sharper, (num_frames, side, side).

    Returns:
        LED's motion frames, (num_frames - 1, image_size, image_size), within -1..1, and the sharper frames with the
        movement added that LED's own matrix takes out of them, (num_frames, side, side).
    """
    led = model.motion_encoder.led
    frames = _tensor(sharp).clone()
    weights = led.temporal_weights(len(frames))[:, 1:]
    weights = weights * (MAGNIFICATION / weights.clamp(min=0).sum(0).max())
    movement = torch.einsum("ihw,ij->jhw", frames, weights)
    for _ in range(2):  # smooth in space, as Eulerian magnification is: noise would grow with the movement
        movement = torch.nn.functional.avg_pool2d(movement[None], 5, stride=1, padding=2, count_include_pad=False)[0]
    _, seen = model.motion_encoder(_tensor(clip[None]))
    frames[1:] += movement
    return seen[0, 0].cpu().numpy(), frames.clamp(0, 1).cpu().numpy()


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(model.device)


def _joined(tensors: list[torch.Tensor]) -> np.ndarray:
    return torch.cat(tensors).float().cpu().numpy()


def warm_up() -> None:
    """Read the prompt's text once, so that the first visitor need not wait for it; a borrowed GPU is not there yet."""
    if model.device.type == "cpu":
        ask(np.zeros((1, config.num_frames, config.image_size, config.image_size), np.float32))
