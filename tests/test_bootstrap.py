import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from training.errors import InputError
from training.scoring.bootstrap import Pool, compare, draw_people, intervals, replicate
from training.scoring.metrics import FIGURES, score

UNITS = ["AU1", "AU2", "AU4"]


def make_pool(seed=0, *, people=8, clips=6, skill=0.4, rates=(0.5, 0.4, 0.1), data_seed=0) -> Pool:
    """A method of some skill on clips that are the same whatever its seed; ties among the probabilities."""
    labels = (np.random.default_rng(data_seed).random((people * clips, 3)) < rates).astype(int)
    noise = np.random.default_rng(100 + seed).random(labels.shape)
    person = np.array([f"set/{index // clips:02d}" for index in range(people * clips)])
    probabilities = np.round(skill * labels + (1 - skill) * noise, 1)
    names = np.array([f"{who}/{index}" for index, who in enumerate(person)])
    return Pool(names, person, labels, probabilities, np.full(labels.shape, 0.4))


def drawn_clips(pool, draw):
    """Row numbers of the clips of the people drawn, each as often as drawn."""
    people = sorted(set(pool.people))
    return [
        i for who, times in zip(people, draw) for _ in range(int(times)) for i in np.flatnonzero(pool.people == who)
    ]


def test_replicates_equal_scikit_learn_on_the_clips_of_the_people_drawn():
    pool = make_pool()
    pool.labels[:, 2] = (pool.people == "set/03") & (pool.labels[:, 0] == 1)  # seen with one person alone
    values, draws = replicate([pool]), draw_people(8)
    undefined = 0
    for number in range(1, 1001, 50):
        rows = drawn_clips(pool, draws[number])
        for unit in range(3):
            assert draws[number].sum() == 8
            truth, probability = pool.labels[rows, unit], pool.probabilities[rows, unit]
            got = {name: values[name][number, unit] for name in FIGURES}
            if not truth.any():
                undefined += 1
                assert all(np.isnan(value) for value in got.values())
                continue
            assert got == pytest.approx(
                {
                    "binary_f1_at_0.5": f1_score(truth, probability >= 0.5, zero_division=0),
                    "binary_f1_at_validation_threshold": f1_score(truth, probability >= 0.4, zero_division=0),
                    "macro_f1_at_0.5": f1_score(truth, probability >= 0.5, average="macro", zero_division=0),
                    "macro_f1_at_validation_threshold": f1_score(
                        truth, probability >= 0.4, average="macro", zero_division=0
                    ),
                    "roc_auc": roc_auc_score(truth, probability),
                    "average_precision": average_precision_score(truth, probability),
                    "oracle_threshold_macro_f1": max(
                        f1_score(truth, probability >= t, average="macro", zero_division=0)
                        for t in np.round(np.arange(0.1, 0.9, 0.05), 2)
                    ),
                }
            )
    assert undefined > 0  # the rare unit was left out of some draws


def test_first_row_holds_the_figures_themselves_as_a_mean_over_seeds():
    pools = [make_pool(seed) for seed in range(3)]
    tables = [score(pool.labels, pool.probabilities, UNITS, pool.thresholds) for pool in pools]
    values = replicate(pools)
    for name in FIGURES:
        for column, unit in enumerate([*UNITS, "mean"]):
            assert values[name][0, column] == pytest.approx(np.mean([table[unit][name] for table in tables]))


def test_intervals_hold_the_figure_and_are_the_same_every_time_in_any_order_of_clips():
    pool = make_pool()
    shuffled = Pool(*(column[np.random.default_rng(5).permutation(48)] for column in pool))
    table, ends = score(pool.labels, pool.probabilities, UNITS, pool.thresholds), intervals([pool])
    assert intervals([shuffled]) == ends
    for column, unit in enumerate([*UNITS, "mean"]):
        low, high = ends["roc_auc"][column]
        assert low <= table[unit]["roc_auc"] <= high
    assert ends["roc_auc"][0][0] < ends["roc_auc"][0][1]


def test_mean_of_every_replicate_is_over_the_same_units():
    """A unit that one person alone shows, and that is never found, must not lift the mean where it is not drawn."""
    pool = make_pool(skill=1.0)
    pool.labels[:, 2] = (pool.people == "set/03") & (pool.labels[:, 0] == 1)
    pool.probabilities[:, 2] = 0.0
    name = "binary_f1_at_0.5"
    assert np.isnan(replicate([pool], [name])[name][:, 2]).any()
    assert np.allclose(intervals([pool])[name][3], 2 / 3)


def test_subjects_are_resampled_not_clips():
    """Clips of one person that are all alike add nothing: the interval is that of one clip a person."""
    one = make_pool(clips=1, people=20)
    many = Pool(*(np.repeat(column, 10, axis=0) for column in one))
    name = "binary_f1_at_0.5"
    assert np.allclose(intervals([many])[name], intervals([one])[name])


def test_coverage_of_the_interval_is_near_what_it_says():
    """Of corpora drawn at random, about 95 % have the true AUC in their interval."""
    truth = roc_auc_score(*[getattr(make_pool(999, people=3000, data_seed=999), n)[:, 0] for n in Pool._fields[2:4]])
    inside = 0
    for draw in range(40):
        low, high = intervals([make_pool(draw, people=30, data_seed=draw)])["roc_auc"][0]
        inside += low <= truth <= high
    assert 34 <= inside <= 40


def test_no_interval_where_there_is_nothing_to_resample_or_nothing_to_score():
    assert intervals([make_pool(people=1)])["roc_auc"] == [None] * 4
    pool = make_pool()
    one_each = [Pool(*(column[rows] for column in pool)) for rows in (slice(0, 6), slice(6, 12))]
    assert intervals(one_each)["roc_auc"] == [None] * 4, "each seed's figures are those of one person, drawn or not"
    never = intervals([make_pool(rates=(0.5, 0.4, 0.0))])
    assert never["roc_auc"][2] is None and never["roc_auc"][3] is not None


def test_seeds_that_tested_different_people_are_pooled():
    first, second = make_pool(0), make_pool(1)
    ends = intervals([Pool(*(c[:24] for c in first)), Pool(*(c[24:] for c in second))])
    assert ends["binary_f1_at_0.5"][3][0] < ends["binary_f1_at_0.5"][3][1]


def test_comparison_tells_a_better_run_from_one_as_good():
    good, bad, same = make_pool(0, people=30), make_pool(1, people=30, skill=0.05), make_pool(2, people=30)
    name = "binary_f1_at_0.5"
    better = compare([good], [bad], [name])[name]
    assert better.difference > 0 and better.low > 0 and better.p < 0.01
    difference = [score(p.labels, p.probabilities, UNITS, p.thresholds)["mean"][name] for p in (good, bad)]
    assert better.difference == pytest.approx(difference[0] - difference[1])
    worse = compare([bad], [good], [name])[name]
    assert worse.difference == -better.difference and worse.high == pytest.approx(-better.low)
    equal = compare([good], [good], [name])[name]
    assert equal == (0.0, 0.0, 0.0, 1.0)
    alike = compare([good], [same], [name])[name]
    assert alike.low < 0 < alike.high and alike.p > 0.05


def test_pairing_is_by_people_and_makes_the_interval_narrower():
    """People differ much, the two runs little: only the pairing can see the difference."""
    rng = np.random.default_rng(0)
    good = make_pool(0, people=30, clips=20, skill=0.0)
    easy = np.repeat(rng.random(30) < 0.5, 20)[:, None]
    right = np.where(easy, good.labels, 1 - good.labels).astype(float)
    slips = rng.random(right.shape) < 0.03
    good, other = good._replace(probabilities=right), good._replace(probabilities=np.where(slips, 1 - right, right))
    name = "binary_f1_at_0.5"
    paired = compare([good], [other], [name])[name]
    alone = intervals([good])[name][-1]
    assert paired.high - paired.low < (alone[1] - alone[0]) / 5


def test_runs_of_different_seed_counts_are_compared_on_the_same_clips():
    name = "roc_auc"
    assert compare([make_pool(0)], [make_pool(1), make_pool(2)], [name])[name].p is not None


def test_runs_that_do_not_hold_the_same_clips_are_refused():
    pool = make_pool()
    fewer = Pool(*(column[:-1] for column in pool))
    with pytest.raises(InputError, match=r"same clips.*48 and 47.*set/07/47"):
        compare([pool], [fewer], ["roc_auc"])
    with pytest.raises(InputError, match="same clips"):
        compare([pool, pool], [pool, fewer], ["roc_auc"])
    with pytest.raises(InputError, match="different labels of clip 'set/00/0'"):
        compare([pool], [pool._replace(labels=1 - pool.labels)], ["roc_auc"])
    with pytest.raises(InputError, match="action units"):
        compare([pool], [pool._replace(labels=pool.labels[:, :2])], ["roc_auc"])
    alone = make_pool(people=1)
    with pytest.raises(InputError, match="one subject"):
        compare([alone], [alone], ["roc_auc"])
