"""An input read: decoded, its face followed, its clips cut. No model is needed; so it is done apart from it.

Each input is read in a process of its own kind, which is ended if it takes for ever or falls down: a file can do
either to FFmpeg, and must not take others with it.
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError as LimitError
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

from hub.scoring.inputs import Input
from hub.scoring.plan import Part
from modeling_aullm.clip_reading import ClipReader
from modeling_aullm.motion_stretch import MotionStretch
from modeling_aullm.prediction import Reading, Sampling, SourceError, read_source
from modeling_aullm.segments import Segment


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
        self.settings = settings
        # New processes, not forks: a fork of a process whose torch or BLAS has already worked can hang for ever.
        self._pool = ProcessPool(processes, context=get_context("spawn"))

    def begin(self, part: Part) -> list[Any]:
        """Have a part read; what comes is taken by `finish`."""
        limit = self.settings.time_limit
        return [self._pool.schedule(read_input, args=(each, self.settings), timeout=limit) for each in part.inputs]

    def finish(self, part: Part, begun: Sequence[Any]) -> ReadPart:
        """Wait until a part is read."""
        read: list[ReadInput] = []
        refused: dict[str, str] = {}
        for each, future in zip(part.inputs, begun, strict=True):
            try:
                read.append(future.result())
            except SourceError as error:
                refused[each.name] = str(error)
            except LimitError:
                refused[each.name] = f"{each.name}: not read within the limit of {self.settings.time_limit:g} s"
            except ProcessExpired as error:
                refused[each.name] = f"{each.name}: the process that read it fell down (exit status {error.exitcode})"
        return ReadPart(part, read, refused)

    def close(self) -> None:
        """End the processes."""
        self._pool.stop()
        self._pool.join()


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
    """The video of an input, and how it is sampled: ready crops of a row are as they are."""
    try:
        if each.row is None and "://" not in each.address:
            yield each.address, sampling
        elif each.row is None:
            with tempfile.TemporaryDirectory(prefix="aullm-score-") as folder:
                path = Path(folder, Path(each.address).name)
                files, place = fsspec.core.url_to_fs(each.address)
                files.get_file(place, str(path))
                yield str(path), sampling
        else:
            row = _row(each.address, each.row)
            if "frames" in row:
                fps = sampling.fps or row.get("fps") or None
                yield (
                    np.stack([np.asarray(frame, np.uint8) for frame in row["frames"]]),
                    replace(sampling, face="cropped", fps=fps),
                )
            else:
                with tempfile.TemporaryDirectory(prefix="aullm-score-") as folder:
                    path = Path(folder, "recording.mkv")
                    path.write_bytes(row["video"])
                    yield str(path), sampling
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{each.name}: cannot be read ({error})") from error


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
