"""Evaluation of what lies on the stand-in Hub, and of what a hostile repository there would have us do."""

import json
import pickle

import datasets
import numpy as np
import pandas as pd
import pytest
import yaml
from helpers_hub import commit_of, encode, run_code, run_module, write_checkpoint, write_data
from hub_server import StandInHub
from hub_store import File
from huggingface_hub import parse_eval_result_entries

from hub.evaluation.run import submit_results
from hub.repos.fetch import check_files
from training.data.clips import load_clips
from training.errors import InputError
from training.learning.fit import predict_clips
from training.options import DataOptions


@pytest.fixture
def hub():
    with StandInHub() as hub:
        yield hub


def evaluate(hub, tmp_path, *arguments, launch=(), **settings):
    return run_module(hub, tmp_path / "home", *launch, "hub.evaluate", *arguments, **settings)


def test_model_and_data_are_taken_by_their_commits_and_the_figures_submitted(hub, tmp_path):
    """Pushed, evaluated by two processes, and compared with the pusher's own predictions."""
    model = write_checkpoint(tmp_path / "checkpoint")
    data = write_data(tmp_path / "data", subjects=3)
    model_commit = commit_of(
        run_module(hub, tmp_path, "hub.push_model", tmp_path / "checkpoint", "--repo", "lab/model")
    )
    data_commit = commit_of(run_module(hub, tmp_path, "hub.push_dataset", data, "--repo", "lab/clips"))
    hub.store.put("model", "lab/model", {"model.safetensors": b"broken"})  # a later commit, which is not asked for
    launch = "accelerate.commands.launch --cpu --num_processes 2 --num_machines 1 --main_process_port 0 -m".split()
    run = tmp_path / "run"
    arguments = ["--model", "lab/model", "--revision", model_commit, "--data", "lab/clips", "--output", run, "--submit"]
    done = evaluate(hub, tmp_path, *arguments, launch=launch)
    assert done.returncode == 0, done.stderr
    assert "pull request: " in done.stdout and "/lab/model/discussions/1" in done.stdout

    found = pd.read_parquet(run / "folds/evaluation-seed0/predictions.parquet")
    assert set(found["model_revision"]) == {model_commit} and set(found["data_revision"]) == {data_commit}
    clips = load_clips(str(data), DataOptions(), model.config.action_units).clips
    expected = predict_clips(model, clips, tmp_path / "work")
    columns = [f"probability_{unit}" for unit in model.config.action_units]
    np.testing.assert_allclose(found.sort_values(["subject", "clip_id"])[columns], expected, atol=1e-5)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["model"]["revision"] == model_commit and metrics["data_revision"] == data_commit
    assert metrics["parts"]["test"]["clips"] == 9 and metrics["parts"]["test"]["subjects"] == 3

    repo = hub.store.repos["model", "lab/model"]
    (path,) = set(repo.files("refs/pr/1")) - set(repo.files())
    assert path.startswith(".eval_results/lab-clips-evaluate-test") and path.endswith(".yaml")
    (entry, *_) = parse_eval_result_entries(yaml.safe_load(repo.files("refs/pr/1")[path].content))
    assert (entry.dataset_id, entry.dataset_revision) == ("lab/clips", data_commit) and model_commit in entry.notes
    mean = metrics["parts"]["test"]["scores"]["mean"]["binary_f1_at_validation_threshold"]["mean"]
    assert entry.value == pytest.approx(mean, abs=1e-4)

    written = (run / "folds/evaluation-seed0/predictions.parquet").stat().st_mtime_ns
    again = evaluate(hub, tmp_path, *arguments)
    assert again.returncode == 0 and len(repo.pull_requests) == 1, again.stderr
    assert "/lab/model/discussions/1" in again.stdout, "the one that is open already"
    assert (run / "folds/evaluation-seed0/predictions.parquet").stat().st_mtime_ns == written
    small = ["--data", "synthetic:A", "--max_subjects", 1]
    asked = len(hub.requests)
    other = evaluate(hub, tmp_path, *arguments[:2], *small, "--output", run)
    assert other.returncode == 2 and "max_subjects is None there and 1 here" in other.stderr
    assert len(hub.requests) == asked, "that is seen before anything is asked for"
    other = evaluate(hub, tmp_path, *arguments[:2], *small, "--output", tmp_path / "other")
    assert other.returncode == 2 and "lab--model" in other.stderr and "cannot be loaded" in other.stderr


def test_folders_and_synthetic_data_need_no_hub(hub, tmp_path):
    write_checkpoint(tmp_path / "checkpoint")
    small = ["--data", "synthetic:B", "--max_subjects", 2, "--clips_per_subject", 2, "--output", tmp_path / "run"]
    done = evaluate(hub, tmp_path, "--model", tmp_path / "checkpoint", *small)
    assert done.returncode == 0, done.stderr
    assert not hub.requests
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["model"]["id"] == "checkpoint" and metrics["model"]["revision"] is None
    assert metrics["trained_on_this_data"] is None, "the checkpoint has no record"
    with pytest.raises(InputError, match="not on the Hub"):
        submit_results(tmp_path / "run")
    refused = evaluate(hub, tmp_path, "--model", tmp_path / "checkpoint", *small[:-1], tmp_path / "new", "--submit")
    assert refused.returncode == 2 and "--submit needs a model on the Hub" in refused.stderr
    assert not (tmp_path / "new").exists()


def test_clips_without_labels_are_predicted_and_not_scored(hub, tmp_path):
    model = write_checkpoint(tmp_path / "checkpoint")
    write_data(tmp_path / "labelled")
    columns = ["dataset", "subject", "clip_id", "frames"]
    (tmp_path / "clips").mkdir()
    datasets.load_from_disk(tmp_path / "labelled").select_columns(columns).to_parquet(tmp_path / "clips/part.parquet")
    arguments = ["--model", tmp_path / "checkpoint", "--data", tmp_path / "clips", "--output", tmp_path / "run"]
    for _ in range(2):  # a finished part is not scored again
        done = evaluate(hub, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        assert "nothing was scored" in done.stdout and not (tmp_path / "run/metrics.json").exists()
    found = pd.read_parquet(tmp_path / "run/folds/evaluation-seed0/predictions.parquet")
    clips = load_clips(str(tmp_path / "labelled"), DataOptions(), model.config.action_units).clips
    columns = [f"probability_{unit}" for unit in model.config.action_units]
    np.testing.assert_allclose(found[columns], predict_clips(model, clips, tmp_path / "work"), atol=1e-5)
    assert not [name for name in found if name.startswith("label_")]


FETCH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from hub.repos.fetch import fetch_dataset, fetch_model
from training.errors import InputError
for line in sys.argv[2:]:
    kind, name = line.split(":")
    try:
        (fetch_model if kind == "model" else fetch_dataset)(name)
        print(line, "FETCHED")
    except InputError as error:
        print(line, error)
"""
CONFIG = b'{"model_type": "aullm"}'


def hostile_repositories(store, tmp_path):
    """Each with one thing wrong, and what the error must name."""
    models = {
        "up": ({"../../../escaped.json": b"{}"}, "'../../../escaped.json'"),
        "inside": ({"a/../../b": b""}, "'a/../../b'"),
        "absolute": ({"/etc/cron.d/job": b""}, "'/etc/cron.d/job'"),
        "windows": ({"..\\evil.txt": b""}, "evil.txt"),
        "drive": ({"C:evil": b""}, "'C:evil'"),
        "control": ({"a\nb": b""}, "'a\\nb'"),
        "pickle": ({"pytorch_model.bin": pickle.dumps(1)}, "'pytorch_model.bin'"),
        "nested": ({"old/optimizer.PT": b""}, "'old/optimizer.PT'"),
        "large": ({"model.safetensors": File(b"x", True, claim=10_000_000_000)}, "model.safetensors claims 10.0 GB"),
        "fat": ({"processor_config.json": File(b"{}", claim=10_000_000_000)}, "processor_config.json claims 10.000 GB"),
        "llm": ({"config.json": b'{"llm": {"id": "/home/user/secrets"}}'}, "'/home/user/secrets'"),
        "gguf": ({"config.json": b'{"llm": {"id": "a/b", "file": "../x.gguf"}}'}, "'../x.gguf'"),
        "empty": ({"config.json": None}, "no config.json"),
    }
    expected = {}
    for name, (files, named) in models.items():
        content = {"config.json": CONFIG} | files
        store.put("model", f"evil/{name}", {path: c for path, c in content.items() if c is not None})
        expected[f"model:evil/{name}"] = named
    strings = datasets.List(datasets.Value("string"))
    frames = {"outside": [{"bytes": None, "path": "/etc/hostname"}], "good": [encode(np.zeros((8, 8), np.uint8))]}
    for name, images in frames.items():
        row = {"dataset": ["d"], "subject": ["s"], "clip_id": ["c"], "action_units": [[]], "frames": [images]}
        features = {key: datasets.Value("string") for key in ("dataset", "subject", "clip_id")}
        features |= {"action_units": strings, "frames": datasets.List(datasets.Image())}
        path = tmp_path / f"{name}.parquet"
        datasets.Dataset.from_dict(row, features=datasets.Features(features)).to_parquet(path)
        store.put("dataset", f"evil/{name}", {"data/train.parquet": path.read_bytes(), "load.py": b"raise SystemExit"})
    store.put("dataset", "evil/torn", {"data/train.parquet": b"PAR1 no more"})
    return expected | {
        "dataset:evil/outside": "'/etc/hostname'",
        "dataset:evil/torn": "its Parquet files cannot be read",
        "dataset:evil/good": "FETCHED",
        "model:evil/nothing": "there is no repository evil/nothing",
        "model:../evil": "is named ORG/NAME",
    }


def test_a_hostile_repository_does_no_harm_and_is_named(hub, tmp_path):
    expected = hostile_repositories(hub.store, tmp_path)
    (tmp_path / "home").mkdir()
    before = {path for path in tmp_path.iterdir()}
    done = run_code(hub, tmp_path / "home", FETCH, __file__.rsplit("/tests/", 1)[0], *expected)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line)
    for name, named in expected.items():
        assert named in lines[name], lines[name]
    assert {path for path in tmp_path.iterdir()} == before
    assert not hub.asked("GET", r"(model\.safetensors|\.bin|load\.py|processor_config\.json)"), "not even asked for"
    assert not list(tmp_path.rglob("escaped.json"))


def test_what_is_announced_must_be_what_was_listed(hub, tmp_path):
    """The listing is harmless, and the answer that announces the file claims ten gigabytes."""
    hub.store.put("model", "evil/liar", {"config.json": CONFIG})
    repo = hub.store.repos["model", "evil/liar"]
    listed = dict(repo.files())

    def lie(method, path):
        lying = method == "HEAD" and "config.json" in path
        repo.files()["config.json"] = File(CONFIG, claim=10_000_000_000) if lying else listed["config.json"]

    hub.on_request = lie
    done = run_code(hub, tmp_path / "home", FETCH, __file__.rsplit("/tests/", 1)[0], "model:evil/liar")
    assert "config.json is listed with 23 bytes and announced with 10000000000: refused" in done.stdout, done.stderr
    assert not hub.asked("GET", r"config\.json")


def test_all_that_is_needed_counts_together():
    files = [File(b"", claim=3_000_000_000) for _ in range(3)]
    listed = [type("Listed", (), {"path": f"data/{i}.parquet", "size": file.size}) for i, file in enumerate(files)]
    assert len(check_files("a/b", listed[:2], ["data/*.parquet"], 8)) == 2
    with pytest.raises(InputError, match=r"all that is needed claims 9\.0 GB, allowed are 8 GB"):
        check_files("a/b", listed, ["data/*.parquet"], 8)
