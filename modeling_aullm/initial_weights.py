"""How each layer starts: those that know no better as is usual, ours as they say themselves."""

from typing import Any

from torch import nn
from transformers import initialization as init

from .evidence import TokenNorm
from .motion_encoder import LearnableEulerianDynamics, MagnifiedFlow
from .read_out import ActionUnitHead, NamedCorrection
from .structure import ActionUnitNodes, RegionReader, RelationalAUGraph, RelationalReasoning
from .temporal_head import TemporalHead

SELF_INITIALISED = (
    LearnableEulerianDynamics,
    MagnifiedFlow,
    TokenNorm,
    ActionUnitNodes,
    RegionReader,
    RelationalReasoning,
    RelationalAUGraph,
    ActionUnitHead,
    NamedCorrection,
    TemporalHead,
)


def init_weights(module: Any) -> None:
    """Initialise one module that is not the LLM's.

    Args:
        module: Without its children.
    """
    if isinstance(module, SELF_INITIALISED):
        module.reset_parameters()
    elif isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        init.kaiming_uniform_(module.weight, a=5**0.5)
        if module.bias is not None:
            init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        init.xavier_uniform_(module.weight)
        if module.bias is not None:
            init.zeros_(module.bias)
    elif isinstance(module, (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm3d)):
        init.ones_(module.weight)
        init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm3d):
            running: Any = module
            init.zeros_(running.running_mean)
            init.ones_(running.running_var)
            init.zeros_(running.num_batches_tracked)
