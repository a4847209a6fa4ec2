"""Models pushed to the stand-in Hub, and loaded where this package is not."""

import json
import os
import pickle
import resource
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from conftest import tiny_config
from helpers_hub import clean_environment, commit_of, run_code, run_module, write_checkpoint, write_data
from helpers_protocol import clip, loso
from hub_server import StandInHub
from huggingface_hub import ModelCard, parse_eval_result_entries
from safetensors.torch import load, load_file
from transformers import AutoModel, AutoTokenizer, LlamaForCausalLM

from hub.pushing.model import stage_model
from hub.repos.checkpoint import check_no_pickle, load_checkpoint
from hub.repos.lineage import data_seen
from hub.repos.merge_lora import merge_lora
from modeling_aullm import AULLMForAUDetection, AULLMProcessor
from modeling_aullm.language_model import DEFAULT_LANGUAGE_MODEL, find_language_model
from training.errors import InputError

UNITS = ["AU1", "AU12"]
LOAD = """
import sys, torch
from importlib.util import find_spec
assert not any(find_spec(name) for name in ("modeling_aullm", "hub", "training", "datasets", "av"))
from transformers import AutoModel
model = AutoModel.from_pretrained(sys.argv[1], revision=sys.argv[2], trust_remote_code=True)
clips = torch.load(sys.argv[3], weights_only=True)
with torch.no_grad():
    torch.save(model(clips).logits, sys.argv[4])
"""
MAKE_LEAN = """
import sys, torch
sys.path.insert(0, sys.argv[3])
from modeling_aullm import AULLMForAUDetection, AULLMProcessor
torch.manual_seed(4)
model = AULLMForAUDetection.from_backbones(llm=sys.argv[1]).eval()
for name, weight in model.named_parameters():
    if ".lora_B." in name or name == "head.case.weight":
        torch.nn.init.normal_(weight, std=0.3)
model.save_pretrained(sys.argv[2])
AULLMProcessor().save_pretrained(sys.argv[2])
torch.save(model(torch.load(sys.argv[4])).logits.detach(), sys.argv[5])
"""


@pytest.fixture
def hub():
    with StandInHub(part_size=1 << 20) as hub:
        yield hub


def push(hub, tmp_path, *arguments, repo="lab/model", **settings):
    return run_module(hub, tmp_path / "home", "hub.push_model", *arguments, "--repo", repo, **settings)


def load_elsewhere(hub, tmp_path, clips, commit, python):
    """Logits from a process in a clean virtual environment."""
    torch.save(clips, tmp_path / "clips.pt")
    command = [python, "-I", "-c", LOAD, "lab/model", commit, tmp_path / "clips.pt", tmp_path / "logits.pt"]
    environment = os.environ | hub.environment(tmp_path / "elsewhere")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return torch.load(tmp_path / "logits.pt")


def record_training(folder, datasets=(), **options):
    """The record that training writes beside a checkpoint; `datasets` are those of the clips it learned from."""
    options = {"data": "synthetic:A", "data_seed": 3, "model": ""} | options
    record = {
        "command": "python -m training.train --output /home/somebody/run", "options": options, "device": "CPU",
        "minutes": 2.5, "seed": 1, "clips": {"train": 40, "validation": 4}, "thresholds": {"AU1": 0.3},
        "datasets": list(datasets),
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(record))


def stage(checkpoint, folder, *, whole=None, merge=False, results=None):
    folder.mkdir()
    stage_model(checkpoint, folder, "lab/model", whole=whole, merge=merge, results=results)
    return folder


def test_a_clean_environment_loads_what_was_pushed_with_equal_logits(hub, tmp_path, clips):
    """Whole, then lean on an LLM of the Hub, in one virtual environment."""
    python = clean_environment(tmp_path / "venv")
    model = write_checkpoint(tmp_path / "checkpoint")
    commit = commit_of(push(hub, tmp_path, tmp_path / "checkpoint"))
    assert hub.store.repos["model", "lab/model"].private
    with torch.no_grad():
        torch.testing.assert_close(load_elsewhere(hub, tmp_path, clips, commit, python), model(clips).logits)

    config = tiny_config().text_config
    tokenizer = AutoTokenizer.from_pretrained(find_language_model(DEFAULT_LANGUAGE_MODEL))
    config.vocab_size = len(tokenizer)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llm")
    tokenizer.save_pretrained(tmp_path / "llm")
    hub.store.put("model", "lab/llm", {path.name: path.read_bytes() for path in (tmp_path / "llm").iterdir()})
    made = ["lab/llm", tmp_path / "lean", Path(__file__).parents[1], tmp_path / "clips.pt", tmp_path / "expected.pt"]
    done = run_code(hub, tmp_path / "home", MAKE_LEAN, *made)
    assert done.returncode == 0, done.stderr
    commit = commit_of(push(hub, tmp_path, tmp_path / "lean", "--update"))
    files = hub.store.repos["model", "lab/model"].files()
    names = load(files["model.safetensors"].content)
    assert all(".lora_" in name for name in names if name.startswith("llm.")), "the LLM is not in it"
    assert yaml.safe_load(files["README.md"].content.decode().split("---")[1])["base_model"] == "lab/llm"
    found = load_elsewhere(hub, tmp_path, clips, commit, python)
    torch.testing.assert_close(found, torch.load(tmp_path / "expected.pt"), atol=1e-5, rtol=1e-5)


def test_a_repository_is_not_overwritten_without_saying_so(hub, tmp_path):
    write_checkpoint(tmp_path / "checkpoint")
    hub.store.put("model", "lab/model", {"README.md": b"mine", "pytorch_model.bin": b"\x80\x04."})
    head = hub.store.repos["model", "lab/model"].refs["main"]
    done = push(hub, tmp_path, tmp_path / "checkpoint")
    assert done.returncode == 2 and "--update replaces" in done.stderr
    assert hub.store.repos["model", "lab/model"].refs["main"] == head
    commit_of(push(hub, tmp_path, tmp_path / "checkpoint", "--update"))
    assert "pytorch_model.bin" not in hub.store.repos["model", "lab/model"].files()
    assert {"model.safetensors", "modeling_aullm.py"} <= set(hub.store.repos["model", "lab/model"].files())


def test_merging_lora_keeps_the_logits(tmp_path, clips):
    model = write_checkpoint(tmp_path / "checkpoint")
    folder = stage(tmp_path / "checkpoint", tmp_path / "staged", merge=True)
    merged = AutoModel.from_pretrained(folder)
    assert merged.config.lora_rank == 0 and merged.config.checkpoint == "whole" and not merged.config.llm
    assert not any(".lora_" in name or "base_layer" in name for name in load_file(folder / "model.safetensors"))
    with torch.no_grad():
        expected = model(clips).logits
        torch.testing.assert_close(merged(clips).logits, expected, atol=1e-5, rtol=1e-5)
    plain = merge_lora(model)
    assert model.config.lora_rank == 4, "the given model stays as it is"
    with pytest.raises(InputError, match="no LoRA"):
        merge_lora(plain)
    with pytest.raises(ValueError, match="only whole=True"):
        plain.save_pretrained(tmp_path / "lean", whole=False)


def torch_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(1))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("pytorch_model.bin", lambda path: path.write_bytes(b"")),
        ("notes/readme.txt", lambda path: path.write_bytes(pickle.dumps({"a": 1}))),
        ("weights.dat", torch_archive),
        ("model-00002.safetensors", lambda path: path.write_bytes(pickle.dumps([0] * 99))),
        (".hidden.pth", lambda path: path.write_bytes(b"x")),
    ],
)
def test_a_pickle_is_refused_and_named(tmp_path, name, write):
    write_checkpoint(tmp_path / "checkpoint")
    check_no_pickle(tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / name).parent.mkdir(exist_ok=True)
    write(tmp_path / "checkpoint" / name)
    with pytest.raises(InputError, match=f"{name} is a pickle"):
        stage(tmp_path / "checkpoint", tmp_path / "staged")


def test_a_lean_checkpoint_on_a_folder_of_this_machine_is_refused(tmp_path):
    torch.manual_seed(3)
    config = tiny_config().text_config
    tokenizer = AutoTokenizer.from_pretrained(find_language_model(DEFAULT_LANGUAGE_MODEL))
    config.vocab_size = len(tokenizer)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llm")
    tokenizer.save_pretrained(tmp_path / "llm")
    AULLMForAUDetection.from_backbones(llm=str(tmp_path / "llm")).save_pretrained(tmp_path / "checkpoint")
    AULLMProcessor().save_pretrained(tmp_path / "checkpoint")
    with pytest.raises(InputError, match="the folder llm of this machine, where nobody else can find it.*--whole"):
        stage(tmp_path / "checkpoint", tmp_path / "lean")
    folder = stage(tmp_path / "checkpoint", tmp_path / "whole", whole=True)
    assert str(tmp_path) not in "".join(path.read_text() for path in folder.glob("*.json"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"text_config": {"model_type": "llama", "hidden_size": 16384}}, "config.json asks for the weight"),
        ({"text_config": {"model_type": "llama", "num_hidden_layers": 10**9}}, "an LLM of 1000000000 layers"),
        ({"node_size": 65536}, "config.json asks for the weight"),
        ({"text_config": {"model_type": "no_such_llm"}}, "cannot be loaded"),
        ({"action_units": "AU1"}, "cannot be loaded"),
    ],
)
def test_a_configuration_that_claims_more_than_the_files_hold_takes_no_memory(tmp_path, change, named):
    write_checkpoint(tmp_path / "checkpoint")
    config = json.loads((tmp_path / "checkpoint" / "config.json").read_text())
    (tmp_path / "checkpoint" / "config.json").write_text(json.dumps(config | change))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=named):
        load_checkpoint(tmp_path / "checkpoint")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB; the weights would be gigabytes


def run_of(tmp_path, protocol="loso", dataset="a"):
    """A finished run of two units, of leave one subject out or said to be of another protocol."""
    run = tmp_path / f"run-{protocol}"
    loso(run, clips=[clip(f"s{s}", k, dataset, (s % 2, k % 2)) for s in range(4) for k in range(4)])
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"protocol": protocol}))
    return run


def test_the_card_says_what_the_run_measured_and_what_the_checkpoint_saw(tmp_path):
    write_checkpoint(tmp_path / "checkpoint", action_units=UNITS)
    data = write_data(tmp_path / "data", dataset="casme2")
    record_training(tmp_path / "checkpoint", data=str(data))
    run = run_of(tmp_path)
    folder = stage(tmp_path / "checkpoint", tmp_path / "staged", results=run)
    card = ModelCard.load(folder / "README.md")
    assert card.data.pipeline_tag == "video-classification" and card.data.library_name == "transformers"
    assert card.data.license == "other" and card.data.metrics == ["f1", "roc_auc"]
    figures = json.loads((run / "metrics.json").read_text())["parts"]["test"]["scores"]["mean"]
    shown = {result.metric_name: result.metric_value for result in card.data.eval_results}
    binary = "binary F1 (active class), thresholds from validation subjects, mean over units"
    assert shown[binary] == pytest.approx(figures["binary_f1_at_validation_threshold"]["mean"], abs=1e-4)
    assert "16 clips of 4 people" in card.data.eval_results[0].dataset_name
    for text in ("- casme2", "licensed for research", "They are not this checkpoint's", "EU AI Act", "40 train"):
        assert text in " ".join(card.text.split()), text
    (file,) = (folder / ".eval_results").iterdir()
    entries = parse_eval_result_entries(yaml.safe_load(file.read_text()))
    assert entries[0].value == shown[binary] and entries[0].task_id.startswith("loso.test.binary_f1")
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".md", ".yaml"):
            assert str(tmp_path) not in path.read_text() and "somebody" not in path.read_text(), path
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".md", ".py", ".safetensors", ""}


def test_figures_of_other_weights_are_refused(tmp_path):
    write_checkpoint(tmp_path / "checkpoint", action_units=UNITS)
    run = run_of(tmp_path, protocol="train")
    with pytest.raises(InputError, match="are of other weights"):
        stage(tmp_path / "checkpoint", tmp_path / "first", results=run)
    shutil.copytree(tmp_path / "checkpoint", run / "checkpoint")
    assert (
        "Figures of this checkpoint"
        in (stage(tmp_path / "checkpoint", tmp_path / "second", results=run) / "README.md").read_text()
    )
    write_checkpoint(tmp_path / "twelve")
    with pytest.raises(InputError, match="is about AU1, AU12"):
        stage(tmp_path / "twelve", tmp_path / "third", results=run)


def test_the_data_of_all_trainings_is_named(tmp_path):
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
    assert data_seen(tmp_path / "first") is None
    record_training(tmp_path / "first")
    record_training(tmp_path / "second", data="lab/clips", model=str(tmp_path / "first"))
    assert data_seen(tmp_path / "second") == ["synthetic:A, seed 3", "lab/clips"]
    record_training(tmp_path / "third", data="lab/clips", model=str(tmp_path / "gone"))  # of an older training
    assert data_seen(tmp_path / "third") == ["whatever the checkpoint gone had seen", "lab/clips"]
    record_training(tmp_path / "third", datasets=["casme2", "samm"], data="/home/somebody/clips")
    assert data_seen(tmp_path / "third") == ["casme2", "samm"]


def test_a_checkpoint_of_drawn_faces_says_so(tmp_path):
    write_checkpoint(tmp_path / "checkpoint")
    record_training(tmp_path / "checkpoint")
    folder = stage(tmp_path / "checkpoint", tmp_path / "staged")
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "apache-2.0" and "has seen no human face" in card.text
    assert data_seen(folder) == ["synthetic:A, seed 3"], "whoever goes on from it can say what it saw"
