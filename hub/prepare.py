"""Make a dataset for training from your own copy of a licensed one.

    python -m hub.prepare casme2 --root DIR [--annotations FILE] --out DATA
    python -m hub.prepare cross --root casme=DIR casme2=DIR samm=DATA ... --out DATA    # CD6ME's set of six

Names: casme casme2 samm 4dme mmew casme3 smic, and cross; of whole recordings, with the intervals of their micro- and
macro-expressions: samm_long casme_sq casme3_long 4dme_long. By default frames are aligned grey crops of the face. A
killed run goes on: give the same command again. DATA/preparation.json lists every clip, recording and interval that was
left out or mended.

A --root of `cross` is NAME=DIR (your copy, or a dataset prepared from it), a prepared DATA, or a folder with folders of
those names in it; --annotations is then NAME=FILE.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from hub.licensed import CD6ME, LICENSED
from hub.licensed.assembly import remarks_in
from hub.licensed.plans import FaceSearch, FrameKind, FrameRange, PrepareOptions
from hub.licensed.preparation import CROSS, prepare
from hub.licensed.recordings import RECORDINGS
from hub.licensed.remarks import summarise
from training.errors import run_command
from training.options import HelpFormatter


def print_report(report: dict[str, Any], out: Path) -> None:
    """Say what was made and what was left out, each reason once."""
    remarks = remarks_in(report)
    titles = ", ".join(report["titles"].values())
    lines = [f"{out}: {_counts(report, titles)}", *summarise(remarks)]
    if report["prepared_as"] == CROSS and not report["complete_cd6me"]:
        lines.append(f"  not the whole of CD6ME: lacks {', '.join(sorted(set(CD6ME) - set(report['datasets'])))}")
    lines.append(f"all remarks: {out / 'preparation.json'}; next: python -m hub.inspect {out}")
    sys.stdout.write("\n".join(lines) + "\n")


def _counts(report: dict[str, Any], titles: str) -> str:
    if "recordings" not in report:
        mended = len({(each["dataset"], each["clip"]) for each in report["mended"]})
        return f"{report['clips']} clips of {titles}; {len(report['left_out'])} left out, {mended} mended"
    events = " and ".join(f"{count} {kind}" for kind, count in report["events"].items())
    rows = [each["row"] for each in report["left_out"]]
    mended = len({(each["clip"], each["row"]) for each in report["mended"]})
    lost = f"{rows.count(-1)} recordings and {len(rows) - rows.count(-1)} intervals left out, {mended} mended"
    return f"{report['recordings']} recordings of {titles} with {events} expressions; {lost}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the dataset of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m hub.prepare", description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("name", choices=[*LICENSED, *RECORDINGS, CROSS], help="dataset")
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
