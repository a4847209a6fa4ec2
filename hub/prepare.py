"""Make a dataset for training from your own copy of a licensed one.

    python -m hub.prepare casme2 --root DIR [--annotations FILE] --out DATA
    python -m hub.prepare cross --root casme=DIR casme2=DIR samm=DATA ... --out DATA    # CD6ME's set of six

Names: casme casme2 samm 4dme mmew casme3 smic, and cross. By default frames are aligned grey crops of the face. A
killed run goes on: give the same command again. DATA/preparation.json lists every clip that was left out or mended.

A --root of `cross` is NAME=DIR (your copy, or a dataset prepared from it), a prepared DATA, or a folder with folders of
those names in it; --annotations is then NAME=FILE.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from datasets import Dataset

from hub.licensed import CD6ME, LICENSED
from hub.licensed.assembly import (
    check_output,
    finished_report,
    remarks_by_kind,
    remarks_in,
    unfinished,
    versions,
    write_dataset,
)
from hub.licensed.plans import FaceSearch, FrameKind, FrameRange, PrepareOptions, Survey
from hub.licensed.processes import make_parts, part_file, part_of
from hub.licensed.remarks import Remark, summarise
from hub.licensed.sources import Source, cross_sources, single_source
from modeling_aullm.facs import AU_SETS
from training.errors import InputError, run_command
from training.options import HelpFormatter

CROSS = "cross"


def prepare(
    name: str,
    roots: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    options: PrepareOptions | None = None,
    *,
    annotations: Sequence[str | os.PathLike] = (),
    num_proc: int | None = None,
) -> dict[str, Any]:
    """Make a dataset for training, or go on with one whose making was interrupted.

    With several processes, a script needs the usual `if __name__ == "__main__":` around what it does.

    Args:
        name: A licensed dataset, or `cross`.
        roots: One folder: the user's copy, or a dataset prepared from it with raw frames. For `cross` see this
            module's text.
        out: New folder to write; `load_prepared` reads it.
        options: How.
        annotations: The spreadsheet, if it does not lie in the root or a folder in it; for `cross` `NAME=FILE`, each.
        num_proc: Processes; as many as there are cores unless given.

    Returns:
        What `preparation.json` holds.

    Raises:
        InputError: If nothing usable was found (it names the folder expected), or the options cannot be followed.
    """
    out, options = Path(out).absolute(), options or PrepareOptions()
    num_proc = num_proc or os.cpu_count() or 1
    if num_proc < 1:
        raise InputError(f"--num_proc must be at least 1, got {num_proc}")
    check_output(out, {"name": name} | asdict(options))
    if name == CROSS:
        sources = cross_sources([str(root) for root in roots], [str(each) for each in annotations], options)
    else:
        sources = [single_source(name, roots, annotations, options)]
    return _prepare(name, sources, out, options, num_proc)


def _prepare(name: str, sources: Sequence[Source], out: Path, options: PrepareOptions, num_proc: int) -> dict[str, Any]:
    for source in sources:
        if isinstance(source.content, Survey) and not source.content.plans:
            raise InputError(_nothing_usable(source, source.remarks, options))
    parts = {
        source.name: [part_of(plan, source.content.root, options) for plan in source.content.plans]
        for source in sources
        if isinstance(source.content, Survey)
    }
    stored = [source.content._fingerprint for source in sources if isinstance(source.content, Dataset)]
    state = [name, stored, [part.key for own in parts.values() for part in own]]
    key = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]
    report = finished_report(out, key, {source.name: source.sheet_digest for source in sources})
    if report is not None:
        return report
    remarks = [remark for source in sources for remark in source.remarks]
    with unfinished(out) as work:
        remarks += make_parts([part for own in parts.values() for part in own], work, options, num_proc)
        pieces: list[Dataset] = []
        for source in sources:
            if isinstance(source.content, Dataset):
                pieces.append(source.content)
                continue
            files = [part_file(work, part.key) for part in parts[source.name]]
            made = [Dataset.from_file(str(file)) for file in files if file.exists()]
            if not made:
                raise InputError(_nothing_usable(source, remarks, options))
            pieces += made
        units = AU_SETS["cd6me"] if name == CROSS else ()
        report = _report(name, sources, options, remarks, sum(map(len, pieces)), units) | {"key": key}
        write_dataset(out, work, pieces, units, report)
    return report


def _report(
    name: str,
    sources: Sequence[Source],
    options: PrepareOptions,
    remarks: Sequence[Remark],
    clips: int,
    units: Sequence[str],
) -> dict[str, Any]:
    names = sorted(source.name for source in sources)
    return {
        "licensed": True,
        "datasets": names,
        "prepared_as": name,
        "complete_cd6me": set(names) == set(CD6ME),
        "titles": {each: LICENSED[each].title for each in names},
        "request_pages": {each: LICENSED[each].request_page for each in names},
        "papers": {each: LICENSED[each].paper for each in names},
        "sheets": {source.name: source.sheet for source in sources},
        "sheet_digests": {source.name: source.sheet_digest for source in sources},
        "options": asdict(options),
        "action_units": list(units),
        "clips": clips,
        **remarks_by_kind(remarks),
        "versions": versions(),
        "prepared_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _nothing_usable(source: Source, remarks: Sequence[Remark], options: PrepareOptions) -> str:
    dataset = LICENSED[source.name]
    own = [remark for remark in remarks if remark.dataset == source.name and remark.kind == "left out"]
    place = f" in {' or '.join(filter(None, dataset.cropped_places))}" if options.frames == "cropped" else ""
    reasons = "\n".join(summarise(own)) or "  the spreadsheet has no rows"
    expected = f"expected its frames{place} as {source.root}/{dataset.example}"
    return f"no clip of {dataset.title} can be used; {expected}\n{reasons}"


def print_report(report: dict[str, Any], out: Path) -> None:
    """Say what was made and what was left out, each reason once."""
    remarks = remarks_in(report)
    mended = len({(each["dataset"], each["clip"]) for each in report["mended"]})
    lines = [
        f"{out}: {report['clips']} clips of {', '.join(report['titles'].values())}; "
        f"{len(report['left_out'])} left out, {mended} mended",
        *summarise(remarks),
    ]
    if report["prepared_as"] == CROSS and not report["complete_cd6me"]:
        lines.append(f"  not the whole of CD6ME: lacks {', '.join(sorted(set(CD6ME) - set(report['datasets'])))}")
    lines.append(f"all remarks: {out / 'preparation.json'}; next: python -m hub.inspect {out}")
    sys.stdout.write("\n".join(lines) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the dataset of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m hub.prepare", description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("name", choices=[*LICENSED, CROSS], help="dataset")
    parser.add_argument("--root", nargs="+", required=True, metavar="DIR", help="your copy of it")
    parser.add_argument("--annotations", nargs="+", default=[], metavar="FILE", help="its spreadsheet, if elsewhere")
    parser.add_argument("--out", type=Path, required=True, metavar="DATA", help="folder to write")
    defaults = PrepareOptions()
    parser.add_argument(
        "--frames",
        choices=get_args(FrameKind),
        default=defaults.frames,
        help="aligned: grey face crops, one alignment a clip; cropped: the dataset's own crops; raw: files as they are",
    )
    parser.add_argument("--size", type=int, default=defaults.size, help="side of the crops in pixels")
    parser.add_argument("--range", choices=get_args(FrameRange), default=defaults.range, help="frames of a clip")
    parser.add_argument(
        "--faces",
        choices=get_args(FaceSearch),
        default=defaults.faces,
        help="later (with --frames raw): no face detection now; prepare DATA again, as --root, for crops",
    )
    parser.add_argument("--keep_uncertain", action="store_true", help="count action units marked (k) as present")
    parser.add_argument("--num_proc", type=int, default=os.cpu_count(), help="processes")
    given = parser.parse_args(arguments)
    options = PrepareOptions(given.frames, given.size, given.range, given.faces, given.keep_uncertain)
    report = prepare(given.name, given.root, given.out, options, annotations=given.annotations, num_proc=given.num_proc)
    print_report(report, given.out)


if __name__ == "__main__":
    run_command(main)
