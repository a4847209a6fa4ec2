"""All clips or recordings, in several processes, each into a file of its own: a killed run goes on where it was."""

import dataclasses
import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import cv2
from datasets.arrow_writer import ArrowWriter
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from hub.licensed.plans import ClipPlan, PrepareOptions
from hub.licensed.recordings.plans import RecordingPlan
from hub.licensed.recordings.rows import write_recording
from hub.licensed.remarks import ClipError, Remark
from hub.licensed.rows import Problem, features, make_row
from training.errors import InputError


class Part(NamedTuple):
    """One clip or recording to be made: its plan, what its frames are in, and the name of its file."""

    plan: ClipPlan | RecordingPlan
    root: Path
    key: str


def part_of(plan: ClipPlan | RecordingPlan, root: Path, options: PrepareOptions) -> Part:
    """A part with a name that changes with whatever its content depends on: options, labels, files and this code."""
    files = [(root / file).stat() for file in plan.files]
    state = [[stat.st_size, stat.st_mtime_ns] for stat in files]
    if not plan.files:
        state = json.loads((root / "state.json").read_text())["_fingerprint"]
    about = [_code_digest(), str(root), dataclasses.astuple(options), dataclasses.astuple(plan), state]
    return Part(plan, root, hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32])


def make_parts(parts: Sequence[Part], folder: Path, options: PrepareOptions, num_proc: int) -> list[Remark]:
    """Make the files `<key>.arrow` of all parts that are not there yet; each appears whole or not at all.

    Args:
        parts: The clips or recordings.
        folder: Where the files are, and those of an earlier run.
        options: What to make of the clips.
        num_proc: Processes; 1 for this one alone.

    Returns:
        What is to be said of the clips.

    Raises:
        InputError: If a process was killed.
    """
    remarks: list[Remark] = []
    waiting = []
    for part in parts:
        if _remarks_file(folder, part.key).exists():
            remarks += _read_remarks(folder, part)
        else:
            waiting.append(part)
    make = partial(_make_part, folder=folder, options=options)
    with tqdm(total=len(parts), initial=len(parts) - len(waiting), desc="preparing", unit="part") as bar:
        for made in _each(make, waiting, min(num_proc, max(1, len(waiting)))):
            remarks += made
            bar.update()
    return remarks


def part_file(folder: Path, key: str) -> Path:
    """Where a part's row is; missing if its clip was left out."""
    return folder / f"{key}.arrow"


def _each(make: "partial[list[Remark]]", parts: Sequence[Part], num_proc: int) -> Iterator[list[Remark]]:
    """What `make` returns for each part, as it is done."""
    if num_proc == 1:
        yield from map(make, parts)
        return
    # New processes, not forks: a fork of a process whose torch or BLAS has already worked can hang for ever.
    pool = ProcessPoolExecutor(num_proc, mp_context=get_context("spawn"), initializer=_start)
    try:
        for done in as_completed([pool.submit(make, part) for part in parts]):
            yield done.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process was killed, perhaps for want of memory; the same command goes on, --num_proc 1 takes less"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    """Begin a process: Ctrl-C is the parent's affair, and when the parent is killed, so is this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _make_part(part: Part, folder: Path, options: PrepareOptions) -> list[Remark]:
    """Make one part; the file of its remarks, written last, says that it is done."""
    about = _named(part.plan)
    temporary = folder / f".{part.key}-{os.getpid()}.arrow"
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the processes are the parallelism: threads of OpenCV and BLAS would only get in their way
    try:
        with threadpool_limits(1):
            if isinstance(part.plan, RecordingPlan):
                problems = write_recording(part.plan, part.root, options, temporary)
            else:
                problems = _write_clip(part.plan, part.root, options, temporary)
        os.replace(temporary, part_file(folder, part.key))
        remarks = [Remark(kind, *about, what, detail) for kind, what, detail in problems]
    except ClipError as error:
        remarks = [Remark("left out", *about, error.what, error.detail)]
    finally:
        cv2.setNumThreads(threads)
    file = _remarks_file(folder, part.key)
    temporary = file.with_name(f".{file.name}-{os.getpid()}")
    temporary.write_text(json.dumps([dataclasses.asdict(remark) for remark in remarks]), encoding="utf-8")
    os.replace(temporary, file)
    return remarks


def _named(plan: ClipPlan | RecordingPlan) -> tuple[str, str, int]:
    """Dataset, name and row, as remarks have them."""
    if isinstance(plan, RecordingPlan):
        return plan.source, plan.recording_id, -1
    return plan.dataset, plan.clip_id, plan.row


def _write_clip(plan: ClipPlan, root: Path, options: PrepareOptions, path: Path) -> list[Problem]:
    row, problems = make_row(plan, root, options)
    with ArrowWriter(path=str(path), features=features(options.frames, options.size)) as writer:
        writer.write(row)
        writer.finalize()
    return problems


def _remarks_file(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"


def _read_remarks(folder: Path, part: Part) -> list[Remark]:
    return [Remark(**each) for each in json.loads(_remarks_file(folder, part.key).read_text(encoding="utf-8"))]


def _code_digest() -> str:
    """Digest of the code that makes the parts: without it, a run would go on with what older code has made."""
    names = ("rows.py", "images.py", "cutting.py", "recordings/rows.py")
    return hashlib.sha256(b"".join((Path(__file__).parent / name).read_bytes() for name in names)).hexdigest()
