"""The metrics and the demo, pushed to the stand-in Hub as Spaces."""

import pytest
import yaml
from helpers_hub import ROOT, commit_of, run_code, run_module
from hub_server import StandInHub

USE = """
import sys, evaluate
metric = evaluate.load("lab/au_f1", revision=sys.argv[1])
result = metric.compute(predictions=[[0.9, 0.2], [0.6, 0.4]], references=[[1, 0], [0, 0]], action_units=["AU1", "AU12"])
print(result["binary_f1"]["AU1"], result["binary_f1"]["AU12"])
"""

USE_SPOTTING = """
import sys, evaluate
metric = evaluate.load("lab/spotting", revision=sys.argv[1])
event = {"onset": 1.0, "offset": 1.4, "units": ["AU12"]}
result = metric.compute(predictions=[[event], [event]], references=[[event], []], minutes=[0.5, 0.5])
print(result["spotting"]["f1"], result["quiet"]["events"]["per_minute"])
"""


@pytest.fixture
def hub():
    with StandInHub() as hub:
        yield hub


def test_the_pushed_metrics_are_loaded_by_evaluate(hub, tmp_path):
    refused = run_module(hub, tmp_path / "home", "hub.push_metric", "--repo", "lab/f1")
    assert (
        refused.returncode == 2 and "--repo ORG/au_f1 or ORG/au_answers or ORG/spotting, not lab/f1" in refused.stderr
    )
    commit = commit_of(run_module(hub, tmp_path / "home", "hub.push_metric", "--repo", "lab/au_f1", "--public"))
    assert not hub.store.repos["space", "lab/au_f1"].private
    used = run_code(hub, tmp_path / "user", USE, commit)
    assert used.stdout.split() == ["0.6666666666666666", "None"], used.stderr
    commit = commit_of(run_module(hub, tmp_path / "home", "hub.push_metric", "--repo", "lab/spotting", "--public"))
    used = run_code(hub, tmp_path / "user", USE_SPOTTING, commit)
    assert used.stdout.split() == ["0.6666666666666666", "2.0"], used.stderr


def test_the_space_runs_one_model_at_one_commit(hub, tmp_path):
    arguments = ["hub.push_space", "--repo", "lab/demo", "--model", "lab/model"]
    missing = run_module(hub, tmp_path / "home", *arguments)
    assert missing.returncode == 2 and "no repository lab/model" in missing.stderr and not hub.store.repos
    commit = hub.store.put("model", "lab/model", {"config.json": b"{}"})
    commit_of(run_module(hub, tmp_path / "home", *arguments))
    repo = hub.store.repos["space", "lab/demo"]
    folder = ROOT / "space"
    own = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    own = {name: path for name, path in own.items() if "__pycache__" not in name}
    assert repo.private and set(repo.files()) == {".gitattributes", *own}
    assert {"app.py", "requirements.txt", "packages.txt", "aullm_space/page.css", "examples/smile.mp4"} <= set(own)
    assert all(repo.files()[name].content == path.read_bytes() for name, path in own.items() if name != "README.md")
    assert repo.variables == {"MODEL_ID": "lab/model", "MODEL_REVISION": commit}
    readme = repo.files()["README.md"].content.decode()
    assert 'Client("lab/demo")' in readme and "deleted within minutes" in readme
    front = yaml.safe_load(readme.split("---")[1])
    assert front["title"] == "demo" and front["emoji"] == "\N{NEUTRAL FACE}" and front["python_version"] == "3.12"
    assert front["sdk"] == "gradio" and front["app_file"] == "app.py" and front["models"] == ["lab/model"]
    assert front["sdk_version"].split(".")[0] == "6" and len(front["short_description"]) <= 60


def test_the_space_asks_for_the_gradio_it_is_built_on():
    front = yaml.safe_load((ROOT / "space" / "README.md").read_text(encoding="utf-8").split("---")[1])
    required = (ROOT / "space" / "requirements.txt").read_text(encoding="utf-8").splitlines()[0]
    assert required == f"gradio>={front['sdk_version'].rpartition('.')[0]},<7"


def test_the_space_uses_the_model_through_transformers_alone():
    for path in (ROOT / "space").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line.lstrip().startswith(
                ("import modeling_aullm", "from modeling_aullm", "from hub", "from training")
            )
