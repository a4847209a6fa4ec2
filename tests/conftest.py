"""Fixtures that more than one test file needs: tiny random models, in no time and without a network."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from helpers_fuzz import Reader
from hypothesis import HealthCheck, settings
from transformers import AutoTokenizer, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, Qwen3Config

from modeling_aullm import AULLMConfig, AULLMForAUDetection
from modeling_aullm.language_model import DEFAULT_LANGUAGE_MODEL, find_language_model

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 300,
    "tie_word_embeddings": True,
}
# The same examples every time; by hand, for hours: `pytest tests/test_fuzz_*.py --hypothesis-profile=long`
settings.register_profile(
    "suite", max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("long", settings.get_profile("suite"), max_examples=50_000, derandomize=False)
settings.load_profile("suite")


def pytest_collection() -> None:
    """What is imported is here to stay: to look through it for garbage, again and again, took a fifth of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


torch.set_num_threads(1)  # models here are tiny; threads would wait for each other

TEXT_CONFIGS = {
    "llama": lambda: LlamaConfig(**SIZES),
    "qwen3": lambda: Qwen3Config(**SIZES),
    "gemma3": lambda: Gemma3TextConfig(
        **{**SIZES, "num_hidden_layers": 4},
        sliding_window=4,
        layer_types=["sliding_attention", "full_attention"] * 2,
    ),
}
PROMPT_IDS = [5, 6, 7, 8, 9, 10, 11, 12, -2, 13, -1]
NAMES = [1, 2, 3, 4, 5, 6, 7]  # where units are named in it, more than one at a place


def tiny_config(llm: str = "llama", **settings) -> AULLMConfig:
    """AULLM++ around an LLM of 32 dimensions, with a prompt of eight text tokens before the first placeholder."""
    settings = {"prompt_token_ids": PROMPT_IDS, "lora_rank": 4} | settings
    config = AULLMConfig(text_config=TEXT_CONFIGS[llm](), **settings)
    if settings["prompt_token_ids"] is PROMPT_IDS and config.unit_positions is None:
        config.unit_positions = [NAMES[unit % len(NAMES)] for unit in range(len(config.action_units))]
    return config


def save_small_llm(folder: Path, spread: float | None = None) -> Path:
    """Put a tiny pretrained LLM into a folder, with the tokenizer of the offline one.

    Args:
        folder: Where.
        spread: Of its random weights; larger than usual, it tells one text from another.
    """
    torch.manual_seed(3)
    config = tiny_config().text_config
    tokenizer = AutoTokenizer.from_pretrained(find_language_model(DEFAULT_LANGUAGE_MODEL))
    config.vocab_size = len(tokenizer)
    llm = LlamaForCausalLM(config)
    for name, weight in llm.named_parameters():
        if spread and "_proj." in name:
            torch.nn.init.normal_(weight, std=spread)
    llm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_model(llm: str = "llama", **settings) -> AULLMForAUDetection:
    """A random tiny model whose LoRA is not zero and whose head says something, in eval mode."""
    torch.manual_seed(0)
    config = tiny_config(llm, **settings)
    model = AULLMForAUDetection(config).eval()
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.init.normal_(model.head.case.weight if config.read_out == "by_name" else model.head.weight, std=0.5)
    return model


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture
def model() -> AULLMForAUDetection:
    return tiny_model()


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.rand(3, 6, 64, 64, generator=torch.Generator().manual_seed(1))
