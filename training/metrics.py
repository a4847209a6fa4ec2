"""Per-AU metrics. Which F1 is always in the name; an undefined figure is `None`, never 0 or 1."""

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

THRESHOLD_GRID = np.round(np.arange(0.05, 0.96, 0.01), 2)


def binary_f1(labels: np.ndarray, active: np.ndarray) -> float | None:
    """F1 of the positive class; `None` if there is no positive label.

    Args:
        labels: 0 or 1, shape (clips,).
        active: Decisions, shape (clips,).
    """
    return float(f1_score(labels, active, zero_division=0.0)) if labels.any() else None


def macro_f1(labels: np.ndarray, active: np.ndarray) -> float | None:
    """Mean F1 of the two classes, active and not; `None` unless both are among the labels."""
    if labels.all() or not labels.any():
        return None
    return float(f1_score(labels, active, average="macro", zero_division=0.0))


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Area under the ROC curve; `None` unless both classes are among the labels."""
    if labels.all() or not labels.any():
        return None
    return float(roc_auc_score(labels, probabilities))


def choose_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> list[float]:
    """The threshold of each unit with the best binary F1 on validation subjects; 0.5 where a unit has no positive.

    Args:
        labels: Shape (clips, units), of validation subjects, never of test subjects.
        probabilities: Shape (clips, units).
    """
    chosen = []
    for truth, probability in zip(labels.T, probabilities.T, strict=True):
        if not truth.any():
            chosen.append(0.5)
            continue
        active = probability[:, None] >= THRESHOLD_GRID
        hits = (active & truth[:, None].astype(bool)).sum(0)
        scores = 2 * hits / (active.sum(0) + truth.sum())
        best = np.flatnonzero(scores >= scores.max() - 1e-9)
        chosen.append(float(THRESHOLD_GRID[best[len(best) // 2]]))
    return chosen


def score(
    labels: np.ndarray, probabilities: np.ndarray, action_units: list[str], thresholds: list[float]
) -> dict[str, dict[str, float | int | None]]:
    """Every figure for every unit, and under `mean` the mean over the units where it is defined.

    Args:
        labels: 0 or 1, shape (clips, units).
        probabilities: Shape (clips, units).
        action_units: Code of each column.
        thresholds: Of each unit, chosen on validation subjects.
    """
    table: dict[str, dict[str, float | int | None]] = {}
    for index, code in enumerate(action_units):
        truth, probability = labels[:, index].astype(int), probabilities[:, index]
        at_half, at_own = (probability >= 0.5).astype(int), (probability >= thresholds[index]).astype(int)
        table[code] = {
            "positives": int(truth.sum()),
            "binary_f1_at_0.5": binary_f1(truth, at_half),
            "macro_f1_at_0.5": macro_f1(truth, at_half),
            "binary_f1_at_validation_threshold": binary_f1(truth, at_own),
            "macro_f1_at_validation_threshold": macro_f1(truth, at_own),
            "roc_auc": roc_auc(truth, probability),
        }
    rows = list(table.values())
    table["mean"] = {name: _mean([row[name] for row in rows]) for name in rows[0]}
    return table


def _mean(values: list[float | int | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
