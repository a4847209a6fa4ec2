"""One licensed dataset's way, as a user goes it: its commands one after the other, in this process.

    python -m tests.helpers_chain NAME COPY FOLDER

The model `lab/model` is on the Hub already.
"""

import sys
from pathlib import Path

from hub import evaluate, inspect, prepare, push_dataset
from training import loso
from training.errors import run_command


def run(command, *arguments):
    """A command with its arguments; stops the process where the command would."""
    sys.argv = [command.__name__, *map(str, arguments)]
    run_command(command.main)


def main(name: str, copy: str, folder: Path) -> None:
    data, small = folder / "data", ["--evidence_steps", 1, "--max_steps", 1, "--workers", 0]
    run(prepare, name, "--root", copy, "--out", data, "--num_proc", 1)
    run(inspect, data)
    others = "--ignore_other_units"
    run(loso, "--data", data, "--output", folder / "loso", "--shard", "1/99", "--method", "led_head", others, *small)
    run(push_dataset, data, "--repo", f"lab/{name}")
    run(evaluate, "--model", "lab/model", "--data", f"lab/{name}", "--output", folder / "evaluation", others)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
