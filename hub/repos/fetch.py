"""Models and datasets of the Hub at one commit, looked through before anything is downloaded.

What a stranger's repository says of itself is not believed: its names must be plain, there must be no pickle in it,
and what is needed must be no larger than allowed, in the listing and in the answer that announces the file. No code
of a repository is ever run here: the installed package's classes load the weights, from safetensors alone.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.hf_api import RepoFile

from hub.repos.checkpoint import PICKLES
from hub.repos.repository import check_repo_id, hub_errors, is_repo_id
from modeling_aullm.detector import GRAPH
from modeling_aullm.onnx_engine import HUB_FOLDER, TEMPORAL_GRAPH
from training.errors import InputError

MODEL_FILES = (
    "config.json",
    "processor_config.json",
    "metrics.json",
    "model*.safetensors",
    "model.safetensors.index.json",
)
GRAPH_FILES = tuple(f"{HUB_FOLDER}/{name}" for name in (GRAPH, TEMPORAL_GRAPH, "config.json", "processor_config.json"))
DATA_FILES = ("data/*.parquet", "preparation.json", "README.md")
COLUMNS = (  # of a prepared dataset; others are not read
    "dataset", "subject", "clip_id", "onset", "apex", "offset", "fps", "emotion", "action_units", "au_codes",
    "frame_numbers", "landmarks", "frames", "recording_id", "num_frames", "room", "events", "video",
)  # fmt: skip
SMALL_TEXT = 16 << 20  # bytes: more than any configuration or card
MAX_GB = 8.0  # own choice: a whole checkpoint on an LLM of 3 billion weights, or CASME II twice over


class Fetched(NamedTuple):
    """A folder that is ready to be read, and the commit it is of; `None` for what does not come from the Hub."""

    path: Path
    revision: str | None


def fetch_model(repo_id: str, revision: str | None = None, *, max_gb: float = MAX_GB) -> Fetched:
    """A checkpoint of the Hub: its weights, configuration and processor, and none of its code.

    Args:
        repo_id: `ORG/NAME`.
        revision: Commit, branch or tag; `None` is the main branch as it is now.
        max_gb: Most gigabytes to download.

    Raises:
        InputError: If there is no such thing, or the repository holds something it must not; it names the file.
    """
    found = _fetch(repo_id, revision, "model", MODEL_FILES, max_gb, "config.json")
    _check_record(repo_id, found.path / "config.json")
    return found


def fetch_graph(repo_id: str, revision: str | None = None, *, max_gb: float = MAX_GB) -> Fetched:
    """The graph beside a checkpoint of the Hub, that `hub.push_model --onnx` has pushed.

    Args:
        repo_id: `ORG/NAME`.
        revision: Commit, branch or tag; `None` is the main branch as it is now.
        max_gb: Most gigabytes to download.

    Raises:
        InputError: If there is no such thing, or the repository holds something it must not; it names the file.
    """
    found = _fetch(repo_id, revision, "model", GRAPH_FILES, max_gb, GRAPH_FILES[0])
    return found._replace(path=found.path / HUB_FOLDER)


def fetch_dataset(repo_id: str, revision: str | None = None, *, max_gb: float = MAX_GB) -> Fetched:
    """A dataset of the Hub that `hub.push_dataset` has pushed, as a folder that `training.data.clips.load_clips` reads.

    It is kept beside the caches of `datasets`, by its commit.

    Args:
        repo_id: `ORG/NAME`.
        revision: Commit, branch or tag; `None` is the main branch as it is now.
        max_gb: Most gigabytes to download, and to unpack.

    Raises:
        InputError: If there is no such thing, or the repository holds something it must not; it names the file.
    """
    found = _fetch(repo_id, revision, "dataset", DATA_FILES, max_gb, "data/*.parquet")
    kept = Path(datasets.config.HF_DATASETS_CACHE) / "aullm_hub" / f"{repo_id.replace('/', '--')}-{found.revision}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{kept}.lock"):
        if not kept.is_dir():
            _unpack(found.path, kept, repo_id, max_gb)
    return Fetched(kept, found.revision)


def check_files(repo_id: str, files: Iterable[Any], wanted: Sequence[str], max_gb: float) -> list[str]:
    """Look through the listing of a repository.

    Args:
        repo_id: For errors.
        files: With `path` and `size`, as the Hub lists them.
        wanted: Patterns of the files to be downloaded.
        max_gb: Most gigabytes to download.

    Returns:
        Names of the files to be downloaded.

    Raises:
        InputError: At the first name that is none, pickle, or size above the limit.
    """
    chosen, total = [], 0
    for file in files:
        _check_name(repo_id, file.path)
        if file.path.lower().endswith(PICKLES):
            raise InputError(
                f"{repo_id} holds {file.path!r}, which may run code when it is read: refused. Weights must be "
                "safetensors, and there must be nothing else beside them"
            )
        if any(fnmatch(file.path, pattern) for pattern in wanted):
            _check_size(repo_id, file.path, file.size, max_gb)
            chosen.append(file.path)
            total += file.size
    _check_size(repo_id, "all that is needed", total, max_gb)
    return chosen


def _check_name(repo_id: str, name: str) -> None:
    parts = re.split(r"[/\\]", name)
    if ".." in parts or "" in parts or "\\" in name or re.match(r"[A-Za-z]:", name) or not name.isprintable():
        raise InputError(f"{repo_id} holds a file named {name!r}, which would lie outside its folder: refused")


def _check_size(repo_id: str, name: str, size: int, max_gb: float) -> None:
    if name.endswith((".json", ".md")) and size > SMALL_TEXT:
        raise InputError(f"{repo_id}: {name} claims {size / 1e9:.3f} GB, which no such file has: refused")
    cache = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(folder for folder in (cache, *cache.parents) if folder.is_dir())).free
    if size > min(max_gb * 1e9, free):
        limit = "--max_gb allows more" if size <= free else "that is more than the disk has room for"
        raise InputError(f"{repo_id}: {name} claims {size / 1e9:.1f} GB, allowed are {max_gb:g} GB; {limit}")


def fetch_commit(repo_id: str, revision: str | None, repo_type: str) -> str:
    """SHA of the commit that a revision is at this moment.

    Args:
        repo_id: `ORG/NAME`.
        revision: Commit, branch or tag; `None` is the main branch.
        repo_type: `model`, `dataset` or `space`.

    Raises:
        InputError: If there is none.
    """
    check_repo_id(repo_id)
    with hub_errors(repo_id):
        sha = str(HfApi().repo_info(repo_id, repo_type=repo_type, revision=revision).sha)
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise InputError(f"{repo_id}: the Hub names {sha!r} as its commit, which is none")
    return sha


def _fetch(
    repo_id: str, revision: str | None, repo_type: str, wanted: Sequence[str], max_gb: float, needed: str
) -> Fetched:
    sha = fetch_commit(repo_id, revision, repo_type)
    with hub_errors(repo_id):
        listing = HfApi().list_repo_tree(repo_id, recursive=True, revision=sha, repo_type=repo_type)
        files = {entry.path: entry for entry in listing if isinstance(entry, RepoFile)}
        names = check_files(repo_id, files.values(), wanted, max_gb)
        for name in names:
            announced = get_hf_file_metadata(hf_hub_url(repo_id, name, repo_type=repo_type, revision=sha)).size
            if announced not in (None, files[name].size):
                raise InputError(
                    f"{repo_id}: {name} is listed with {files[name].size} bytes and announced with {announced}: refused"
                )
        paths = {name: hf_hub_download(repo_id, name, repo_type=repo_type, revision=sha) for name in names}
    found = next((name for name in names if fnmatch(name, needed)), None)
    if found is None:
        raise InputError(f"{repo_id} holds no {needed}")
    return Fetched(Path(paths[found].removesuffix(found)), sha)


def _check_record(repo_id: str, config: Path) -> None:
    """Refuse a configuration that would have this machine's files, or anything but a repository, read as the LLM."""
    try:
        llm = json.loads(config.read_text(encoding="utf-8")).get("llm") or {}
        known = {"id": str(llm.get("id", "a/b")), "file": str(llm.get("file") or ""), "sha256": llm.get("sha256") or ""}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{repo_id}: config.json cannot be read ({error})") from error
    forms = {"id": is_repo_id(known["id"]), "file": not re.search(r"[/\\]|^\.\.$", known["file"])}
    forms["sha256"] = bool(re.fullmatch(r"([0-9a-f]{64})?", str(known["sha256"])))
    for name, good in forms.items():
        if not good:
            raise InputError(
                f"{repo_id}: config.json names {known[name]!r} as the LLM's {name}, which is none: refused"
            )


def _unpack(folder: Path, kept: Path, repo_id: str, max_gb: float) -> None:
    """Write Parquet as `save_to_disk` of `datasets` does; whole or not at all."""
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".part-") as work:
        try:
            files = [str(path) for path in sorted(folder.glob("data/*.parquet"))]
            columns = [name for name in pq.read_schema(files[0]).names if name in COLUMNS]
            data = datasets.Dataset.from_parquet(files, cache_dir=f"{work}/read", columns=columns)
        except (OSError, ValueError, TypeError, pa.ArrowException, datasets.exceptions.DatasetsError) as error:
            raise InputError(f"{repo_id}: its Parquet files cannot be read: {error}") from error
        _check_size(repo_id, "its unpacked content", data.data.nbytes, 10 * max_gb)
        _check_frames(data, repo_id)
        data.save_to_disk(f"{work}/data")
        Path(work, "data").rename(kept)


def _check_frames(data: datasets.Dataset, repo_id: str) -> None:
    """Refuse images that are named, not contained: a path would be opened on this machine, an address be asked for."""
    column = data.data.table.column("frames") if "frames" in data.column_names else pa.chunked_array([], pa.null())
    for chunk in column.chunks:
        while pa.types.is_list(chunk.type) or pa.types.is_large_list(chunk.type):
            chunk = chunk.flatten()
        if pa.types.is_struct(chunk.type) and chunk.type.get_field_index("bytes") >= 0:
            bare = chunk.filter(chunk.field("bytes").is_null())
            if len(bare):
                where = bare.field("path")[0].as_py() if bare.type.get_field_index("path") >= 0 else None
                raise InputError(f"{repo_id}: a frame is not in the data but at {where!r}: refused")
