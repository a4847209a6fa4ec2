"""Text of a report: its tables as Markdown, and what a reader must know before any figure."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from training.report.tables import TITLES, Run, parts_of, runs_table, significance_table
from training.scoring.bootstrap import REPLICATES

LEGEND = (
    f"Figures: mean [95 % interval over subjects, {REPLICATES} bootstrap draws; with few subjects it is too narrow], "
    "sd over seeds. `-`: undefined. "
    "Validation thresholds were chosen on subjects that were neither trained on nor tested. A binary F1 and a macro F1 "
    "are never to be compared: predicting nothing gives 0 and nearly 0.5. The oracle threshold was chosen on the test "
    "clips themselves; it is there for comparison with published tables that did so."
)


def summary_text(runs: Sequence[Run]) -> str:
    """What is inserted into a README: what the data is, the summary, the differences from the first run."""
    sections = [*_statements(runs), runs_markdown(runs), summary_markdown(runs), LEGEND]
    if len(runs) > 1:
        sections += [
            f"Paired differences on the same clips ({runs[0].title} less the other; p two-sided, by bootstrap over "
            "subjects, not corrected for the number of comparisons):",
            significance_markdown(runs),
        ]
    return "\n\n".join(sections)


def _statements(runs: Sequence[Run]) -> list[str]:
    """What a reader must know before any figure."""
    statements = []
    synthetic = sorted({name for run in runs for name in run.synthetic})
    if synthetic:
        names = ", ".join(f"`{name}`" for name in synthetic)
        others = [run.label for run in runs if len(run.synthetic) < len(run.record["data"])]
        whose = f" (not all data of {', '.join(others)} is)" if others else ""
        statements.append(
            f"**The data is synthetic** ({names}, made by this project's generator){whose}: "
            "these figures say nothing of real recordings."
        )
    partial = [run.title for run in runs if run.finished < run.folds]
    if partial:
        statements.append(f"**Partial results**: {'; '.join(partial)}. The rest may change every figure of them.")
    return statements


def report_text(
    name: str,
    runs: Sequence[Run],
    summary: str,
    plots: dict[str, str],
    reliability: str | None,
    commands: dict[str, str],
    *,
    gains: str | None = None,
    history: str | None = None,
) -> str:
    """The whole report.

    Args:
        name: Of the report.
        runs: In the order of the rows.
        summary: What is inserted into a README, too.
        plots: File of the comparison (under "") and of each part's units, if there are runs of clips.
        reliability: File of the plot of what probabilities of events are worth, if any run has such.
        commands: What made each run, by its title.
        gains: Table of what each part is worth, with its plot, if runs can be compared by seed.
        history: File of the plot of how the runs were trained, if any holds its history.
    """
    sections = [f"# Results: {name}", summary]
    if reliability:
        sections.append(f"![how often what is said with a probability is true]({reliability})")
    if runs:
        sections.append(f"![all runs side by side]({plots['']})")
    if gains:
        sections += ["## Gain of each part on each test bed", gains]
    for part in parts_of(runs):
        sections += [f"## Units: {part}", f"![figures of each unit]({plots[part]})"]
        for run in runs:
            if part in run.parts:
                sections += [f"### {run.title}", unit_markdown(run, part)]
    if history:
        sections += ["## Training", f"![loss, its parts and average precision on validation people]({history})"]
    lines = "\n".join(f"{command}  # {title}" for title, command in commands.items())
    sections += ["## Commands", f"```\n{lines}\n```"]
    return "\n\n".join(sections) + "\n"


def markdown(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def figure_cell(value: dict[str, float | None]) -> str:
    """A figure as text: `0.512 [0.470, 0.553], sd 0.012`, without what is undefined."""
    if value["mean"] is None:
        return "-"
    text = f"{value['mean']:.3f}"
    if value["low"] is not None:
        text += f" [{value['low']:.3f}, {value['high']:.3f}]"
    return text if value["sd"] is None else f"{text}, sd {value['sd']:.3f}"


def runs_markdown(runs: Sequence[Run]) -> str:
    """What each run is."""
    table = runs_table(runs)
    folds = [f"{run.finished} of {run.folds}" for run in runs]
    columns = [[run.title for run in runs], *(table[name] for name in ("method", "protocol", "data", "seeds")), folds]
    return markdown(["run", "method", "protocol", "data", "seeds", "folds finished"], list(zip(*columns, strict=True)))


def summary_markdown(runs: Sequence[Run]) -> str:
    """The summary table: a row a run and part, a column a figure."""
    header = ["run", "part", "clips", "subjects", *TITLES.values()]
    rows = [
        [run.title, part, summary["clips"], summary["subjects"]]
        + [figure_cell(summary["scores"]["mean"][figure]) for figure in TITLES]
        for run in runs
        for part, summary in run.parts.items()
    ]
    return markdown(header, rows)


def unit_markdown(run: Run, part: str) -> str:
    """The figures of each unit in one part of one run."""
    rows = [
        [unit, f"{round(scores['positives'], 1):g}", *(figure_cell(scores[figure]) for figure in TITLES)]
        for unit, scores in run.parts[part]["scores"].items()
        if unit != "mean"
    ]
    return markdown(["unit", "positives", *TITLES.values()], rows)


def significance_markdown(runs: Sequence[Run]) -> str:
    """The paired differences of the first run from the others."""
    header = [f"{runs[0].title} less", "part", "figure (mean over units)", "difference [95 % interval]", "p"]
    titles = {run.label: run.title for run in runs}
    rows = []
    for row in significance_table(runs).itertuples():
        if isinstance(row.note, str):
            rows.append([titles[row.less], row.part, row.note, "-", "-"])
            continue
        difference = "-" if pd.isna(row.difference) else f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
        rows.append(
            [titles[row.less], row.part, TITLES[row.figure], difference, "-" if pd.isna(row.p) else f"{row.p:.3f}"]
        )
    return markdown(header, rows)
