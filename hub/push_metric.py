"""Push a metric to the Hub, as a Space that `evaluate.load("ORG/NAME")` finds; NAME: au_f1, au_answers or spotting.

python -m hub.push_metric --repo ORG/NAME [--public] [--update]
"""

import argparse
import sys
from collections.abc import Sequence

from hub.pushing.metric import push_metric
from training.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Push the metric to the repository of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.push_metric", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--repo",
        required=True,
        metavar="ORG/NAME",
        help="Space; made if not there; NAME: au_f1, au_answers or spotting",
    )
    parser.add_argument("--public", action="store_true", help="make a new Space public (default: private)")
    parser.add_argument("--update", action="store_true", help="replace what the Space holds")
    options = parser.parse_args(arguments)
    commit = push_metric(options.repo, public=options.public, update=options.update)
    sys.stdout.write(f"{options.repo}, commit {commit}; evaluate.load({options.repo!r}, revision={commit!r})\n")


if __name__ == "__main__":
    run_command(main)
