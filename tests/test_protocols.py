import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from helpers_protocol import UNITS, clip, corpus, fake_fit, files_of, loso
from sklearn.metrics import f1_score

from hub.cards.figures import read_figures
from training import cross_domain
from training import loso as loso_command
from training.errors import InputError, run_command
from training.options import parse_options
from training.protocols.protocol import parse_shard
from training.report.__main__ import main as report

FILES = ["history.parquet", "metrics.json", "predictions.parquet", "provenance.json", "thresholds.json"]
FIGURES = ("metrics.json", "predictions.parquet", "thresholds.json")


def figures_of(run):
    """Bytes of every file with figures: all but where they come from."""
    return {path: content for path, (content, _) in files_of(run).items() if Path(path).name in FIGURES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never stopped."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    loso(run)
    return run


def test_a_run_holds_every_clip_once_a_seed_as_it_was_tested(whole):
    assert sorted(os.listdir(whole)) == ["folds", "metrics.json", "run.json"]
    assert sorted(os.listdir(whole / "folds")) == sorted(f"a-s{s}-seed{seed}" for s in range(5) for seed in (1, 2))
    tables = []
    for folder in (whole / "folds").iterdir():
        assert sorted(os.listdir(folder)) == FILES
        tables.append(pd.read_parquet(folder / "predictions.parquet"))
        assert set(tables[-1]["part"]) == {"validation", "test"}
        assert folder.name == f"{tables[-1]['fold'][0]}-seed{tables[-1]['seed'][0]}"
    table = pd.concat(tables)
    labels = {c.clip_id: c.labels.tolist() for c in corpus()}
    for _, own in table[table["part"] == "test"].groupby("seed"):
        assert sorted(own["clip_id"]) == sorted(labels)
    for row in table.to_dict("records"):
        assert [row[f"label_{unit}"] for unit in UNITS] == labels[row["clip_id"]]
        assert row["clip_id"] == f"{row['dataset']}-{row['subject']}-{row['clip_id'].rsplit('-', 1)[1]}"


def test_figures_of_a_fold_are_those_of_its_predictions(whole):
    folder = whole / "folds" / "a-s1-seed2"
    table = pd.read_parquet(folder / "predictions.parquet")
    thresholds = json.loads((folder / "thresholds.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(thresholds) == UNITS and set(metrics) == {"validation", "test"}
    for part, own in table.groupby("part"):
        for unit in UNITS:
            if own[f"label_{unit}"].any():
                active = own[f"probability_{unit}"] >= thresholds[unit]
                expected = f1_score(own[f"label_{unit}"], active)
                assert metrics[part][unit]["binary_f1_at_validation_threshold"] == pytest.approx(expected)


def test_a_fold_says_where_its_figures_come_from(whole):
    about = json.loads((whole / "folds" / "a-s1-seed2" / "provenance.json").read_text())
    assert about["fold"] == "a-s1" and about["seed"] == 2 and about["seeds"] == [1, 2]
    assert about["clips"] == {"train": 12, "validation": 4, "test": 4} and about["datasets"] == ["a"]
    assert about["versions"]["numpy"] == np.__version__ and about["versions"]["python"] in sys.version
    assert about["options"]["max_steps"] == 100 and len(about["data"]["clips"]) == 64
    assert about["processes"] == 1 and about["wall_seconds"] >= 0 and about["peak_memory_mib"] > 10
    assert about["finished_at"].endswith("+00:00") and about["device"]
    assert {"command", "git_commit", "git_dirty", "platform", "peak_gpu_memory_mib"} <= set(about)


def test_a_killed_run_goes_on_and_ends_with_the_same_figures(tmp_path, whole):
    root = Path(__file__).parents[1]
    killed = subprocess.run(
        [sys.executable, str(root / "tests" / "helpers_protocol.py"), str(tmp_path / "run"), "4"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    before = files_of(tmp_path / "run")
    finished = {path for path in before if path.startswith("folds") and ".tmp-" not in path}
    assert len(finished) == 3 * len(FILES)
    assert "folds/.tmp-a-s3-seed1/work/half" in before and "metrics.json" not in before
    handed_on = []

    def fit_and_look(*args, work, **kwargs):
        handed_on.extend(path.name for path in work.iterdir())
        return fake_fit(*args, work=work, **kwargs)

    loso(tmp_path / "run", fit=fit_and_look)
    assert handed_on == ["half"], "the killed fold is gone on with, the others begin afresh"
    after = files_of(tmp_path / "run")
    assert {path: after[path] for path in finished} == {path: before[path] for path in finished}
    assert after["run.json"] == before["run.json"]
    assert not any(".tmp-" in path for path in after)
    assert figures_of(tmp_path / "run") == figures_of(whole)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_in_any_order_give_the_figures_of_one_job(tmp_path, whole, order, capsys):
    run = tmp_path / "my run"
    said = []
    for number in order:
        assert not (run / "metrics.json").exists()
        loso(run, shard=f"{number}/3")
        said.append(capsys.readouterr().out)
    assert figures_of(run) == figures_of(whole)
    assert "of 10 folds are finished; the other shards" in said[0] and said[0].count("\n") == 1
    assert said[-1] == f"{run}: all 10 folds are finished; next: python -m training.report '{run}'\n"


def test_more_shards_than_folds_leave_some_without_work(tmp_path):
    loso(tmp_path / "run", shard="12/12")
    assert os.listdir(tmp_path / "run" / "folds") == []


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/5", "1.0/3", ""])
def test_shards_that_are_none(shard):
    with pytest.raises(InputError, match="shard must be i/n"):
        parse_shard(shard)


def test_finished_folds_are_not_trained_again(tmp_path):
    trained = []

    def counted(recipe, fold, *args, seed, **kwargs):
        trained.append((fold.name, seed))
        return fake_fit(recipe, fold, *args, seed=seed, **kwargs)

    loso(tmp_path / "run", fit=counted)
    assert len(trained) == len(set(trained)) == 10
    shutil.rmtree(tmp_path / "run" / "folds" / "a-s2-seed1")
    loso(tmp_path / "run", fit=counted)
    assert trained[10:] == [("a-s2", 1)]


def test_thresholds_never_see_the_test_part(tmp_path, whole):
    """With every label of one subject turned around, that subject's own folds keep their thresholds."""
    turned = [c._replace(labels=1 - c.labels) if c.subject == "s1" else c for c in corpus()]
    loso(tmp_path / "run", clips=turned)
    for seed in (1, 2):
        here, there = (run / "folds" / f"a-s1-seed{seed}" for run in (tmp_path / "run", whole))
        assert (here / "thresholds.json").read_bytes() == (there / "thresholds.json").read_bytes()
        assert (here / "metrics.json").read_bytes() != (there / "metrics.json").read_bytes()


def test_another_runs_folder_is_refused_before_anything_is_trained(tmp_path, whole):
    shutil.copytree(whole, tmp_path / "run")
    before = files_of(tmp_path / "run")
    with pytest.raises(InputError, match="max_steps is 100 there and 5 here"):
        loso(tmp_path / "run", max_steps=5, fit=pytest.fail)
    with pytest.raises(InputError, match="the clips are others"):
        loso(tmp_path / "run", clips=corpus(seed=1), fit=pytest.fail)
    assert files_of(tmp_path / "run") == before


def test_people_with_dangerous_names_stay_inside_the_folder(tmp_path):
    names = ["../../../outside", "/etc", "..", "a/b", "C:\\x"]
    loso(tmp_path / "deep" / "run", clips=[clip(name, k) for name in names for k in range(2)])
    assert os.listdir(tmp_path) == ["deep"] and os.listdir(tmp_path / "deep") == ["run"]
    folders = list((tmp_path / "deep" / "run" / "folds").iterdir())
    assert len(folders) == 10 and all(sorted(os.listdir(folder)) == FILES for folder in folders)


def test_training_that_diverges_is_said_and_keeps_earlier_folds(tmp_path):
    def diverging(recipe, fold, *args, **kwargs):
        fitted = fake_fit(recipe, fold, *args, **kwargs)
        if fold.name == "a-s2":
            fitted.probabilities["test"][0, 0] = np.nan
        return fitted

    with pytest.raises(InputError, match="fold a-s2, seed 1, test: training diverged"):
        loso(tmp_path / "run", fit=diverging)
    assert sorted(os.listdir(tmp_path / "run" / "folds")) == ["a-s0-seed1", "a-s1-seed1"]


def test_probabilities_that_are_not_one_a_clip_are_an_error(tmp_path):
    def short(*args, **kwargs):
        fitted = fake_fit(*args, **kwargs)
        fitted.probabilities["test"] = fitted.probabilities["test"][:-1]
        return fitted

    with pytest.raises(ValueError, match=r"probabilities of shape \(3, 2\), expected \(4, 2\)"):
        loso(tmp_path / "run", fit=short)


@pytest.fixture
def command(monkeypatch):
    """Runs a command with the stand-in for training; returns the exit status."""
    monkeypatch.setitem(sys.modules, "training.learning.fit", SimpleNamespace(fit=fake_fit))

    def run(module, *arguments):
        monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        try:
            run_command(module.main)
        except SystemExit as stop:
            return stop.code
        return 0

    return run


def save_data(folder, *datasets, subjects=3):
    """A folder saved by `datasets`, with two clips of each subject."""
    rng = np.random.default_rng([len(datasets), *"".join(datasets).encode()])
    rows = [(name, f"s{s}", f"s{s}-{k}") for name in datasets for s in range(subjects) for k in range(2)]
    columns = dict(zip(("dataset", "subject", "clip_id"), map(list, zip(*rows))))
    labels = {"action_units": [["AU1"], ["AU12"]] * (len(rows) // 2), "onset": [0] * len(rows), "apex": [3] * len(rows)}
    frames = list(rng.integers(0, 255, (len(rows), 6, 64, 64), np.uint8))
    Dataset.from_dict(columns | labels | {"frames": frames}).save_to_disk(folder)
    return folder


UNIT_OPTIONS = ("--action_units", *UNITS)


def test_loso_from_the_command_line(tmp_path, command, capsys):
    data = save_data(tmp_path / "data", "a")
    assert command(loso_command, "--data", data, "--output", tmp_path / "run", "--seeds", 2, *UNIT_OPTIONS) == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["protocol"] == "loso" and record["seeds"] == [1, 2] and record["folds"] == ["a-s0", "a-s1", "a-s2"]
    assert record["action_units"] == UNITS and record["command"].endswith("--seeds 2 --action_units AU1 AU12")
    assert len(os.listdir(tmp_path / "run" / "folds")) == 6 and (tmp_path / "run" / "metrics.json").exists()
    assert "next: python -m training.report" in capsys.readouterr().out


def test_data_may_move_between_two_jobs_of_a_run(tmp_path, command):
    data, options = save_data(tmp_path / "data", "a"), ("--output", tmp_path / "run", *UNIT_OPTIONS)
    assert command(loso_command, "--data", data, "--shard", "1/2", *options) == 0
    data.rename(tmp_path / "elsewhere")
    assert command(loso_command, "--data", tmp_path / "elsewhere", "--shard", "2/2", *options) == 0
    assert (tmp_path / "run" / "metrics.json").exists()


def test_cross_domain_from_the_command_line(tmp_path, command):
    domains = ("--train", save_data(tmp_path / "here", "a"), "--test", save_data(tmp_path / "there", "b"))
    assert command(cross_domain, *domains, "--output", tmp_path / "run", *UNIT_OPTIONS) == 0
    table = pd.read_parquet(tmp_path / "run" / "folds" / "across-domains-seed1" / "predictions.parquet")
    datasets = table.groupby("part")["dataset"].unique().map(list).to_dict()
    assert datasets == {"other_domain": ["b"], "unseen_subjects": ["a"], "validation": ["a"]}
    assert list(json.loads((tmp_path / "run" / "run.json").read_text())["data"]) == list(map(str, domains[1::2]))


def test_several_test_sets_are_parts_of_their_own_in_one_training(tmp_path, command):
    here, there = save_data(tmp_path / "here", "a"), save_data(tmp_path / "there", "b", subjects=4)
    bed = save_data(tmp_path / "bed", "b", "c")  # subjects of `there`, among others
    arguments = ("--train", here, "--output", tmp_path / "run", "--max_test_subjects", 3, *UNIT_OPTIONS)
    assert command(cross_domain, *arguments, "--test", there, bed) == 0
    assert os.listdir(tmp_path / "run" / "folds") == ["across-domains-seed1"]
    folder = tmp_path / "run" / "folds" / "across-domains-seed1"
    table = pd.read_parquet(folder / "predictions.parquet")
    assert table.groupby("part")["subject"].nunique().to_dict() == {
        "bed": 3, "there": 3, "unseen_subjects": 1, "validation": 1
    }  # fmt: skip
    people = (table["dataset"] + "/" + table["subject"]).groupby(table["part"]).nunique()
    assert people["bed"] == 3 == people["there"]
    pooled = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(pooled["parts"]) == {"bed", "there", "unseen_subjects"}
    one = tmp_path / "one"
    assert command(cross_domain, "--train", here, "--output", one, *UNIT_OPTIONS, "--test", there) == 0
    thresholds = [run / "folds" / folder.name / "thresholds.json" for run in (one, tmp_path / "run")]
    assert thresholds[0].read_bytes() == thresholds[1].read_bytes(), "test sets choose nothing"
    report([str(tmp_path / "run"), "--output", str(tmp_path / "report")])
    text = (tmp_path / "report" / "report.md").read_text()
    assert all(f"## Units: {part}" in text for part in pooled["parts"])
    figures = {part.part: part for part in read_figures(tmp_path / "run", UNITS).parts}
    assert set(figures) == set(pooled["parts"]) and figures["there"].data == "b"


def test_a_run_of_another_version_with_one_test_set_goes_on_and_is_reported(tmp_path, command):
    data, run = save_data(tmp_path / "here", "a"), tmp_path / "run"
    arguments = ("--train", data, "--test", save_data(tmp_path / "there", "b"), "--output", run, *UNIT_OPTIONS)
    assert command(cross_domain, *arguments, "--seeds", 2) == 0
    record = json.loads((run / "run.json").read_text())
    record.pop("tests")
    record["options"]["test"] = "my-lab/there"
    (run / "run.json").write_text(json.dumps(record))
    shutil.rmtree(run / "folds" / "across-domains-seed2")
    assert command(cross_domain, *arguments, "--seeds", 2) == 0
    assert (run / "folds" / "across-domains-seed2").is_dir()
    report([str(run), "--output", str(tmp_path / "report")])
    assert [part.data for part in read_figures(run, UNITS).parts] == ["my-lab/there", "a"]


def test_other_test_sets_are_another_run_before_any_is_loaded(tmp_path, command, capsys, monkeypatch):
    data, there, bed = (save_data(tmp_path / name, name) for name in ("here", "there", "bed"))
    arguments = ("--train", data, "--output", tmp_path / "run", *UNIT_OPTIONS, "--test", there)
    assert command(cross_domain, *arguments) == 0
    monkeypatch.setattr("training.protocols.inputs.load_clips", lambda *_args, **_options: pytest.fail("loaded"))
    for more, said in ((bed, "the test parts are other_domain there and bed there here"), (there, "there twice")):
        assert command(cross_domain, *arguments, more) == 2
        assert said in capsys.readouterr().err


def test_a_file_of_options_names_one_test_set_or_several(tmp_path):
    for text, found in (("synthetic:B", ["synthetic:B"]), ("[synthetic:B, synthetic:B/weak]", None), ("3", InputError)):
        (tmp_path / "options.yaml").write_text(f"train: synthetic:A\ntest: {text}\n")
        arguments = ["--config", str(tmp_path / "options.yaml")]
        if found is InputError:
            with pytest.raises(InputError, match="test must be one str or a list of them"):
                parse_options(cross_domain.CrossDomainOptions, description="", arguments=arguments)
            continue
        (options,) = parse_options(cross_domain.CrossDomainOptions, description="", arguments=arguments)
        assert options.test == (found or ["synthetic:B", "synthetic:B/weak"])


def test_each_of_several_datasets_is_left_out_once(tmp_path, command):
    data = save_data(tmp_path / "data", "casme", "samm", "4dme")
    assert command(cross_domain, "--data", data, "--output", tmp_path / "run", *UNIT_OPTIONS) == 0
    for name in ("casme", "samm", "4dme"):
        table = pd.read_parquet(tmp_path / "run" / "folds" / f"{name}-seed1" / "predictions.parquet")
        assert set(table.loc[table["part"] == "other_domain", "dataset"]) == {name}
        assert name not in set(table.loc[table["part"] == "validation", "dataset"])


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        (loso_command, ("--data", "DATA", "--max_subjects", 1), "at least 3 subjects"),
        (loso_command, ("--data", "DATA", "--shard", "9/8"), "shard must be i/n"),
        (loso_command, ("--data", "DATA", "--seeds", "0"), "seeds must be at least 1"),
        (cross_domain, ("--train", "DATA"), "give --train and --test, or --data alone"),
        (cross_domain, ("--data", "DATA", "--test", "DATA"), "given: --test --data"),
        (cross_domain, ("--data", "DATA"), "at least 2 datasets"),
        (cross_domain, ("--train", "DATA", "--test", "DATA"), "would stand both in"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(tmp_path, command, capsys, module, arguments, said):
    data = save_data(tmp_path / "data", "a")
    arguments = [data if argument == "DATA" else argument for argument in arguments]
    assert command(module, "--output", tmp_path / "run", *arguments, *UNIT_OPTIONS) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and said in error
    assert not (tmp_path / "run").exists()


def test_a_folder_with_other_things_is_refused_before_data_is_loaded(tmp_path, command, capsys):
    (tmp_path / "thesis.tex").write_text("x")
    assert command(loso_command, "--data", str(tmp_path / "no such data"), "--output", tmp_path) == 2
    assert "no run.json" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_another_runs_folder_is_refused_before_a_clip_is_drawn(tmp_path, command, capsys, monkeypatch):
    data, run = save_data(tmp_path / "data", "a"), tmp_path / "run"
    assert command(loso_command, "--data", data, "--output", run, *UNIT_OPTIONS) == 0
    before = files_of(run)
    monkeypatch.setattr(
        "training.protocols.inputs.load_clips", lambda *_args, **_options: pytest.fail("clips were loaded")
    )
    for changed, said in (
        (("--max_steps", 7), "max_steps is 100 there and 7 here"),
        (("--seeds", 2), "seeds is 1 there and 1 2 here"),
        (("--data", "synthetic:A", "--clips_per_subject", 3), "clips_per_subject is None there and 3 here"),
        (("--data", "synthetic:A", "--data_seed", 5), "data_seed is 0 there and 5 here"),
    ):
        capsys.readouterr()
        assert command(loso_command, "--data", data, "--output", run, *UNIT_OPTIONS, *changed) == 2
        assert said in capsys.readouterr().err.replace("'", "")
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        assert command(loso_command, "--data", "synthetic:A", "--output", output, *UNIT_OPTIONS) == 2
        assert str(output) in capsys.readouterr().err
    assert files_of(run) == before
