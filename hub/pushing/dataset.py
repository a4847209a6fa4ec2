"""A prepared dataset pushed as Parquet, to a private repository only."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from datasets import Dataset, DatasetDict, load_from_disk
from tqdm.auto import tqdm

from hub.repos.licence import why_private
from hub.repos.prepared import is_recordings
from hub.repos.repository import check_target, push_files
from training.errors import InputError

SHARD_BYTES = 300 << 20  # of a Parquet file, about


GROUP_BYTES = 32 << 20  # of a row group, about: what a reader must hold in memory


PUSHED = ("README.md", "preparation.json")


def push_dataset(folder: Path, repo_id: str, *, update: bool = False) -> str:
    """Push a dataset's rows, card and report.

    Args:
        folder: Written by `hub.prepare`, or by `save_to_disk` of `datasets`.
        repo_id: `ORG/NAME` of a dataset repository.
        update: Replace what the repository holds.

    Returns:
        SHA of the commit.

    Raises:
        InputError: If the folder holds no dataset, or the repository is public, taken, or not to be written to.
    """
    check_target(repo_id, "dataset", update=update)
    splits = _open(folder)
    names = {name for data in splits.values() for name in data.unique("dataset")}
    why = why_private(folder, map(str, names))
    with tempfile.TemporaryDirectory(prefix="aullm-push-") as work:
        return push_files(
            repo_id,
            _files(folder, splits, Path(work)),
            repo_type="dataset",
            message="Clips or recordings with action units",
            update=update,
            private_because=why,
            replaces=("data/*.parquet",),
        )


def _open(folder: Path) -> dict[str, Dataset]:
    """The dataset's splits by name."""
    try:
        data = load_from_disk(str(folder))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{folder} holds no dataset: {error}; give the folder that hub.prepare wrote") from error
    splits = dict(data) if isinstance(data, DatasetDict) else {str(data.split or "train"): data}
    for name, split in splits.items():
        shown = "video" if is_recordings(split) else "frames"
        missing = [column for column in ("dataset", "subject", shown) if column not in split.column_names]
        if missing or not len(split):
            what = f"lacks the columns {', '.join(missing)}" if missing else "has no rows"
            raise InputError(f"{folder}: the split {name} {what}; it must be as hub.prepare writes it")
    return splits


def _files(folder: Path, splits: dict[str, Dataset], work: Path) -> Iterator[tuple[str, Path]]:
    """Path in the repository and file, one after the other; of the Parquet files there is one at a time."""
    for name in PUSHED:
        if (folder / name).is_file():
            yield name, folder / name
    for split, data in splits.items():
        shards = min(len(data), data.data.nbytes // SHARD_BYTES + 1)
        rows = max(1, len(data) * GROUP_BYTES // max(1, data.data.nbytes))
        for index in tqdm(range(shards), desc=f"pushing {split}", unit="file"):
            name = f"{split}-{index:05d}-of-{shards:05d}.parquet"
            shard = data.shard(shards, index, contiguous=True)
            shard.to_parquet(work / name, batch_size=rows)
            yield f"data/{name}", work / name
            (work / name).unlink()
