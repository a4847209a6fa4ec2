"""Confidence intervals by resampling subjects with replacement, and the paired comparison of two runs.

Clips of one person resemble each other, so people are drawn, never clips (a person = dataset + subject). A replicate's
figures are those of all clips of the people drawn, each as often as drawn. Intervals are percentiles (own choice: they
stay within a figure's range); with few subjects they are too narrow, as every bootstrap's are.

A unit that nobody drawn shows is undefined in that replicate. Its own interval leaves such replicates out; in the mean
over units it counts with its figure on all clips (own choice), so that every replicate's mean is over the same units:
left out instead, a unit that is rare and hard would lift the mean in just those replicates that lack it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from training.errors import InputError
from training.scoring.metrics import FIGURES, ORACLE_GRID, f1_of_counts, macro_f1_of_counts

REPLICATES = 1000
LEVEL = 0.95
SEED = 0
BLOCK = 4_000_000  # values at once in the ranking figures, which need every clip of every replicate


class Pool(NamedTuple):
    """Predictions of one seed on one part, pooled over folds; a row a clip."""

    clips: np.ndarray  # "dataset/subject/clip_id", shape (clips,)
    people: np.ndarray  # "dataset/subject", shape (clips,)
    labels: np.ndarray  # 0 or 1, shape (clips, units)
    probabilities: np.ndarray  # shape (clips, units)
    thresholds: np.ndarray  # of the clip's own fold, shape (clips, units)


class Difference(NamedTuple):
    """First run less other run: the figure's difference, its interval, and p of no difference, two-sided."""

    difference: float | None
    low: float | None
    high: float | None
    p: float | None


def draw_people(people: int) -> np.ndarray:
    """How often each person counts, shape (1 + REPLICATES, people): once in the first row, then as drawn.

    The draws are the same every time.
    """
    draws = np.random.default_rng(SEED).multinomial(people, np.full(people, 1 / people), REPLICATES)
    return np.vstack([np.ones(people), draws])


def replicate(pools: Sequence[Pool], figures: Sequence[str] = FIGURES) -> dict[str, np.ndarray]:
    """Figures of all clips and of every replicate, a mean over the seeds; all seeds see the same draws of people.

    Args:
        pools: One a seed, of the same units.
        figures: Of `metrics.FIGURES`.

    Returns:
        For each figure an array (1 + REPLICATES, units + 1): first the figures themselves, then a row a replicate;
        the last column is the mean over the units that are defined on all clips; NaN where undefined.
    """
    people = np.unique(np.concatenate([pool.people for pool in pools]))
    draws = draw_people(len(people))
    seeds = [_replicate_seed(pool, np.searchsorted(people, pool.people), draws, figures) for pool in pools]
    return {name: mean_of_defined(np.stack([seed[name] for seed in seeds]), 0) for name in figures}


def intervals(pools: Sequence[Pool]) -> dict[str, list[tuple[float, float] | None]]:
    """The 95 % interval of every figure: for each unit, then for the mean over units.

    Taken over the replicates where the figure is defined; `None` where it never is, or if a seed has one person alone.
    """
    if _fewest_people(pools) < 2:
        return {name: [None] * (pools[0].labels.shape[1] + 1) for name in FIGURES}
    return {name: [_interval(column[1:]) for column in values.T] for name, values in replicate(pools).items()}


def compare(first: Sequence[Pool], other: Sequence[Pool], figures: Sequence[str]) -> dict[str, Difference]:
    """Paired difference of the mean figure of two runs on the same clips: both see the same draws of people.

    p = 2 min(share of replicates <= 0, share >= 0), each share with one replicate added, so that p is never 0.

    Args:
        first: One a seed.
        other: One a seed, of the same units; the number of seeds may differ.
        figures: Of `metrics.FIGURES`.

    Raises:
        InputError: If the two do not hold the same clips with the same labels, or one person alone in a seed.
    """
    check_same_clips(first, other)
    if _fewest_people([*first, *other]) < 2:
        raise InputError("one subject alone cannot be resampled; a comparison needs two or more")
    ours, theirs = replicate(first, figures), replicate(other, figures)
    return {name: _difference((ours[name] - theirs[name])[:, -1]) for name in figures}


def check_same_clips(first: Sequence[Pool], other: Sequence[Pool]) -> None:
    """See that two runs hold the same clips with the same labels, each in the same share of the run's seeds.

    Raises:
        InputError: Otherwise; says which clips differ.
    """
    if first[0].labels.shape[1] != other[0].labels.shape[1]:
        raise InputError("the runs do not score the same action units")
    ours, theirs = _shares(first), _shares(other)
    differing = sorted(clip for clip, _ in ours.items() ^ theirs.items())
    if differing:
        raise InputError(
            f"the runs do not hold the same clips ({len(ours)} and {len(theirs)}; {differing[0]!r} differs):"
            " run both on the same data and folds, to the end"
        )
    labels = _labels(first)
    for clip, label in _labels(other).items():
        if not np.array_equal(label, labels[clip]):
            raise InputError(f"the runs hold different labels of clip {clip!r}: they were not made from the same data")


def mean_of_defined(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over an axis of what is not NaN; NaN where nothing is left."""
    count = (~np.isnan(values)).sum(axis)
    return np.where(count > 0, np.nansum(values, axis) / np.maximum(count, 1), np.nan)


def _replicate_seed(pool: Pool, index: np.ndarray, draws: np.ndarray, figures: Sequence[str]) -> dict[str, np.ndarray]:
    """Figures of one seed; `index`: each clip's person; `draws`: from `draw_people`."""
    probabilities, truth = np.asarray(pool.probabilities, float), pool.labels.astype(bool)
    at_half, at_own = probabilities >= 0.5, probabilities >= pool.thresholds
    values: dict[str, np.ndarray] = {}
    for name in figures:
        if name in ("roc_auc", "average_precision"):
            continue
        decisions = {"0.5": at_half, "validation_threshold": at_own}.get(name.rpartition("_at_")[2])
        if decisions is not None:
            values[name] = _f1(truth, decisions[:, :, None], index, draws, macro=name.startswith("macro"))
        else:
            decisions = probabilities[:, :, None] >= ORACLE_GRID
            values[name] = _f1(truth, decisions, index, draws, macro=True)
    if "roc_auc" in figures or "average_precision" in figures:
        values["roc_auc"], values["average_precision"] = _ranking(truth, probabilities, index, draws)
    return {name: np.column_stack([value, _mean_over_units(value)]) for name, value in values.items()}


def _mean_over_units(values: np.ndarray) -> np.ndarray:
    """Mean of every row; what is undefined in a replicate counts as in the first row, on all clips."""
    return mean_of_defined(np.where(np.isnan(values), values[0], values), 1)


def _f1(truth: np.ndarray, active: np.ndarray, index: np.ndarray, draws: np.ndarray, *, macro: bool) -> np.ndarray:
    """F1 of every replicate and unit, at the best of the thresholds; `active`: (clips, units, thresholds).

    Counts are added up a person, and one matrix product with the draws gives those of all replicates.
    """
    clips, units, thresholds = active.shape
    columns = [(active & truth[:, :, None]).reshape(clips, -1), active.reshape(clips, -1), truth, np.ones((clips, 1))]
    a_person = np.zeros((draws.shape[1], 2 * units * thresholds + units + 1))
    np.add.at(a_person, index, np.hstack(columns))
    counts = np.split(draws @ a_person, np.cumsum([units * thresholds, units * thresholds, units]), axis=1)
    hits, said = (count.reshape(-1, units, thresholds) for count in counts[:2])
    true, total = (count[:, :, None] for count in counts[2:])
    return (macro_f1_of_counts(hits, said, true, total) if macro else f1_of_counts(hits, said, true)).max(-1)


def _ranking(
    truth: np.ndarray, probabilities: np.ndarray, index: np.ndarray, draws: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """ROC AUC and average precision of every replicate and unit, with each clip weighted by its person's draws."""
    auc, precision = np.full((2, len(draws), truth.shape[1]), np.nan)
    for unit in range(truth.shape[1]):
        order = np.argsort(-probabilities[:, unit], kind="stable")
        ends = np.flatnonzero(np.diff(probabilities[order, unit], append=-np.inf))  # last clip of each tie
        for block in _blocks(len(draws), len(order)):
            weight = draws[block][:, index[order]]
            said = np.cumsum(weight, 1)[:, ends]  # clips as probable or more
            hits = np.cumsum(weight * truth[order, unit], 1)[:, ends]  # of them positive
            new_hits, new_misses = np.diff(hits, prepend=0), np.diff(said - hits, prepend=0)
            true, false = hits[:, -1], (said - hits)[:, -1]
            with np.errstate(divide="ignore", invalid="ignore"):
                auc[block, unit] = (new_misses * (hits - new_hits / 2)).sum(1) / (true * false)  # 0/0: undefined
                precision[block, unit] = np.nansum(new_hits * hits / said, 1) / true
    return auc, precision


def _blocks(replicates: int, clips: int) -> Iterator[slice]:
    size = max(1, BLOCK // max(clips, 1))
    return (slice(start, start + size) for start in range(0, replicates, size))


def _interval(values: np.ndarray) -> tuple[float, float] | None:
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _difference(values: np.ndarray) -> Difference:
    """Of the difference on all clips, and then in every replicate."""
    difference, drawn = values[0], values[1:]
    ends = _interval(drawn)
    if ends is None:
        return Difference(None, None, None, None)
    below, above = ((1 + side.sum()) / (1 + len(drawn)) for side in (drawn <= 0, drawn >= 0))
    return Difference(float(difference), *ends, float(min(1.0, 2 * min(below, above))))


def _fewest_people(pools: Sequence[Pool]) -> int:
    return min(len(np.unique(pool.people)) for pool in pools)


def _shares(pools: Sequence[Pool]) -> dict[str, float]:
    """The share of the seeds in which each clip stands."""
    clips, counts = np.unique(np.concatenate([pool.clips for pool in pools]), return_counts=True)
    return dict(zip(clips.tolist(), (counts / len(pools)).tolist(), strict=True))


def _labels(pools: Sequence[Pool]) -> dict[str, np.ndarray]:
    return {clip: label for pool in pools for clip, label in zip(pool.clips.tolist(), pool.labels, strict=True)}
