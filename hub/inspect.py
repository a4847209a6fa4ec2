"""Look at a prepared dataset: counts, table of action units, faces found, problems, and a contact sheet.

    python -m hub.inspect DATA [--sheet FACES.png]

Of recordings: how long they are, the events in them by kind and unit, and one event of each on the contact sheet.
The contact sheet shows faces: under a licence it is not to be passed on. It is written beside DATA, not into it.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from hub.inspection.contact_sheet import draw_contact_sheet
from hub.inspection.inspection import inspect, report_lines, rows_with_frames
from hub.inspection.recordings import event_rows, recording_lines
from hub.repos.licence import read_preparation
from hub.repos.prepared import is_recordings, load_any
from modeling_aullm.output_files import check_writable, write_whole
from training.errors import InputError, run_command
from training.options import HelpFormatter


def main(arguments: Sequence[str] | None = None) -> None:
    """Inspect the dataset of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m hub.inspect", description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the prepared dataset")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="contact sheet; beside DATA unless given")
    parser.add_argument("--clips", type=int, default=24, help="clips, or recordings, on the sheet")
    options = parser.parse_args(arguments)
    folder: Path = options.data.absolute()
    sheet: Path = options.sheet or folder.with_name(f"{folder.name}-contact-sheet.png")
    if options.clips < 1:
        raise InputError(f"--clips must be at least 1, got {options.clips}")
    try:
        check_writable(sheet)
    except OSError as error:
        raise InputError(f"--sheet {error}") from error
    data = load_any(folder)
    said = read_preparation(folder)
    lines = recording_lines(data, said) if is_recordings(data) else report_lines(inspect(data), said)
    sys.stdout.write("\n".join(lines) + "\n")
    chosen = np.unique(np.linspace(0, len(data) - 1, options.clips).astype(int))
    rows = event_rows(data.select(chosen)) if is_recordings(data) else rows_with_frames(data.select(chosen))
    write_whole(sheet, partial(draw_contact_sheet, rows))
    sys.stdout.write(f"contact sheet: {sheet} (it shows faces: not to be passed on)\n")


if __name__ == "__main__":
    run_command(main)
