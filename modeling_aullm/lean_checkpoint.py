"""Lean checkpoints: what was trained, without the LLM it was trained on, which is put back and stays as it is."""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import torch
from safetensors.torch import load_file
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file

from .configuration_aullm import AULLMConfig
from .language_model import LanguageModel, find_language_model, read_state_dict


def is_llm_weight(name: str) -> bool:
    """Whether a weight is the pretrained LLM's own: in it, and not LoRA's."""
    return name.startswith("llm.") and ".lora_" not in name


def freeze_llm(model: Any) -> Any:
    """Let the LLM's own weights learn nothing, and give the model back."""
    for name, parameter in model.named_parameters():
        if is_llm_weight(name):
            parameter.requires_grad_(False)
    return model


def llm_keys(weights: dict[str, torch.Tensor], config: AULLMConfig) -> dict[str, torch.Tensor]:
    """The decoder's weights under the names they have in the model; LoRA moves those of the layers it wraps.

    Args:
        weights: As the LLM's own file names them.
        config: The model's.
    """
    targets = config.lora_target_modules if config.lora_rank else []
    renamed = {}
    for name, weight in weights.items():
        module, _, leaf = name.rpartition(".")
        wrapped = module.rsplit(".", 1)[-1] in (targets or [])
        renamed[f"llm.{module}.base_layer.{leaf}" if wrapped else f"llm.{name}"] = weight
    return renamed


def lean_state_dict(source: str | os.PathLike, config: AULLMConfig, hub: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The trained weights of a lean checkpoint together with the LLM's it was trained on.

    Args:
        source: Folder or Hub id of the checkpoint.
        config: Its configuration.
        hub: Arguments for the Hub, such as `revision`.

    Raises:
        LanguageModelNotFound: If the LLM on record is not to be had.
    """
    file = cached_file(source, SAFE_WEIGHTS_NAME, **hub)
    llm = find_language_model(LanguageModel(**(config.llm or {})))
    return load_file(str(file)) | llm_keys(read_state_dict(llm), config)


@contextlib.contextmanager
def without_load_report() -> Iterator[None]:
    """Have transformers not name as missing what is new in a model that begins with an LLM alone."""
    logger = logging.getLogger("transformers.modeling_utils")
    logger.disabled, before = True, logger.disabled
    try:
        yield
    finally:
        logger.disabled = before
