"""An LLM's matrices in the four bits of their GGUF file: the same numbers as the weights in memory, not rounded again.

GGUF's Q4_1 keeps blocks of 32 weights as d q + m, q of 0 to 15. ONNX Runtime's `MatMulNBits` computes d (q - 8); what
is left, m + 8 d, is the same for a whole block, so it needs no more than each block's sum of the input.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader
from torch import nn
from transformers import PreTrainedModel

BLOCK = 32  # weights, as in GGUF
MODULES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip


class Blocks(NamedTuple):
    """A matrix in blocks: `scales` d and `offsets` m, (rows, blocks), and `quants` q, (rows, blocks, 32)."""

    scales: np.ndarray
    offsets: np.ndarray
    quants: np.ndarray

    def weights(self) -> np.ndarray:
        """As d q + m, (rows, columns), single precision."""
        values = self.scales[..., None] * self.quants + self.offsets[..., None]
        return values.reshape(len(self.scales), -1)


class FourBitLinear(nn.Module):
    """A linear layer in blocks, with the LoRA around it; for graphs alone, Python cannot run it.

    Args:
        blocks: Of the layer.
        lora: Its two matrices, (rank, columns) and (rows, rank), the second scaled; `None` without.
    """

    def __init__(self, blocks: Blocks, lora: tuple[torch.Tensor, torch.Tensor] | None) -> None:
        super().__init__()
        low, high = blocks.quants[..., ::2], blocks.quants[..., 1::2]
        self.register_buffer("packed", torch.from_numpy(low | high << 4))
        self.register_buffer("scales", torch.from_numpy(blocks.scales))
        up = torch.from_numpy(blocks.offsets + 8 * blocks.scales)
        self.register_buffer("down", None if lora is None else lora[0].detach())
        self.register_buffer("up", up if lora is None else torch.cat([lora[1].detach(), up], 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As the layer, of (..., columns): (..., rows)."""
        packed, scales, down, up = (self.get_buffer(name) for name in ("packed", "scales", "down", "up"))
        rows, blocks = scales.shape
        product = torch.onnx.ops.symbolic(
            "com.microsoft::MatMulNBits",
            (x, packed, scales),
            {"K": blocks * BLOCK, "N": rows, "bits": 4, "block_size": BLOCK},
            dtype=x.dtype,
            shape=(*x.shape[:-1], rows),
            version=1,
        )
        sums = x.unflatten(-1, (blocks, BLOCK)).sum(-1)
        low = sums if down is None else torch.cat([x @ down.T, sums], -1)
        return product + low @ up.T


def read_blocks(file: Path, heads: tuple[int, int]) -> dict[str, Blocks]:
    """The Q4_1 matrices of a llama in a GGUF file, by the names of its modules in transformers.

    Args:
        file: The GGUF file.
        heads: Attention heads, and those of keys and values: GGUF has the rows of both in another order.
    """
    found = {}
    for tensor in GGUFReader(file).tensors:
        _, layer, kind, *_ = [*tensor.name.split("."), "", ""]
        if tensor.tensor_type == GGMLQuantizationType.Q4_1 and kind in MODULES:
            raw = np.asarray(tensor.data).reshape(len(tensor.data), -1, 20)
            scales, offsets = raw[..., :4].copy().view(np.float16).astype(np.float32).transpose(2, 0, 1)
            quants = np.concatenate([raw[..., 4:] & 15, raw[..., 4:] >> 4], -1)
            order = _order(len(raw), {"attn_q": heads[0], "attn_k": heads[1]}.get(kind))
            found[f"layers.{layer}.{MODULES[kind]}"] = Blocks(scales[order], offsets[order], quants[order])
    return found


def _order(rows: int, heads: int | None) -> np.ndarray:
    order = np.arange(rows)
    return order if heads is None else order.reshape(heads, -1, 2).swapaxes(1, 2).ravel()


def put_in_four_bits(llm: PreTrainedModel, blocks: dict[str, Blocks]) -> int:
    """Replace those layers of an LLM whose weights are just those of the blocks; returns how many they were."""
    done = 0
    for name, own in blocks.items():
        parent, _, leaf = name.rpartition(".")
        layer: Any = llm.get_submodule(name)
        weights = getattr(layer, "base_layer", layer).weight
        if np.array_equal(weights.detach().float().numpy(), own.weights()):
            setattr(llm.get_submodule(parent), leaf, FourBitLinear(own, _lora(layer)))
            done += 1
    return done


def _lora(layer: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
    if not hasattr(layer, "lora_A"):
        return None
    (adapter,) = layer.active_adapters
    return layer.lora_A[adapter].weight, layer.lora_B[adapter].weight * layer.scaling[adapter]
