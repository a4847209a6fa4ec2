"""Report runs: `python -m training.report RUN... [--output DIR] [--insert FILE...]`.

Prints the summary, and writes into DIR:

    report.md         runs, summary, paired differences from the first run, figures of each unit, commands
    runs.csv summary.csv per_unit.csv significance.csv
    comparison.png    all runs side by side
    per_unit_<part>.png
    gains.csv gains.png    the first run less each other, by seed: what the part is worth that the other leaves out
    history.png       how the runs were trained: loss, its parts, average precision on validation people
    spotting.csv reliability.png    of runs with events found in recordings (`spotting.json` in the run's folder, by
                                    itself or beside a run of clips; its table stands in the summary)

`--insert FILE` replaces what stands in FILE between `<!-- results:NAME -->` and `<!-- /results:NAME -->` by the
summary; NAME is the name of DIR. Runs that are not finished are reported as partial, from the folds they have.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from modeling_aullm.output_files import check_writable, write_whole
from training.errors import InputError, run_command
from training.protocols.run_folder import check_writable_folder
from training.report.gains import gains_figure, gains_markdown, gains_table
from training.report.history import history_figure
from training.report.markdown import report_text, summary_text
from training.report.plots import comparison_figure, reliability_figure, unit_figure
from training.report.spotting import FILE as SPOTTING_FILE
from training.report.spotting import Spotting, read_spotting, spotting_markdown
from training.report.tables import Run, parts_of, read, runs_table, significance_table, summary_table, unit_table
from training.scoring.history import read_history


def main(arguments: Sequence[str] | None = None) -> None:
    """Report the runs of the command line.

    Args:
        arguments: Instead of the command line.

    Raises:
        InputError: If a folder is not a run's, or a file to insert into lacks its marks. Nothing is written then.
    """
    options = _parse(arguments)
    output: Path = options.output
    name = output.resolve().name
    marked = {file: _cut(file, name) for file in options.insert}
    _check_labels(options.runs)
    check_writable_folder(output)
    spottings = [spotting for path in options.runs if (spotting := read_spotting(path))]
    paths = [path for path in options.runs if not (path / SPOTTING_FILE).is_file() or (path / "run.json").is_file()]
    runs = [read(path) for path in tqdm(paths, desc="reading runs", unit="run", disable=len(paths) < 2)]
    logged = {run.title: read_history(path) for run, path in zip(runs, paths, strict=True)}
    histories = {title: history for title, history in logged.items() if history is not None}
    texts = ([summary_text(runs)] if runs else []) + ([spotting_markdown(spottings)] if spottings else [])
    summary = "\n\n".join(texts)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for file in marked:
            check_writable(file)
        _write_folder(output, runs, spottings, summary, histories)
        for file, (before, after) in marked.items():
            _write_text(file, f"{before}\n\n{summary}\n\n{after}")
    except OSError as error:
        raise InputError(f"cannot write the report: {error}") from error
    sys.stdout.write(f"{summary}\n\nwritten: {', '.join(map(str, [output / 'report.md', *marked]))}\n")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run; others against the first")
    parser.add_argument("--output", type=Path, default=Path("report"), metavar="DIR", help="default: report")
    parser.add_argument("--insert", nargs="+", type=Path, default=[], metavar="FILE", help="Markdown with the marks")
    return parser.parse_args(arguments)


def _check_labels(paths: Sequence[Path]) -> None:
    labels = [path.resolve().name for path in paths]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InputError(f"two runs have the folder name {twice[0]!r}, which names them in the report; rename one")


def _write_folder(
    output: Path,
    runs: Sequence[Run],
    spottings: Sequence[Spotting],
    summary: str,
    histories: dict[str, pd.DataFrame],
) -> None:
    """All files of the report; `report.md` last."""
    tables = _tables(runs, spottings)
    for name, table in tables.items():
        _write_text(output / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    plots = {}
    if runs:
        plots[""] = "comparison.png"
        write_whole(output / plots[""], comparison_figure(runs, parts_of(runs)).savefig)
    for part in parts_of(runs):
        plots[part] = f"per_unit_{re.sub(r'[^A-Za-z0-9_-]+', '_', part)}.png"
        write_whole(output / plots[part], unit_figure(runs, part).savefig)
    curves = {spotting.label: spotting.reliability for spotting in spottings if spotting.reliability}
    reliability = "reliability.png" if curves else None
    if reliability:
        write_whole(output / reliability, reliability_figure(curves).savefig)
    gains = history = None
    if "gains" in tables:
        write_whole(output / "gains.png", gains_figure(tables["gains"]).savefig)
        gains = f"![what each part is worth on each test bed](gains.png)\n\n{gains_markdown(tables['gains'])}"
    if histories:
        history = "history.png"
        write_whole(output / history, history_figure(histories).savefig)
    commands = {run.title: run.record.get("command", "") for run in runs}
    commands |= {f"{spotting.label}, events": spotting.command for spotting in spottings}
    name = output.resolve().name
    text = report_text(name, runs, summary, plots, reliability, commands, gains=gains, history=history)
    _write_text(output / "report.md", text)


def _tables(runs: Sequence[Run], spottings: Sequence[Spotting]) -> dict[str, pd.DataFrame]:
    tables = {"runs": runs_table, "summary": summary_table, "per_unit": unit_table, "significance": significance_table}
    frames = {name: table(runs) for name, table in tables.items()} if runs else {}
    if runs and len(gains := gains_table(runs)):
        frames["gains"] = gains
    return frames | ({"spotting": pd.concat([spotting.table for spotting in spottings])} if spottings else {})


def _write_text(path: Path, text: str) -> None:
    write: Callable[[Path], object] = lambda temporary: temporary.write_bytes(text.encode())  # noqa: E731
    write_whole(path, write)


def _cut(file: Path, name: str) -> tuple[str, str]:
    """What stands before and after the place of the results, marks included.

    Raises:
        InputError: If there is no such file, or not exactly one such place in it.
    """
    if not file.is_file():
        raise InputError(f"there is no file {file} to insert the results into")
    start, end = f"<!-- results:{name} -->", f"<!-- /results:{name} -->"
    before, found, rest = (text := file.read_bytes().decode()).partition(start)
    _, found_end, after = rest.partition(end)
    if not found or not found_end or text.count(start) > 1 or text.count(end) > 1:
        raise InputError(
            f"{file} must hold `{start}` and, behind it, `{end}`, once each; the results are put between them "
            "(the name is that of the --output folder)"
        )
    return before + start, end + after


if __name__ == "__main__":
    run_command(main)
