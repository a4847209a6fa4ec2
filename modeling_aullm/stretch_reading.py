"""The model reads a stretch of a recording: its temporal head scores every step, and it reads what is proposed."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from .event_reading import StretchReading, read_proposals
from .motion_stretch import MotionStretch
from .temporal_head import TemporalScores

if TYPE_CHECKING:
    from .modeling_aullm import AULLMForAUDetection


@torch.inference_mode()
def read_stretch(model: "AULLMForAUDetection", stretch: MotionStretch) -> StretchReading:
    """Find the expressions of a stretch.

    Args:
        model: One with a temporal head.
        stretch: From `AULLMVideoProcessor.iter_motion`.

    Raises:
        ValueError: If the model has no temporal head.
    """
    if model.temporal_head is None:
        raise ValueError("this model was trained on clips alone: it has no temporal head, so it finds no events")

    def read(clips: np.ndarray) -> dict[str, np.ndarray]:
        said = model(pixel_values=torch.from_numpy(clips).to(model.device), return_dict=True)
        told = {name: said.get(name) for name in ("logits", "side_logits", "intensity")}
        return {name: each.float().cpu().numpy() for name, each in told.items() if each is not None}

    mixture = model.temporal_head.mixture.cpu().numpy()
    return read_proposals(score_stretch(model, stretch), stretch, model.config.num_frames, read, mixture)


def score_stretch(model: "AULLMForAUDetection", stretch: MotionStretch) -> TemporalScores:
    """The temporal head's scores of a stretch, as a batch of one on the CPU."""
    motion, head = (torch.from_numpy(each)[None].to(model.device) for each in (stretch.motion, stretch.head))
    return TemporalScores(*(score.cpu() for score in vars(model.temporal_head(motion, head)).values()))
