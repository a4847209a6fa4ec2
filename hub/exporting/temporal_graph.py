"""The temporal head as a graph of its own: it sees recordings of any length, and AULLM++ reads what it finds."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from modeling_aullm.motion_stretch import GRID_SIZE, NUM_CHANNELS, NUM_HEAD

OPSET, STEPS = 20, 100


class TemporalGraph(nn.Module):
    """A head's scores without those of what is no expression, which training alone asks for."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, motion: torch.Tensor, head: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Middle, extent, units, activity, see `TemporalScores`."""
        scores = self.head(motion, head)
        return scores.middle, scores.extent, scores.units, scores.activity


def write_temporal_head(head: nn.Module, path: Path) -> None:
    """Write its graph, for stretches of any number of steps.

    Args:
        head: In eval mode.
        path: Of the file.
    """
    steps = {1: torch.export.Dim("steps", min=2, max=1_000_000)}
    shapes = (1, STEPS, NUM_CHANNELS, GRID_SIZE, GRID_SIZE), (1, STEPS, NUM_HEAD)
    program: Any = torch.onnx.export(
        TemporalGraph(head).eval(),
        tuple(torch.rand(shape) for shape in shapes),
        dynamo=True,
        dynamic_shapes=(steps, steps),
        input_names=["motion", "head"],
        output_names=["middle", "extent", "units", "activity"],
        opset_version=OPSET,
        verbose=False,
    )
    program.save(str(path), external_data=False)
