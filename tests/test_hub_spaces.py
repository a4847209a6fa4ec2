"""The metric and the demo, pushed to the stand-in Hub as Spaces."""

import pytest
import yaml
from helpers_hub import commit_of, run_code, run_module
from hub_server import StandInHub

USE = """
import sys, evaluate
metric = evaluate.load("lab/au_f1", revision=sys.argv[1])
result = metric.compute(predictions=[[0.9, 0.2], [0.6, 0.4]], references=[[1, 0], [0, 0]], action_units=["AU1", "AU12"])
print(result["binary_f1"]["AU1"], result["binary_f1"]["AU12"])
"""


@pytest.fixture
def hub():
    with StandInHub() as hub:
        yield hub


def test_the_pushed_metric_is_loaded_by_evaluate(hub, tmp_path):
    refused = run_module(hub, tmp_path / "home", "hub.push_metric", "--repo", "lab/f1")
    assert refused.returncode == 2 and "--repo ORG/au_f1" in refused.stderr
    commit = commit_of(run_module(hub, tmp_path / "home", "hub.push_metric", "--repo", "lab/au_f1", "--public"))
    assert not hub.store.repos["space", "lab/au_f1"].private
    used = run_code(hub, tmp_path / "user", USE, commit)
    assert used.stdout.split() == ["0.6666666666666666", "None"], used.stderr


def test_the_space_runs_one_model_at_one_commit(hub, tmp_path):
    arguments = ["hub.push_space", "--repo", "lab/demo", "--model", "lab/model"]
    missing = run_module(hub, tmp_path / "home", *arguments)
    assert missing.returncode == 2 and "no repository lab/model" in missing.stderr and not hub.store.repos
    commit = hub.store.put("model", "lab/model", {"config.json": b"{}"})
    commit_of(run_module(hub, tmp_path / "home", *arguments))
    repo = hub.store.repos["space", "lab/demo"]
    assert repo.private and set(repo.files()) == {".gitattributes", "README.md", "app.py", "requirements.txt"}
    assert repo.variables == {"MODEL_ID": "lab/model", "MODEL_REVISION": commit}
    front = yaml.safe_load(repo.files()["README.md"].content.decode().split("---")[1])
    assert front["sdk"] == "gradio" and front["app_file"] == "app.py" and front["models"] == ["lab/model"]
    assert front["sdk_version"].split(".")[0] == "6" and len(front["short_description"]) <= 60
