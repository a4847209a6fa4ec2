"""Push the demo to the Hub as a Gradio Space, which runs one model at one commit.

python -m hub.push_space --repo ORG/NAME --model ORG/MODEL [--revision SHA] [--public] [--update]
"""

import argparse
import sys
from collections.abc import Sequence

from hub.pushing.space import push_space
from training.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Push the demo to the repository of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.push_space", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", required=True, metavar="ORG/NAME", help="Space; made if not there")
    parser.add_argument("--model", required=True, metavar="ORG/MODEL", help="model that it runs")
    parser.add_argument("--revision", help="commit, branch or tag of the model (default: as main is now)")
    parser.add_argument("--public", action="store_true", help="make a new Space public (default: private)")
    parser.add_argument("--update", action="store_true", help="replace what the Space holds")
    options = parser.parse_args(arguments)
    commit = push_space(
        options.repo, options.model, revision=options.revision, public=options.public, update=options.update
    )
    sys.stdout.write(f"{options.repo}, commit {commit}; its variables MODEL_ID and MODEL_REVISION name the model\n")


if __name__ == "__main__":
    run_command(main)
