"""What is to be scored: video files, folders of frames, patterns, addresses of fsspec, rows of Parquet files."""

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow
import pyarrow.parquet as pq

from modeling_aullm.source_paths import VIDEO_SUFFIXES, find_sources
from training.errors import InputError

PARQUET = ".parquet"
NAMES = (("dataset", "subject", "clip_id"), ("dataset", "subject", "recording_id"))


@dataclass(frozen=True)
class Input:
    """One video, clip or recording.

    Attributes:
        name: What results call it: its address, or dataset, subject and clip of a row.
        address: Path, or address of fsspec.
        row: Number in a Parquet file; None for a video.
        size: Bytes; 0 where that is not known.
    """

    name: str
    address: str
    row: int | None = None
    size: int = 0


def find_inputs(sources: Sequence[str]) -> Iterator[Input]:
    """All that some sources stand for, in their order.

    Args:
        sources: Paths of files and folders, patterns, and addresses such as `s3://bucket/videos/*.mp4`.

    Raises:
        InputError: If a source stands for nothing.
    """
    for source in sources:
        if "://" in source:
            yield from _remote(source)
            continue
        tables = _tables(source)
        found = find_sources(source, recursive=True)
        if found.error and not tables:
            raise InputError(found.error)
        for notice in found.notices:
            sys.stderr.write(f"{notice}\n")
        for path in [*tables, *(path for path in found.paths if not path.endswith(PARQUET))]:
            yield from _of_file(path)


def _tables(source: str) -> list[str]:
    """The Parquet files that a local source stands for."""
    paths = [source] if os.path.exists(source) else sorted(glob.glob(source, recursive=True))
    tables: list[str] = []
    for path in paths:
        inside = sorted(map(str, Path(path).rglob(f"*{PARQUET}"))) if os.path.isdir(path) else [path]
        tables += [each for each in inside if each.endswith(PARQUET)]
    return tables


def _remote(source: str) -> Iterator[Input]:
    try:
        files, place = fsspec.core.url_to_fs(source)
        if glob.has_magic(place):
            paths = sorted(files.glob(place))
        elif files.isdir(place):
            wanted = (*VIDEO_SUFFIXES, PARQUET)
            paths = [path for path in sorted(files.find(place)) if path.lower().endswith(wanted)]
        else:
            paths = [place] if files.exists(place) else []
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{source}: cannot be looked into ({error})") from error
    if not paths:
        raise InputError(f"{source}: no video and no Parquet file there")
    for path in paths:
        yield from _of_file(files.unstrip_protocol(path), size=int(files.size(path) or 0))


def _of_file(name: str, size: int | None = None) -> Iterator[Input]:
    address = name if "://" in name else os.path.abspath(name)  # whoever reads it may stand elsewhere
    if not name.endswith(PARQUET):
        yield Input(name, address, None, _size(address) if size is None else size)
        return
    try:
        yield from rows_of(address)
    except InputError:
        yield Input(name, address)  # refused when it is read, as any other file


def _size(path: str) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(path)) if os.path.isdir(path) else os.path.getsize(path)
    except OSError:  # what is not there, or may not be looked into, is refused when it is read
        return 0


def rows_of(address: str) -> Iterator[Input]:
    """A Parquet file's rows: of clips, of recordings, or of paths, which are its folder's if they are not absolute.

    Raises:
        InputError: If it cannot be read, or has other columns.
    """
    try:
        with fsspec.open(address, "rb") as file:
            table = pq.ParquetFile(file)
            columns = set(table.schema_arrow.names)
            names = next((those for those in NAMES if columns >= {*those}), None)
            if names and columns & {"frames", "video"}:
                size = sum(table.metadata.row_group(k).total_byte_size for k in range(table.num_row_groups))
                for row, values in enumerate(_values(table, names)):
                    yield Input("/".join(map(str, values)), address, row, size // max(1, table.metadata.num_rows))
            elif "path" in columns:
                folder = address.rpartition("/")[0] or "."
                for (path,) in _values(table, ("path",)):
                    is_whole = "://" in str(path) or os.path.isabs(str(path))
                    yield from _of_file(str(path) if is_whole else f"{folder}/{path}")
            else:
                raise InputError(
                    f"{address}: must have a column `path`, or {', '.join(NAMES[0])} and `frames` (clips), or "
                    f"{', '.join(NAMES[1])} and `video` (recordings); it has {', '.join(sorted(columns))}"
                )
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"{address}: cannot be read as Parquet ({error})") from error


def _values(table: Any, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in table.iter_batches(columns=list(columns)):
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
