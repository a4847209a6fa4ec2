"""Tables and plot of `training.few_labels`: figures over the number of subjects that a checkpoint was adapted with.

A result is one number of subjects and seed: {"seed", "subjects", "clips", "test_clips", "test_subjects",
"positives": {UNIT: among the clips adapted with}, "scores": {METHOD: what `scoring.metrics.score` gives}}.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.report.markdown import markdown
from training.report.plots import GRID, make_panels
from training.report.tables import TITLES

RARE = 20  # fewer positives among the clips adapted with
OWN = "binary_f1_at_validation_threshold"  # here the thresholds that each method has of itself
FIGURES = {"binary_f1_at_0.5": TITLES["binary_f1_at_0.5"], OWN: "binary F1 at own thresholds", "roc_auc": "ROC AUC"}
LOOKS = (("#0072B2", "o"), ("#E69F00", "s"), ("#D55E00", "D"), ("#009E73", "^"))
LEGEND = (
    "Means over units; mean over seeds, sd (n - 1). Own thresholds: the checkpoint's, as it is and trained on; a "
    "reader's come from leaving out each of its subjects in turn. Each seed draws who is adapted with; everybody drawn "
    "for none is tested, the same people for every number of subjects."
)


def results_table(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row a number of subjects, seed, method and unit (or `mean`), with the positives that were adapted with."""
    rows = [
        {"subjects": each["subjects"], "seed": each["seed"], "method": method, "unit": unit}
        | {"positives": each["positives"].get(unit)}
        | {figure: np.nan if scores[figure] is None else scores[figure] for figure in FIGURES}
        for each in results
        for method, units in each["scores"].items()
        for unit, scores in units.items()
    ]
    return pd.DataFrame(rows)


def rare_means(table: pd.DataFrame) -> pd.DataFrame:
    """A row a number of subjects, seed and method: means over the units with fewer than `RARE` positives."""
    rare = table[table["positives"] < RARE]
    return rare.groupby(["subjects", "seed", "method"], sort=False)[list(FIGURES)].mean().reset_index()


def few_labels_markdown(results: Sequence[dict[str, Any]], data: Sequence[str]) -> str:
    """The tables: over all units, and of those with few positives."""
    table, first = results_table(results), results[0]
    statements = [f"# Few labels: {', '.join(data)}"]
    if any(name.startswith("synthetic:") for name in data):
        statements.append("**The data is synthetic**: these figures say nothing of real recordings.")
    statements.append(
        f"Tested: {first['test_clips']} clips of {first['test_subjects']} people (seed {first['seed']}); "
        f"seeds: {table['seed'].nunique()}."
    )
    rare = _rare_markdown(table)
    sections = [*statements, _means_markdown(table[table["unit"] == "mean"], results), LEGEND]
    sections += [f"## Units with fewer than {RARE} positives among the clips adapted with", rare]
    return "\n\n".join([*sections, "![binary F1 over the number of subjects](few_labels.png)"]) + "\n"


def _means_markdown(means: pd.DataFrame, results: Sequence[dict[str, Any]]) -> str:
    lines = []
    for (subjects, method), rows in means.groupby(["subjects", "method"], sort=False):
        clips = np.mean([each["clips"] for each in results if each["subjects"] == subjects])
        lines.append([subjects, f"{clips:g}", method, *(_cell(rows[figure]) for figure in FIGURES)])
    return markdown(["subjects", "clips", "method", *FIGURES.values()], lines)


def _rare_markdown(table: pd.DataFrame) -> str:
    """A line a number of subjects and unit, a column a method."""
    rare, methods = table[table["positives"] < RARE], table["method"].unique().tolist()
    lines = []
    for subjects, own in rare.groupby("subjects", sort=False):
        means = rare_means(own)
        lines.append([subjects, "mean", "", *(_cell(means.loc[means["method"] == m, OWN]) for m in methods)])
        for unit, rows in own.groupby("unit", sort=False):
            cells = [_cell(rows.loc[rows["method"] == method, OWN]) for method in methods]
            lines.append([subjects, unit, f"{rows['positives'].mean():.1f}", *cells])
    if not lines:
        return "There are none."
    return markdown(["subjects", "unit", "positives", *(f"{m}: {FIGURES[OWN]}" for m in methods)], lines)


def _cell(values: pd.Series) -> str:
    """Mean and sd over seeds; `-` if it is undefined in all."""
    known = values.dropna()
    if known.empty:
        return "-"
    return f"{known.mean():.3f}" + (f", sd {known.std():.3f}" if len(known) > 1 else "")


def few_labels_figure(results: Sequence[dict[str, Any]]) -> Figure:
    """Binary F1 at own thresholds over the number of subjects: of all units, and of those with few positives."""
    table = results_table(results)
    panels = {"all units": table[table["unit"] == "mean"], f"units with fewer than {RARE} positives": rare_means(table)}
    figure, ((*row,),) = make_panels(1, len(panels), (4.2 * len(panels), 3.2))
    numbers, methods = sorted(table["subjects"].unique().tolist()), table["method"].unique().tolist()
    for axes, (title, rows) in zip(row, panels.items(), strict=True):
        for index, method in enumerate(methods):
            own = rows[rows["method"] == method].groupby("subjects")[OWN].agg(["mean", "std"]).reindex(numbers)
            at = np.arange(len(numbers)) + 0.08 * (index - (len(methods) - 1) / 2)
            colour, shape = LOOKS[index % len(LOOKS)]
            look: Any = {"color": colour, "marker": shape, "markersize": 5, "linewidth": 1.4, "label": method}
            axes.errorbar(at, own["mean"], yerr=own["std"].fillna(0), capsize=2, **look)
        axes.set_xticks(range(len(numbers)), list(map(str, numbers)))
        axes.set_title(title, loc="left", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8)
    row[0].set_ylabel(FIGURES[OWN], fontsize=8)
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), frameon=False, fontsize=8)
    figure.supxlabel("subjects adapted with; bars: sd over seeds", fontsize=8)
    return figure
