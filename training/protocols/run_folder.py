"""The folder of a run: `run.json` says which run it is, and each of its folds is there whole or not at all.

    RUN/run.json                       see `describe_run`
    RUN/folds/<fold name>-seed<seed>/  written in a folder `.tmp-...` beside it, which is renamed at the end

Several jobs may work on one run at the same time: a fold belongs to the job that holds its lock, `.tmp-... .lock`.
"""

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from filelock import FileLock, Timeout

from training.data.folds import Fold
from training.errors import InputError
from training.protocols.provenance import command_line

TEMPORARY = ".tmp-"
# Options that change no figure, or stand in run.json in a better way: data by its fingerprint, units by their codes.
NOT_COMPARED = (
    "output", "shard", "engine", "address", "processors", "gpus", "workers", "gradient_checkpointing", "data", "train",
    "test", "action_units",
)  # fmt: skip


def describe_settings(
    protocol: str,
    options: Sequence[Any],
    *,
    action_units: Sequence[str],
    seeds: Iterable[int],
    tests: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What of a run is known before its data, as `run.json` holds it: protocol, options, action_units, seeds, tests.

    Args:
        protocol: Name of the module of `training` that is run.
        options: Dataclasses, all of whose fields are options.
        action_units: Codes of the label columns.
        seeds: Of training.
        tests: Part of each dataset that is tested alone, see `training.data.folds.part_names`.
    """
    return {
        "protocol": protocol,
        "options": {name: value for part in options for name, value in vars(part).items()},
        "action_units": list(action_units),
        "seeds": list(seeds),
        "tests": {part: name for name, part in (tests or {}).items()},
    }


def describe_run(
    protocol: str,
    options: Sequence[Any],
    *,
    action_units: Sequence[str],
    folds: dict[int, list[Fold]],
    data: dict[str, str],
    tests: dict[str, str] | None = None,
    unknown: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """What `run.json` holds: `describe_settings`, folds (their names), data, unknown and command.

    Args:
        protocol: Name of the module of `training` that is run.
        options: Dataclasses, all of whose fields are options.
        action_units: Codes of the label columns.
        folds: Of each seed; their names are the same for all seeds.
        data: Name and fingerprint of each dataset.
        tests: As in `describe_settings`.
        unknown: Of each dataset the clips that are left out, for it is unknown which units they show.
    """
    return describe_settings(protocol, options, action_units=action_units, seeds=folds, tests=tests) | {
        "folds": [fold.name for fold in next(iter(folds.values()))],
        "data": data,
        "unknown": unknown or {},
        "command": command_line(f"training.{protocol}"),
    }


def check_writable_folder(path: Path, option: str = "--output") -> None:
    """Find out before the long work whether a folder can be made, or written to.

    Args:
        path: The folder; need not exist, nor those above it.
        option: That names it.

    Raises:
        InputError: If it is a file or below one, or nothing can be written there.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; {option} must name a folder")
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=there, prefix=TEMPORARY):
            pass
    except OSError as error:
        raise InputError(f"{path} cannot be written to: {error.strerror or error}; give another {option}") from error


def check_output(path: Path) -> None:
    """Refuse a folder with other things in it, or that cannot be written to, before the long work.

    Args:
        path: Of the run; need not exist.

    Raises:
        InputError: If it is a file, a folder that is neither empty nor a run's, or not writable.
    """
    check_writable_folder(path)
    others = [] if not path.exists() else [name for name in os.listdir(path) if not name.startswith(TEMPORARY)]
    if others and not (path / "run.json").exists():
        raise InputError(
            f"{path} is not the folder of a run: it has no run.json, and holds {others[0]}; "
            "give a new or an empty folder as --output"
        )


def open_run(path: Path, record: dict[str, Any]) -> None:
    """Start a run's folder, or find that what is there is this very run. Call it in the main process.

    Args:
        path: Of the run.
        record: As `describe_run` gives it.

    Raises:
        InputError: If the folder is another run's or not a run's at all (nothing is changed then), or not writable.
    """
    check_output(path)
    file = path / "run.json"
    try:
        if not file.exists():
            path.mkdir(parents=True, exist_ok=True)
            _create(file, record)
        (path / "folds").mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written to: {error.strerror or error}") from error
    check_same_run(path, record)


def check_same_run(path: Path, record: dict[str, Any]) -> None:
    """Refuse the folder of another run.

    Args:
        path: Of the run; need not exist.
        record: As `describe_run` gives it; before the data is loaded, as much of `describe_settings` as is known.

    Raises:
        InputError: If the run there is another; it says in what they differ.
    """
    file = path / "run.json"
    if not file.exists():
        return
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
        differences = _differences(there, record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} cannot be read as a run's; give another --output") from error
    if differences:
        raise InputError(
            f"{path} is the folder of another run: {'; '.join(differences)}. "
            "Give another --output, or the options of that run"
        )


def _create(file: Path, record: dict[str, Any]) -> None:
    """Write `run.json` whole; if another job is first, its file stays."""
    temporary = file.with_name(f"{TEMPORARY}{secrets.token_hex(4)}.json")
    try:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        try:
            os.link(temporary, file)  # unlike os.replace it never overwrites
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """In what two runs differ that changes figures, for people."""
    differences = [
        f"{key} is {_shown(there[key])} there and {_shown(here[key])} here"
        for key in ("protocol", "action_units", "seeds")
        if key in here and there[key] != here[key]
    ]
    parts = [sorted(run["tests"]) if "tests" in run else None for run in (there, here)]
    if None not in parts and parts[0] != parts[1]:  # runs of older versions do not say
        differences.append(f"the test parts are {_shown(parts[0])} there and {_shown(parts[1])} here")
    before, now, whole = there["options"], here["options"], "data" in here
    for name in {**before, **now} if whole else now:
        if name not in (*NOT_COMPARED, "seeds") and before.get(name) != now.get(name):
            differences.append(f"{name} is {_shown(before.get(name))} there and {_shown(now.get(name))} here")
    if whole and list(there["data"].values()) != list(here["data"].values()):
        clips = [", ".join(f"{name}, fingerprint {f}" for name, f in run["data"].items()) for run in (there, here)]
        differences.append(f"the clips are others: {clips[0]} there and {clips[1]} here")
    return differences


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def fold_folder(run: Path, fold: str, seed: int) -> Path:
    """Where a fold of a seed is; it is there once the fold is finished."""
    return run / "folds" / f"{fold}-seed{seed}"


@contextmanager
def new_fold(run: Path, fold: str, seed: int) -> Iterator[Path | None]:
    """A folder to write a fold into, which becomes the fold's own at the end; None if another job is writing it.

    To be entered in every process, and written to in the main one. Its folder `work` is for scratch files: there the
    next job finds those of one that was killed or interrupted. After an error nothing of the fold is left.

    Args:
        run: Folder of the run.
        fold: Name of the fold.
        seed: Of its training.
    """
    final = fold_folder(run, fold, seed)
    temporary = final.with_name(TEMPORARY + final.name)
    lock = FileLock(f"{temporary}.lock", timeout=0)
    main = PartialState().is_main_process
    (free,) = broadcast_object_list([main and _begin(final, temporary, lock)])
    try:
        yield temporary if free else None
        if free and main:
            shutil.rmtree(temporary / "work")
            os.rename(temporary, final)
    except BaseException as error:
        if free and main:
            if isinstance(error, Exception):
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                _keep_scratch_files(temporary)
        raise
    finally:
        if free and main:
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()
    PartialState().wait_for_everyone()


def _begin(final: Path, temporary: Path, lock: FileLock) -> bool:
    """Make ready what a fold is written into; whether it is this job's to write."""
    try:
        lock.acquire()
    except Timeout:
        return False
    if final.is_dir():  # finished by another job since this one looked
        Path(lock.lock_file).unlink()
        lock.release()
        return False
    _keep_scratch_files(temporary)
    (temporary / "work").mkdir(parents=True, exist_ok=True)
    return True


def _keep_scratch_files(temporary: Path) -> None:
    """Remove what is half-written of a fold, all of it if there are no scratch files."""
    if not any((temporary / "work").glob("*")):
        shutil.rmtree(temporary, ignore_errors=True)
        return
    for file in temporary.iterdir():
        if file.is_file():
            file.unlink()
