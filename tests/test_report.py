import json
import runpy
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from training.errors import InputError
from training.report.__main__ import main
from training.scoring.bootstrap import compare, intervals
from training.scoring.metrics import FIGURES, choose_thresholds, score
from training.scoring.run_results import pools, read_predictions, write_metrics

UNITS = ["AU1", "AU4", "AU12"]


def make_rows(subjects, skill, rng, part):
    """Predictions of some skill; the labels come from the subject alone, so that all runs hold the same clips."""
    rows = []
    for subject in subjects:
        labels = (np.random.default_rng(int(subject)).random((5, 3)) < (0.5, 0.4, 0.2)).astype(np.int8)
        labels[:, 2] = 0 if subject != "02" else [0, 1, 0, 0, 1]  # AU12: with one person alone
        probabilities = (skill * labels + (1 - skill) * rng.random(labels.shape)).astype(np.float32)
        for clip, (truth, probability) in enumerate(zip(labels, probabilities)):
            row = {"part": part, "dataset": "corpus", "subject": subject, "clip_id": str(clip)}
            row |= {f"label_{unit}": value for unit, value in zip(UNITS, truth)}
            rows.append(row | {f"probability_{unit}": value for unit, value in zip(UNITS, probability)})
    return rows


def make_run(
    path: Path, *, method="aullm++", skill=0.35, seeds=(1, 2), subjects=6, order=1, data="synthetic:A", **options
):
    """A LOSO run's folder, whose folds are written in any order."""
    folds = [f"corpus-{number:02d}" for number in range(subjects)]
    record = {
        "protocol": "loso",
        "options": {"method": method, "loss": "bce", "max_steps": 100, "output": str(path)} | options,
        "action_units": UNITS,
        "seeds": list(seeds),
        "folds": folds,
        "data": {data: "0123"},
        "command": f"python -m training.loso --data {data} --method {method}",
    }
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps(record))
    for seed in seeds:
        for number in list(range(subjects))[::order]:
            rng = np.random.default_rng((seed, number, len(method)))
            others = [f"{other:02d}" for other in range(subjects) if other != number]
            rows = make_rows(others[:2], skill, rng, "validation") + make_rows([f"{number:02d}"], skill, rng, "test")
            frame = pd.DataFrame([{"fold": folds[number], "seed": seed} | row for row in rows])
            write_fold(path / "folds" / f"{folds[number]}-seed{seed}", frame)
    return path


def write_fold(folder: Path, frame: pd.DataFrame) -> None:
    folder.mkdir(parents=True)
    frame.to_parquet(folder / "predictions.parquet", index=False)
    validation = frame[frame["part"] == "validation"]
    columns = [validation[[f"{kind}_{unit}" for unit in UNITS]].to_numpy() for kind in ("label", "probability")]
    (folder / "thresholds.json").write_text(
        json.dumps(dict(zip(UNITS, choose_thresholds(*columns, validation["subject"]))))
    )


def report(*arguments):
    main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "full"), make_run(
        folder / "none", method="prior", skill=0.1, seeds=(1,), loss="asymmetric"
    )


def test_pooled_figures_are_those_of_all_folds_clips_under_their_own_thresholds(two_runs):
    predictions = read_predictions(two_runs[0])
    write_metrics(two_runs[0])
    written = json.loads((two_runs[0] / "metrics.json").read_text())
    tables, figure = [], "binary_f1_at_validation_threshold"
    for seed in (1, 2):
        labels, probabilities, thresholds = [], [], []
        for fold in sorted((two_runs[0] / "folds").glob(f"*-seed{seed}")):
            frame = pd.read_parquet(fold / "predictions.parquet").query("part == 'test'")
            labels.append(frame[[f"label_{unit}" for unit in UNITS]])
            probabilities.append(frame[[f"probability_{unit}" for unit in UNITS]])
            own = json.loads((fold / "thresholds.json").read_text())
            thresholds.append(np.tile([own[unit] for unit in UNITS], (len(frame), 1)))
        columns = [np.concatenate(column) for column in (labels, probabilities, thresholds)]
        tables.append(score(columns[0], columns[1], UNITS, columns[2]))
        assert written["seeds"][str(seed)]["test"]["AU4"] == pytest.approx(tables[-1]["AU4"])
    summary = written["parts"]["test"]
    assert (summary["clips"], summary["subjects"], summary["seeds"]) == (30, 6, [1, 2])
    values = [table["mean"][figure] for table in tables]
    assert summary["scores"]["mean"][figure]["mean"] == pytest.approx(np.mean(values))
    assert summary["scores"]["mean"][figure]["sd"] == pytest.approx(np.std(values, ddof=1))
    low, high = intervals(list(pools(predictions, "test", UNITS).values()))[figure][-1]
    assert (summary["scores"]["mean"][figure]["low"], summary["scores"]["mean"][figure]["high"]) == (low, high)
    assert set(written["parts"]) == {"test"}, "validation clips chose the thresholds and are no result"


def test_metrics_are_not_written_for_a_partial_run(tmp_path):
    run = make_run(tmp_path / "run")
    shutil.rmtree(run / "folds" / "corpus-03-seed2")
    with pytest.raises(InputError, match=r"lacks 1 fold\(s\), first corpus-03-seed2"):
        write_metrics(run)
    assert not (run / "metrics.json").exists()


def test_report_names_runs_settings_kinds_of_f1_and_that_data_is_synthetic(two_runs, tmp_path, capsys):
    report(*two_runs, "--output", tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "**The data is synthetic** (`synthetic:A`" in text and "Partial" not in text
    assert "| full | aullm++ | loso | synthetic:A | 1 2 | 12 of 12 |" in text
    assert "| none | prior (loss=asymmetric) |" in text
    assert "python -m training.loso --data synthetic:A --method prior  # none" in text
    for kind in ("binary F1 at 0.5", "binary F1 at validation threshold", "macro F1 at 0.5", "oracle-threshold macro"):
        assert kind in text
    assert text.split("## Units")[0].split("\n\n", 1)[1].split("![")[0].strip() in capsys.readouterr().out
    for name in ("comparison.png", "per_unit_test.png"):
        picture = cv2.imread(str(tmp_path / "out" / name))
        assert name in text and picture.std() > 10


def test_an_evaluated_checkpoint_goes_by_its_name(tmp_path):
    run = make_run(tmp_path / "evaluated")
    record = json.loads((run / "run.json").read_text())
    record |= {"protocol": "evaluate", "options": {"model": "my-lab/aullm", "clips_per_subject": 8}}
    (run / "run.json").write_text(json.dumps(record))
    report(run, "--output", tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| evaluated | my-lab/aullm (clips_per_subject=8) | evaluate |" in text


def test_csv_tables_hold_figures_intervals_spread_and_differences(two_runs, tmp_path):
    report(*two_runs, "--output", tmp_path / "out")
    summary, units, significance, runs = (
        pd.read_csv(tmp_path / "out" / f"{name}.csv") for name in ("summary", "per_unit", "significance", "runs")
    )
    found = [pools(read_predictions(run), "test", UNITS) for run in two_runs]
    for (_, row), own in zip(summary.iterrows(), found):
        tables = [score(p.labels, p.probabilities, UNITS, p.thresholds) for p in own.values()]
        for figure in FIGURES:
            assert row[figure] == pytest.approx(np.mean([table["mean"][figure] for table in tables]), abs=1e-4)
            assert row[f"{figure}_low"] < row[f"{figure}_high"]
    assert summary.roc_auc_sd.notna().tolist() == [True, False], "one seed has no spread"
    assert units[["run", "action_unit"]].values.tolist() == [[run, unit] for run in ("full", "none") for unit in UNITS]
    expected = compare([found[0][1]], [found[1][1]], ["binary_f1_at_0.5"])["binary_f1_at_0.5"]  # the seed both have
    row = significance.set_index("figure").loc["binary_f1_at_0.5"]
    assert (row.run, row.less, row.part) == ("full", "none", "test")
    assert row[["difference", "low", "high", "p"]].tolist() == pytest.approx(list(expected), abs=1e-4)
    assert runs.synthetic.all() and runs.folds_finished.tolist() == [12, 6]


def test_report_is_the_same_in_whatever_order_folds_were_written(two_runs, tmp_path):
    again = make_run(tmp_path / "elsewhere" / "full", order=-1)
    (again / "folds" / ".tmp-corpus-03-seed2").mkdir()  # left by a killed job
    for number, run in enumerate((two_runs[0], again)):
        report(run, two_runs[1], "--output", tmp_path / str(number) / "out")
    files = sorted(path.name for path in (tmp_path / "0" / "out").iterdir())
    assert len(files) == 9
    for file in files:
        assert (tmp_path / "0" / "out" / file).read_bytes() == (tmp_path / "1" / "out" / file).read_bytes(), file


def test_order_of_runs_decides_the_order_of_rows_and_no_figure(two_runs, tmp_path):
    report(*two_runs, "--output", tmp_path / "one")
    report(*two_runs[::-1], "--output", tmp_path / "two")
    tables = [pd.read_csv(tmp_path / name / "summary.csv") for name in ("one", "two")]
    assert tables[1].run.tolist() == ["none", "full"]
    pd.testing.assert_frame_equal(tables[0], tables[1].iloc[::-1].reset_index(drop=True))


def test_partial_run_is_named_as_such_and_not_compared_with_a_whole_one(two_runs, tmp_path):
    partial = make_run(tmp_path / "partial", method="led_head", data="corpus/on-disk")
    for name in ("corpus-04-seed1", "corpus-04-seed2", "corpus-05-seed2"):
        shutil.rmtree(partial / "folds" / name)
    report(two_runs[0], partial, "--output", tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "**Partial results**: partial (partial: 9 of 12 folds)" in text
    assert "(not all data of partial is)" in text
    assert "not compared: the runs do not hold the same clips" in text
    table = pd.read_csv(tmp_path / "out" / "summary.csv").set_index("run")
    assert table.loc["partial", ["folds_finished", "folds"]].tolist() == [9, 12]


def test_runs_of_other_units_stand_beside_each_other_uncompared(two_runs, tmp_path):
    run = make_run(tmp_path / "fewer")
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"action_units": UNITS[:2]}))
    report(two_runs[0], run, "--output", tmp_path / "out")
    assert "not compared: other action units" in (tmp_path / "out" / "report.md").read_text()


def test_undefined_figures_are_empty_not_zero(tmp_path):
    run = make_run(tmp_path / "run", subjects=2)  # the only person with AU12 is not among them
    report(run, "--output", tmp_path / "out")
    row = pd.read_csv(tmp_path / "out" / "per_unit.csv").set_index("action_unit").loc["AU12"]
    assert row.positives == 0 and row[list(FIGURES)].isna().all()
    assert "| AU12 | 0 | - | - |" in (tmp_path / "out" / "report.md").read_text()


def test_insert_replaces_what_stands_between_the_marks_and_nothing_else(two_runs, tmp_path):
    before, after = (
        "# Title\r\n\nTable ä:\n<!-- results:main -->",
        "<!-- /results:main -->\n<!-- results:other -->\nrest\n",
    )
    file = tmp_path / "README.md"
    file.write_bytes(f"{before}\noutdated text\n{after}".encode())
    report(*two_runs, "--output", tmp_path / "main", "--insert", file)
    text = file.read_bytes().decode()
    assert text.startswith(before) and text.endswith(after) and "outdated text" not in text
    assert text[len(before) : -len(after)].strip() in (tmp_path / "main" / "report.md").read_text()
    report(*two_runs, "--output", tmp_path / "main", "--insert", file)
    assert file.read_bytes().decode() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- results:out -->",
        "<!-- /results:out --><!-- results:out -->",
        "<!-- results:else --><!-- /results:else -->",
    ],
)
def test_a_file_without_the_marks_stops_the_report_before_anything_is_written(two_runs, tmp_path, text):
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text("<!-- results:out --><!-- /results:out -->")
    bad.write_text(text)
    with pytest.raises(InputError, match=r"bad.md must hold `<!-- results:out -->`"):
        report(two_runs[0], "--output", tmp_path / "out", "--insert", good, bad)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.md", "good.md"]
    assert (good.read_text(), bad.read_text()) == ("<!-- results:out --><!-- /results:out -->", text)


def drop_column(run):
    path = run / "folds" / "corpus-00-seed1" / "predictions.parquet"
    pd.read_parquet(path).drop(columns="probability_AU4").to_parquet(path)


def wrong_probabilities(run):
    path = run / "folds" / "corpus-00-seed1" / "predictions.parquet"
    pd.read_parquet(path).assign(probability_AU4=float("nan")).to_parquet(path)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda run: (run / "run.json").unlink(), "is not the folder of a run: it holds no run.json"),
        (lambda run: (run / "run.json").write_text("{"), "run.json cannot be read"),
        (lambda run: (run / "run.json").write_text("{}"), "run.json lacks protocol"),
        (lambda run: shutil.rmtree(run / "folds"), "has no finished fold yet"),
        (
            lambda run: (run / "folds" / "corpus-00-seed1" / "thresholds.json").unlink(),
            "thresholds.json cannot be read",
        ),
        (lambda run: (run / "folds" / "corpus-00-seed1" / "thresholds.json").write_text("{}"), "lacks AU1 in its"),
        (
            lambda run: (run / "folds" / "corpus-00-seed1" / "predictions.parquet").write_bytes(b"no parquet"),
            "predictions.parquet cannot be read .*remove the folder corpus-00-seed1",
        ),
        (drop_column, "corpus-00-seed1 lacks probability_AU4 in its"),
        (wrong_probabilities, "holds values that are no probabilities"),
    ],
)
def test_a_broken_run_is_one_clear_error_and_nothing_is_written(tmp_path, damage, message):
    run = make_run(tmp_path / "run", subjects=3)
    damage(run)
    with pytest.raises(InputError, match=message):
        report(run, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_are_unique_and_the_output_a_folder(two_runs, tmp_path):
    with pytest.raises(InputError, match="two runs have the folder name 'full'"):
        report(two_runs[0], two_runs[0], "--output", tmp_path / "out")
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="out is a file; --output must name a folder"):
        report(two_runs[0], "--output", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_command_ends_bad_input_with_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training.report", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "training.report")
    with pytest.raises(SystemExit) as end:
        runpy.run_module("training.report", run_name="__main__")
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
