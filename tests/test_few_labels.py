"""A checkpoint adapted to another domain with few of its subjects."""

import json
import sys

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import tiny_model
from helpers_protocol import clip, corpus, files_of
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_test_beds import tokens
from test_training import UNITS, make_clips, tiny_recipe

from modeling_aullm import AULLMProcessor
from training import few_labels
from training.data.folds import Fold
from training.errors import InputError, run_command
from training.few_labels import FewLabelsOptions, draw_folds, fit_reader
from training.learning import fit as fit_module
from training.learning.fit import fit
from training.options import parse_options
from training.readers import STRENGTHS, mean_auc, read_clips
from training.report.few_labels import few_labels_figure, few_labels_markdown, rare_means, results_table
from training.scoring.metrics import choose_thresholds, score


def people(clips):
    return {c.person for c in clips}


def test_draws_are_nested_and_the_same_people_are_tested_whatever_the_number():
    clips, drawn = corpus(12), []
    for seed in range(20):
        folds = draw_folds(clips, [2, 4, 8], seed)
        adapted = [people(fold.train) for fold in folds]
        assert [len(who) for who in adapted] == [2, 4, 8] and adapted[0] < adapted[1] < adapted[2]
        tested = [fold.test["test"] for fold in folds]
        assert tested[0] == tested[1] == tested[2] and people(tested[0]) == people(clips) - adapted[2]
        assert all(len(fold.train) == 4 * n and not fold.validation for n, fold in zip((2, 4, 8), folds, strict=True))
        drawn.append(frozenset(adapted[0]))
    assert len(set(drawn)) > 10


def test_nobody_left_to_test_and_the_same_frames_on_both_sides_are_refused():
    with pytest.raises(InputError, match="8 subjects are there; --subjects 8 leaves nobody to test"):
        draw_folds(corpus(8), [2, 8], seed=1)
    twins = [*corpus(8), clip("s9", digest=corpus(8)[0].digest), clip("s10", digest=corpus(8)[0].digest)]
    with pytest.raises(InputError, match="have the same frames"):
        [draw_folds(twins, [2], seed) for seed in range(30)]


def test_with_fixed_steps_all_that_is_there_is_trained_on_and_the_last_step_is_kept(tmp_path, monkeypatch):
    tiny_model().save_pretrained(tmp_path / "start", whole=True)
    train, test = [c for k in range(3) for c in make_clips(str(k))], make_clips("9", 5)
    fold = Fold("toy", train, [], {"test": test}, fixed_steps=True)
    recipe = tiny_recipe(str(tmp_path / "start"), evidence_steps=0, max_steps=4, eval_steps=3, patience=1)
    fitted = fit(recipe, fold, UNITS, seed=1, work=tmp_path / "a")
    assert set(fitted.probabilities) == {"test"} and fitted.probabilities["test"].shape == (5, 12)
    assert not any("eval_loss" in entry for entry in fitted.history)

    class Killed(Exception):
        pass

    original = fit_module.ValidateAtTheEnd.on_step_end

    def kill(self, args, state, control, **kwargs):
        if state.global_step == 4:
            raise Killed
        original(self, args, state, control, **kwargs)

    monkeypatch.setattr(fit_module.ValidateAtTheEnd, "on_step_end", kill)
    with pytest.raises(Killed):
        fit(recipe, fold, UNITS, seed=1, work=tmp_path / "b")
    monkeypatch.undo()
    again = fit(recipe, fold, UNITS, seed=1, work=tmp_path / "b")
    np.testing.assert_allclose(again.probabilities["test"], fitted.probabilities["test"], atol=1e-6)
    with pytest.raises(InputError, match="no clips to be its part 'validation'"):
        Fold("toy", train, [], {"test": test})


def test_a_readers_thresholds_and_strength_come_from_people_it_was_not_fitted_to():
    adapted, test = tokens(32, 0), tokens(400, 1)
    reader, thresholds = fit_reader(adapted)
    assert mean_auc(test, reader(test)) > 0.65
    assert (reader(test)[:, 2] == 0).all() and thresholds[2] == 0.5, "a unit that was never seen is never found"
    people = np.array(adapted.people)
    both = np.concatenate([adapted.content, adapted.instruction], axis=1)
    tried = {}
    for strength in STRENGTHS:
        said = np.zeros(adapted.labels.shape)
        for person in set(adapted.people):
            for unit in (0, 1):
                made = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
                made.fit(both[people != person], adapted.labels[people != person, unit])
                said[people == person, unit] = made.predict_proba(both[people == person])[:, 1]
        area = np.mean([roc_auc_score(adapted.labels[:, unit], said[:, unit]) for unit in (0, 1)])
        tried[area] = choose_thresholds(adapted.labels, said, adapted.people)
    assert thresholds == tried[max(tried)]
    everyone = adapted._replace(people=[f"p{k % 2}" for k in range(32)])  # two people are enough
    assert len(fit_reader(everyone)[1]) == 3


def test_clips_of_a_model_without_structure_are_read_by_their_content_alone():
    clips = make_clips("1", 4)
    read = read_clips(tiny_model(structure="none", prompt_token_ids=[5, 6, 7, 8, -1]), clips, "toy")
    assert read.instruction.shape == (4, 0) and read.features(("content", "instruction")).shape == read.content.shape
    assert read.take(np.array([2, 0])).people == [clips[2].person, clips[0].person]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("tiny"), tiny_model()
    model.save_pretrained(folder, whole=True)
    AULLMProcessor(action_units=list(model.config.action_units), thresholds=[0.4] * 12).save_pretrained(folder)
    return folder


@pytest.fixture
def command(monkeypatch, checkpoint):
    def run(*arguments, data="synthetic:B"):
        small = "--max_subjects 5 --clips_per_subject 3 --steps 1 --batch_size 4 --subjects 2 3 --seeds 2".split()
        start = ["few_labels", "--checkpoint", str(checkpoint), "--data", data, *small]
        monkeypatch.setattr(sys, "argv", [*start, *map(str, arguments)])
        monkeypatch.setattr("training.protocols.inputs.os.cpu_count", lambda: 1)  # sooner than processes start
        try:
            run_command(few_labels.main)
        except SystemExit as stop:
            return stop.code
        return 0

    return run


def test_the_command_and_going_on_with_it(tmp_path, command, capsys, checkpoint):
    run = tmp_path / "run"
    assert command("--output", run) == 0
    text = (run / "few_labels.md").read_text()
    assert text in capsys.readouterr().out and "synthetic" in text
    record = json.loads((run / "few_labels.json").read_text())
    assert [(r["seed"], r["subjects"], r["clips"]) for r in record["results"]] == [
        (1, 2, 6), (1, 3, 9), (2, 2, 6), (2, 3, 9)
    ]  # fmt: skip
    assert all((r["test_clips"], r["test_subjects"]) == (6, 2) for r in record["results"])
    for two, three in zip(record["results"][::2], record["results"][1::2], strict=True):
        assert two["scores"]["as it is"] == three["scores"]["as it is"], "the same people are tested"
        assert two["scores"]["trained on"] != two["scores"]["as it is"]
        assert all(two["positives"][unit] <= three["positives"][unit] for unit in UNITS)
    assert cv2.imread(str(run / "few_labels.png")).std() > 10
    assert "training.few_labels" in record["command"] and record["data"]["synthetic:B"]
    assert len(pd.read_parquet(run / "folds" / "2-subjects-seed1" / "history.parquet")) == 1
    before = files_of(run)
    for path in (run / "folds" / "3-subjects-seed2").iterdir():
        path.unlink()
    (run / "folds" / "3-subjects-seed2").rmdir()
    assert command("--output", run) == 0
    after = files_of(run)
    same = [path for path in before if path.startswith("folds") and "3-subjects-seed2" not in path]
    assert all(after[path] == before[path] for path in same) and len(same) == 6
    figures = "folds/3-subjects-seed2/figures.json"
    assert after[figures][0] == before[figures][0] and after["few_labels.json"][0] == before["few_labels.json"][0]
    capsys.readouterr()
    assert command("--output", run, "--steps", 2) == 2
    assert "steps is 1 there and 2 here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--subjects", 1, 2], "--subjects must be 2 or more each, got 1 2"),
        (["--subjects", 2, 5], "5 subjects are there; --subjects 5 leaves nobody to test"),
        (["--learning_rate", 0], "--learning_rate must be between 0 and 1"),
        (["--steps", 0], "--steps must be at least 1, got 0"),
        (["--data", "synthetic:Q"], "there is no synthetic:Q"),
        (["--checkpoint", "no/such/folder"], "--checkpoint: "),
    ],
)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(tmp_path, command, capsys, arguments, said):
    assert command("--output", tmp_path / "run", *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and said in error and not (tmp_path / "run").exists()


def test_options_come_from_a_file(tmp_path):
    text = "checkpoint: c\ndata: d\noutput: {0}\nsubjects: {1}\n"
    for subjects, found in (("[8, 2, 2]", [2, 8]), ("4", [4])):
        (tmp_path / "few.yaml").write_text(text.format(tmp_path / "run", subjects))
        (options,) = parse_options(FewLabelsOptions, description="", arguments=["--config", str(tmp_path / "few.yaml")])
        assert options.subjects == found
    (tmp_path / "few.yaml").write_text(text.format(tmp_path / "run", "[two]"))
    with pytest.raises(InputError, match="subjects must be one int or a list of them"):
        parse_options(FewLabelsOptions, description="", arguments=["--config", str(tmp_path / "few.yaml")])


def made_up_results():
    rng = np.random.default_rng(0)
    results = []
    for seed in (1, 2):
        labels = rng.integers(0, 2, (40, 2))
        for subjects, positives in ((2, {"AU1": 3, "AU12": 21}), (4, {"AU1": 19 + seed, "AU12": 30})):
            scores = {m: score(labels, rng.random((40, 2)), ["AU1", "AU12"], [0.3, 0.6]) for m in ("one", "two")}
            counts = {"clips": 10 * subjects, "test_clips": 40, "test_subjects": 4}
            results.append({"seed": seed, "subjects": subjects, "positives": positives, "scores": scores} | counts)
    return results


def test_rare_units_are_those_with_fewer_than_20_positives_in_each_draw():
    results = made_up_results()
    means = rare_means(results_table(results)).set_index(["subjects", "seed", "method"])
    figure = "binary_f1_at_validation_threshold"
    for each in results:
        key = (each["subjects"], each["seed"], "two")
        if key[0] == 2:
            assert means.loc[key, figure] == pytest.approx(each["scores"]["two"]["AU1"][figure])
        else:
            assert key not in means.index, "20 positives are not few"
    text = few_labels_markdown(results, ["my-lab/samm"])
    rare = text.split("## Units with fewer than 20 positives")[1]
    assert "synthetic" not in text and "| 2 | AU1 | 3.0 |" in rare and "AU12" not in rare
    values = [each["scores"]["two"]["mean"][figure] for each in results if each["subjects"] == 4]
    assert "| 4 | 40 | two | " in text and f"{np.mean(values):.3f}, sd {np.std(values, ddof=1):.3f}" in text
    figure = few_labels_figure(results)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["2", "4"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
