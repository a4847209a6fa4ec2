"""Which inputs are read and answered together: a part, which is the unit of work, of writing and of restarting.

What belongs to a part is written down before anything is scored and never changes. So a clip meets the same others in
the model's batches whoever scores its part, and its numbers are the same to the last digit.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as pq

from hub.scoring.inputs import Input
from modeling_aullm.output_files import write_whole

MOST, MOST_BYTES = 32, 8_000_000  # own choice: seconds of work, and little memory while a part is under way
SCHEMA = pyarrow.schema(
    [("part", "int64"), ("name", "string"), ("address", "binary"), ("row", "int64"), ("size", "int64")]
)


@dataclass(frozen=True)
class Part:
    """Inputs that are scored together.

    Attributes:
        number: Of the part, from 0, in the order of the plan.
        inputs: At most `MOST`.
    """

    number: int
    inputs: tuple[Input, ...]


def extend_plan(out: Path, inputs: Iterable[Input]) -> int:
    """Add what is not in a run's plan yet to it; returns how many inputs that are, each once.

    Args:
        out: Folder of the run.
        inputs: In their order; those that the plan has are passed over.
    """
    known: set[bytes] = set()
    first = 0
    for number, _ in part_sizes(out):
        known |= {_key(each) for each in read_part(out, number).inputs}
        first = number + 1
    parts = enumerate(_grouped(_unknown(inputs, known)), first)
    begin = next(parts, None)
    if begin is None:
        return 0
    added = 0

    def write(path: Path) -> None:
        nonlocal added
        with pq.ParquetWriter(path, SCHEMA) as writer:
            for number, together in chain([begin], parts):
                writer.write_table(pyarrow.Table.from_pylist([_row(number, each) for each in together], SCHEMA))
                added += len(together)

    (out / "plan").mkdir(parents=True, exist_ok=True)
    write_whole(out / "plan" / f"from-{first:08d}.parquet", write)
    return added


def part_sizes(out: Path) -> Iterator[tuple[int, int]]:
    """The number of each part of a run, in their order, and of its inputs; none of these is read."""
    for first, path in _files(out):
        table = pq.read_metadata(path)
        for group in range(table.num_row_groups):  # a part each
            yield first + group, table.row_group(group).num_rows


def read_part(out: Path, number: int) -> Part:
    """A part by its number."""
    first, path = max(each for each in _files(out) if each[0] <= number)
    rows = _opened(path).read_row_group(number - first).to_pylist()
    return Part(number, tuple(map(_input, rows)))


def _files(out: Path) -> list[tuple[int, Path]]:
    """The files of the plan, behind the number of the first part in each."""
    return sorted((int(path.stem.removeprefix("from-")), path) for path in (out / "plan").glob("from-*.parquet"))


@lru_cache(maxsize=1)
def _opened(path: Path) -> pq.ParquetFile:
    """A file of the plan, which is never written anew; its table of contents is long."""
    return pq.ParquetFile(path)


def _row(number: int, each: Input) -> dict[str, Any]:
    name = each.name.encode("utf-8", "backslashreplace").decode()  # of a file, which need not be letters
    return {"part": number, "name": name, "address": os.fsencode(each.address), "row": each.row, "size": each.size}


def _input(row: dict[str, Any]) -> Input:
    return Input(row["name"], os.fsdecode(row["address"]), row["row"], row["size"])


def _unknown(inputs: Iterable[Input], known: set[bytes]) -> Iterator[Input]:
    """Those that are not known, each once."""
    for each in inputs:
        if (key := _key(each)) not in known:
            known.add(key)
            yield each


def _grouped(inputs: Iterable[Input]) -> Iterator[Sequence[Input]]:
    together: list[Input] = []
    for each in inputs:
        if together and (len(together) == MOST or sum(i.size for i in together) + each.size > MOST_BYTES):
            yield together
            together = []
        together.append(each)
    if together:
        yield together


def _key(each: Input) -> bytes:
    return hashlib.blake2b(f"{each.address}\n{each.row}".encode("utf-8", "surrogateescape"), digest_size=12).digest()
