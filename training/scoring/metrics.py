"""Per-AU metrics. Which F1 is always in the name; an undefined figure is `None`, never 0 or 1."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from transformers import EvalPrediction

THRESHOLD_GRID = np.round(np.arange(0.05, 0.96, 0.01), 2)
THRESHOLD_DRAWS = 200
ORACLE_GRID = np.round(np.arange(0.1, 0.9, 0.05), 2)  # as searched behind published tables
FIGURES = (
    "binary_f1_at_0.5",
    "binary_f1_at_validation_threshold",
    "macro_f1_at_0.5",
    "macro_f1_at_validation_threshold",
    "roc_auc",
    "average_precision",
    "oracle_threshold_macro_f1",
)
Scores = dict[str, dict[str, float | None]]


def f1_of_counts(hits: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """F1 of a class from how often it was said rightly, said at all, and true; NaN where it never was true."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(true > 0, 2 * hits / (said + true), np.nan)


def macro_f1_of_counts(hits: np.ndarray, said: np.ndarray, true: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Mean F1 of the two classes, active and not, from the counts of `active`; NaN unless both occur."""
    inactive = f1_of_counts(clips - said - true + hits, clips - said, clips - true)
    return (f1_of_counts(hits, said, true) + inactive) / 2


def binary_f1(labels: np.ndarray, active: np.ndarray) -> float | None:
    """F1 of the positive class; `None` if there is no positive label.

    Args:
        labels: 0 or 1, shape (clips,).
        active: Decisions, shape (clips,).
    """
    labels, active = labels.astype(bool), active.astype(bool)
    return _defined(f1_of_counts((labels & active).sum(), active.sum(), labels.sum()))


def macro_f1(labels: np.ndarray, active: np.ndarray) -> float | None:
    """Mean F1 of the two classes, active and not; `None` unless both are among the labels."""
    labels, active = labels.astype(bool), active.astype(bool)
    return _defined(macro_f1_of_counts((labels & active).sum(), active.sum(), labels.sum(), np.array(len(labels))))


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Area under the ROC curve; `None` unless both classes are among the labels."""
    if labels.all() or not labels.any():
        return None
    return float(roc_auc_score(labels, probabilities))


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean precision over the recalled positives, without interpolation; `None` if there is no positive label."""
    return float(average_precision_score(labels, probabilities)) if labels.any() else None


def oracle_threshold_macro_f1(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Macro F1 at the best threshold of `ORACLE_GRID`, chosen ON THE SCORED LABELS: it leaks.

    Only for comparing with published tables whose thresholds were tuned on the test clips. `None` unless both classes
    are among the labels.

    Args:
        labels: 0 or 1, shape (clips,).
        probabilities: Shape (clips,).
    """
    truth = labels.astype(bool)
    active = np.asarray(probabilities, float)[:, None] >= ORACLE_GRID
    hits = (active & truth[:, None]).sum(0)
    clips = np.array(len(truth))
    return _defined(macro_f1_of_counts(hits, active.sum(0), truth.sum(), clips).max())


def check_labels(labels: np.ndarray) -> None:
    """Refuse labels that do not say: a NaN made a whole number would pass for an answer.

    Raises:
        ValueError: If a label is neither 0 nor 1.
    """
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1; clips whose units are unknown can be neither scored nor learned from")


def choose_thresholds(labels: np.ndarray, probabilities: np.ndarray, people: Sequence[str]) -> list[float]:
    """The threshold of each unit with the best binary F1, a mean over draws of validation people with replacement.

    Own choice: the single best threshold of few people fits their chance.

    Args:
        labels: Shape (clips, units), of validation subjects, never of test subjects.
        probabilities: Shape (clips, units).
        people: Whose each clip is.

    Returns:
        One a unit; 0.5 where a unit has no positive.

    Raises:
        ValueError: If a label is neither 0 nor 1.
    """
    check_labels(labels)
    names, who = np.unique(np.asarray(people), return_inverse=True)
    weights = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), THRESHOLD_DRAWS)
    own = weights @ (who == np.arange(len(names))[:, None])  # how often each clip is in each draw
    chosen = []
    for truth, probability in zip(labels.T.astype(bool), np.asarray(probabilities, float).T, strict=True):
        active = probability[:, None] >= THRESHOLD_GRID
        hits, said, true = own @ (active & truth[:, None]), own @ active, own @ truth
        drawn = true > 0
        scores = 2 * hits[drawn] / (said[drawn] + true[drawn, None])
        best = [np.flatnonzero(row >= row.max() - 1e-9) for row in scores]
        middles = [THRESHOLD_GRID[each[len(each) // 2]] for each in best]
        chosen.append(round(float(np.mean(middles)), 4) if middles else 0.5)
    return chosen


def score(
    labels: np.ndarray,
    probabilities: np.ndarray,
    action_units: Sequence[str],
    thresholds: Sequence[float] | np.ndarray,
) -> Scores:
    """Every figure for every unit, and under `mean` the mean over the units where it is defined.

    Args:
        labels: 0 or 1, shape (clips, units).
        probabilities: Shape (clips, units).
        action_units: Code of each column.
        thresholds: Chosen on validation subjects, shape (units,); or shape (clips, units), for clips that were pooled
            from several folds carry the thresholds of their own.

    Raises:
        ValueError: If a label is neither 0 nor 1.
    """
    check_labels(labels)
    probabilities = np.asarray(probabilities, float)  # in double precision as thresholds are: ties are the same in all
    thresholds = np.broadcast_to(np.asarray(thresholds, float), probabilities.shape)
    table: Scores = {}
    for index, code in enumerate(action_units):
        truth, probability = labels[:, index].astype(int), probabilities[:, index]
        at_half, at_own = probability >= 0.5, probability >= thresholds[:, index]
        table[code] = {
            "positives": int(truth.sum()),
            "binary_f1_at_0.5": binary_f1(truth, at_half),
            "binary_f1_at_validation_threshold": binary_f1(truth, at_own),
            "macro_f1_at_0.5": macro_f1(truth, at_half),
            "macro_f1_at_validation_threshold": macro_f1(truth, at_own),
            "roc_auc": roc_auc(truth, probability),
            "average_precision": average_precision(truth, probability),
            "oracle_threshold_macro_f1": oracle_threshold_macro_f1(truth, probability),
        }
    rows = list(table.values())
    table["mean"] = {name: mean_defined([row[name] for row in rows]) for name in rows[0]}
    return table


def trainer_metrics(eval_prediction: EvalPrediction) -> dict[str, float]:
    """For `Trainer(compute_metrics=...)`: means over units of binary and macro F1 at 0.5, ROC AUC, average precision.

    Args:
        eval_prediction: Logits, shape (clips, units), alone or first in a tuple of outputs; labels of the same shape.

    Returns:
        A figure that is undefined for every unit is NaN, since Trainer compares figures as numbers: NaN is never best.
    """
    logits: Any = eval_prediction.predictions
    logits = logits[0] if isinstance(logits, tuple) else logits
    labels: Any = eval_prediction.label_ids
    check_labels(labels)
    probabilities = torch.from_numpy(np.asarray(logits, float)).sigmoid().numpy()
    columns = list(zip(np.asarray(labels).astype(int).T, probabilities.T, strict=True))
    means = {
        "binary_f1": mean_defined([binary_f1(truth, probability >= 0.5) for truth, probability in columns]),
        "macro_f1": mean_defined([macro_f1(truth, probability >= 0.5) for truth, probability in columns]),
        "roc_auc": mean_defined([roc_auc(truth, probability) for truth, probability in columns]),
        "average_precision": mean_defined([average_precision(truth, probability) for truth, probability in columns]),
    }
    return {name: float("nan") if value is None else value for name, value in means.items()}


def mean_defined(values: Sequence[float | None]) -> float | None:
    """The mean of those that are defined; `None` if none is."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _defined(value: np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)
