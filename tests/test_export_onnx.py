"""Checkpoints as ONNX graphs: the same answers from ONNX Runtime, the LLM in the four bits that it came in."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import tiny_model
from gguf import GGMLQuantizationType, GGUFWriter, quants
from helpers_graph import export_tiny
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file
from torch import nn

from hub.export_onnx import main
from hub.exporting.four_bits import FourBitLinear, put_in_four_bits, read_blocks
from modeling_aullm import AULLMConfig, AULLMProcessor, predict
from modeling_aullm.detector import CheckpointError
from modeling_aullm.language_model import DEFAULT_LANGUAGE_MODEL, find_language_model, gguf_file
from training.errors import InputError

EXAMPLES = Path(__file__).parents[1] / "space" / "examples"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("exported"))


def test_a_graph_gives_the_model_s_logits_for_any_number_of_clips(exported):
    _, model, folder = exported
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    double = copy.deepcopy(model).double()
    for clips in (1, 2, 5, 70):
        pixels = torch.rand(clips, 6, 64, 64)
        with torch.no_grad():
            exact = double(pixels.double())
        names = "logits", "side_logits", "intensity"
        for name, found in zip(names, session.run(names, {"pixel_values": pixels.numpy()}), strict=True):
            np.testing.assert_allclose(found, exact[name], atol=5e-5)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["action_units"]) == model.config.action_units
    assert json.loads(about["thresholds"]) == [0.4] * 12
    assert json.loads(about["llm"])["sha256"] == model.config.llm["sha256"]
    assert {file.name for file in folder.iterdir()} == {
        "model.onnx", "temporal_head.onnx", "config.json", "processor_config.json", "README.md"
    }  # fmt: skip


@pytest.mark.parametrize("video, window", [("smile.mp4", None), ("timeline.mp4", None), ("timeline.mp4", 0.5)])
def test_videos_get_the_same_answers_from_either_engine(exported, video, window):
    checkpoint, _, graph = exported
    options = {"window": window, "sensitivity": "high"}
    found = [json.loads(predict(EXAMPLES / video, model=model, **options).to_json()) for model in (checkpoint, graph)]
    assert [answers[0].pop("model") for answers in found] == ["checkpoint", "graph"]
    assert '"side": "' in json.dumps(found)
    same_up_to_rounding(*found)


def same_up_to_rounding(found, exact):
    if isinstance(exact, dict):
        assert found.keys() == exact.keys()
        for key, value in exact.items():
            same_up_to_rounding(found[key], value)
    elif isinstance(exact, list):
        assert len(found) == len(exact)
        for one, other in zip(found, exact):
            same_up_to_rounding(one, other)
    else:
        assert found == (pytest.approx(exact, abs=1e-3) if isinstance(exact, float) else exact)


def test_the_command_imports_no_torch_for_a_graph(exported):
    code = (
        "import sys, aullm_command\n"
        "status = aullm_command.main(sys.argv[1:])\n"
        "heavy = {'torch', 'transformers', 'peft', 'torch_geometric', 'safetensors', 'huggingface_hub', 'accelerate'}\n"
        "print(status, sorted(heavy & set(sys.modules)))"
    )
    arguments = ["predict", EXAMPLES / "timeline.mp4", EXAMPLES / "smile.mp4", "--model", exported[2]]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda folder: (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:5000]), "damaged"),
        (lambda folder: (folder / "temporal_head.onnx").write_bytes(b"no graph"), "damaged"),
        (lambda folder: (folder / "processor_config.json").unlink(), "cannot be read"),
        (
            lambda folder: AULLMProcessor(action_units=["AU1"]).to_json_file(folder / "processor_config.json"),
            "different action units",
        ),
    ],
)
def test_a_damaged_graph_costs_one_line_and_is_read_by_no_other_engine(exported, tmp_path, damage, said):
    folder = tmp_path / "graph"
    shutil.copytree(exported[2], folder)
    damage(folder)
    with pytest.raises(CheckpointError, match=said):
        predict(EXAMPLES / "timeline.mp4", model=folder)


def test_a_graph_of_another_format_is_told_apart(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("modeling_aullm.onnx_engine.FORMAT", "2")
    with pytest.raises(CheckpointError, match="format 1, this version reads 2: export the checkpoint anew"):
        predict(EXAMPLES / "smile.mp4", model=exported[2])


@pytest.mark.parametrize(
    "options, said",
    [
        ({"model": "checkpoint", "engine": "onnx"}, "holds no model.onnx"),
        ({"model": "graph", "dtype": "float16"}, "float32"),
        ({"model": "graph", "action_units": ["AU45"]}, "the model was not made for AU45"),
    ],
)
def test_what_a_graph_cannot_do_is_said(exported, options, said):
    options = options | {"model": exported[0].parent / options["model"]}
    with pytest.raises(CheckpointError, match=said):
        predict(EXAMPLES / "smile.mp4", **options)


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be one of torch, onnx, got 'tensorrt'"):
        predict(EXAMPLES / "smile.mp4", engine="tensorrt")


def test_nothing_is_exported_over_what_is_there(exported):
    with pytest.raises(InputError, match="exists already"):
        main([str(exported[0]), "--out", str(exported[2])])


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
