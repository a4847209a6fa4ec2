"""Spotting figures against cases counted by hand, brute force over all matchings, and other formulas for the same."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson
from sklearn.metrics import f1_score

from training.scoring.spotting import (
    Counts,
    Event,
    Recording,
    analysis_f1,
    count_events,
    count_unit_events,
    interval_iou,
    match_events,
    poisson_interval,
    score_recordings,
)

UNITS = ("AU1", "AU4", "AU12")


def event(onset, offset, *units, apex=None, kind="micro"):
    return Event(onset, (onset + offset) / 2 if apex is None else apex, offset, frozenset(units), kind)


def made_up(rng, events):
    onsets = rng.integers(0, 30, events) / 10
    return [
        event(onset, onset + rng.integers(1, 12) / 10, *rng.choice(UNITS, rng.integers(0, 3), replace=False),
              kind=str(rng.choice(["micro", "longer"])))
        for onset in onsets
    ]  # fmt: skip


def overlap(a, b):
    """IoU by counting the milliseconds that both hold."""
    first, second = (set(range(round(e.onset * 1000), round(e.offset * 1000))) for e in (a, b))
    return len(first & second) / len(first | second) if first | second else 0


def best_by_trying_all(true, found, iou):
    """(pairs, sum of IoU) of the best one-to-one matching."""
    best = (0, 0.0)
    few, many = (true, found) if len(true) <= len(found) else (found, true)
    for places in itertools.permutations([*range(len(many)), *[None] * len(few)], len(few)):
        pairs = [overlap(few[i], many[j]) for i, j in enumerate(places) if j is not None]
        if all(value >= iou for value in pairs):
            best = max(best, (len(pairs), sum(pairs)))
    return best


@pytest.mark.parametrize("seed", range(40))
def test_matching_is_the_largest_and_among_these_the_closest(seed):
    rng = np.random.default_rng(seed)
    true, found, iou = made_up(rng, rng.integers(0, 4)), made_up(rng, rng.integers(0, 5)), rng.choice([0.1, 0.3, 0.5])
    pairs = match_events(true, found, iou)
    count, total = best_by_trying_all(true, found, iou)
    assert len(pairs) == count and sum(overlap(true[a], found[b]) for a, b in pairs) == pytest.approx(total)
    assert all(len(set(column)) == count for column in zip(*pairs)) and all(
        overlap(true[a], found[b]) >= iou for a, b in pairs
    )


def test_one_finding_over_two_events_is_one_hit_and_two_on_one_event_are_one():
    two, wide = [event(0, 1), event(1, 2)], [event(0, 2)]
    assert len(match_events(two, wide)) == 1, "each overlaps it by exactly a half"
    assert match_events([event(0, 1)], [event(0, 0.6), event(0, 0.9)]) == [(0, 1)], "the closer one"
    greedy_fails = [event(0, 1), event(0.5, 1.2)]  # the finding 0..0.9 fits the first alone, 0.4..1.1 fits both
    assert len(match_events(greedy_fails, [event(0.4, 1.1), event(0, 0.9)])) == 2


def test_an_overlap_of_a_half_up_to_rounding_is_a_hit_and_less_is_none():
    for start in np.arange(0, 3, 0.1):  # sums such as 0.1 + 0.2 are not 0.3
        assert match_events([event(start, start + 0.1 + 0.2)], [event(start, start + 0.1 + 0.05)]) == [(0, 0)]
        assert match_events([event(start, start + 0.3)], [event(start, start + 0.149)]) == []
    assert interval_iou([event(1, 1)], [event(1, 1), event(0, 2)]).tolist() == [[0, 0]]
    assert interval_iou([], [event(0, 1)]).shape == (0, 1) and match_events([], []) == []


def test_counts_of_a_case_counted_by_hand():
    recordings = [
        Recording(
            [event(1, 1.4, "AU1", "AU4"), event(3, 3.4, "AU12"), event(5, 7, "AU12", kind="longer")],
            [event(1.1, 1.4, "AU1"), event(3, 3.4, "AU12", "AU4"), event(5, 5.3, "AU12"), event(9, 9.3, "AU1")],
            0.5, False,
        ),
        Recording([], [event(1, 1.5, "AU1", "AU12"), event(4, 4.3)], 1.5, True),
        Recording([], [], 0.5, True),
        Recording([event(2, 2.4, "AU4")], [], 0.5, False),
    ]  # fmt: skip
    scores = score_recordings(recordings)
    assert scores["spotting"] == {
        "true": 4, "found": 6, "matched": 2, "precision": pytest.approx(1 / 3), "recall": 0.5, "f1": 0.4
    }  # fmt: skip
    assert [scores["kinds"][kind]["true"] for kind in ("micro", "longer")] == [3, 1]
    assert scores["kinds"]["longer"] == {
        "true": 1, "found": 0, "matched": 0, "precision": None, "recall": 0, "f1": 0
    }  # fmt: skip
    matched = {"AU1": (1, 3, 1), "AU4": (2, 1, 0), "AU12": (2, 3, 1)}  # true, found, matched
    for unit, counts in matched.items():
        assert tuple(scores["units"][unit][name] for name in ("true", "found", "matched")) == counts
    assert scores["unit_events"]["f1"] == pytest.approx(2 * 2 / (5 + 7))
    # matched events say AU1|AU4 as AU1, AU12 as AU12|AU4: AU1 and AU12 whole, AU4 neither precise nor recalled
    assert scores["analysis_f1"] == pytest.approx(2 / 3) and scores["strs"] == pytest.approx(0.4 * 2 / 3)
    quiet = scores["quiet"]
    assert (quiet["recordings"], quiet["minutes"], scores["minutes"]) == (2, 2.0, 3.0)
    assert (quiet["events"]["count"], quiet["events"]["per_minute"]) == (2, 1.0)
    assert (quiet["unit_events"]["count"], quiet["unit_events"]["per_minute"]) == (2, 1.0)
    assert (quiet["events"]["low"], quiet["events"]["high"]) == pytest.approx((0.2422 / 2, 7.2247 / 2), abs=1e-4)
    assert scores["error_ms"]["onset"] == {"median": pytest.approx(50), "p90": pytest.approx(90)}
    assert scores["error_ms"]["apex"] == {"median": pytest.approx(25), "p90": pytest.approx(45)}
    assert scores["error_ms"]["offset"]["p90"] == pytest.approx(0)
    json.dumps(scores, allow_nan=False)


@pytest.mark.parametrize("seed", range(10))
def test_figures_are_those_of_pooled_pairs_counted_apart(seed):
    rng = np.random.default_rng(seed)
    recordings = [
        Recording(made_up(rng, 3), made_up(rng, rng.integers(0, 4)), float(rng.uniform(0.1, 2)), False)
        for _ in range(rng.integers(1, 5))
    ]
    best = {
        unit: [
            best_by_trying_all(*([e for e in es if unit is None or unit in e.units] for es in (r.truth, r.found)), 0.5)
            for r in recordings
        ]
        for unit in (None, *UNITS)
    }
    spotting, by_unit = count_events(recordings), count_unit_events(recordings)
    assert spotting.matched == sum(count for count, _ in best[None])
    assert {unit: counts.matched for unit, counts in by_unit.items()} == {
        unit: sum(count for count, _ in best[unit]) for unit in by_unit
    }
    assert sum(c.true for c in by_unit.values()) == sum(len(e.units) for r in recordings for e in r.truth)
    precision, recall = spotting.precision, spotting.recall
    if spotting.matched:
        assert spotting.f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_analysis_is_mean_precision_with_mean_recall_over_units_of_the_truth():
    rng = np.random.default_rng(5)
    pairs = rng.random((2, 30, 3)) < 0.5
    places = [(2 * index, 2 * index + 0.5) for index in range(30)]
    truth, found = ([event(*place, *np.array(UNITS)[row]) for place, row in zip(places, side)] for side in pairs)
    recordings = [Recording(truth[:11], found[:11], 1, False), Recording(truth[11:], found[11:], 1, False)]
    precisions, recalls = zip(*[
        ((a & b).sum() / b.sum(), (a & b).sum() / a.sum()) for a, b in zip(pairs[0].T, pairs[1].T)
    ])  # fmt: skip
    precision, recall = np.mean(precisions), np.mean(recalls)
    assert analysis_f1(recordings) == pytest.approx(2 * precision * recall / (precision + recall))
    scores = score_recordings(recordings)
    assert scores["strs"] == pytest.approx(scores["analysis_f1"]), "all are spotted"
    assert scores["unit_events"]["f1"] == pytest.approx(f1_score(*pairs, average="micro"))
    unseen = [*recordings, Recording([event(0, 1, "AU9")], [], 1, False)]
    assert analysis_f1(unseen) == pytest.approx(analysis_f1(recordings) * 3 / 4), "a unit never spotted counts 0"


@pytest.mark.parametrize("count", [0, 1, 2, 7, 40, 400])
def test_the_poisson_interval_cuts_off_two_and_a_half_percent_on_either_side(count):
    low, high = poisson_interval(count)
    assert poisson.cdf(count, high) == pytest.approx(0.025)
    assert low == 0 if count == 0 else poisson.sf(count - 1, low) == pytest.approx(0.025)
    assert poisson_interval(0)[1] == pytest.approx(-math.log(0.025))


def test_nothing_true_and_nothing_found_is_none_and_changes_no_figure():
    nothing = Recording([], [], 1.0, True)
    scores = score_recordings([nothing])
    assert scores["spotting"] == {"true": 0, "found": 0, "matched": 0, "precision": None, "recall": None, "f1": None}
    assert scores["strs"] is scores["analysis_f1"] is scores["unit_events"]["f1"] is None
    assert scores["error_ms"]["apex"] == {"median": None, "p90": None} and scores["units"] == {}
    assert scores["quiet"]["events"]["per_minute"] == 0 and scores["quiet"]["events"]["high"] == pytest.approx(
        3.689, abs=1e-3
    )
    some = [Recording([event(1, 2, "AU1")], [event(1, 2, "AU1"), event(4, 5, "AU4")], 1.0, False)]
    alone, beside = score_recordings(some), score_recordings([*some, nothing])
    for name in ("spotting", "kinds", "unit_events", "units", "strs", "error_ms"):
        assert alone[name] == beside[name]
    assert alone["quiet"]["events"] == {"count": 0, "per_minute": None, "low": None, "high": None}, "no quiet minute"
    assert score_recordings([])["spotting"]["f1"] is None
    json.dumps([scores, alone, score_recordings([])], allow_nan=False)


def test_findings_without_truth_and_truth_without_findings_are_zero():
    assert Counts(0, 3, 0).f1 == Counts(3, 0, 0).f1 == 0 and Counts(0, 3, 0).recall is None
    scores = score_recordings([Recording([event(0, 1, "AU1")], [], 1, False)])
    assert (scores["spotting"]["f1"], scores["analysis_f1"], scores["strs"]) == (0, 0, 0)


def test_an_apex_that_nobody_said_is_left_out_of_its_error_alone():
    truth = [event(0, 1, apex=float("nan")), event(3, 4, apex=3.2)]
    scores = score_recordings([Recording(truth, [event(0, 1), event(3, 4, apex=3.3)], 1, False)])
    assert scores["spotting"]["matched"] == 2 and scores["error_ms"]["apex"]["median"] == pytest.approx(100)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(-100, 100))
def test_order_of_events_and_where_the_clock_starts_change_nothing(seed, shift):
    rng = np.random.default_rng(seed)
    truth, found = made_up(rng, 4), made_up(rng, 4)
    moved = [
        [Event(e.onset + shift, e.apex + shift, e.offset + shift, e.units, e.kind) for e in es[::-1]]
        for es in (truth, found)
    ]
    first, second = (score_recordings([Recording(*events, 1, False)]) for events in ((truth, found), moved))
    assert first["spotting"] == second["spotting"] and first["units"] == second["units"]


@pytest.mark.parametrize(
    "times", [(2, 1, 3), (1, 3, 2), (2, 1.5, 1), (float("nan"), 1, 2), (0, 1, float("inf")), (0, float("nan"), -1)]
)
def test_times_out_of_order_are_refused(times):
    with pytest.raises(ValueError, match="onset <= apex <= offset"):
        Event(*times, frozenset(), "micro")


def test_a_kind_or_a_recording_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="micro or longer, got 'macro'"):
        event(0, 1, kind="macro")
    with pytest.raises(ValueError, match="a quiet recording has no events, this one has 1"):
        Recording([event(0, 1)], [], 1, True)
    for minutes in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0 minutes"):
            Recording([], [], minutes, True)
