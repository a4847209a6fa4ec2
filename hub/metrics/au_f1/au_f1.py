"""F1 of facial action units as a metric of the library `evaluate`; it needs nothing but this file."""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

_DESCRIPTION = """
F1 of facial action units, by unit and as a mean over units, in both kinds that are published, each under its name:
binary F1 (of the active class alone) and macro F1 (mean of the F1 of active and of not active). A figure that is
undefined is None, never 0 or 1, and is left out of the mean.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions: A list a clip: each unit's probability, or its decision as 0 or 1.
    references: A list a clip: 1 for each unit that is active, else 0.
    action_units: Name of each unit, such as ["AU1", "AU12"]. Default: "0", "1", ...
    thresholds: A unit is active from here on: one number for all units, or one for each. Default: 0.5. Choose them on
        other subjects than those scored.

Returns:
    mean_binary_f1: Mean over the units with a positive reference; None if there is none.
    mean_macro_f1: Mean over the units with both classes among the references; None if there is none.
    binary_f1, macro_f1, positives: The same by unit, as dictionaries; positives counts the references.

Examples:
    >>> au_f1 = evaluate.load("hub/metrics/au_f1")
    >>> result = au_f1.compute(
    ...     predictions=[[0.9, 0.2], [0.6, 0.4], [0.1, 0.3]],
    ...     references=[[1, 0], [0, 0], [0, 0]],
    ...     action_units=["AU1", "AU12"],
    ... )
    >>> round(result["binary_f1"]["AU1"], 3), result["binary_f1"]["AU12"], round(result["mean_binary_f1"], 3)
    (0.667, None, 0.667)
"""

_CITATION = ""


def au_f1(
    predictions: np.ndarray, references: np.ndarray, action_units: Sequence[str], thresholds: np.ndarray
) -> dict[str, Any]:
    """All figures, as the metric's description says.

    Args:
        predictions: Shape (clips, units).
        references: 0 or 1, shape (clips, units).
        action_units: Name of each unit.
        thresholds: Shape (units,).
    """
    active, true = predictions >= thresholds, references == 1
    binary = _f1(active, true)
    macro = (binary + _f1(~active, ~true)) / 2
    by_unit = {"binary_f1": binary, "macro_f1": macro}
    result: dict[str, Any] = {f"mean_{name}": _mean(values) for name, values in by_unit.items()}
    for name, values in by_unit.items():
        result[name] = {unit: _mean(values[[index]]) for index, unit in enumerate(action_units)}
    result["positives"] = {unit: int(count) for unit, count in zip(action_units, true.sum(0), strict=True)}
    return result


def _f1(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """F1 of one class for each unit; NaN where the class never is true."""
    with np.errstate(invalid="ignore"):
        return np.where(true.any(0), 2 * (said & true).sum(0) / (said.sum(0) + true.sum(0)), np.nan)


def _mean(values: np.ndarray) -> float | None:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def _checked(
    predictions: Any, references: Any, action_units: Sequence[str] | None, thresholds: float | Sequence[float]
) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """The arguments as `au_f1` takes them.

    Raises:
        ValueError: If sizes do not agree, or a value is none that is allowed.
    """
    sizes = {len(row) for row in [*predictions, *references]}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(f"every clip must have a value for each of the same units, got {sorted(sizes)} values a clip")
    (units,) = sizes
    names = [str(index) for index in range(units)] if action_units is None else list(action_units)
    if len(names) != units or len(set(names)) != units:
        raise ValueError(f"action_units must be {units} different names, one for each value of a clip, got {names}")
    limits = np.asarray(thresholds, float)
    if limits.shape not in ((), (units,)):
        raise ValueError(f"thresholds must be one number, or {units}, got an array of shape {limits.shape}")
    said, true = np.asarray(predictions, float), np.asarray(references, float)
    if not ((said >= 0) & (said <= 1)).all():
        raise ValueError("predictions must be probabilities within 0..1 (not logits), or decisions of 0 and 1")
    if not np.isin(true, (0, 1)).all():
        raise ValueError("references must be 0 or 1")
    return said, true, names, np.broadcast_to(limits, (units,))


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class AuF1(evaluate.Metric):
    """Binary and macro F1 of facial action units."""

    def _info(self) -> evaluate.MetricInfo:
        """What `evaluate` asks of a metric. Double precision: a probability equal to its threshold stays equal."""
        a_clip = datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": a_clip, "references": a_clip}),
        )

    def _compute(
        self,
        predictions: Any,
        references: Any,
        action_units: Sequence[str] | None = None,
        thresholds: float | Sequence[float] = 0.5,
    ) -> dict[str, Any]:
        """See the metric's description."""
        return au_f1(*_checked(predictions, references, action_units, thresholds))
