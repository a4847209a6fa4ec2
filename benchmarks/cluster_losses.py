"""What a Ray cluster loses with its workers: five are killed during a run, a node is removed and one added.

    python -m benchmarks.cluster_losses

Written: how many inputs have results, how many have them twice, and whether the Parquet files are those of one process.
"""

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from benchmarks.cluster import make_inputs, score
from benchmarks.measure import show, write

KILLED = ("(Reading)", "(Scoring)", "(Reading)", "(Reading)", "(Scoring)")  # Ray's names of its workers


def cluster_of_three() -> tuple[Any, Any]:
    """A cluster and the node of it that will be removed."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    return cluster, cluster.add_node(num_cpus=1)


class Losses:
    """Loses something of a cluster each time that some parts more have been written.

    Args:
        cluster: That works.
        node: Of it, which is removed.
        parts: Where its results come in.
        every: So many parts apart.
    """

    def __init__(self, cluster: Any, node: Any, parts: Path, every: int) -> None:
        self.cluster, self.node, self.parts, self.every = cluster, node, parts, every
        self.lost: list[str] = []

    def run(self, is_over: Callable[[], bool]) -> None:
        """Kill a worker at a time; after the second a node goes, after the third another comes."""
        for number, name in enumerate(KILLED, 1):
            while len([*self.parts.glob("0*")]) < number * self.every and not is_over():
                time.sleep(0.2)
            if not self._kill(name, is_over):
                return
            if number == 2:
                self.cluster.remove_node(self.node, allow_graceful=False)
                self.lost.append("a node")
            if number == 3:
                self.cluster.add_node(num_cpus=1)
                self.lost.append("(one added)")

    def _kill(self, name: str, is_over: Callable[[], bool]) -> bool:
        """One worker of a name, as soon as there is one; whether there was one before the end."""
        while not is_over():
            for process in psutil.process_iter(["cmdline"]):
                if name in " ".join(process.info["cmdline"] or ()):
                    os.kill(process.pid, signal.SIGKILL)
                    self.lost.append(name)
                    return True
            time.sleep(0.2)
        return False


def inputs_of(out: Path) -> list[str]:
    """The inputs that each part has results of, or has refused."""
    tables = [*out.glob("parts/*/segments.parquet"), *out.glob("parts/*/refused.parquet")]
    return [name for path in tables for name in {*pq.read_table(path, columns=["source"])["source"].to_pylist()}]


def main() -> None:
    """Lose, compare, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_losses", description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--recordings", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # as Ray's workers have; more threads round otherwise
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = make_inputs(folder, options.clips, options.recordings)
        seconds = score(folder / "one", sources)
        cluster, node = cluster_of_three()
        try:
            every = len([*(folder / "one/parts").iterdir()]) // (len(KILLED) + 2)
            losses = Losses(cluster, node, folder / "cluster" / "parts", every)
            with ThreadPoolExecutor(1) as pool:  # nodes come and go in the main thread alone
                scored = pool.submit(
                    score, folder / "cluster", sources, "--engine", "ray", "--address", cluster.address
                )
                losses.run(scored.done)
                took = scored.result()
        finally:
            cluster.shutdown()
        one, other = ({str(p.relative_to(out)): p.read_bytes() for p in out.glob("parts/*/*")} for out in
                      (folder / "one", folder / "cluster"))  # fmt: skip
        found, inputs = inputs_of(folder / "cluster"), options.clips + options.recordings
        row = {
            "clips": options.clips, "recordings": options.recordings, "lost": ", ".join(losses.lost),
            "missing": inputs - len({*found}), "twice": len(found) - len({*found}),
            "files": len(other), "the same bytes": one == other,
            "seconds of one process": seconds, "of the cluster": took,
        }  # fmt: skip
    show("Lost during a run", [row])
    write(options.output, {"losses": row})


if __name__ == "__main__":
    main()
