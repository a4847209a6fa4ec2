"""Push the metric `au_f1` to the Hub, as a Space that `evaluate.load("ORG/NAME")` finds.

python -m hub.push_metric --repo ORG/NAME [--public] [--update]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hub.repos.repository import check_target, push_files
from training.errors import InputError, run_command

FOLDER = Path(__file__).parent / "metrics" / "au_f1"


def push_metric(repo_id: str, *, public: bool = False, update: bool = False) -> str:
    """Push the metric's folder.

    Args:
        repo_id: `ORG/NAME` of a Space. `evaluate` looks in it for a file of its own name, so NAME must be `au_f1`.
        public: Make a new Space public.
        update: Replace what it holds.

    Returns:
        SHA of the commit.

    Raises:
        InputError: If the name is another, or the Space is taken or not to be written to.
    """
    if repo_id.rpartition("/")[2] != FOLDER.name:
        raise InputError(f"`evaluate` finds the metric only in a Space of its name: --repo ORG/au_f1, not {repo_id}")
    check_target(repo_id, "space", update=update)
    files = [(path.name, path) for path in sorted(FOLDER.iterdir()) if path.is_file()]
    return push_files(
        repo_id, files, repo_type="space", message="F1 of action units", public=public, update=update,
        space_sdk="static",
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Push the metric to the repository of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.push_metric", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", required=True, metavar="ORG/au_f1", help="Space; made if not there")
    parser.add_argument("--public", action="store_true", help="make a new Space public (default: private)")
    parser.add_argument("--update", action="store_true", help="replace what the Space holds")
    options = parser.parse_args(arguments)
    commit = push_metric(options.repo, public=options.public, update=options.update)
    sys.stdout.write(f"{options.repo}, commit {commit}; evaluate.load({options.repo!r}, revision={commit!r})\n")


if __name__ == "__main__":
    run_command(main)
