"""Folds over a cluster: each is a task of Ray, which gives the same command, for its share alone, to its machine.

The folder of the run is the truth, on a file system that all machines share: a task that is lost is begun again, and
goes on with its fold from the last save. Inside a fold nothing is different.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from training.errors import InputError
from training.ray_cluster import connected

ROOT = Path(__file__).parents[2]
RETRIES = 3  # of a task whose machine or process was lost; own choice


@dataclass(frozen=True)
class Cluster:
    """Where folds are trained.

    Attributes:
        address: Of the cluster; None to begin one on this machine.
        processors: That a fold takes.
        gpus: That a fold takes.
    """

    address: str | None
    processors: float
    gpus: float


def train_shares(module: str, shares: int, cluster: Cluster) -> None:
    """Give the command that runs now to as many tasks, each with its shard.

    Args:
        module: That runs, such as `training.loso`.
        shares: Folds x seeds.
        cluster: That trains them.

    Raises:
        InputError: If Ray is missing or cannot be reached, has no machine for a fold, or a fold cannot be trained.
    """
    with connected(cluster.address) as ray:
        _check_room(cluster, ray.nodes())
        _train(ray, module, shares, cluster)


def _train(ray: Any, module: str, shares: int, cluster: Cluster) -> None:
    command = [sys.executable, "-m", module, *sys.argv[1:], "--engine", "this_process"]
    task = ray.remote(
        max_retries=RETRIES, retry_exceptions=[RuntimeError], num_cpus=cluster.processors, num_gpus=cluster.gpus
    )(train_share)
    left = [task.remote([*command, "--shard", f"{number}/{shares}"]) for number in range(1, shares + 1)]
    with tqdm(total=shares, desc="folds", unit="fold", dynamic_ncols=True) as bar:
        while left:
            (done,), left = ray.wait(left)
            if said := ray.get(done):
                raise InputError(said)
            bar.update()


def train_share(command: list[str]) -> str:
    """Run a command in this place; returns its last line of errors if it ended with one.

    Raises:
        RuntimeError: If it was ended from outside, so that it is begun again.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        raise RuntimeError(f"ended by signal {-done.returncode}")
    return done.stderr.strip().rpartition("\n")[2].removeprefix("error: ") if done.returncode else ""


def _check_room(cluster: Cluster, nodes: list[dict]) -> None:
    """A task that fits on no machine would be waited for, without a word."""
    room = [node["Resources"] for node in nodes if node["Alive"]]
    fits = [r.get("CPU", 0) >= cluster.processors and r.get("GPU", 0) >= cluster.gpus for r in room]
    if not any(fits):
        raise InputError(
            f"no machine of the cluster has {cluster.processors:g} processors and {cluster.gpus:g} GPUs for a fold: "
            "give less as --processors and --gpus"
        )
