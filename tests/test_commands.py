"""The training commands as a user starts them: processes of their own, small settings."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import tiny_model
from helpers_process import run_python

SMALL = "--max_subjects 3 --clips_per_subject 4 --evidence_steps 2 --max_steps 2 --batch_size 4 --workers 0".split()


def command(module, *arguments):
    """`python -m MODULE ARGUMENTS` from the checkout's folder."""
    return run_python("-m", module, arguments, dict(os.environ), Path.cwd())


def predictions(run):
    tables = [pd.read_parquet(path) for path in sorted(Path(run).glob("folds/*/predictions.parquet"))]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    tiny_model().save_pretrained(folder, whole=True)
    return folder


def test_a_killed_loso_run_goes_on_and_ends_with_the_same_figures(tmp_path, tiny):
    arguments = ["--data", "synthetic:A", "--model", tiny, *SMALL, "--output"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    assert command("training.loso", *arguments, whole).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "training.loso", *map(str, arguments), str(killed)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:  # until the second fold is being trained
        folds = [path.name for path in killed.glob("folds/*")] if killed.exists() else []
        if any(not name.startswith(".") for name in folds) and any(name.startswith(".") for name in folds):
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in killed.glob("folds/[!.]*/*")}
    assert 4 <= len(finished) < 12 and not (killed / "metrics.json").exists()
    done = command("training.loso", *arguments, killed)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    pd.testing.assert_frame_equal(predictions(killed), predictions(whole))
    assert json.loads((killed / "metrics.json").read_text()) == json.loads((whole / "metrics.json").read_text())
    assert sorted(path.name for path in killed.glob("folds/*")) == sorted(path.name for path in whole.glob("folds/*"))


def test_aullm_and_a_baseline_across_domains_and_their_report(tmp_path):
    """With the real LLM, as the README has it."""
    launch = ["accelerate.commands.launch", "-m", "training.cross_domain"]
    both = ["--train", "synthetic:A", "--test", "synthetic:B", *SMALL, "--unseen_share", 0.3, "--output"]
    first = command(*launch, *both, tmp_path / "aullm")
    assert first.returncode == 0, first.stderr
    assert "python -m training.report" in first.stdout
    second = command("training.cross_domain", *both, tmp_path / "prior", "--method", "prior")
    assert second.returncode == 0, second.stderr
    report = command("training.report", tmp_path / "aullm", tmp_path / "prior", "--output", tmp_path / "report")
    assert report.returncode == 0, report.stderr
    assert "synthetic" in (tmp_path / "report" / "report.md").read_text()
    assert {path.suffix for path in (tmp_path / "report").iterdir()} == {".md", ".csv", ".png"}
    provenance = json.loads(next(tmp_path.glob("aullm/folds/*/provenance.json")).read_text())
    assert provenance["command"].startswith("accelerate launch -m training.cross_domain")
    assert provenance["clips"] == {"train": 4, "validation": 4, "unseen_subjects": 4, "other_domain": 12}
    assert {"torch", "transformers", "peft"} <= set(provenance["versions"]) and provenance["wall_seconds"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "synthetic:C"], "there is no synthetic:C; there are synthetic:A, synthetic:B"),
        (["--data", "synthetic:A", "--max_subjects", "1"], "at least 3 subjects"),
        (["--data", "synthetic:A", "--action_units", "AU77"], "AU77"),
        (["--data", "synthetic:A", "--action_units", "AU12", "--max_subjects", "3"], "--ignore_other_units"),
        (["--data", "/no/such/folder"], "/no/such/folder"),
        (["--data", "synthetic:A", "--shard", "3/2"], "shard"),
        (["--data", "synthetic:A", "--max_stepz", "3"], "unknown option --max_stepz"),
    ],
)
def test_what_cannot_be_used_gets_one_line_and_leaves_no_folder(tmp_path, arguments, message):
    done = command("training.loso", *arguments, "--output", tmp_path / "run")
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and message in last and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
