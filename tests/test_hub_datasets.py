"""Data pushed to the stand-in Hub, each command a process of its own."""

import json
import os
import subprocess
import sys

import datasets
import huggingface_hub
import pytest
from helpers_hub import ROOT, commit_of, run_code, run_module, write_data
from hub_server import StandInHub

from hub.pushing.dataset import push_dataset
from hub.repos.licence import licensed_among
from training.errors import InputError

READ = """
import sys, datasets
data = datasets.load_dataset(sys.argv[1], revision=sys.argv[2])
print({name: len(split) for name, split in data.items()})
clip = data["train"][1]
print(clip["dataset"], clip["au_codes"], len(clip["frames"]), clip["frames"][0].size)
"""


LOAD = """
import sys
sys.path.insert(0, sys.argv[1])
from hub.repos.prepared import load_prepared
from training.errors import InputError
data = load_prepared("lab/clips", sys.argv[2])
print(len(data), data[1]["au_codes"], data[1]["frames"][0].size)
try:
    load_prepared("evil/clips")
except InputError as error:
    print(error)
"""


@pytest.fixture
def hub():
    with StandInHub(page_size=3) as hub:
        yield hub


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


def push(hub, tmp_path, data, *options, **settings):
    return run_module(hub, tmp_path / "home", "hub.push_dataset", data, "--repo", "lab/clips", *options, **settings)


def uploads(hub):
    return hub.asked("PUT", "/lfs/")


def in_two_files(data, tmp_path):
    """The same rows as two splits, which are two files on the Hub."""
    rows = datasets.load_from_disk(data)
    split = datasets.DatasetDict(train=rows.select(range(4)), test=rows.select(range(4, 6)))
    split.save_to_disk(tmp_path / "split")
    return tmp_path / "split"


def test_data_goes_to_a_private_repository_and_is_read_from_there(hub, data, tmp_path):
    commit = commit_of(push(hub, tmp_path, data))
    repo = hub.store.repos["dataset", "lab/clips"]
    assert repo.private and repo.refs["main"] == commit
    names = {".gitattributes", "README.md", "preparation.json", "data/train-00000-of-00001.parquet"}
    assert set(repo.files()) == names, "no contact sheet, no cache"
    read = run_code(hub, tmp_path / "reader", READ, "lab/clips", commit)
    assert read.stdout.splitlines() == ["{'train': 6}", "casme2 ['R12A'] 8 (64, 64)"], read.stderr
    stranger = run_code(hub, tmp_path / "stranger", READ, "lab/clips", commit, token="hf_stranger")
    assert stranger.returncode != 0


def test_what_was_pushed_is_loaded_by_its_commit_and_a_pickle_refused(hub, data, tmp_path):
    commit = commit_of(push(hub, tmp_path, data))
    hub.store.put("dataset", "lab/clips", {"data/train-00000-of-00001.parquet": b"broken"})  # later
    hub.store.put("dataset", "evil/clips", {"data/train.parquet": b"PAR1", "rows.pkl": b""})
    loaded = run_code(hub, tmp_path / "reader", LOAD, ROOT, commit)
    assert loaded.stdout.splitlines()[0] == "6 ['R12A'] (64, 64)", loaded.stderr
    assert "'rows.pkl'" in loaded.stdout


@pytest.mark.parametrize("claim", [True, False])
def test_licensed_data_is_refused_by_a_public_repository_whatever_its_report_says(hub, tmp_path, claim):
    data = write_data(tmp_path / "data", dataset="casme2", licensed=claim)
    hub.store.create("dataset", "lab/clips", private=False, owner="owner")
    done = push(hub, tmp_path, data)
    assert done.returncode == 2 and done.stdout == ""
    assert "lab/clips is public" in done.stderr and "clips of casme2, whose licence forbids" in done.stderr
    assert not uploads(hub) and set(hub.store.repos["dataset", "lab/clips"].files()) == {".gitattributes"}


def test_free_data_is_private_all_the_same(hub, tmp_path):
    data = write_data(tmp_path / "data", dataset="synthetic_A", licensed=False)
    hub.store.create("dataset", "lab/clips", private=False, owner="owner")
    done = push(hub, tmp_path, data)
    assert done.returncode == 2 and "data goes to private repositories only" in done.stderr


def test_a_repository_that_is_made_public_meanwhile_gets_no_commit(hub, data, tmp_path):
    def open_up(method, path):
        if method == "PUT":
            hub.store.repos["dataset", "lab/clips"].private = False

    hub.on_request = open_up
    done = push(hub, tmp_path, in_two_files(data, tmp_path))
    assert done.returncode == 2 and "is public" in done.stderr
    assert len(uploads(hub)) == 1, "the second file was not even sent"
    assert set(hub.store.repos["dataset", "lab/clips"].files()) == {".gitattributes"}


def test_an_interrupted_upload_goes_on(hub, data, tmp_path):
    arguments = ["-m", "hub.push_dataset", in_two_files(data, tmp_path), "--repo", "lab/clips"]
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)], cwd=ROOT, env=os.environ | hub.environment(tmp_path / "home"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def kill_at_the_second_file(method, path):
        if len(uploads(hub)) == 2 and method == "PUT":
            process.kill()
            raise ConnectionError

    hub.on_request = kill_at_the_second_file
    assert process.wait(120) == -9
    assert set(hub.store.repos["dataset", "lab/clips"].files()) == {".gitattributes"}, "nothing half-done is visible"
    _, second = uploads(hub)
    hub.on_request = lambda method, path: None
    commit_of(push(hub, tmp_path, tmp_path / "split"))
    assert uploads(hub)[2:] == [second], "what had arrived is not sent again"
    assert len([name for name in hub.store.repos["dataset", "lab/clips"].files() if "data/" in name]) == 2


def test_what_is_there_is_replaced_only_on_demand(hub, data, tmp_path):
    before = commit_of(push(hub, tmp_path, in_two_files(data, tmp_path)))
    done = push(hub, tmp_path, data)
    repo = hub.store.repos["dataset", "lab/clips"]
    assert done.returncode == 2 and "--update replaces" in done.stderr and repo.refs["main"] == before
    after = commit_of(push(hub, tmp_path, data, "--update"))
    assert [name for name in repo.files() if name.startswith("data/")] == ["data/train-00000-of-00001.parquet"]
    assert repo.commits[after][0] == before, "a new commit after the old one"


def test_errors_say_what_to_do(hub, data, tmp_path):
    stranger = push(hub, tmp_path, data, token="hf_stranger")
    assert stranger.returncode == 2 and "you are stranger and cannot make lab/clips" in stranger.stderr
    nothing = push(hub, tmp_path, tmp_path / "nothing")
    assert nothing.returncode == 2 and "holds no dataset" in nothing.stderr
    name = run_module(hub, tmp_path / "home", "hub.push_dataset", data, "--repo", "../clips")
    assert name.returncode == 2 and "is named ORG/NAME" in name.stderr
    (data / "preparation.json").write_text("[1]")
    broken = push(hub, tmp_path, data)
    assert broken.returncode == 2 and "preparation.json" in broken.stderr
    assert not hub.store.repos and "Traceback" not in stranger.stderr + nothing.stderr + name.stderr + broken.stderr


@pytest.mark.parametrize("token", ["hf_anyone", ""])
def test_offline_is_told(data, monkeypatch, token):
    """Without a token as well: a login would need the Hub, too."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", "/no/such/file")
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        push_dataset(data, "lab/clips")


def test_names_of_licensed_datasets_are_known_however_they_are_written():
    names = ["CASME II", "cas(me)^3", "SAMM-long", "smic_hs", "4DME", "mmew", "casme3a", "synthetic_A", "disfa"]
    assert licensed_among(names) == sorted(names[:7])


def test_the_report_is_believed_if_it_says_licensed(hub, tmp_path):
    data = write_data(tmp_path / "data", dataset="ours", licensed=True)
    (data / "preparation.json").write_text(json.dumps({"licensed": True, "datasets": ["ours"]}))
    hub.store.create("dataset", "lab/clips", private=False, owner="owner")
    assert "clips of ours, whose licence forbids" in push(hub, tmp_path, data).stderr
