import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers_protocol import UNITS, corpus, files_of

from training.data.folds import leave_one_subject_out
from training.errors import InputError
from training.options import DataOptions, Recipe
from training.protocols import provenance
from training.protocols.run_folder import check_output, describe_run, fold_folder, new_fold, open_run


def record(*, protocol="loso", seeds=(1, 2), fingerprint="f", units=UNITS, data=None, **recipe):
    folds = {seed: leave_one_subject_out(corpus(3), 0.3, seed) for seed in seeds}
    options = [data or DataOptions(), Recipe(**recipe)]
    return describe_run(protocol, options, action_units=units, folds=folds, data={"clips": fingerprint})


def test_the_folder_says_which_run_it_is(tmp_path):
    open_run(tmp_path / "deep" / "run", record(max_steps=7))
    there = json.loads((tmp_path / "deep" / "run" / "run.json").read_text())
    assert there["protocol"] == "loso" and there["seeds"] == [1, 2] and there["folds"] == ["a-s0", "a-s1", "a-s2"]
    assert there["options"]["max_steps"] == 7 and there["options"]["validation_share"] == 0.1
    assert there["action_units"] == UNITS and there["data"] == {"clips": "f"}
    assert there["command"].startswith("python -m training.loso")
    assert os.listdir(tmp_path / "deep" / "run" / "folds") == []


def test_the_same_run_goes_on_with_options_that_change_no_figure(tmp_path):
    open_run(tmp_path, record(workers=1))
    before = files_of(tmp_path)
    open_run(tmp_path, record(workers=4, gradient_checkpointing=True))
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"max_steps": 8}, "max_steps is 100 there and 8 here"),
        ({"ccr_weight": 0.0, "loss": "asymmetric"}, "loss is bce there and asymmetric here; ccr_weight is 0.3 there"),
        ({"data": DataOptions(validation_share=0.2)}, "validation_share is 0.1 there and 0.2 here"),
        ({"seeds": (1, 2, 3)}, "seeds is 1 2 there and 1 2 3 here"),
        ({"units": ["AU1"]}, "action_units is AU1 AU12 there and AU1 here"),
        ({"protocol": "cross_domain"}, "protocol is loso there and cross_domain here"),
        ({"fingerprint": "g"}, "the clips are others"),
    ],
)
def test_another_runs_folder_is_refused_and_left_as_it_is(tmp_path, other, said):
    open_run(tmp_path, record())
    (tmp_path / "folds" / "a-s0-seed1").mkdir()
    (tmp_path / "folds" / "a-s0-seed1" / "metrics.json").write_text("{}")
    before = files_of(tmp_path)
    with pytest.raises(InputError, match=f"{said}.*Give another --output"):
        open_run(tmp_path, record(**other))
    assert files_of(tmp_path) == before


def test_folders_that_are_no_runs_are_refused_and_left_as_they_are(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("x")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text('{"protocol": "lo')
    before = files_of(tmp_path)
    for name, said in (
        ("file", "is a file"),
        ("thesis", "no run.json, and holds chapter1.tex"),
        ("broken", "cannot be read as a run's"),
        ("file/run", "cannot be written to"),
    ):
        with pytest.raises(InputError, match=said):
            open_run(tmp_path / name, record())
    with pytest.raises(InputError, match="no run.json"):
        check_output(tmp_path / "thesis")
    assert files_of(tmp_path) == before


def test_jobs_that_start_at_once_agree_on_one_run(tmp_path):
    """Half of them with other options: either those or the rest are refused, and no file is left half-written."""

    def start(steps):
        try:
            open_run(tmp_path / "run", record(max_steps=steps))
        except InputError:
            return None
        return steps

    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(start, [5, 6] * 20))
    (winner,) = set(accepted) - {None}
    assert accepted.count(winner) == 20
    assert json.loads((tmp_path / "run" / "run.json").read_text())["options"]["max_steps"] == winner
    assert sorted(os.listdir(tmp_path / "run")) == ["folds", "run.json"]


def test_a_file_system_without_hard_links_does(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    open_run(tmp_path, record())
    open_run(tmp_path, record())
    assert sorted(os.listdir(tmp_path)) == ["folds", "run.json"]


def test_a_fold_appears_whole(tmp_path):
    final = fold_folder(tmp_path, "f", 1)
    with new_fold(tmp_path, "f", 1) as folder:
        (folder / "metrics.json").write_text("{}")
        (folder / "work" / "checkpoint").mkdir()
        assert not final.exists()
    assert os.listdir(tmp_path / "folds") == ["f-seed1"] and os.listdir(final) == ["metrics.json"]


def test_a_fold_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), new_fold(tmp_path, "f", 1) as folder:
        (folder / "metrics.json").write_text("{}")
        raise RuntimeError
    assert os.listdir(tmp_path / "folds") == []


def test_an_interrupted_fold_keeps_its_scratch_files_and_nothing_else(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_fold(tmp_path, "f", 1) as folder:
        (folder / "metrics.json").write_text("half")
        (folder / "work" / "checkpoint").write_text("x")
        raise KeyboardInterrupt
    assert not fold_folder(tmp_path, "f", 1).exists()
    with new_fold(tmp_path, "f", 1) as folder:
        assert [path.name for path in sorted(folder.rglob("*"))] == ["work", "checkpoint"]
    assert os.listdir(tmp_path / "folds") == ["f-seed1"] and os.listdir(fold_folder(tmp_path, "f", 1)) == []


def test_what_killed_jobs_left_of_other_folds_stays(tmp_path):
    for name in ("f-seed11", "f-seed1-seed1", "g-seed1"):
        (tmp_path / "folds" / f".tmp-{name}").mkdir(parents=True)
    with new_fold(tmp_path, "f", 1):
        pass
    assert sorted(os.listdir(tmp_path / "folds")) == [
        ".tmp-f-seed1-seed1", ".tmp-f-seed11", ".tmp-g-seed1", "f-seed1"
    ]  # fmt: skip


def test_a_fold_belongs_to_one_job_at_a_time(tmp_path):
    again = (
        "import sys; from pathlib import Path; from training.protocols.run_folder import new_fold\n"
        "with new_fold(Path(sys.argv[1]), 'f', 1) as folder: print(folder)"
    )

    def other_job():
        command = [sys.executable, "-c", again, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with new_fold(tmp_path, "f", 1) as folder:
        (folder / "metrics.json").write_text("first")
        assert other_job() == "None"
    assert other_job() == "None", "finished meanwhile"
    assert (fold_folder(tmp_path, "f", 1) / "metrics.json").read_text() == "first"
    assert os.listdir(tmp_path / "folds") == ["f-seed1"]


def test_the_command_can_be_pasted_into_a_shell(monkeypatch):
    monkeypatch.delenv("ACCELERATE_DYNAMO_BACKEND", raising=False)
    monkeypatch.setattr(sys, "argv", ["loso.py", "--data", "my data/it's", "--seeds", "3"])
    assert provenance.command_line("training.loso") == """python -m training.loso --data 'my data/it'"'"'s' --seeds 3"""
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "NO")
    assert provenance.command_line("training.loso").startswith("accelerate launch -m training.loso --data ")


def test_commit_and_changes_of_the_code(tmp_path, monkeypatch):
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "training" / "protocols" / "provenance.py"))
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "code.py").write_text("1")
    assert provenance.environment()["git_commit"] is provenance.environment()["git_dirty"] is None

    def git(*arguments):
        return subprocess.check_output(
            ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@x", *arguments], text=True
        ).strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")  # outputs are no change of the code
    clean = provenance.environment()
    assert clean["git_commit"] == git("rev-parse", "HEAD") and clean["git_dirty"] is False
    (tmp_path / "training" / "new.py").write_text("2")
    assert provenance.environment()["git_dirty"] is True
