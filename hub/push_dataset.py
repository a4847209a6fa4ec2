"""Push a prepared dataset to a private repository of the Hub, as Parquet.

    python -m hub.push_dataset DATA --repo ORG/NAME [--update]

The repository is private, always, and is looked at before every upload; a public one is refused. Pushed are the rows,
the dataset's card (README.md) and the report of its preparation (preparation.json), and nothing else of the folder.
One commit: an upload that was interrupted goes on when the same command is given again.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hub.pushing.dataset import push_dataset
from training.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Push the dataset of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.push_dataset", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the prepared dataset")
    parser.add_argument("--repo", required=True, metavar="ORG/NAME", help="dataset repository; made if not there")
    parser.add_argument("--update", action="store_true", help="replace what the repository holds")
    options = parser.parse_args(arguments)
    commit = push_dataset(options.data, options.repo, update=options.update)
    sys.stdout.write(
        f"{options.repo} (private), commit {commit}\n"
        "Whoever can read it must have signed the data's licence: that is every member of its organization\n"
    )


if __name__ == "__main__":
    run_command(main)
