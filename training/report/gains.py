"""What each part is worth on each test bed: the whole less the run that leaves it out, seed by seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from training.report.markdown import markdown
from training.report.plots import GRID, POINT, SEED, draw_panels
from training.report.tables import TITLES, Run

FIGURES = ("binary_f1_at_validation_threshold", "roc_auc")


def gains_table(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a run after the first, test part and figure: gain (first less it), of each seed and their mean and spread.

    `gain` is the mean over the seeds that both have, `spread` its seeds' standard deviation (none with one seed), and
    `beyond` whether the gain is larger than the spread. Without rows if there is nothing to compare.

    Args:
        runs: The first is the whole, of each other one part is left out.
    """
    rows = []
    for other in runs[1:]:
        for part in [part for part in runs[0].parts if part in other.parts]:
            for figure in FIGURES:
                seeds = _paired(runs[0], other, part, figure)
                if seeds:
                    spread = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None
                    gain = float(np.mean(seeds))
                    row: dict[str, Any] = {"without": other.title, "part": part, "figure": figure, "gain": gain}
                    row |= {"spread": spread, "seeds": len(seeds), "of_seeds": seeds}
                    rows.append(row | {"beyond": spread is not None and gain > spread})
    return pd.DataFrame(rows)


def _paired(first: Run, other: Run, part: str, figure: str) -> list[float]:
    both = [seed for seed in first.seeds if seed in other.seeds]
    pairs = [(own.seeds[seed].get(part), seed) for own in (first, other) for seed in both]
    values = [None if table is None else table["mean"][figure] for table, _ in pairs]
    ours, theirs = values[: len(both)], values[len(both) :]
    return [a - b for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]


def gains_figure(table: pd.DataFrame) -> Figure:
    """A panel a test part and figure, in it a line a part that was left out; zero is where it makes no difference."""
    parts, names = list(dict.fromkeys(table["part"])), list(dict.fromkeys(table["without"]))
    figure, panels = draw_panels(len(FIGURES), len(parts), (2.6 * len(parts) + 1.6, 2 * (0.9 + 0.3 * len(names))))
    for row, name in enumerate(FIGURES):
        drawn = [abs(value) for seeds in table.loc[table["figure"] == name, "of_seeds"] for value in seeds]
        most = max(0.02, 1.15 * max(drawn, default=0.0))
        for column, part in enumerate(parts):
            axes = panels[row][column]
            own = table[(table["part"] == part) & (table["figure"] == name)].set_index("without")
            for line, without in enumerate(names):
                if without in own.index:
                    axes.plot(
                        own.loc[without, "of_seeds"], [line] * own.loc[without, "seeds"], "|", color=SEED, ms=9, mew=1.8
                    )
                    axes.plot(own.loc[without, "gain"], line, "o", color=POINT, markersize=5)
            axes.axvline(0, color="#444444", linewidth=1)
            axes.set(xlim=(-most, most), ylim=(len(names) - 0.5, -0.5))
            axes.set_yticks(
                range(len(names)), names if column == 0 else [""] * len(names), fontsize=8, parse_math=False
            )
            axes.set_title(f"{part}\n{TITLES[name]}", loc="left", fontsize=8, parse_math=False)
            axes.tick_params(axis="x", labelsize=8)
            axes.tick_params(axis="y", length=0)
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.grid(axis="x", color=GRID, linewidth=0.8)
            axes.set_axisbelow(True)
    handles = [
        Line2D([], [], color=POINT, marker="o", linestyle="", label="gain: the whole less the run without the part"),
        Line2D([], [], color=SEED, marker="|", linestyle="", label="each seed"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=8)
    return figure


def gains_markdown(table: pd.DataFrame) -> str:
    """The same as a table; in brackets the seeds' standard deviation, in bold what is beyond it."""
    rows = []
    for (without, part), own in table.groupby(["without", "part"], sort=False):
        cells = own.set_index("figure")
        rows.append([without, part, *(_cell(cells.loc[name]) if name in cells.index else "-" for name in FIGURES)])
    return markdown(["less", "test part", *(f"gain in {TITLES[name]}" for name in FIGURES)], rows)


def _cell(row: pd.Series) -> str:
    text = f"{row['gain']:+.3f}" + ("" if pd.isna(row["spread"]) else f" ({row['spread']:.3f})")
    return f"**{text}**" if row["beyond"] else text
