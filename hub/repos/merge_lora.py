"""LoRA made part of the LLM's weights: one plain LLM afterwards, a little faster, and whole by necessity."""

import copy
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear

from modeling_aullm import AULLMConfig, AULLMForAUDetection
from training.errors import InputError


def merge_lora(model: AULLMForAUDetection) -> AULLMForAUDetection:
    """The same model with LoRA added to the weights it wraps; logits are equal up to rounding. It answers no questions.

    The result has `lora_rank` 0 and no record of an LLM (`config.llm`): it stands on weights of its own, and cannot be
    saved lean.

    Args:
        model: With LoRA; it stays as it is.

    Raises:
        InputError: If the model has no LoRA.
    """
    if model.config.lora_rank == 0:
        raise InputError("the checkpoint has no LoRA (lora_rank 0), so there is nothing to merge")
    settings = copy.deepcopy(model.config.to_dict()) | {"lora_rank": 0, "answer_rank": 0, "llm": None}
    settings |= {"checkpoint": "whole"}
    weights: dict[str, torch.Tensor] = {
        name.replace(".base_layer.", "."): weight for name, weight in model.state_dict().items() if ".lora_" not in name
    }
    with torch.no_grad():
        for name, module in model.llm.named_modules():
            if isinstance(module, LoraLinear):
                base: Any = module.get_base_layer()
                # Added in single precision at least: a bfloat16 sum would lose what LoRA has learned.
                delta = module.get_delta_weight(module.active_adapters[0]).float()
                weights[f"llm.{name}.weight"] = (base.weight.float() + delta).to(base.weight.dtype)
    merged: Any = AULLMForAUDetection.from_pretrained(
        None, config=AULLMConfig.from_dict(settings), state_dict=weights, dtype=model.llm.dtype
    )
    return merged.train(model.training)
