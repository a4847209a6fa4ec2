"""Lean and whole checkpoints, in this process and in one that does not have the package."""

import json
import os
import resource
import shutil

import pytest
import torch
from conftest import save_small_llm, tiny_model
from helpers_process import run_python
from helpers_video import face_video, write_video
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForVideoClassification, AutoTokenizer, pipeline
from transformers.models.auto import AutoModelForCausalLM

from modeling_aullm import ActionUnitDetectionPipeline, AULLMConfig, AULLMForAUDetection, AULLMProcessor
from modeling_aullm.language_model import LanguageModelNotFound

LOAD = """
import sys, torch
assert not any("modeling_aullm" in name for name in sys.modules)
from transformers import AutoModel
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True)
assert "modeling_aullm" not in sys.modules, "the installed package was used"
clips = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    torch.save(model(clips).logits, sys.argv[3])
"""


def load_elsewhere(checkpoint, clips, tmp_path, **environment):
    """Logits that a process without this package gets from a checkpoint, and what it wrote to stderr."""
    torch.save(clips, tmp_path / "clips.pt")
    arguments = [checkpoint, tmp_path / "clips.pt", tmp_path / "logits.pt"]
    settings = os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HUB_OFFLINE": "1"} | environment
    done = run_python("-c", LOAD, arguments, settings, tmp_path)
    return (torch.load(tmp_path / "logits.pt") if done.returncode == 0 else None), done.stderr


@pytest.fixture
def small_llm(tmp_path):
    """A folder with a tiny pretrained LLM, its tokenizer taken from the offline one."""
    folder = tmp_path / "llm"
    return save_small_llm(folder)


@pytest.fixture
def lean(small_llm, tmp_path):
    """A lean checkpoint on the tiny LLM, and the model it was saved from."""
    torch.manual_seed(4)
    model = AULLMForAUDetection.from_backbones(llm=str(small_llm))
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.init.normal_(model.head.case.weight, std=0.5)
    model.save_pretrained(tmp_path / "lean")
    return tmp_path / "lean", model


def test_from_backbones_reads_the_prompt_with_the_pretrained_weights(lean, small_llm):
    _, model = lean
    reference = AutoModelForCausalLM.from_pretrained(small_llm).model
    torch.testing.assert_close(model.get_input_embeddings().weight, reference.embed_tokens.weight)
    tokenizer = AutoTokenizer.from_pretrained(small_llm)
    text = model.config.prompt.partition("{instruction}")[0]
    assert model.config.prompt_token_ids[:-2][-5:] == tokenizer(text, add_special_tokens=False)["input_ids"][-5:]
    assert model.config.prompt_token_ids[-2:] == [-2, -1]
    rms = reference.embed_tokens.weight.square().mean().sqrt().item()
    assert model.config.token_rms == pytest.approx(0.3 * rms, rel=1e-5)
    words = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in (" evidence", " structure")]
    assert model.config.anchor_token_ids == [ids[-1] for ids in words]


def test_au_llm_puts_its_token_there_alone(small_llm, clips):
    model = AULLMForAUDetection.from_backbones(AULLMConfig.au_llm(), llm=str(small_llm)).eval()
    read = []
    model.llm.register_forward_pre_hook(
        lambda _module, _args, kwargs: read.append(kwargs["inputs_embeds"]), with_kwargs=True
    )
    with torch.no_grad():
        output = model(clips, share_prefix=False)
    torch.testing.assert_close(read[0][:, -1], output.content_token)


def test_bare_tokens_have_the_size_of_embeddings(small_llm):
    model = AULLMForAUDetection.from_backbones(AULLMConfig(anchored=False), llm=str(small_llm))
    rms = model.get_input_embeddings().weight.square().mean().sqrt().item()
    assert model.config.anchor_token_ids is None and model.config.token_rms == pytest.approx(rms, rel=1e-5)
    assert "{instruction}" in model.config.prompt


def test_lean_checkpoint_holds_what_was_trained_and_no_more(lean):
    folder, model = lean
    names = set(load_file(folder / "model.safetensors"))
    assert not any(name.startswith("llm.") and ".lora_" not in name for name in names)
    assert {n for n, _ in model.named_parameters() if not n.startswith("llm.") or ".lora_" in n} <= names
    record = json.loads((folder / "config.json").read_text())
    assert record["checkpoint"] == "lean" and len(record["llm"]["sha256"]) == 64
    assert not list(folder.glob("*.bin"))


@pytest.mark.parametrize("kind", ["lean", "whole"])
def test_a_process_without_the_package_gets_the_same_logits(kind, lean, clips, tmp_path):
    folder, model = lean
    if kind == "whole":
        folder = tmp_path / "whole"
        model.save_pretrained(folder, whole=True)
    with torch.no_grad():
        expected = model.eval()(clips).logits
    found, errors = load_elsewhere(folder, clips, tmp_path)
    assert found is not None, errors
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_whole_checkpoint_needs_no_llm_elsewhere(lean, small_llm, clips, tmp_path):
    _, model = lean
    model.save_pretrained(tmp_path / "whole", whole=True)
    shutil.rmtree(small_llm)
    with torch.no_grad():
        torch.testing.assert_close(
            AutoModel.from_pretrained(tmp_path / "whole")(clips).logits, model.eval()(clips).logits
        )


def test_a_lean_checkpoint_without_its_llm_says_where_it_looked(lean, small_llm, clips, tmp_path):
    folder, _ = lean
    shutil.rmtree(small_llm)
    with pytest.raises(LanguageModelNotFound, match="were not found. Looked in: .*llm"):
        AutoModel.from_pretrained(folder)
    found, errors = load_elsewhere(folder, clips, tmp_path)
    assert found is None and "were not found. Looked in" in errors


def test_other_weights_of_the_same_llm_are_told(lean, small_llm, caplog):
    folder, _ = lean
    file = small_llm / "model.safetensors"
    save_file({k: v + 0.01 for k, v in load_file(file).items()}, file, metadata={"format": "pt"})
    AutoModel.from_pretrained(folder)
    assert "are not the ones the checkpoint was trained on" in caplog.text


def test_full_precision_in_place_of_the_gguf_is_told(lean, caplog, small_llm):
    folder, _ = lean
    config = json.loads((folder / "config.json").read_text())
    config["llm"] |= {"file": "missing.gguf", "sha256": "0" * 64}
    (folder / "config.json").write_text(json.dumps(config))
    AutoModel.from_pretrained(folder)
    assert "full-precision weights of the same model" in caplog.text


def test_lean_loads_with_its_trained_weights_not_random_ones(lean, clips):
    folder, model = lean
    with torch.no_grad():
        first, second = (AutoModel.from_pretrained(folder)(clips).logits for _ in range(2))
        torch.testing.assert_close(first, second)
        torch.testing.assert_close(first, model.eval()(clips).logits)


def test_an_incomplete_checkpoint_is_an_error_not_a_report(lean):
    folder, _ = lean
    weights = load_file(folder / "model.safetensors")
    del weights["head.case.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ValueError, match=r"the weight head\.case\.weight of the shape \(64, 32\), and its files hold none"
    ):
        AutoModel.from_pretrained(folder)


def test_a_renamed_weights_file_is_an_error(lean):
    folder, _ = lean
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    with pytest.raises(OSError, match=r"model\.safetensors"):
        AutoModel.from_pretrained(folder)


def test_random_llm_cannot_be_saved_lean(tmp_path):
    with pytest.raises(ValueError, match="only whole=True can save it"):
        tiny_model().save_pretrained(tmp_path, whole=False)


@pytest.mark.parametrize("llm", ["llama", "qwen3", "gemma3"])
def test_whole_round_trip(llm, clips, tmp_path):
    model = tiny_model(llm)
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is AULLMForAUDetection and not loaded.training
    with torch.no_grad():
        torch.testing.assert_close(loaded(clips).logits, model(clips).logits)


def test_what_was_saved_before_the_read_out_by_name_answers_as_it_did(clips, tmp_path):
    model = tiny_model(read_out="last_position", node_regions=False)
    model.save_pretrained(tmp_path, whole=True)
    saved = json.loads((tmp_path / "config.json").read_text())
    before = {name: value for name, value in saved.items() if name not in ("read_out", "node_regions")}
    assert len(before) == len(saved) - 2, "what is saved today says both"
    (tmp_path / "config.json").write_text(json.dumps(before))
    with torch.no_grad():
        torch.testing.assert_close(AULLMForAUDetection.from_pretrained(tmp_path)(clips).logits, model(clips).logits)
    assert AULLMConfig.from_dict({"action_units": ["AU12"]}).read_out == "by_name"


def test_a_checkpoint_in_several_files(clips, tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path, max_shard_size="200KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    with torch.no_grad():
        torch.testing.assert_close(AutoModel.from_pretrained(tmp_path)(clips).logits, model(clips).logits)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    index["weight_map"]["head.case.weight"] = "../../elsewhere.safetensors"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="names '../../elsewhere.safetensors'"):
        AutoModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("change", [{"hidden_size": 16384}, {"num_hidden_layers": 10**9}, {"vocab_size": 10**9}])
@pytest.mark.parametrize("whole", [True, False])
def test_a_configuration_cannot_claim_more_than_the_files_hold(lean, tmp_path, whole, change):
    folder, model = lean
    if whole:
        folder = tmp_path / "whole"
        model.save_pretrained(folder, whole=True)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"config\.json asks for"):
        AutoModel.from_pretrained(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB; the weights would be gigabytes


@pytest.mark.parametrize("kind", ["lean", "backbones", "whole"])
def test_what_a_save_leaves_out_is_frozen(kind, lean, small_llm, tmp_path):
    folder, model = lean
    if kind == "lean":
        model = AutoModel.from_pretrained(folder)
    if kind == "whole":
        model.save_pretrained(tmp_path / "whole", whole=True)
        model = AutoModel.from_pretrained(tmp_path / "whole")
    saved = set(load_file((tmp_path / "whole" if kind == "whole" else folder) / "model.safetensors"))
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (name in saved), name


def adam_step(model, clips, learning_rate=1e-5):
    """One step of everything that learns, the smallest that people take."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    model.train()(clips, labels=torch.ones(len(clips), 12)).loss.backward()
    optimizer.step()
    return model.eval()


@pytest.mark.parametrize("thawed", [False, True])
@pytest.mark.parametrize("kind", ["lean", "whole"])
def test_fine_tuning_saving_and_loading_loses_nothing(kind, thawed, lean, clips, tmp_path, caplog):
    folder, model = lean
    if kind == "whole":
        folder = tmp_path / "whole"
        model.save_pretrained(folder, whole=True)
    tuned = AutoModel.from_pretrained(folder)
    if thawed:
        tuned.requires_grad_(True)
    adam_step(tuned, clips)
    tuned.save_pretrained(tmp_path / "tuned")
    loaded = AutoModel.from_pretrained(tmp_path / "tuned")
    with torch.no_grad():
        torch.testing.assert_close(loaded(clips).logits, tuned(clips).logits)
    trained = thawed or kind == "whole"
    assert loaded.config.checkpoint == ("whole" if trained else "lean")
    assert ("differ from those on record" in caplog.text) == trained
    if trained:
        with pytest.raises(ValueError, match="differ from those on record .* only whole=True can save it"):
            tuned.save_pretrained(tmp_path / "refused", whole=False)
        assert not (tmp_path / "refused" / "model.safetensors").exists()


@pytest.mark.parametrize("change", ["one", "rows", "data"])
def test_any_change_of_the_llm_is_noticed(change, lean, tmp_path):
    _, model = lean
    weight = model.llm.layers[1].mlp.up_proj.weight
    if change == "one":
        with torch.no_grad():
            weight[3, 5] = torch.nextafter(weight[3, 5], torch.tensor(9.0))
    elif change == "rows":
        weight.data = weight.data.flip(0)
    else:
        weight.data.mul_(1.01)
    with pytest.raises(ValueError, match="up_proj"):
        model.save_pretrained(tmp_path / "refused", whole=False)


@pytest.mark.parametrize("way", ["half", "bfloat16"])
def test_a_rounded_llm_is_not_a_changed_one(way, lean, tmp_path):
    folder, _ = lean
    model = getattr(AutoModel.from_pretrained(folder), way)()
    for name in ("rounded", "back"):
        model.save_pretrained(tmp_path / name)
        assert json.loads((tmp_path / name / "config.json").read_text())["checkpoint"] == "lean"
        model = model.float()
    assert AutoModel.from_pretrained(tmp_path / "rounded").llm.dtype in (torch.float16, torch.bfloat16)


def test_where_the_llm_is_gone_it_is_saved_whole(lean, small_llm, clips, tmp_path, caplog):
    _, model = lean
    shutil.rmtree(small_llm)
    model.save_pretrained(tmp_path / "kept")
    assert "is not here for its weights to be compared" in caplog.text
    with torch.no_grad():
        kept = AutoModel.from_pretrained(tmp_path / "kept")(clips).logits
        torch.testing.assert_close(kept, model.eval()(clips).logits)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_only_the_llm_is_loaded_in_half_precision(dtype, lean, small_llm):
    folder, _ = lean
    for loaded in (
        AULLMForAUDetection.from_pretrained(folder, dtype=dtype),
        AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)),
        AULLMForAUDetection.from_backbones(llm=str(small_llm), dtype=getattr(torch, dtype)),
    ):
        types = {(name.startswith("llm."), parameter.dtype) for name, parameter in loaded.named_parameters()}
        assert types == {(True, getattr(torch, dtype)), (False, torch.float32)}
        assert loaded.head.case.weight.isfinite().all()


SAVE_ELSEWHERE = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec.__func__
hidden = ("modeling_aullm",)
PathFinder.find_spec = classmethod(lambda cls, name, *rest: None if name in hidden else find(cls, name, *rest))
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
try:
    import modeling_aullm
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("the package is importable")
from transformers import AutoModel, AutoModelForVideoClassification, AutoProcessor, pipeline
"""
STEPS = {
    "parts": """
for kind in (AutoModel, AutoProcessor):
    kind.from_pretrained("first", trust_remote_code=True).save_pretrained("second")
""",
    "video classification": """
for kind in (AutoModelForVideoClassification, AutoProcessor):
    kind.from_pretrained("first", trust_remote_code=True).save_pretrained("second")
""",
    "pipeline": """
pipeline("action-unit-detection", model="first", trust_remote_code=True).save_pretrained("second")
""",
}
USE = """
import numpy as np
detect = pipeline("action-unit-detection", model="second", trust_remote_code=True)
(segment,) = detect(np.random.default_rng(0).integers(0, 255, (8, 64, 64), np.uint8), face="cropped")["timeline"]
assert len(segment["action_units"]) == 12, segment
AutoModel.from_pretrained("second", trust_remote_code=True)
"""


@pytest.mark.parametrize("way", STEPS)
def test_saved_from_remote_code_it_is_a_pipeline_again(way, lean, tmp_path):
    folder, model = lean
    shutil.copytree(folder, tmp_path / "work" / "first")
    AULLMProcessor(action_units=model.config.action_units).save_pretrained(tmp_path / "work" / "first")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HUB_OFFLINE": "1"}
    for code in (STEPS[way], USE):  # each in a process of its own
        done = run_python("-c", SAVE_ELSEWHERE + code, [], environment, tmp_path / "work")
        assert done.returncode == 0, done.stderr
    names = json.loads((tmp_path / "work" / "second" / "config.json").read_text())["auto_map"]
    assert {"AutoConfig", "AutoModel", "AutoModelForVideoClassification"} <= set(names)


def test_the_installed_package_asks_for_no_trust(lean, tmp_path):
    folder, model = lean
    AULLMProcessor(action_units=model.config.action_units).save_pretrained(folder)
    detect = pipeline("action-unit-detection", model=str(folder))
    assert type(detect) is ActionUnitDetectionPipeline
    detect.save_pretrained(tmp_path / "again")
    again = pipeline("action-unit-detection", model=str(tmp_path / "again"))
    assert again.processor.action_units == model.config.action_units
    for saved in (folder, tmp_path / "again"):
        assert (saved / "pipeline_aullm.py").is_file()
        assert "action-unit-detection" in json.loads((saved / "config.json").read_text())["custom_pipelines"]


def test_its_hub_tag_loads_it(lean, tmp_path):
    folder, model = lean
    AULLMProcessor(action_units=model.config.action_units).save_pretrained(folder)
    assert type(AutoModelForVideoClassification.from_pretrained(folder)) is AULLMForAUDetection
    write_video(tmp_path / "clip.mp4", face_video(10))
    found = pipeline("video-classification", model=str(folder))(str(tmp_path / "clip.mp4"), top_k=12)
    (segment,) = pipeline("action-unit-detection", model=str(folder))(str(tmp_path / "clip.mp4"))["timeline"]
    assert {each["label"]: each["score"] for each in found} == pytest.approx(
        {code: unit["probability"] for code, unit in segment["action_units"].items()}, abs=1e-5
    )
    with pytest.raises(ValueError, match="the model takes 6 sampled frames"):
        pipeline("video-classification", model=str(folder), num_frames=16)(str(tmp_path / "clip.mp4"))


def test_dtype_is_taken(lean):
    folder, _ = lean
    assert AutoModel.from_pretrained(folder, dtype=torch.bfloat16).llm.dtype == torch.bfloat16


def test_the_config_can_be_changed_on_loading(lean):
    folder, _ = lean
    assert AutoModel.from_pretrained(folder, lora_dropout=0.5).config.lora_dropout == 0.5
    assert isinstance(AutoModel.from_pretrained(folder).config, AULLMConfig)
