"""What a command is given: looked at before the long work, then loaded."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import PartialState

from training.data.clips import ClipCollection, check_data, load_clips
from training.errors import InputError
from training.options import DataOptions, Recipe
from training.protocols.protocol import load_together, on_main_process
from training.protocols.run_folder import check_output, check_same_run

SHOWN = 3  # clips named on screen


def check_inputs(run: Path, settings: dict[str, Any], *, data: Iterable[str], recipe: Recipe) -> None:
    """Find out before the long work what can be known: where it goes, what from, with which model.

    Args:
        run: Folder of the run.
        settings: From `training.protocols.run_folder.describe_settings`.
        data: Names of datasets, see `training.data.clips.load_clips`.
        recipe: Model and training.

    Raises:
        InputError: In every process, if the folder cannot be written to or is another run's, there is no such
            dataset, checkpoint or LLM, or the recipe does not suit the number of processes.
    """

    def check() -> None:
        check_output(run)
        check_same_run(run, settings)
        for name in data:
            check_data(name)
        check_processes(recipe)
        from training.learning.models import check_model  # not above: errors of the other inputs need not wait for it

        check_model(recipe, settings["action_units"])

    on_main_process(check)


def check_tests(names: Sequence[str]) -> None:
    """Refuse a test set that is named twice.

    Raises:
        InputError: If one is.
    """
    if twice := next((name for name in names if list(names).count(name) > 1), None):
        raise InputError(f"--test names {twice} twice; each test set is tested once")


def test_options(names: Sequence[str], data: DataOptions, max_subjects: int | None) -> dict[str, DataOptions]:
    """The options of each test set: those of the training data, with a limit of subjects of its own.

    Args:
        names: Of test sets.
        data: Of the training data.
        max_subjects: Of each test set; `None` for as many as of the training data.
    """
    return {name: replace(data, max_subjects=max_subjects or data.max_subjects) for name in names}


def check_processes(recipe: Recipe) -> None:
    """Refuse a batch that cannot be shared out equally.

    Raises:
        InputError: If the batch size is no multiple of the processes and their accumulation steps.
    """
    parts = recipe.gradient_accumulation_steps * PartialState().num_processes
    if recipe.batch_size % parts:
        raise InputError(
            f"batch_size {recipe.batch_size} cannot be cut into {parts} equal parts "
            f"({PartialState().num_processes} processes, {recipe.gradient_accumulation_steps} accumulation steps)"
        )


def load_data(chosen: dict[str, DataOptions], action_units: Sequence[str]) -> dict[str, ClipCollection]:
    """The clips of each dataset, in every process; which were left out is said once, on stderr.

    Synthetic clips are drawn by as many processes as there are cores: to be called by commands alone.

    Args:
        chosen: Options of each dataset, by its name.
        action_units: Codes of the units to detect.

    Raises:
        InputError: If a dataset cannot be used.
    """
    cores = os.cpu_count() or 1
    loaded = load_together(
        lambda: {name: load_clips(name, which, action_units, num_proc=cores) for name, which in chosen.items()}
    )
    for name, collection in loaded.items():
        say_unknown(name, collection)
    return loaded


def say_unknown(name: str, collection: ClipCollection) -> None:
    """Say on stderr, once, which clips of a dataset were left out since their units are unknown."""
    unknown = collection.unknown
    if unknown and PartialState().is_main_process:
        more = f", and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        sys.stderr.write(
            f"{name}: {len(unknown)} clips left out, for it is unknown which action units they show: "
            f"{', '.join(unknown[:SHOWN])}{more}\n"
        )
