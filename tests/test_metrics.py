import numpy as np
import pytest

from training.metrics import binary_f1, choose_thresholds, macro_f1, roc_auc, score


def loop_f1(labels, active, positive=1):
    """F1 of one class by counting."""
    hits = sum(a == t == positive for a, t in zip(active, labels))
    said, true = sum(a == positive for a in active), sum(t == positive for t in labels)
    return 2 * hits / (said + true) if said + true else 0.0


def loop_auc(labels, probabilities):
    """Share of pairs in the right order, ties half."""
    pairs = [(p, n) for p, t in zip(probabilities, labels) if t for n, u in zip(probabilities, labels) if not u]
    return sum((p > n) + 0.5 * (p == n) for p, n in pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_plain_counting(seed):
    rng = np.random.default_rng(seed)
    labels, probabilities = rng.integers(0, 2, 40), np.round(rng.random(40), 1)
    active = (probabilities >= 0.5).astype(int)
    assert binary_f1(labels, active) == pytest.approx(loop_f1(labels, active))
    assert macro_f1(labels, active) == pytest.approx((loop_f1(labels, active) + loop_f1(labels, active, 0)) / 2)
    assert roc_auc(labels, probabilities) == pytest.approx(loop_auc(labels, probabilities))


def test_all_negative_predictor_is_told_apart_by_the_two_kinds_of_f1():
    labels = np.array([0] * 90 + [1] * 10)
    never = np.zeros(100, int)
    assert binary_f1(labels, never) == 0
    assert macro_f1(labels, never) == pytest.approx(0.4737, abs=1e-4)


def test_what_is_undefined_is_none():
    nothing = np.zeros(5, int)
    assert binary_f1(nothing, nothing) is macro_f1(nothing, nothing) is roc_auc(nothing, np.ones(5)) is None


def test_thresholds_reach_the_best_f1_a_search_can_find():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 2)) < 0.2).astype(int)
    probabilities = np.clip(0.3 * labels + rng.random((200, 2)) * 0.6, 0, 1)
    for unit, threshold in enumerate(choose_thresholds(labels, probabilities)):
        best = max(loop_f1(labels[:, unit], probabilities[:, unit] >= t) for t in np.arange(0.05, 0.96, 0.01))
        assert loop_f1(labels[:, unit], probabilities[:, unit] >= threshold) == pytest.approx(best)


def test_a_unit_without_positives_keeps_half_and_is_left_out_of_the_mean():
    labels, probabilities = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.3]])
    assert choose_thresholds(labels, probabilities)[1] == 0.5
    table = score(labels, probabilities, ["AU1", "AU2"], [0.5, 0.5])
    assert table["AU2"]["roc_auc"] is None and table["mean"]["roc_auc"] == 1.0
    assert table["mean"]["binary_f1_at_0.5"] == 1.0
