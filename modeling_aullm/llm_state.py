"""Whether an LLM still answers as it did, told without reading all of its weights."""

from typing import Any

import torch
from torch import nn

SAMPLED = 64  # values of each weight; own choice: a write that leaves no trace mostly changes a weight as a whole


class LLMState:
    """What an LLM's answers depended on when this was made.

    Address, version and type of each weight and buffer, and a sample of its values (a write through `.data` leaves no
    version); what each adapter does (active, scale, disabled, merged); hooks; autocast.

    Args:
        llm: With or without adapters.
        device: Where it computes.
    """

    def __init__(self, llm: nn.Module, device: torch.device) -> None:
        self._traces = _traces(llm, device)
        self._views = [] if self._traces is None else [_thinned(tensor) for tensor in _tensors(llm)]
        self._values = self._look()

    def still_holds(self, llm: nn.Module, device: torch.device) -> bool:
        """Whether the LLM answers as it did; `False` where that cannot be told."""
        if self._traces is None or self._traces != _traces(llm, device):
            return False
        return all(map(torch.equal, self._values, self._look()))

    def _look(self) -> list[torch.Tensor]:
        """The sampled values as they are now, a tensor a device and type."""
        kinds: dict[Any, list[torch.Tensor]] = {}
        for view in self._views:
            kinds.setdefault((view.device, view.dtype), []).append(view)
        with torch.no_grad():
            return [torch.cat(views) for views in kinds.values()]


def _tensors(llm: nn.Module) -> list[torch.Tensor]:
    return [*llm.parameters(), *llm.buffers()]


def _thinned(tensor: torch.Tensor) -> torch.Tensor:
    """A view of some values: it shows what is written later, and keeps the address from being given away."""
    whole = tensor.detach()
    row = whole.view(-1) if whole.is_contiguous() else whole[(0,) * (whole.ndim - 1)]
    return row[:: max(1, row.numel() // SAMPLED)]


def _traces(llm: nn.Module, device: torch.device) -> tuple[Any, ...] | None:
    """`None` for weights whose values are elsewhere: offloaded, shared out over GPUs, or of a replica without any."""
    tensors = _tensors(llm)
    if not tensors or any(tensor.is_meta or not tensor.data_ptr() for tensor in tensors if tensor.numel()):
        return None
    written = [(each.data_ptr(), 0 if each.is_inference() else each._version, each.dtype) for each in tensors]
    modules = [_of_module(module) for module in llm.modules()]
    autocast = torch.is_autocast_enabled(device.type), torch.get_autocast_dtype(device.type)
    return written, [trace for trace in modules if trace], autocast


def _of_module(module: Any) -> tuple[Any, ...]:
    """Hooks, and what an adapter does."""
    trace: tuple[Any, ...] = (*module._forward_hooks, *module._forward_pre_hooks)
    scaling = module.__dict__.get("scaling")
    if isinstance(scaling, dict):
        trace += (*scaling.items(), *module.active_adapters, module.disable_adapters, *module.merged_adapters)
    return trace
