"""From the user's copies to a prepared dataset: parts made one by one, joined, and reported."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets import Dataset

from hub.licensed import CD6ME, LICENSED
from hub.licensed.assembly import (
    check_output,
    finished_report,
    remarks_by_kind,
    unfinished,
    versions,
    write_dataset,
)
from hub.licensed.plans import PrepareOptions, Survey
from hub.licensed.processes import make_parts, part_file, part_of
from hub.licensed.recordings import RECORDINGS
from hub.licensed.remarks import Remark, summarise
from hub.licensed.sources import Source, cross_sources, single_source
from modeling_aullm.facs import AU_SETS
from training.data.recordings import KINDS
from training.errors import InputError

CROSS = "cross"


def prepare(
    name: str,
    roots: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    options: PrepareOptions | None = None,
    *,
    annotations: Sequence[str | os.PathLike] = (),
    num_proc: int | None = None,
) -> dict[str, Any]:
    """Make a dataset for training, or go on with one whose making was interrupted.

    With several processes, a script needs the usual `if __name__ == "__main__":` around what it does.

    Args:
        name: A licensed dataset, of clips or of recordings, or `cross`.
        roots: One folder: the user's copy, or a dataset prepared from it with raw frames. For `cross`
            see `hub.prepare`.
        out: New folder to write; `load_prepared` reads it, or `load_recordings`.
        options: How.
        annotations: The spreadsheet, if it does not lie in the root or a folder in it (CAS(ME)^3's recordings may have
            two); for `cross` `NAME=FILE`, each.
        num_proc: Processes; as many as there are cores unless given.

    Returns:
        What `preparation.json` holds.

    Raises:
        InputError: If nothing usable was found (it names the folder expected), or the options cannot be followed.
    """
    out, options = Path(out).absolute(), options or PrepareOptions()
    num_proc = num_proc or os.cpu_count() or 1
    if num_proc < 1:
        raise InputError(f"--num_proc must be at least 1, got {num_proc}")
    check_output(out, {"name": name} | asdict(options))
    if name == CROSS:
        sources = cross_sources([str(root) for root in roots], [str(each) for each in annotations], options)
    else:
        sources = [single_source(name, roots, annotations, options)]
    return _prepare(name, sources, out, options, num_proc)


def _prepare(name: str, sources: Sequence[Source], out: Path, options: PrepareOptions, num_proc: int) -> dict[str, Any]:
    for source in sources:
        if isinstance(source.content, Survey) and not source.content.plans:
            raise InputError(_nothing_usable(source, source.remarks, options))
    parts = {
        source.name: [part_of(plan, source.content.root, options) for plan in source.content.plans]
        for source in sources
        if isinstance(source.content, Survey)
    }
    stored = [source.content._fingerprint for source in sources if isinstance(source.content, Dataset)]
    state = [name, stored, [part.key for own in parts.values() for part in own]]
    key = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]
    report = finished_report(out, key, {source.name: source.sheet_digest for source in sources})
    if report is not None:
        return report
    remarks = [remark for source in sources for remark in source.remarks]
    with unfinished(out) as work:
        remarks += make_parts([part for own in parts.values() for part in own], work, options, num_proc)
        pieces: list[Dataset] = []
        for source in sources:
            if isinstance(source.content, Dataset):
                pieces.append(source.content)
                continue
            files = [part_file(work, part.key) for part in parts[source.name]]
            made = [Dataset.from_file(str(file)) for file in files if file.exists()]
            if not made:
                raise InputError(_nothing_usable(source, remarks, options))
            pieces += made
        units = AU_SETS["cd6me"] if name == CROSS else ()
        report = _report(name, sources, options, remarks, units) | _counts(name, pieces) | {"key": key}
        write_dataset(out, work, pieces, units, report)
    return report


def _report(
    name: str,
    sources: Sequence[Source],
    options: PrepareOptions,
    remarks: Sequence[Remark],
    units: Sequence[str],
) -> dict[str, Any]:
    names = sorted(source.name for source in sources)
    known = LICENSED | RECORDINGS
    return {
        "licensed": True,
        "datasets": names,
        "prepared_as": name,
        "complete_cd6me": set(names) == set(CD6ME),
        "titles": {each: known[each].title for each in names},
        "request_pages": {each: known[each].request_page for each in names},
        "papers": {each: known[each].paper for each in names},
        "sheets": {source.name: source.sheet for source in sources},
        "sheet_digests": {source.name: source.sheet_digest for source in sources},
        "options": asdict(options),
        "action_units": list(units),
        **remarks_by_kind(remarks),
        "versions": versions(),
        "prepared_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _counts(name: str, pieces: Sequence[Dataset]) -> dict[str, Any]:
    """How many clips, or recordings and events of each kind, there are."""
    if name not in RECORDINGS:
        return {"clips": sum(map(len, pieces))}
    kinds = Counter(event["kind"] for piece in pieces for events in piece["events"] for event in events or ())
    return {"recordings": sum(map(len, pieces)), "events": {kind: kinds[kind] for kind in KINDS}}


def _nothing_usable(source: Source, remarks: Sequence[Remark], options: PrepareOptions) -> str:
    dataset = (LICENSED | RECORDINGS)[source.name]
    own = [remark for remark in remarks if remark.dataset == source.name and remark.kind == "left out"]
    place = f" in {' or '.join(filter(None, dataset.cropped_places))}" if options.frames == "cropped" else ""
    reasons = "\n".join(summarise(own)) or "  the spreadsheet has no rows"
    expected = f"expected its frames{place} as {source.root}/{dataset.example}"
    what = "recording" if source.name in RECORDINGS else "clip"
    return f"no {what} of {dataset.title} can be used; {expected}\n{reasons}"
