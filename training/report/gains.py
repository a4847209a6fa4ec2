"""What each part of a model is worth on each test bed: a full run less the runs that leave one part out, by seed."""

import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from training.options import DataOptions, Recipe
from training.report.markdown import markdown
from training.report.plots import GRID, POINT, SEED, make_panels
from training.report.tables import Run

FIGURES = ("binary_f1_at_validation_threshold", "roc_auc")
TITLES = {"unseen_subjects": "unseen people", "other_domain": "other domain", "test": "people left out"}
WITHOUT = {  # what a run lacks whose option has this value
    "motion=led": "displacement",
    "evidence=efp": "MGE-EFP",
    "structure=none": "R-AUGNN",
    "node_regions=False": "regions of the nodes",
    "read_out=correction": "names in the read-out",
    "read_out=last_position": "reader that the LLM corrects",
    "anchored=False": "tokens on words",
    "prompt_text=False": "prompt text",
    "language_model=none": "LLM",
    "language_model=random": "pretraining of the LLM",
    "ccr_weight=0": "CCR",
    "augment=False": "augmentation",
}
COLUMNS = ["part_left_out", "run", "less", "part", "figure", "seeds", "gain", "sd", "exceeds_sd", "each_seed"]
LEGEND = (
    "Gain: the first run less the one without the part, means over units, paired by seed on the same clips; mean over "
    "seeds, and their sd (n - 1). A gain exceeds the seeds' spread if it is larger than that sd; a part that is "
    "`behind` does harm by more than that. One seed has no spread, and shows nothing."
)


def gains_table(runs: Sequence[Run]) -> pd.DataFrame:
    """The first run less each other: a row a run, part of the tests and figure, with the gain of each shared seed.

    Parts that two runs did not test on the same clips are left out.
    """
    names = left_out(runs)
    rows = [
        _row(runs[0], other, part, figure) | {"part_left_out": names[other.label]}
        for other in runs[1:]
        for part in part_titles(list(runs[0].pools))
        for figure in FIGURES
        if _shared_seeds(runs[0], other, part)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def left_out(runs: Sequence[Run]) -> dict[str, str]:
    """What each run but the first lacks, by its label: the part, else the options in which they differ.

    Checkpoints that were evaluated go by the names of their runs: what they lack is not on record there.
    """
    full = runs[0].record["options"]
    differences = {
        run.label: "" if run.record["protocol"] == "evaluate" else _difference(full, run.record["options"])
        for run in runs[1:]
    }
    names = {label: difference or label for label, difference in differences.items()}
    times = Counter(names.values())
    return {label: name if times[name] == 1 else f"{name} ({label})" for label, name in names.items()}


def _difference(full: dict[str, Any], other: dict[str, Any]) -> str:
    changed = []
    for option in [*fields(Recipe), *fields(DataOptions)]:
        default = option.default if option.default_factory is MISSING else option.default_factory()
        here, there = full.get(option.name, default), other.get(option.name, default)
        if here != there:
            changed.append(f"{option.name}={there:g}" if isinstance(there, float) else f"{option.name}={there}")
    return ", ".join(WITHOUT.get(name, name) for name in changed)


def _shared_seeds(full: Run, other: Run, part: str) -> list[int]:
    """Seeds of which both runs tested the same clips with the same labels in a part."""
    if full.record["action_units"] != other.record["action_units"] or part not in other.pools:
        return []
    mine, others = full.pools[part], other.pools[part]
    return [
        seed
        for seed in sorted(mine.keys() & others.keys())
        if np.array_equal(mine[seed].clips, others[seed].clips)
        and np.array_equal(mine[seed].labels, others[seed].labels)
    ]


def _row(full: Run, other: Run, part: str, figure: str) -> dict[str, Any]:
    seeds = _shared_seeds(full, other, part)
    pairs = [[run.seeds[str(seed)][part]["mean"][figure] for run in (full, other)] for seed in seeds]
    gains = [first - second for first, second in pairs if first is not None and second is not None]
    gain = float(np.mean(gains)) if gains else np.nan
    sd = float(np.std(gains, ddof=1)) if len(gains) > 1 else np.nan
    answer = "one seed" if np.isnan(sd) else "yes" if gain > sd else "behind" if gain < -sd else "no"
    about = {"run": full.label, "less": other.label, "part": part, "figure": figure, "seeds": len(gains)}
    each = " ".join(f"{value:.4f}" for value in gains)
    return about | {"gain": gain, "sd": sd, "exceeds_sd": answer, "each_seed": each}


def part_titles(parts: Sequence[str]) -> dict[str, str]:
    """Names of test parts for people, the plain ones first: `synthetic_B-hidden` is `hidden`, if no other is."""
    titles = {part: TITLES.get(part) or _bed(part) for part in parts}
    times, plain = Counter(titles.values()), list(TITLES.values())
    titles = dict(sorted(titles.items(), key=lambda item: plain.index(item[1]) if item[1] in plain else len(plain)))
    return {part: title if times[title] == 1 else part for part, title in titles.items()}


def _bed(part: str) -> str:
    if match := re.fullmatch(r"synthetic_[A-Z](?:-(\w+))?", part):
        return match[1].replace("_", " ") if match[1] else "other domain"
    return part


def gains_markdown(table: pd.DataFrame) -> str:
    """The gains as Markdown: a row a part left out and test part."""
    header = ["part", "tested on", "seeds"]
    for title in ("binary F1 at validation threshold", "ROC AUC"):
        header += [f"gain in {title}", "exceeds the seeds' spread"]
    titles, lines = part_titles(table["part"].unique().tolist()), []
    for (name, part), rows in table.groupby(["part_left_out", "part"], sort=False):
        line = [name, titles[str(part)], max(rows["seeds"])]
        for row in rows.itertuples():
            spread = "" if pd.isna(row.sd) else f", sd {row.sd:.3f}"
            line += ["-" if pd.isna(row.gain) else f"{row.gain:+.3f}{spread}", row.exceeds_sd]
        lines.append(line)
    return f"{markdown(header, lines)}\n\n{LEGEND}"


def gains_figure(table: pd.DataFrame) -> Figure:
    """Gains in binary F1 at validation thresholds: a panel a test part, in it a line a part left out."""
    table = table[table["figure"] == FIGURES[0]]
    titles, names = part_titles(table["part"].unique().tolist()), table["part_left_out"].unique().tolist()
    figure, ((*row,),) = make_panels(1, len(titles), (2.1 * len(titles) + 1.8, 0.9 + 0.36 * len(names)))
    labels = [textwrap.fill(name, 26) for name in names]
    for column, (axes, part) in enumerate(zip(row, titles, strict=True)):
        for own in table[table["part"] == part].itertuples():
            line = names.index(own.part_left_out)
            axes.hlines(line, own.gain - own.sd, own.gain + own.sd, color=POINT, linewidth=1.8)
            full = "full" if own.exceeds_sd in ("yes", "behind") else "none"
            axes.plot(own.gain, line, "o", color=POINT, markersize=5, fillstyle=full)
            seeds = [float(value) for value in str(own.each_seed).split()]
            axes.plot(seeds, [line + 0.24] * len(seeds), "|", color=SEED, markersize=6, markeredgewidth=1.6)
        axes.axvline(0, color="black", linewidth=1)
        axes.set_yticks(range(len(names)), labels if column == 0 else [""] * len(names), fontsize=8, parse_math=False)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.sharex(row[0])  # one scale: a gain is as long on every bed
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.grid(axis="x", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(titles[part], loc="left", fontsize=9, parse_math=False)
    handles = [
        Line2D([], [], color=POINT, marker="o", label="gain with the part, mean and sd over seeds: beyond that sd"),
        Line2D([], [], color=POINT, marker="o", fillstyle="none", label="within it"),
        Line2D([], [], color=SEED, marker="|", linestyle="", label="each seed"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=8)
    figure.supxlabel("binary F1 at validation threshold, mean over units: with less without", fontsize=8)
    return figure
