"""Without a network every push and evaluation says so in one line, before it loads or writes anything."""

import socket
import sys
import tempfile

import huggingface_hub
import pytest

from hub import evaluate, push_dataset, push_metric, push_model, push_space
from training.errors import run_command

PUSHES = {
    "dataset": (push_dataset, ["DATA", "--repo", "lab/clips"]),
    "model": (push_model, ["CHECKPOINT", "--repo", "lab/model"]),
    "metric": (push_metric, ["--repo", "lab/au_f1"]),
    "space": (push_space, ["--repo", "lab/demo", "--model", "lab/model"]),
}


@pytest.fixture
def nobody(monkeypatch):
    """The address of a Hub at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port, and it refuses
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", "hf_owner")
        yield address


def unreadable(folder):
    """A checkpoint and a dataset by their names alone: whoever loads them first complains of something else."""
    for name, files in {
        "CHECKPOINT": ["config.json", "model.safetensors"],
        "DATA": ["dataset_info.json", "state.json"],
    }.items():
        (folder / name).mkdir()
        for file in files:
            (folder / name / file).write_bytes(b"unreadable")


@pytest.mark.parametrize("what", PUSHES)
def test_every_push_says_first_that_the_hub_cannot_be_reached(what, nobody, tmp_path, monkeypatch, capsys):
    unreadable(tmp_path)
    monkeypatch.chdir(tmp_path)
    written = []
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *given, **named: written.append(given) or str(tmp_path / "new"))
    before = sorted(tmp_path.rglob("*"))
    module, arguments = PUSHES[what]
    with pytest.raises(SystemExit) as stopped:
        run_command(lambda: module.main(arguments))
    shown = capsys.readouterr()
    assert stopped.value.code == 2 and shown.out == ""
    assert shown.err.count("\n") == 1 and shown.err.startswith(f"error: the Hub ({nobody}) cannot be reached: ")
    assert "see to the network (proxy, HF_ENDPOINT), and give the command again" in shown.err
    assert not written and sorted(tmp_path.rglob("*")) == before


EVALUATIONS = {
    "model": ["--model", "lab/model", "--data", "DATA"],
    "data": ["--model", "CHECKPOINT", "--data", "lab/clips"],
    "data, at a commit": ["--model", "CHECKPOINT", "--data", "lab/clips", "--data_revision", 40 * "a"],
    "both": ["--model", "lab/model", "--data", "lab/clips"],
    "where the figures go": ["--model", "lab/model", "--data", "synthetic:A", "--submit"],
}


@pytest.mark.parametrize("is_offline", [True, False])
@pytest.mark.parametrize("what", EVALUATIONS)
def test_an_evaluation_says_first_that_the_hub_cannot_be_reached(
    what, is_offline, nobody, tmp_path, monkeypatch, capsys
):
    unreadable(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", is_offline)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["evaluate", *EVALUATIONS[what], "--output", "run"])
    with pytest.raises(SystemExit) as stopped:
        run_command(evaluate.main)
    shown = capsys.readouterr()
    assert stopped.value.code == 2 and shown.out == "" and shown.err.count("\n") == 1
    why = "HF_HUB_OFFLINE is set, and this needs the Hub" if is_offline else f"the Hub ({nobody}) cannot be reached: "
    assert shown.err.startswith(f"error: {why}")
    assert sorted(tmp_path.rglob("*")) == before
