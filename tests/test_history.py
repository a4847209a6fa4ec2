"""What a training logs: kept in the run's folder, gone on with, and drawn."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers_protocol import loso
from test_report import make_run, report
from test_training import UNITS, fold, start, tiny_recipe  # noqa: F401

from training.errors import InputError
from training.learning import fit as fit_module
from training.learning.fit import fit
from training.options import Recipe
from training.report import __main__ as command
from training.report.history import history_figure
from training.scoring.history import FILE, history_table, read_history

COLUMNS = [
    "phase", "step", "loss", "loss_main", "loss_cf", "learning_rate", "grad_norm",
    "eval_loss", "eval_binary_f1", "eval_macro_f1", "eval_roc_auc", "eval_average_precision",
]  # fmt: skip


def test_a_row_a_logged_step_and_nothing_where_nothing_was_logged(fold, start, tmp_path):  # noqa: F811
    recipe = tiny_recipe(start, evidence_steps=4, max_steps=4, learning_rate=2e-4, led_learning_rate=0.5)
    table = history_table(fit(recipe, fold, UNITS, seed=1, work=tmp_path).history)
    assert table.columns.tolist() == COLUMNS
    assert table[["phase", "step"]].values.tolist() == [[p, s] for p in ("evidence", "llm") for s in (2, 4)]
    assert table.notna().all(axis=None)
    np.testing.assert_allclose(table.loss, table.loss_main + recipe.ccr_weight * table.loss_cf, atol=2e-3)
    llm = table[table.phase == "llm"]
    assert 0 < llm.learning_rate.max() <= 2e-4, "that of the weights, not of LED"


@pytest.mark.parametrize(("part", "step"), [("evidence", 3), ("llm", 1), ("llm", 3)])
def test_a_training_that_was_killed_has_the_history_of_one_that_was_not(fold, start, tmp_path, monkeypatch, part, step):  # noqa: F811
    recipe = tiny_recipe(start, evidence_steps=4, max_steps=4)
    whole = history_table(fit(recipe, fold, UNITS, seed=3, work=tmp_path / "whole").history)

    class Killed(Exception):
        pass

    original = fit_module.ValidateAtTheEnd.on_step_end

    def kill(self, args, state, control, **kwargs):
        if args.output_dir.endswith(part) and state.global_step == step:
            raise Killed
        original(self, args, state, control, **kwargs)

    monkeypatch.setattr(fit_module.ValidateAtTheEnd, "on_step_end", kill)
    with pytest.raises(Killed):
        fit(recipe, fold, UNITS, seed=3, work=tmp_path / "killed")
    monkeypatch.undo()
    found = history_table(fit(recipe, fold, UNITS, seed=3, work=tmp_path / "killed").history)
    pd.testing.assert_frame_equal(found, whole, atol=1e-4, rtol=1e-3)


def test_a_baseline_has_one_phase_and_what_is_not_trained_no_row(fold, tmp_path):  # noqa: F811
    recipe = Recipe(method="led_head", evidence_steps=1, max_steps=1, batch_size=6, workers=0)
    table = history_table(fit(recipe, fold, UNITS, seed=1, work=tmp_path / "a").history)
    assert set(table.phase) == {"model"} and table.step.max() == 2
    nothing = history_table(fit(Recipe(method="prior"), fold, UNITS, seed=1, work=tmp_path / "b").history)
    assert nothing.columns.tolist() == COLUMNS and len(nothing) == 0


def test_parts_of_a_loss_that_others_log_are_kept_and_times_are_not():
    logged = [
        {"phase": "model", "step": 1, "loss": 1.0, "loss_contrast": 0.5, "epoch": 0.1},
        {"phase": "model", "step": 2, "eval_loss": 2.0, "eval_runtime": 3.0, "eval_samples_per_second": 1.0},
        {"phase": "model", "step": 2, "train_runtime": 9.0, "train_loss": 1.0},
    ]
    table = history_table(logged)
    assert table.columns.tolist() == [*COLUMNS, "loss_contrast"] and table.step.tolist() == [1, 2]
    assert table.loss_contrast.tolist()[0] == 0.5 and table.eval_loss.tolist()[1] == 2.0


def test_every_fold_of_a_run_holds_its_history_with_nulls_for_what_was_not_logged(tmp_path):
    loso(tmp_path / "run", seeds=(1,))
    files = sorted((tmp_path / "run" / "folds").glob(f"*/{FILE}"))
    assert len(files) == 5
    table = pq.read_table(files[0])
    assert table.column("loss_cf").null_count == table.num_rows == 1 and table.column("loss").null_count == 0
    assert table.column("fold").to_pylist() == ["a-s0"] and table.column("seed").to_pylist() == [1]
    assert sorted(read_history(tmp_path / "run").fold) == [f"a-s{k}" for k in range(5)]


def add_history(run, steps=(10, 20)):
    for folder in sorted((run / "folds").iterdir()):
        name, seed = folder.name.rsplit("-seed", 1)
        rng = np.random.default_rng(int(seed))
        logged = [
            {"phase": phase, "step": step, "loss": rng.random(), "eval_average_precision": rng.random()}
            for phase in ("evidence", "llm")
            for step in steps
        ]
        table = history_table(logged)
        table.insert(0, "fold", name)
        table.insert(1, "seed", int(seed))
        table.to_parquet(folder / FILE, index=False)


def test_the_report_draws_it_and_names_26_folds_by_their_seed(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        command, "history_figure", lambda histories: drawn.append(history_figure(histories)) or drawn[0]
    )
    run, old = make_run(tmp_path / "run", subjects=26), make_run(tmp_path / "old", seeds=(1,), method="prior")
    add_history(run)
    report(run, old, "--output", tmp_path / "out")
    assert "(history.png)" in (tmp_path / "out" / "report.md").read_text()
    assert cv2.imread(str(tmp_path / "out" / "history.png")).std() > 10
    (figure,) = drawn
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        f"seed {seed}: each of 26 folds" for seed in (1, 2)
    ]
    loss, precision = figure.axes
    lines = [line for line in loss.lines if len(line.get_xdata()) == 4]
    assert len(lines) == 52 and lines[0].get_xdata().tolist() == [10, 20, 30, 40], "the LLM's steps come on top"
    assert precision.get_title("left") == "average precision, validation"


def test_runs_of_older_versions_are_reported_without(tmp_path):
    run = make_run(tmp_path / "run", subjects=3)
    report(run, "--output", tmp_path / "out")
    assert not (tmp_path / "out" / "history.png").exists()
    assert "history" not in (tmp_path / "out" / "report.md").read_text()
    add_history(run)
    shutil.rmtree(run / "folds" / "corpus-02-seed1")
    (run / "folds" / "corpus-01-seed1" / FILE).unlink()
    assert len(read_history(run)) == 4 * 4
    (run / "folds" / "corpus-00-seed1" / FILE).write_bytes(b"cut off")
    with pytest.raises(InputError, match="00-seed1/history.parquet cannot be read .*; remove it to have a report"):
        report(run, "--output", tmp_path / "broken")
    assert not (tmp_path / "broken").exists()
