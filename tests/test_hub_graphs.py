"""Graphs beside checkpoints on the stand-in Hub: pushed, read by `aullm predict`, evaluated."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers_graph import export_tiny
from helpers_hub import commit_of, run_code, run_module
from hub_server import StandInHub

from modeling_aullm import AULLMForAUDetection

SMILE = Path(__file__).parents[1] / "space" / "examples" / "smile.mp4"
DATA = ("--data", "synthetic:B", "--max_subjects", 2, "--clips_per_subject", 3)
COMMAND = "import sys, aullm_command; sys.exit(aullm_command.main(sys.argv[1:]))"
FILES = {"model.onnx", "temporal_head.onnx", "config.json", "processor_config.json", "README.md"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("exported"))


@pytest.fixture
def hub():
    with StandInHub() as hub:
        yield hub


def push(hub, tmp_path, *arguments):
    return run_module(hub, tmp_path / "home", "hub.push_model", *arguments, "--whole", "--repo", "lab/model")


def predicted(hub, tmp_path, *model):
    done = run_code(hub, tmp_path / "home", COMMAND, "predict", SMILE, "--json", "-", *model)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    return result, result.pop("model")


def test_a_graph_is_pushed_beside_its_checkpoint_read_from_there_and_evaluated(hub, tmp_path, exported):
    checkpoint, _, graph = exported
    folder = tmp_path / "graph"
    shutil.copytree(graph, folder)
    (folder / "notes.txt").write_text("of no interest")
    commit = commit_of(push(hub, tmp_path, checkpoint, "--onnx", folder))
    files = hub.store.repos["model", "lab/model"].files()
    assert {name for name in files if name.startswith("onnx/")} == {f"onnx/{name}" for name in FILES}

    of_hub, name = predicted(hub, tmp_path, "--model", "lab/model", "--revision", commit, "--engine", "onnx")
    assert name == f"lab/model@{commit}"
    assert of_hub == predicted(hub, tmp_path, "--model", folder)[0]

    own = ("--model", "lab/model", "--revision", commit)
    for engine in ("torch", "onnx"):
        asked = ("hub.evaluate", *own, *DATA, "--engine", engine, "--output", tmp_path / engine)
        done = run_module(hub, tmp_path / "home", *asked)
        assert done.returncode == 0, done.stderr
    torch, onnx = (
        pd.read_parquet(tmp_path / engine / "folds/evaluation-seed0/predictions.parquet")
        for engine in ("torch", "onnx")
    )
    columns = [name for name in torch.columns if name.startswith("probability_")]
    np.testing.assert_allclose(onnx[columns], torch[columns], atol=1e-4)
    assert onnx["clip_id"].tolist() == torch["clip_id"].tolist()
    figures = [json.loads((tmp_path / engine / "metrics.json").read_text()) for engine in ("torch", "onnx")]
    assert figures[0]["parts"] == figures[1]["parts"]
    assert figures[0]["model"]["weights_sha256"] != figures[1]["model"]["weights_sha256"]

    assert commit_of(push(hub, tmp_path, checkpoint, "--update")) != commit
    done = run_module(
        hub, tmp_path / "home", "hub.evaluate", *own[:2], *DATA, "--engine", "onnx", "--output", tmp_path / "other"
    )
    assert done.returncode == 2 and "lab/model holds no onnx/model.onnx" in done.stderr, "it went with its weights"


def test_a_graph_of_other_weights_is_not_pushed(hub, tmp_path, exported):
    checkpoint, _, graph = exported
    other = AULLMForAUDetection.from_pretrained(checkpoint)
    other.head.case.weight.data += 1
    shutil.copytree(checkpoint, tmp_path / "other")
    other.save_pretrained(tmp_path / "other")
    done = push(hub, tmp_path, tmp_path / "other", "--onnx", graph)
    assert done.returncode == 2 and "is the graph of other weights" in done.stderr
    done = push(hub, tmp_path, checkpoint, "--onnx", checkpoint)
    assert done.returncode == 2 and "holds no model.onnx" in done.stderr
    assert not hub.store.repos


def test_a_graph_is_evaluated_where_it_lies_and_by_its_own_engine(tmp_path, exported, hub):
    graph = exported[2]
    done = run_module(hub, tmp_path, "hub.evaluate", "--model", graph, *DATA, "--output", tmp_path / "run")
    assert done.returncode == 2 and "evaluate it by --engine onnx" in done.stderr
    done = run_module(
        hub, tmp_path, "hub.evaluate", "--model", exported[0], *DATA, "--engine", "onnx", "--output", tmp_path / "run"
    )
    assert done.returncode == 2 and "holds no model.onnx" in done.stderr
