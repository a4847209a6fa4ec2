"""Go through the folds of a run: train, choose thresholds on validation people, score, write."""

import re
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from tqdm.auto import tqdm

from modeling_aullm.facs import AU_SETS
from training.data.clips import Clip
from training.data.folds import Fold
from training.errors import InputError
from training.json_files import write_json
from training.learning.memory import keep_freed_memory
from training.learning.progress import RunProgress
from training.options import DataOptions, Recipe, option
from training.protocols.on_ray import Cluster, train_shares
from training.protocols.provenance import environment, start_memory_count, usage
from training.protocols.run_folder import check_output, fold_folder, new_fold, open_run
from training.scoring.history import FILE as HISTORY
from training.scoring.history import history_table
from training.scoring.metrics import choose_thresholds, score
from training.scoring.run_results import write_metrics

if TYPE_CHECKING:
    from training.learning.fit import Fitted

Loaded = TypeVar("Loaded")


@dataclass
class RunOptions:
    """Where the folds are written, and which of them."""

    output: str = field(
        metadata={"help": "Folder of the run. A killed run goes on there: give the same command again."}
    )
    shard: str = option("1/1", "Which folds: 3/8 is the third of eight jobs on one --output, at any time, anywhere.")
    seeds: int = option(1, "Train every fold so often, with the seeds 1, 2, ...")
    engine: Literal["this_process", "ray"] = option("this_process", "ray: every fold is a task of a Ray cluster.")
    address: str | None = option(None, "ray: of the cluster, or auto to find it. Default: one of this machine alone.")
    processors: float = option(1.0, "ray: that a fold takes.")
    gpus: float = option(0.0, "ray: that a fold takes.")

    def __post_init__(self) -> None:
        parse_shard(self.shard)
        if self.engine == "ray" and self.shard != "1/1":
            raise InputError("--engine ray shares out the folds itself; leave --shard away")
        if self.seeds < 1:
            raise InputError(f"seeds must be at least 1, got {self.seeds}")
        check_output(Path(self.output))

    @property
    def cluster(self) -> Cluster | None:
        """That trains the folds; None for this process."""
        return Cluster(self.address, self.processors, self.gpus) if self.engine == "ray" else None

    def all_seeds(self) -> range:
        """1 to `seeds`."""
        return range(1, self.seeds + 1)


def start_processes() -> None:
    """Join the other processes of an `accelerate launch`; the first thing that a command does.

    `PartialState()` alone would not see them on a CPU. The wait for each other may be long: of one process for data
    that another is preparing.
    """
    keep_freed_memory()
    PartialState(cpu=not torch.accelerator.is_available(), timeout=timedelta(hours=12))


def parse_shard(text: str) -> tuple[int, int]:
    """The shard `3/8` as (3, 8).

    Raises:
        InputError: If it is anything else than a number from 1 to the number behind the slash.
    """
    match = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"shard must be i/n with i from 1 to n, such as 3/8 for the third of eight, got {text!r}")
    return int(match[1]), int(match[2])


def action_units_of(options: DataOptions) -> list[str]:
    """Codes of the units to detect: those asked for, or CD6ME's twelve."""
    return options.action_units or list(AU_SETS["cd6me"])


def load_together(load: Callable[[], Loaded]) -> Loaded:
    """What `load` returns, in every process; the main one goes first and fills the cache for the others.

    Raises:
        InputError: In every process, if it is raised in the main one.
    """
    loaded: list[Loaded] = []
    on_main_process(lambda: loaded.append(load()))
    return loaded[0] if loaded else load()


def run_folds(
    folds: dict[int, list[Fold]],
    recipe: Recipe,
    *,
    run: Path,
    record: dict[str, Any],
    shard: str = "1/1",
    cluster: Cluster | None = None,
    fit: "Callable[..., Fitted] | None" = None,
) -> None:
    """Train and score every fold of a shard that is not finished yet. To be called in every process of Accelerate.

    When all folds of all shards are there, the run's own `metrics.json` is written. Figures do not depend on which
    job ran which fold, nor on the order.

    Args:
        folds: Of each training seed.
        recipe: Model and training.
        run: Folder of the run.
        record: What the run is, from `training.protocols.run_folder.describe_run`.
        shard: `i/n`: every n-th fold, from the i-th.
        cluster: Trains the folds, by the command that runs now; None for this process.
        fit: Trains one fold; `training.learning.fit.fit` unless given.

    Raises:
        InputError: If `run` is the folder of another run, the shard is not one, or training diverges.
    """
    number, shards = parse_shard(shard)
    on_main_process(lambda: open_run(run, record))
    if fit is None:
        fit = _fit_of(recipe)
    steps = recipe.fold_steps() * (len(record["action_units"]) if recipe.leave_units_out else 1)
    everything = [(seed, fold) for seed, own in folds.items() for fold in own]
    if cluster is not None:
        train_shares(f"training.{record['protocol']}", len(everything), cluster)
    about = record | environment()
    own = everything[number - 1 :: shards]
    # One process looks, so that all agree whatever other jobs finish meanwhile.
    waiting = on_main_process(lambda: [not fold_folder(run, fold.name, seed).is_dir() for seed, fold in own])
    with closing(RunProgress(len(own), len(own) - sum(waiting), steps)) as progress:
        for number, (seed, fold) in enumerate(own):
            if not waiting[number]:
                continue
            progress.start_fold(f"fold {number + 1}/{len(own)}, {fold.name}, seed {seed}")
            if not on_main_process(fold_folder(run, fold.name, seed).is_dir):
                with new_fold(run, fold.name, seed) as folder:
                    if folder is not None:
                        _run_fold(fold, recipe, seed, partial(fit, progress=progress), folder, about)
                    elif PartialState().is_main_process:
                        tqdm.write(f"{run}: fold {fold.name}, seed {seed}, is being trained by another job")
            progress.finish_fold()
    on_main_process(lambda: _finish(run, [fold_folder(run, fold.name, seed) for seed, fold in everything]))


def _fit_of(recipe: Recipe) -> "Callable[..., Fitted]":
    """What trains a fold; imported late, for --help and errors of input need not wait for it."""
    if recipe.leave_units_out:
        from training.learning.units_left_out import fit_without_each

        return fit_without_each
    from training.learning.fit import fit

    return fit


def _run_fold(
    fold: Fold, recipe: Recipe, seed: int, fit: "Callable[..., Fitted]", folder: Path, about: dict[str, Any]
) -> None:
    """Train and score one fold, and write its files."""
    start = time.monotonic()
    start_memory_count()
    units = about["action_units"]
    fitted = fit(recipe, fold, units, seed=seed, work=folder / "work")
    probabilities = fitted.probabilities
    parts = {"validation": fold.validation, **fold.test}
    for part, clips in parts.items():
        _check_probabilities(probabilities[part], (len(clips), len(units)), f"fold {fold.name}, seed {seed}, {part}")
    if not PartialState().is_main_process:
        return
    labels = {part: np.stack([clip.labels for clip in clips]) for part, clips in parts.items()}
    people = [clip.person for clip in fold.validation]
    thresholds = choose_thresholds(labels["validation"], probabilities["validation"], people)
    frames = [_predictions(clips, probabilities[part], units, part) for part, clips in parts.items()]
    tables = {"predictions.parquet": pd.concat(frames, ignore_index=True), HISTORY: history_table(fitted.history)}
    for name, table in tables.items():
        table.insert(0, "fold", fold.name)
        table.insert(1, "seed", seed)
        table.to_parquet(folder / name, index=False)
    write_json(folder / "thresholds.json", dict(zip(units, thresholds, strict=True)))
    write_json(
        folder / "metrics.json", {part: score(labels[part], probabilities[part], units, thresholds) for part in parts}
    )
    counts = {"train": len(fold.train)} | {part: len(clips) for part, clips in parts.items()}
    datasets = sorted({clip.dataset for clip in (*fold.train, *fold.validation)})  # that were learned from
    about = about | {"fold": fold.name, "seed": seed, "clips": counts, "datasets": datasets}
    times = {"wall_seconds": round(time.monotonic() - start, 1)} | usage()
    write_json(folder / "provenance.json", about | times)


def _predictions(clips: Sequence[Clip], probabilities: np.ndarray, units: list[str], part: str) -> pd.DataFrame:
    """One row a clip, with a column of labels and one of probabilities for each unit."""
    about = {name: [getattr(clip, name) for clip in clips] for name in ("dataset", "subject", "clip_id")}
    labels = np.stack([clip.labels for clip in clips]).astype(np.int8)
    columns = {f"label_{unit}": labels[:, index] for index, unit in enumerate(units)}
    columns |= {f"probability_{unit}": probabilities[:, index].astype(np.float32) for index, unit in enumerate(units)}
    return pd.DataFrame({"part": part} | about | columns)


def _check_probabilities(probabilities: np.ndarray, shape: tuple[int, int], where: str) -> None:
    if probabilities.shape != shape:
        raise ValueError(f"{where}: probabilities of shape {probabilities.shape}, expected {shape}")
    if not np.isfinite(probabilities).all():
        raise InputError(f"{where}: training diverged (probabilities are not numbers); lower the learning rates")


def _finish(run: Path, folders: list[Path]) -> None:
    """Write the run's metrics if all its folds are there, and say what to do next."""
    done = sum(folder.is_dir() for folder in folders)
    if done < len(folders):
        rest = "the other shards, or this command again, do the rest"
        sys.stdout.write(f"{run}: {done} of {len(folders)} folds are finished; {rest}\n")
        return
    write_metrics(run)
    command = shlex.join(["python", "-m", "training.report", str(run)])
    sys.stdout.write(f"{run}: all {len(folders)} folds are finished; next: {command}\n")


def on_main_process(act: Callable[[], Any]) -> Any:
    """What `act` returns in the main process, in all processes; so with its `InputError`.

    Args:
        act: Is called in the main process alone.

    Raises:
        InputError: In every process, if `act` raises it.
    """
    answer: list[Any] = [None, None]
    if PartialState().is_main_process:
        try:
            answer[0] = act()
        except InputError as error:
            answer[1] = str(error)
    result, error_text = broadcast_object_list(answer)
    if error_text is not None:
        raise InputError(error_text)
    return result
