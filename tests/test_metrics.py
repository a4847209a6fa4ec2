import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from transformers import EvalPrediction

from training.scoring.metrics import (
    FIGURES,
    average_precision,
    binary_f1,
    choose_thresholds,
    macro_f1,
    oracle_threshold_macro_f1,
    roc_auc,
    score,
    trainer_metrics,
)


def loop_f1(labels, active, positive=1):
    """F1 of one class by counting."""
    hits = sum(a == t == positive for a, t in zip(active, labels))
    said, true = sum(a == positive for a in active), sum(t == positive for t in labels)
    return 2 * hits / (said + true) if said + true else 0.0


def loop_auc(labels, probabilities):
    """Share of pairs in the right order, ties half."""
    pairs = [(p, n) for p, t in zip(probabilities, labels) if t for n, u in zip(probabilities, labels) if not u]
    return sum((p > n) + 0.5 * (p == n) for p, n in pairs) / len(pairs)


def loop_average_precision(labels, probabilities):
    """Over the positives: share of positives among all that are as probable or more."""
    precisions = []
    for p, t in zip(probabilities, labels):
        if t:
            above = [u for q, u in zip(probabilities, labels) if q >= p]
            precisions.append(sum(above) / len(above))
    return sum(precisions) / len(precisions)


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_plain_counting_and_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels, probabilities = rng.integers(0, 2, 40), np.round(rng.random(40), 1)
    active = (probabilities >= 0.5).astype(int)
    macro = (loop_f1(labels, active) + loop_f1(labels, active, 0)) / 2
    assert binary_f1(labels, active) == pytest.approx(loop_f1(labels, active))
    assert binary_f1(labels, active) == pytest.approx(f1_score(labels, active))
    assert macro_f1(labels, active) == pytest.approx(macro)
    assert macro_f1(labels, active) == pytest.approx(f1_score(labels, active, average="macro"))
    assert roc_auc(labels, probabilities) == pytest.approx(loop_auc(labels, probabilities))
    assert average_precision(labels, probabilities) == pytest.approx(loop_average_precision(labels, probabilities))


def test_score_equals_scikit_learn_unit_by_unit():
    rng = np.random.default_rng(7)
    labels = (rng.random((60, 3)) < [0.2, 0.5, 0.8]).astype(np.float32)
    probabilities = np.round(rng.random((60, 3)), 2).astype(np.float32)
    thresholds = [0.3, 0.5, 0.7]
    table = score(labels, probabilities, ["AU1", "AU2", "AU4"], thresholds)
    for unit, row in enumerate(list(table.values())[:3]):
        truth, probability = labels[:, unit], probabilities[:, unit]
        half, own = probability >= 0.5, probability.astype(float) >= thresholds[unit]
        assert row == pytest.approx(
            {
                "positives": truth.sum(),
                "binary_f1_at_0.5": f1_score(truth, half),
                "binary_f1_at_validation_threshold": f1_score(truth, own),
                "macro_f1_at_0.5": f1_score(truth, half, average="macro"),
                "macro_f1_at_validation_threshold": f1_score(truth, own, average="macro"),
                "roc_auc": roc_auc_score(truth, probability),
                "average_precision": average_precision_score(truth, probability),
                "oracle_threshold_macro_f1": max(
                    f1_score(truth, probability.astype(float) >= t, average="macro")
                    for t in (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85)
                ),
            }
        )
    for name in FIGURES:
        assert table["mean"][name] == pytest.approx(np.mean([table[unit][name] for unit in ("AU1", "AU2", "AU4")]))


def test_all_negative_predictor_is_told_apart_by_the_two_kinds_of_f1():
    labels = np.array([0] * 90 + [1] * 10)
    never = np.zeros(100, int)
    assert binary_f1(labels, never) == 0
    assert macro_f1(labels, never) == pytest.approx(0.4737, abs=1e-4)


def test_what_is_undefined_is_none():
    nothing, everything, guess = np.zeros(5, int), np.ones(5, int), np.linspace(0, 1, 5)
    assert binary_f1(nothing, everything) is average_precision(nothing, guess) is None
    for labels in (nothing, everything):
        assert macro_f1(labels, labels) is roc_auc(labels, guess) is oracle_threshold_macro_f1(labels, guess) is None
    assert binary_f1(everything, everything) == average_precision(everything, guess) == 1.0


def test_thresholds_reach_the_best_f1_a_search_can_find():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 2)) < 0.2).astype(int)
    probabilities = np.clip(0.3 * labels + rng.random((200, 2)) * 0.6, 0, 1)
    for unit, threshold in enumerate(choose_thresholds(labels, probabilities, ["one"] * 200)):
        best = max(loop_f1(labels[:, unit], probabilities[:, unit] >= t) for t in np.arange(0.05, 0.96, 0.01))
        assert loop_f1(labels[:, unit], probabilities[:, unit] >= threshold) == pytest.approx(best)


def test_thresholds_are_means_over_draws_of_people():
    rng = np.random.default_rng(8)
    labels = (rng.random((60, 1)) < 0.3).astype(int)
    probabilities = np.clip(0.3 * labels + rng.random((60, 1)) * 0.6, 0, 1)
    people = np.repeat([f"p{number}" for number in range(6)], 10)
    best = []
    for draw in np.random.default_rng(0).multinomial(6, [1 / 6] * 6, 200):
        rows = [row for person, times in enumerate(draw) for row in list(range(10 * person, 10 * person + 10)) * times]
        if labels[rows].any():
            grid = np.round(np.arange(0.05, 0.96, 0.01), 2)
            scores = [loop_f1(labels[rows, 0], probabilities[rows, 0] >= t) for t in grid]
            ties = [t for t, s in zip(grid, scores) if s >= max(scores) - 1e-9]
            best.append(ties[len(ties) // 2])
    assert choose_thresholds(labels, probabilities, people)[0] == pytest.approx(np.mean(best), abs=1e-4)


def test_a_unit_without_positives_keeps_half_and_is_left_out_of_the_mean():
    labels, probabilities = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.3]])
    assert choose_thresholds(labels, probabilities, ["a", "b"])[1] == 0.5
    table = score(labels, probabilities, ["AU1", "AU2"], [0.5, 0.5])
    assert table["AU2"]["roc_auc"] is None and table["mean"]["roc_auc"] == 1.0
    assert table["mean"]["binary_f1_at_0.5"] == 1.0


def test_every_pooled_clip_is_judged_by_the_threshold_of_its_own_fold():
    labels = np.array([[1], [0], [1], [0]])
    probabilities = np.array([[0.9], [0.6], [0.4], [0.1]])
    table = score(labels, probabilities, ["AU1"], np.array([[0.8], [0.8], [0.3], [0.3]]))
    assert table["AU1"]["binary_f1_at_validation_threshold"] == 1.0
    assert table["AU1"]["binary_f1_at_0.5"] == pytest.approx(0.5)


def test_trainer_gets_means_from_logits_and_nan_where_nothing_is_defined():
    rng = np.random.default_rng(3)
    labels, logits = rng.integers(0, 2, (30, 4)).astype(np.float32), rng.normal(size=(30, 4)).astype(np.float32)
    labels[:, 3] = 0
    mean = score(labels, 1 / (1 + np.exp(-logits.astype(float))), list("abcd"), [0.5] * 4)["mean"]
    expected = {
        "binary_f1": mean["binary_f1_at_0.5"],
        "macro_f1": mean["macro_f1_at_0.5"],
        "roc_auc": mean["roc_auc"],
        "average_precision": mean["average_precision"],
    }
    assert trainer_metrics(EvalPrediction(logits, labels)) == pytest.approx(expected)
    assert trainer_metrics(EvalPrediction((logits, "other outputs"), labels)) == pytest.approx(expected)
    assert all(np.isnan(v) for v in trainer_metrics(EvalPrediction(logits, np.zeros_like(labels))).values())


@pytest.mark.parametrize("value", [np.nan, -1, 2])
def test_labels_that_do_not_say_are_refused_not_counted_as_negatives(value):
    labels, probabilities = np.array([[1.0, 0.0], [0.0, value]]), np.full((2, 2), 0.3)
    for act in (
        lambda: score(labels, probabilities, ["AU1", "AU2"], [0.5, 0.5]),
        lambda: choose_thresholds(labels, probabilities, ["a", "b"]),
        lambda: trainer_metrics(EvalPrediction(predictions=probabilities, label_ids=labels)),
    ):
        with pytest.raises(ValueError, match="labels must be 0 or 1"):
            act()
