"""Memory of the process that hands out the work on a Ray cluster, and its time a part, by the number of inputs.

    python -m benchmarks.cluster_driver

Paths are made up, and the workers give back what they get.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import own_megabytes, show, write
from hub.scoring import on_ray
from hub.scoring.inputs import Input
from hub.scoring.plan import extend_plan, part_sizes

Row = dict[str, Any]


class Nothing:
    """Stands in for both workers: takes the number of a part, and gives it back."""

    def __init__(self, *_: Any) -> None:
        pass

    def __call__(self, row: Row) -> Row:
        """What comes is what goes."""
        return row if "inputs" in row else {"inputs": 1, "refused": "{}", "failed": ""}


def hand_out(count: int) -> Row:
    """The most memory that this process has had, and how long a part takes that nobody has to work on."""
    on_ray.Reading = on_ray.Scoring = Nothing  # type: ignore[misc,assignment]
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        extend_plan(out, (Input(f"videos/{number:08d}.mp4", f"videos/{number:08d}.mp4") for number in range(count)))
        settings: Any = None
        ended = [
            time.perf_counter()
            for _ in on_ray.score([number for number, _ in part_sizes(out)], {}, settings, out, on_ray.Workers(1, 1))
        ]
    each = (ended[-1] - ended[0]) / max(1, len(ended) - 1)  # without the start of the workers
    return {"paths": count, "megabytes of the driver": own_megabytes("VmHWM"), "milliseconds a part": 1000 * each}


def main() -> None:
    """Measure each number of paths in a process of its own, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_driver", description=__doc__.split("\n")[0])
    parser.add_argument("--paths", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    rows = []
    for count in options.paths:
        code = f"import json; from benchmarks.cluster_driver import hand_out; print(json.dumps(hand_out({count})))"
        said = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
        rows.append(json.loads(said.splitlines()[-1]))
    show("Paths that are not there, and workers that do nothing", rows)
    write(options.output, {"memory": rows})


if __name__ == "__main__":
    main()
