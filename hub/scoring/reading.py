"""An input read: decoded, its face followed, its clips cut. No model is needed; so it is done apart from it.

Each input is read in a process of its own kind, which is ended if it takes for ever or falls down: a file can do
either to FFmpeg, and must not take others with it.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError as LimitError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq
from pebble import ProcessExpired, ProcessPool

from hub.scoring.inputs import PARQUET, Input, rows_of
from hub.scoring.light_start import start_lightly
from hub.scoring.plan import Part
from modeling_aullm.clip_reading import ClipReader
from modeling_aullm.motion_stretch import MotionStretch
from modeling_aullm.segments import Segment
from modeling_aullm.source_reading import Reading, Sampling, SourceError, read_source
from training.errors import InputError


@dataclass(frozen=True)
class ReadingSettings:
    """How inputs are read.

    Attributes:
        image_size: Pixels, as the processor has it.
        num_frames: Of a clip, likewise.
        face: Likewise.
        stabilize: Likewise.
        sampling: How segments are taken.
        finds_events: Whether the model finds events in recordings.
        time_limit: Seconds that one input may take.
    """

    image_size: int
    num_frames: int
    face: str
    stabilize: bool
    sampling: Sampling
    finds_events: bool
    time_limit: float


@dataclass
class ReadInput:
    """An input that could be read: what is known of it, and what the model is to see."""

    reading: Reading
    seen: list[Segment | MotionStretch]


@dataclass
class ReadPart:
    """A part, read.

    Attributes:
        part: Of the plan.
        inputs: Those that could be read, in its order.
        refused: By name: why an input could not be, in a line.
    """

    part: Part
    inputs: list[ReadInput]
    refused: dict[str, str]


class PartReader:
    """Reads parts in processes of its own.

    Args:
        settings: How.
        processes: So many inputs at once.
    """

    def __init__(self, settings: ReadingSettings, processes: int) -> None:
        self.settings, self.processes = settings, processes
        self._pool = _pool(processes)

    def begin(self, part: Part) -> list[Any]:
        """Have a part read; what comes is taken by `finish`."""
        return [self._begin(each) for each in part.inputs]

    def finish(self, part: Part, begun: Sequence[Any]) -> ReadPart:
        """Wait until a part is read.

        Raises:
            InputError: If no process can be begun.
        """
        read: list[ReadInput] = []
        refused: dict[str, str] = {}
        for each, future in zip(part.inputs, begun, strict=True):
            try:
                read.append(self._result(each, future))
            except SourceError as error:
                refused[each.name] = str(error)
            except LimitError:
                refused[each.name] = f"{each.name}: not read within the limit of {self.settings.time_limit:g} s"
            except (ProcessExpired, BrokenProcessPool):
                refused[each.name] = f"{each.name}: the process that read it fell down"
            except InputError:
                raise
            except Exception as error:  # whatever a store far away raises for one input: there is no end of kinds
                refused[each.name] = f"{each.name}: cannot be read ({type(error).__name__}: {error})"
        return ReadPart(part, read, refused)

    def close(self) -> None:
        """End the processes."""
        self._pool.stop()
        self._pool.join()

    def _begin(self, each: Input) -> Any:
        arguments: dict[str, Any] = {"args": (each, self.settings), "timeout": self.settings.time_limit}
        try:
            return self._pool.schedule(read_input, **arguments)
        except RuntimeError:  # the pool has been given up
            self._renew()
            return self._pool.schedule(read_input, **arguments)

    def _result(self, each: Input, future: Any) -> ReadInput:
        try:
            return future.result()
        except BrokenProcessPool:  # all that was begun is lost if a process ends that is not known to be at work
            self._renew()
        try:
            return self._begin(each).result()
        except BrokenProcessPool:
            self._renew()
            self._check()
            raise

    def _renew(self) -> None:
        if not self._pool.active:
            self.close()
            self._pool = _pool(self.processes)

    def _check(self) -> None:
        try:
            self._pool.schedule(os.getpid).result()
        except BrokenProcessPool as error:
            raise InputError("the processes that read cannot begin; give less --readers") from error


def _pool(processes: int) -> ProcessPool:
    # New processes, not forks: a fork of a process whose torch or BLAS has already worked can hang for ever.
    return ProcessPool(processes, initializer=start_lightly, context=get_context("spawn"))


def read_input(each: Input, settings: ReadingSettings) -> ReadInput:
    """Read one input, in this process.

    Raises:
        SourceError: If it cannot be used.
    """
    processor = ClipReader(settings.image_size, settings.num_frames, settings.face, settings.stabilize)
    with _opened(each, settings.sampling) as (video, sampling):
        reading = Reading(each.name, video)
        seen = list(read_source(processor, reading, sampling, finds_events=settings.finds_events))
        reading.video = each.name  # what was read may be gone now
        return ReadInput(reading, seen)


@contextmanager
def _opened(each: Input, sampling: Sampling) -> Iterator[tuple[Any, Sampling]]:
    """The video of an input, and how it is sampled."""
    try:
        with tempfile.TemporaryDirectory(prefix="aullm-score-") as folder:
            yield _video(each, sampling, Path(folder))
    except SourceError:
        raise
    except (OSError, ValueError) as error:
        raise SourceError(f"{each.name}: cannot be read ({error})") from error


def _video(each: Input, sampling: Sampling, folder: Path) -> tuple[Any, Sampling]:
    """The same; what is no file of this machine is put into a folder. Clips of a row are ready crops."""
    if each.row is not None:
        row = _row(each.address, each.row)
        if "frames" in row:
            frames = np.stack([np.asarray(frame, np.uint8) for frame in row["frames"]])
            return frames, replace(sampling, face="cropped", fps=row.get("fps") or None)
        path = folder / "recording.mkv"
        path.write_bytes(row["video"])
        return str(path), sampling
    if each.address.endswith(PARQUET):
        next(rows_of(each.address), None)  # says what is wrong with it
        raise SourceError(f"{each.name}: holds no rows")
    if "://" not in each.address:
        return each.address, sampling
    files, place = fsspec.core.url_to_fs(each.address)
    path = folder / Path(each.address).name
    files.get_file(place, str(path))
    return str(path), sampling


def _row(address: str, row: int) -> dict[str, Any]:
    group, first = _group_of(address, row)
    return _rows(address, group)[row - first]


@lru_cache(maxsize=1)
def _bounds(address: str) -> list[int]:
    """Number of the first row behind each row group."""
    with fsspec.open(address, "rb") as file:
        metadata = pq.ParquetFile(file).metadata
        return np.cumsum([metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]).tolist()


def _group_of(address: str, row: int) -> tuple[int, int]:
    bounds = _bounds(address)
    group = int(np.searchsorted(bounds, row, side="right"))
    return group, bounds[group - 1] if group else 0


@lru_cache(maxsize=1)
def _rows(address: str, group: int) -> Any:
    """The rows of a row group, their pictures decoded when a row is taken."""
    import datasets

    with fsspec.open(address, "rb") as file:
        return datasets.Dataset(pq.ParquetFile(file).read_row_group(group))
