"""Models of random weights for `benchmarks.gpu`: AULLM++ around LLMs of a known shape."""

from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, Qwen2Config

from benchmarks.measure import device
from modeling_aullm import AULLMConfig, AULLMForAUDetection
from modeling_aullm.lean_checkpoint import freeze_llm

PROMPT_POSITIONS = 181  # the default prompt's with twelve units, in SmolLM2's tokens; both placeholders at the end
LLMS: dict[str, Any] = {
    "SmolLM2-135M": LlamaConfig(
        hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        vocab_size=49152, tie_word_embeddings=True,
    ),
    "Qwen2.5-7B": Qwen2Config(
        hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4,
        vocab_size=152064, tie_word_embeddings=True,
    ),
}  # fmt: skip
SMALL: dict[str, Any] = {
    "tiny llama": LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=300, tie_word_embeddings=True,
    ),
    "tiny qwen": Qwen2Config(
        hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=300, tie_word_embeddings=True,
    ),
}  # fmt: skip


def random_model(name: str, dtype: torch.dtype) -> AULLMForAUDetection:
    """AULLM++ around one of `LLMS` or `SMALL`, made where it computes; its LLM in a type, and frozen but for LoRA."""
    text = (LLMS | SMALL)[name]
    config = AULLMConfig(text_config=text)
    words = torch.randint(text.vocab_size, (PROMPT_POSITIONS - 2,), generator=torch.Generator().manual_seed(1))
    config.prompt_token_ids = [*words.tolist(), -2, -1]
    config.unit_positions = list(range(10, 10 + len(config.action_units or ())))
    config.anchor_token_ids = words[:2].tolist()
    torch.manual_seed(0)
    with torch.device(device()):
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)  # never twice the memory: an LLM of 7B is 30 GB in single precision
        try:
            model = AULLMForAUDetection(config)
        finally:
            torch.set_default_dtype(before)
    for module in (child for child_name, child in model.named_children() if child_name != "llm"):
        module.float()
    head: Any = model.head
    nn.init.normal_(head.case.weight, std=0.05)  # it starts at zero: what the LLM says would change nothing
    return freeze_llm(model)


def llm_operations(model: AULLMForAUDetection) -> int:
    """Operations of the LLM a position: two a weight of its matrices, the embedding table apart."""
    weights = (module.weight for module in model.llm.modules() if isinstance(module, nn.Linear))
    return 2 * sum(weight.numel() for weight in weights)
