"""Each licensed dataset from the user's copy to figures on the Hub."""

import json

import pandas as pd
import pytest
from fake_datasets import COPIES, write_copy
from helpers_hub import commit_of, run_module, write_checkpoint
from hub_server import StandInHub

from hub.licensed import LICENSED


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The Hub with a model on it."""
    folder = tmp_path_factory.mktemp("model")
    write_checkpoint(folder / "checkpoint")
    with StandInHub() as hub:
        commit_of(run_module(hub, folder, "hub.push_model", folder / "checkpoint", "--repo", "lab/model"))
        yield hub


def go(hub, tmp_path, name):
    write_copy(name, tmp_path / "copy")
    return run_module(hub, tmp_path / "home", "tests.helpers_chain", name, tmp_path / "copy", tmp_path)


@pytest.mark.parametrize("name", [name for name in LICENSED if name != "smic"])
def test_from_a_copy_to_figures_from_the_hub(hub, tmp_path, name):
    done = go(hub, tmp_path, name)
    assert done.returncode == 0, done.stderr
    assert f"lab/{name} (private), commit " in done.stdout
    repo = hub.store.repos["dataset", f"lab/{name}"]
    assert repo.private

    (fold,) = (tmp_path / "loso" / "folds").iterdir()
    provenance = json.loads((fold / "provenance.json").read_text())
    assert provenance["datasets"] == [name]
    tested = pd.read_parquet(fold / "predictions.parquet").query("part == 'test'")
    ((dataset, subject),) = set(zip(tested["dataset"], tested["subject"], strict=True))
    assert dataset == name and fold.name == f"{name}-{subject.replace('.', '_')}-seed1"

    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["data_revision"] == repo.refs["main"]
    coded = [
        clip for clip in COPIES[name] if clip.units not in (None, "?")
    ]  # of the others it is unknown what they show
    assert metrics["parts"]["test"]["clips"] == len(coded)


def test_a_dataset_without_units_is_prepared_and_then_refused(hub, tmp_path):
    done = go(hub, tmp_path, "smic")
    assert done.returncode == 2
    assert "action units: none coded" in done.stdout and "has action units coded (SMIC has none)" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "loso").exists()
