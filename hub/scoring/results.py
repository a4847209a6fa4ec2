"""What was found in a part, as Parquet: written whole or not at all, in a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as pq

from hub.scoring.plan import Part
from modeling_aullm.result_files import event_rows, segment_rows
from modeling_aullm.results import Prediction

TEXTS = ("source", "reason", "kind", "model", "trained_on", "recording_verdict")
WHOLE = ("face", "success", "number")


def done_folder(out: Path, number: int) -> Path:
    """Where a part's results are, once they are there."""
    return out / "parts" / f"{number:08d}"


def write_part(out: Path, part: Part, found: Iterable[Prediction], refused: dict[str, str]) -> None:
    """Write the tables `segments`, `events` and `refused` of a part, those that have rows.

    Args:
        out: Folder of the run.
        part: Of the plan.
        found: Its predictions.
        refused: By name: why an input could not be used.

    Raises:
        OSError: If they cannot be written; then nothing is there.
    """
    found = list(found)
    folder = done_folder(out, part.number)
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        work.chmod(0o755)
        for name, rows in (("segments", segment_rows(found)), ("events", event_rows(found))):
            _write(work / f"{name}.parquet", list(rows))
        _write(work / "refused.parquet", [{"source": name, "reason": why} for name, why in refused.items()])
        if not folder.exists():  # another worker that was thought lost may have been faster, with the same
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    if rows:
        schema = pyarrow.schema([(name, _type(name)) for name in rows[0]])
        pq.write_table(pyarrow.Table.from_pylist(rows, schema), path)


def _type(name: str) -> str:
    """Of a column of the CSV."""
    if name in TEXTS or name.endswith(("_side", "_intensity")):
        return "string"
    return "int64" if name in WHOLE or name.endswith(("_frame", "_c")) else "float64"
