"""Contact sheet of the generator's clips: `python -m training.synthetic --domain A --subjects 4 --out sheet.png`."""

import argparse
from functools import partial
from pathlib import Path

from modeling_aullm.output_files import check_writable, write_whole
from training.errors import InputError, run_command
from training.synthetic.beds import BEDS
from training.synthetic.corpus import DOMAINS
from training.synthetic.sheet import draw_sheet


def main() -> None:
    """Write the sheet of the command line.

    Raises:
        InputError: If a number or the file cannot be.
    """
    parser = argparse.ArgumentParser(prog="python -m training.synthetic", description=__doc__)
    parser.add_argument("--domain", choices=DOMAINS, default="A")
    parser.add_argument("--bed", choices=BEDS, help="a test bed, instead of the domain as it is")
    parser.add_argument("--subjects", type=int, default=4, help="people on the sheet, four clips each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--single-units", action="store_true", help="every unit alone, without nuisances")
    parser.add_argument("--out", type=Path, default=Path("sheet.png"))
    options = parser.parse_args()
    if options.subjects < 1:
        raise InputError(f"--subjects must be at least 1, got {options.subjects}")
    try:
        check_writable(options.out)
    except OSError as error:
        raise InputError(f"--out {error}") from error
    draw = partial(
        draw_sheet, subjects=options.subjects, seed=options.seed, single_units=options.single_units, bed=options.bed
    )
    write_whole(options.out, partial(draw, options.domain))


if __name__ == "__main__":
    run_command(main)
