"""The engine of a cluster: Ray Data hands parts to workers that read, and what was read to workers with the model.

A part is a row. Ray holds back readers while the models are busy, starts lost workers again and gives them their parts
anew; a part that was written and whose worker was lost before it could say so is written again, the same, and let be.
"""

import json
import logging
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.scoring.plan import read_part
from hub.scoring.reading import PartReader, ReadingSettings
from hub.scoring.scorer import score_part
from modeling_aullm.api import open_named
from modeling_aullm.detector import Detector
from training.errors import InputError
from training.ray_cluster import connected

ROOT = Path(__file__).parents[2]  # of the checkout; what is imported travels to workers that have none


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes:
        readers: That read, a processor each.
        models: That hold the model, a processor each.
        gpus: Of each model.
        address: Of the cluster; None to begin one on this machine.
    """

    readers: int
    models: int
    gpus: float = 0.0
    address: str | None = None


class Reading:
    """A worker that reads parts, one at a time."""

    def __init__(self, settings: ReadingSettings, out: str) -> None:
        self.reader, self.out = PartReader(settings, 1), Path(out)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A part by its number, read."""
        part = read_part(self.out, row["number"])
        return {"read": pickle.dumps(self.reader.finish(part, self.reader.begin(part)))}


class Scoring:
    """A worker that holds the model; what it cannot do it says of the part that it is given."""

    def __init__(self, opened: dict[str, Any], settings: ReadingSettings, out: str) -> None:
        self.settings, self.out = settings, Path(out)
        self.detector: Detector | None = None
        try:
            self.detector = open_named(**opened)
        except ValueError as error:  # raised here, Ray would try again, and again
            self.unopened = f"a machine of the cluster cannot open the model: {error}"

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A part that was read, answered and written; what is left of it is how many it had and what was refused."""
        read, failed = pickle.loads(row["read"]), ""
        try:
            if self.detector:
                score_part(self.detector, read, self.settings.sampling, self.out)
            else:
                failed = self.unopened
        except OSError as error:
            failed = f"{self.out} cannot be written: {error.strerror or error}; make room, and give the command again"
        return {"inputs": len(read.part.inputs), "refused": json.dumps(read.refused), "failed": failed}


def score(
    numbers: Iterable[int], opened: dict[str, Any], settings: ReadingSettings, out: Path, workers: Workers
) -> Iterator[tuple[int, dict[str, str]]]:
    """Score parts in any order.

    Args:
        numbers: Of the parts of the plan that are to be scored.
        opened: Arguments of `open_named`, by which each worker opens the checkpoint.
        settings: How inputs are read.
        out: Folder of the run, the same on all machines.
        workers: How many, and where.

    Yields:
        Of each part, once it is written, how many inputs it has, and by name why some were refused.

    Raises:
        InputError: If Ray is missing or cannot be reached, or has too few processors, or results cannot be written.
    """
    rows = [{"number": number} for number in numbers]
    if not rows:
        return
    folder = str(out.resolve())
    with _cluster(workers) as data:
        read = data.from_items(rows, override_num_blocks=len(rows)).map(
            Reading,
            fn_constructor_args=[settings, folder],
            compute=data.ActorPoolStrategy(size=workers.readers),
            num_cpus=1,
        )
        scored = read.map(
            Scoring,
            fn_constructor_args=[opened, settings, folder],
            compute=data.ActorPoolStrategy(size=workers.models),
            num_cpus=1,
            num_gpus=workers.gpus,
        )
        for row in scored.iter_rows():
            if row["failed"]:
                raise InputError(row["failed"])
            yield row["inputs"], json.loads(row["refused"])


@contextmanager
def _cluster(workers: Workers) -> Iterator[Any]:
    """Ray Data on the cluster."""
    modules = [str(ROOT / name) for name in ("modeling_aullm", "training", "hub")]
    with connected(workers.address, runtime_env={"py_modules": modules}) as ray:
        from ray import data

        # Its progress is in its dashboard, ours in the terminal; of an error a line is said, not where it came from.
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        there, wanted = int(ray.cluster_resources().get("CPU", 0)), workers.readers + workers.models
        if wanted > there:  # else a pool that cannot begin would be waited for, without a word
            raise InputError(
                f"the cluster has {there} processors; {workers.readers} readers and {workers.models} models need "
                f"{wanted}"
            )
        yield data
