"""What each part is worth on each test bed, from made-up runs."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from test_report import UNITS, make_rows, make_run, report, write_fold

from training.report.gains import gains_figure, gains_table, left_out, part_titles
from training.report.tables import read
from training.scoring.metrics import score

BEDS = ("unseen_subjects", "synthetic_B", "synthetic_B-hidden")


def make_bed_run(path, skill, *, seeds=(1, 2, 3), beds=BEDS, protocol="cross_domain", **options):
    """A run of one fold; `skill` says for each bed how good it is."""
    record = {
        "protocol": protocol,
        "options": {"method": "aullm++", "output": str(path)} | options,
        "action_units": UNITS,
        "seeds": list(seeds),
        "folds": ["across-domains"],
        "data": {"synthetic:A": "0", "synthetic:B": "1"},
        "command": "python -m training.cross_domain",
    }
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps(record))
    for seed in seeds:
        rng = np.random.default_rng(seed)
        rows = make_rows([f"{n:02d}" for n in range(10, 16)], 0.3, rng, "validation")
        for bed in beds:
            rows += make_rows([f"{n:02d}" for n in range(6)], skill[bed], np.random.default_rng([seed, 7]), bed)
        frame = pd.DataFrame([{"fold": "across-domains", "seed": seed} | row for row in rows])
        write_fold(path / "folds" / f"across-domains-seed{seed}", frame)
    return path


def own_figure(run, seed, bed, name):
    """Mean binary F1 at the fold's thresholds or AUC, by `score` alone."""
    folder = run / "folds" / f"across-domains-seed{seed}"
    frame = pd.read_parquet(folder / "predictions.parquet").query("part == @bed")
    labels, probabilities = (frame[[f"{k}_{u}" for u in UNITS]].to_numpy() for k in ("label", "probability"))
    thresholds = json.loads((folder / "thresholds.json").read_text())
    return score(labels, probabilities, UNITS, [thresholds[unit] for unit in UNITS])["mean"][name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    level = dict.fromkeys(BEDS, 0.3)
    return [
        make_bed_run(folder / "full", level),
        make_bed_run(folder / "a", level | {"synthetic_B-hidden": 0.02}, structure="none"),
        make_bed_run(folder / "b", level, ccr_weight=0.0, seeds=(2, 3, 4)),
        make_bed_run(folder / "c", {bed: 0.9 for bed in BEDS}, loss="asymmetric", max_steps=7, beds=BEDS[:2]),
    ]


def test_gains_are_means_over_shared_seeds_of_paired_differences(runs, tmp_path):
    report(*runs, "--output", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "gains.csv")
    assert table.part_left_out.unique().tolist() == ["R-AUGNN", "CCR", "loss=asymmetric, max_steps=7"]
    assert table.groupby("part_left_out").part.nunique().to_dict() == {
        "R-AUGNN": 3, "CCR": 3, "loss=asymmetric, max_steps=7": 2
    }  # fmt: skip
    for row in table.itertuples():
        full, other = (next(run for run in runs if run.name == name) for name in (row.run, row.less))
        seeds = (2, 3) if row.less == "b" else (1, 2, 3)
        gains = [own_figure(full, s, row.part, row.figure) - own_figure(other, s, row.part, row.figure) for s in seeds]
        assert row.gain == pytest.approx(np.mean(gains)) and row.sd == pytest.approx(np.std(gains, ddof=1))
        assert row.seeds == len(seeds)
        expected = "yes" if np.mean(gains) > row.sd else "behind" if np.mean(gains) < -row.sd else "no"
        assert row.exceeds_sd == expected
    rows = table.set_index(["part_left_out", "part", "figure"])
    assert rows.loc[("R-AUGNN", "synthetic_B-hidden", "roc_auc")].exceeds_sd == "yes"
    assert rows.loc[("R-AUGNN", "synthetic_B", "roc_auc")].gain == 0
    assert rows.loc[("loss=asymmetric, max_steps=7", "synthetic_B", "roc_auc")].exceeds_sd == "behind"


def test_the_report_holds_table_and_picture(runs, tmp_path):
    report(*runs, "--output", tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    section = text.split("## Gain of each part on each test bed")[1].split("## Units")[0]
    assert "(gains.png)" in section and section.count("| R-AUGNN |") == 3
    assert [line.split(" | ")[1] for line in section.splitlines() if "| CCR |" in line] == [
        "unseen people", "other domain", "hidden"
    ]  # fmt: skip
    assert cv2.imread(str(tmp_path / "out" / "gains.png")).std() > 10


def test_the_picture_shows_zero_on_one_scale_and_names_for_people(runs):
    figure = gains_figure(gains_table([read(run) for run in runs]))
    assert [axes.get_title("left") for axes in figure.axes] == ["unseen people", "other domain", "hidden"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high and all([0, 0] in [list(line.get_xdata()) for line in axes.lines] for axes in figure.axes)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == ["R-AUGNN", "CCR"]


def test_one_seed_has_no_spread(tmp_path):
    runs = [
        make_bed_run(tmp_path / name, dict.fromkeys(BEDS, skill), seeds=(1,), language_model=llm)
        for name, skill, llm in (("full", 0.4, "pretrained"), ("less", 0.1, "none"))
    ]
    report(*runs, "--output", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "gains.csv")
    assert table.sd.isna().all() and set(table.exceeds_sd) == {"one seed"} and set(table.part_left_out) == {"LLM"}


def test_runs_that_tested_other_clips_or_units_have_no_gain(tmp_path):
    full = make_run(tmp_path / "full", subjects=4)
    partial = make_run(tmp_path / "partial", subjects=4, loss="asymmetric")
    for seed in (1, 2):
        shutil.rmtree(partial / "folds" / f"corpus-03-seed{seed}")
    report(full, partial, "--output", tmp_path / "out")
    assert not (tmp_path / "out" / "gains.png").exists() and not (tmp_path / "out" / "gains.csv").exists()
    assert "Gain of each part" not in (tmp_path / "out" / "report.md").read_text()


def test_names_stay_apart(runs, tmp_path):
    read_runs = [read(run) for run in runs[:2]]
    twin = read_runs[1]._replace(label="again")
    same = read_runs[0]._replace(label="same")
    assert left_out([*read_runs, twin, same]) == {"a": "R-AUGNN (a)", "again": "R-AUGNN (again)", "same": "same"}
    titles = part_titles(["synthetic_A-hidden", "synthetic_B-hidden", "synthetic_B-changed_rules", "my-lab-samm"])
    assert list(titles.values()) == ["synthetic_A-hidden", "synthetic_B-hidden", "changed rules", "my-lab-samm"]


def test_checkpoints_that_were_evaluated_go_by_the_names_of_their_runs(tmp_path):
    level, evaluated = dict.fromkeys(BEDS, 0.3), {"protocol": "evaluate", "seeds": (0,)}
    runs = [make_bed_run(tmp_path / name, level, model=name, **evaluated) for name in ("ours", "theirs", "another")]
    assert left_out([read(run) for run in runs]) == {"theirs": "theirs", "another": "another"}
