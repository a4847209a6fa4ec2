"""Which inputs are read and answered together: a part, which is the unit of work, of writing and of restarting.

What belongs to a part is written down before anything is scored and never changes. So a clip meets the same others in
the model's batches whoever scores its part, and its numbers are the same to the last digit.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as pq

from hub.scoring.inputs import Input
from modeling_aullm.output_files import write_whole

MOST, MOST_BYTES = 32, 32_000_000  # own choice: seconds of work, and little memory while a part is under way
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

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.number:08d}"


def extend_plan(out: Path, inputs: Iterable[Input]) -> int:
    """Add what is not in a run's plan yet to it; returns how many inputs that are, each once.

    Args:
        out: Folder of the run.
        inputs: In their order; those that the plan has are passed over.
    """
    known, first = set(), 0
    for part in read_plan(out):
        known |= {_key(each) for each in part.inputs}
        first = part.number + 1
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


def read_plan(out: Path) -> Iterator[Part]:
    """The parts of a run in their order, one in memory at a time."""
    for path in sorted((out / "plan").glob("from-*.parquet")):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):  # a part each
                rows = file.read_row_group(group).to_pylist()
                yield Part(rows[0].pop("part"), tuple(map(_input, rows)))


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
