"""An LLM shared out over several GPUs (FSDP 2): what it cannot take, and how the model becomes whole again.

Only the training of the whole model is shared out, and what is predicted by it. What comes before has no LLM.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate.utils import patch_environment
from torch import nn
from torch.distributed.tensor import DTensor

from modeling_aullm import AULLMForAUDetection


def launched_with_fsdp() -> bool:
    """Whether `accelerate launch` was told to share models out."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


@contextmanager
def without_fsdp() -> Iterator[None]:
    """Let trainers made within share nothing out: there is no LLM, or it is shared out already."""
    with patch_environment(ACCELERATE_USE_FSDP="false"):
        yield


def make_shardable(model: nn.Module) -> None:
    """Give LED's three scalars a dimension, and convolutions the usual memory layout: FSDP refuses both (torch 2.13).

    Args:
        model: On the CPU, where an LLM fits that no single GPU would hold.
    """
    model.cpu()
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            parameter.data = parameter.data.contiguous()
            if parameter.ndim == 0:
                setattr(module, name, nn.Parameter(parameter.data[None]))


def frozen_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """The LLM's own weights, LoRA left out, by name."""
    return {n: w.data for n, w in model.named_parameters() if n.startswith("llm.") and ".lora_" not in n}


@torch.no_grad()
def make_whole(model: AULLMForAUDetection, frozen: dict[str, torch.Tensor]) -> AULLMForAUDetection:
    """The model as one process would have it, on the CPU. To be called in all processes, for each gives its share.

    Args:
        model: Shared out, or at least made shardable.
        frozen: `frozen_weights` from before training, which may have rounded them.
    """
    whole, shares = AULLMForAUDetection(model.config), model.state_dict()
    weights = {}
    for name, expected in whole.state_dict().items():
        weight = frozen.get(name, shares[name])
        full = weight.full_tensor() if isinstance(weight, DTensor) else weight
        weights[name] = full.to(expected).view_as(expected)
    whole.load_state_dict(weights)
    return whole.eval()
