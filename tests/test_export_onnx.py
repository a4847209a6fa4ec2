"""Checkpoints as ONNX graphs: the same answers from ONNX Runtime, the LLM in the four bits that it came in."""

import json
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import save_small_llm, tiny_config, tiny_model
from gguf import GGMLQuantizationType, GGUFWriter, quants
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file
from torch import nn

from hub.export_onnx import main
from hub.exporting.four_bits import FourBitLinear, put_in_four_bits, read_blocks
from modeling_aullm import AULLMConfig, AULLMForAUDetection, AULLMProcessor
from modeling_aullm.language_model import DEFAULT_LANGUAGE_MODEL, find_language_model, gguf_file
from training.errors import InputError


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint on a tiny LLM, whose LoRA and head say something, and its model."""
    llm = save_small_llm(tmp_path / "llm")
    model = AULLMForAUDetection.from_backbones(tiny_config(prompt_token_ids=None), llm=str(llm)).eval()
    for name, parameter in model.named_parameters():
        if ".lora_B." in name or name == "head.case.weight":
            nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path / "checkpoint")
    AULLMProcessor(thresholds=[0.4] * 12).save_pretrained(tmp_path / "checkpoint")
    return tmp_path / "checkpoint", model


def test_a_graph_gives_the_model_s_logits_for_any_number_of_clips(checkpoint, tmp_path):
    folder, model = checkpoint
    main([str(folder), "--out", str(tmp_path / "graph")])
    session = onnxruntime.InferenceSession(str(tmp_path / "graph" / "model.onnx"))
    for clips in (1, 2, 5, 70):
        pixels = torch.rand(clips, 6, 64, 64)
        with torch.no_grad():
            exact = model(pixels).logits
        (found,) = session.run(None, {"pixel_values": pixels.numpy()})
        np.testing.assert_allclose(found, exact, atol=2e-4)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["action_units"]) == model.config.action_units
    assert json.loads(about["thresholds"]) == [0.4] * 12
    assert json.loads(about["llm"])["sha256"] == model.config.llm["sha256"]
    assert {file.name for file in (tmp_path / "graph").iterdir()} == {
        "model.onnx", "config.json", "processor_config.json", "README.md"
    }  # fmt: skip
    with pytest.raises(InputError, match="exists already"):
        main([str(folder), "--out", str(tmp_path / "graph")])


def test_what_cannot_be_exported_leaves_nothing(tmp_path):
    tiny_model(prompt_token_ids=[-2, 3, -1], unit_positions=[1] * 12).save_pretrained(tmp_path / "checkpoint")
    AULLMProcessor().save_pretrained(tmp_path / "checkpoint")
    with pytest.raises(InputError, match="begins with its text"):
        main([str(tmp_path / "checkpoint"), "--out", str(tmp_path / "graph")])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_folder_without_a_checkpoint_costs_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hub.export_onnx", tmp_path, "--out", tmp_path / "graph"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and str(tmp_path) in done.stderr


def test_blocks_of_the_real_llm_are_its_weights():
    text = AULLMConfig.from_pretrained("modeling_aullm/checkpoints/synthetic-smollm2-135m").get_text_config()
    blocks = read_blocks(gguf_file(DEFAULT_LANGUAGE_MODEL), (text.num_attention_heads, text.num_key_value_heads))
    weights = load_file(find_language_model(DEFAULT_LANGUAGE_MODEL) / "model.safetensors")
    assert len(blocks) == 7 * text.num_hidden_layers
    for name, own in blocks.items():
        exact = next(weight for key, weight in weights.items() if key.endswith(f"{name}.weight"))
        np.testing.assert_array_equal(own.weights(), exact.float())


class OneLayer(nn.Module):
    """As much of an LLM as holds one layer of the name that blocks have."""

    def __init__(self):
        super().__init__()
        attention = nn.Module()
        attention.o_proj = nn.Linear(64, 96, bias=False)
        layer = nn.Module()
        layer.self_attn = attention
        self.layers = nn.ModuleList([layer])

    def forward(self, x):
        return self.layers[0].self_attn.o_proj(x)


def blocks_in_a_file(folder):
    """A matrix of Q4_1, (96, 64), and the blocks that are read from its GGUF file."""
    drawn = np.random.default_rng(0).normal(size=(96, 64)).astype(np.float32)
    packed = quants.quantize(drawn, GGMLQuantizationType.Q4_1)
    writer = GGUFWriter(folder / "one.gguf", "llama")
    writer.add_tensor("blk.0.attn_output.weight", packed, raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return quants.dequantize(packed, GGMLQuantizationType.Q4_1), read_blocks(folder / "one.gguf", (4, 4))


@pytest.mark.parametrize("lora", [False, True])
def test_a_layer_in_four_bits_is_the_layer(lora, tmp_path):
    weights, blocks = blocks_in_a_file(tmp_path)
    llm, x = OneLayer().eval(), torch.rand(3, 5, 64)
    llm.layers[0].self_attn.o_proj.weight.data = torch.from_numpy(weights)
    if lora:
        inject_adapter_in_model(LoraConfig(r=4, target_modules=["o_proj"], init_lora_weights=False), llm)
    exact = llm(x).detach()
    assert put_in_four_bits(llm, blocks) == 1
    assert isinstance(llm.layers[0].self_attn.o_proj, FourBitLinear)
    program = torch.onnx.export(llm, (x,), dynamo=True, verbose=False, opset_version=20)
    program.save(str(tmp_path / "one.onnx"))
    (found,) = onnxruntime.InferenceSession(str(tmp_path / "one.onnx")).run(None, {"x": x.numpy()})
    np.testing.assert_allclose(found, exact, atol=1e-5)


def test_a_layer_of_other_weights_stays_as_it_is(tmp_path):
    llm = OneLayer()
    assert put_in_four_bits(llm, blocks_in_a_file(tmp_path)[1]) == 0
    assert isinstance(llm.layers[0].self_attn.o_proj, nn.Linear)
