"""Where the clips of a dataset come from: users' copies, or datasets that were prepared from them before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from datasets import Dataset

from hub.licensed import CD6ME, LICENSED
from hub.licensed.assembly import remarks_in
from hub.licensed.plans import PrepareOptions, Survey
from hub.licensed.recordings import RECORDINGS, LicensedRecordings
from hub.licensed.recordings.survey import survey_recordings
from hub.licensed.remarks import Remark
from hub.licensed.rows import features
from hub.licensed.stored import has_raw_frames, is_stored, names_of, survey_stored
from hub.licensed.survey import survey
from hub.repos.licence import read_preparation
from hub.repos.prepared import load_prepared
from training.errors import InputError

OTHER_NAMES = {"casme1": "casme", "casmeii": "casme2", "casme3a": "casme3", "4dmicro": "4dme"}


@dataclass(frozen=True)
class Source:
    """One dataset's clips.

    Attributes:
        name: Of the dataset.
        root: As given, for people.
        content: Plans of what is to be prepared, or rows that are.
        remarks: On clips left out and mended so far.
        sheet: Name of the spreadsheet.
        sheet_digest: SHA-256 of its content.
    """

    name: str
    root: str
    content: Survey | Dataset
    remarks: list[Remark]
    sheet: str = ""
    sheet_digest: str = ""


def single_source(
    name: str, roots: Sequence[str | PathLike], annotations: Sequence[str | PathLike], options: PrepareOptions
) -> Source:
    """The source of one dataset.

    Raises:
        InputError: If it is not one folder, or cannot be used.
    """
    if name in RECORDINGS:
        return _recordings(RECORDINGS[name], roots, annotations, options)
    if name not in LICENSED:
        raise InputError(f"there is no dataset {name}; there are {', '.join([*LICENSED, *RECORDINGS])}, and cross")
    if len(roots) != 1 or len(annotations) > 1:
        raise InputError(f"{name} has one --root and at most one --annotations; several are for cross")
    return _open(name, Path(roots[0]), Path(annotations[0]) if annotations else None, options)


def _recordings(
    dataset: LicensedRecordings,
    roots: Sequence[str | PathLike],
    annotations: Sequence[str | PathLike],
    options: PrepareOptions,
) -> Source:
    if len(roots) != 1:
        raise InputError(f"{dataset.name} has one --root")
    root = Path(roots[0])
    if is_stored(root):
        raise InputError(f"{root} is prepared already; give the folder of your copy of {dataset.title} as --root")
    found = survey_recordings(dataset, root, [Path(each) for each in annotations], options)
    return Source(dataset.name, str(root), found, found.remarks, found.sheet, found.sheet_digest)


def cross_sources(roots: Sequence[str], annotations: Sequence[str], options: PrepareOptions) -> list[Source]:
    """The sources of CD6ME's set, in its order.

    Args:
        roots: `NAME=DIR`, a prepared dataset, or a folder with folders named after datasets.
        annotations: `NAME=FILE`, each.
        options: How to prepare those that are not.

    Raises:
        InputError: If a root is none of these, a dataset is named twice or is not of the six, or a prepared one has
            other frames than asked for.
    """
    sheets = {}
    for text in annotations:
        given, _, file = text.partition("=")
        if _known(given) not in CD6ME or not file:
            raise InputError(f"--annotations of cross are NAME=FILE with a NAME of {', '.join(CD6ME)}; got {text}")
        sheets[_known(given)] = Path(file)
    sources: dict[str, Source] = {}
    for name, folder in [pair for text in roots for pair in _expand(text)]:
        if name is None:
            own = _stored_sources(folder, options)
        else:
            own = [_open(name, folder, sheets.get(name), options, may_be_ready=True)]
        for source in own:
            if source.name not in CD6ME:
                raise InputError(f"{source.root} is {source.name}; CD6ME is made of {', '.join(CD6ME)}")
            if source.name in sources:
                raise InputError(f"{source.name} is there twice: {sources[source.name].root} and {source.root}")
            sources[source.name] = source
    return [sources[name] for name in CD6ME if name in sources]


def _known(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return OTHER_NAMES.get(plain, plain)


def _expand(text: str) -> list[tuple[str | None, Path]]:
    """Name and folder of each dataset that a root stands for; a prepared one brings its own names."""
    name, separator, folder = text.partition("=")
    if separator and not Path(text).is_dir():
        if _known(name) not in CD6ME:
            raise InputError(f"--root {text}: {name} is not of {', '.join(CD6ME)}")
        return [(_known(name), Path(folder))]
    root = Path(text)
    if is_stored(root):
        return [(None, root)]
    found = sorted(child for child in root.iterdir() if child.is_dir()) if root.is_dir() else []
    pairs = [(_known(child.name), child) for child in found if _known(child.name) in CD6ME]
    if not pairs:
        raise InputError(
            f"--root {text}: not a prepared dataset, nor a folder with folders {', '.join(CD6ME)}; "
            "name a copy by NAME=DIR, such as casme2=/data/CASME2"
        )
    return list(pairs)


def _open(
    name: str, folder: Path, annotations: Path | None, options: PrepareOptions, may_be_ready: bool = False
) -> Source:
    """The source of a dataset whose name is known."""
    if not is_stored(folder):
        found = survey(LICENSED[name], folder, annotations, options)
        return Source(name, str(folder), found, found.remarks, found.sheet, found.sheet_digest)
    if may_be_ready:
        own = _stored_sources(folder, options)
        if [source.name for source in own] != [name]:
            raise InputError(f"{folder} holds {', '.join(source.name for source in own)}, not {name} alone")
        return own[0]
    found = survey_stored(folder, name, options)
    return Source(name, str(folder), found, _earlier(folder, name) + found.remarks, found.sheet, found.sheet_digest)


def _stored_sources(folder: Path, options: PrepareOptions) -> list[Source]:
    """The sources in a prepared dataset: rows as asked for, or raw frames of one dataset that are to be cropped."""
    data = load_prepared(folder)
    if has_raw_frames(data) and options.frames != "raw":
        names = names_of(data)
        return [_open(name, folder, None, options) for name in names]
    if data.features != features(options.frames, options.size):
        raise InputError(
            f"{folder} was prepared with other frames or columns than are asked for here ({options.frames}, "
            f"{options.size} pixels); give the same --frames and --size, or prepare it anew"
        )
    before = read_preparation(folder)
    made_as = before.get("options", {}).get("range", options.range)
    if made_as != options.range:
        raise InputError(f"{folder} was prepared with --range {made_as}, not {options.range}")
    sources = []
    for name in names_of(data):
        rows = [row for row, own in enumerate(data["dataset"]) if own == name]
        sheet, digest = (str(before.get(key, {}).get(name, "")) for key in ("sheets", "sheet_digests"))
        piece = data if len(rows) == len(data) else data.select(rows)
        sources.append(Source(name, str(folder), piece, _earlier(folder, name), sheet, digest))
    return sources


def _earlier(folder: Path, name: str) -> list[Remark]:
    """What was said of a dataset's clips when it was prepared."""
    return [remark for remark in remarks_in(read_preparation(folder)) if remark.dataset == name]
