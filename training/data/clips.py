"""Clips for training and evaluation: where they come from, and what every one of them is."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import (
    Dataset,
    DatasetDict,
    concatenate_datasets,
    load_dataset,
    load_dataset_builder,
    load_from_disk,
)
from datasets.exceptions import DatasetsError

from modeling_aullm.facs import ACTION_UNITS
from training.data.preparation import NAMES, prepare_clips
from training.errors import InputError
from training.options import DataOptions
from training.synthetic import BEDS, DOMAINS, synthetic_corpus

LABELS = ("action_units", "onset", "apex")
COLUMNS = (*NAMES, "frames", *LABELS)
SAVED = ("state.json", "dataset_dict.json")  # one of these lies in what `save_to_disk` has written
MAX_FRAMES = 16  # kept of a synthetic clip: more than twice what the model samples, and the caches stay small
# Numbers of the FACS manual: faces, then head and eyes, what hides the face, and gross behaviour.
FACS_NUMBERS = frozenset({1, 2, *range(4, 47), *range(50, 59), *range(61, 67), *range(70, 75), *range(80, 99)})


class Clip(NamedTuple):
    """One clip, ready to be sampled.

    Attributes:
        frames: Grey, uint8, (frames, image_size, image_size), without the head's drift (unless told to leave it in).
        labels: 1 where a unit is active, float32, (units,); NaN in unlabelled data.
        onset: Frame where the motion begins; -1 if there is none, or it is not labelled.
        apex: Frame of its peak; -1 likewise.
        dataset: Name of the dataset.
        subject: Name within the dataset.
        clip_id: Name within the dataset.
        digest: Of the raw frames: the same clip under another name has the same.
        au_codes: The active units with side and intensity, such as `L12B`; empty where nobody has coded them.
    """

    frames: np.ndarray
    labels: np.ndarray
    onset: int
    apex: int
    dataset: str
    subject: str
    clip_id: str
    digest: str
    au_codes: tuple[str, ...] = ()

    @property
    def person(self) -> str:
        """Dataset and subject: the same subject's name in two datasets is two people."""
        return f"{self.dataset}/{self.subject}"


class ClipCollection(NamedTuple):
    """Clips that can be learned from or scored.

    Attributes:
        clips: In the dataset's order.
        fingerprint: Of their content and of the settings they were prepared with.
        unknown: Names of those that were left out, for it is unknown which units they show: `dataset/subject/clip_id`.
    """

    clips: list[Clip]
    fingerprint: str
    unknown: list[str]


def load_clips(
    name: str,
    options: DataOptions,
    action_units: Sequence[str],
    image_size: int = 64,
    *,
    unlabelled: bool = False,
    num_proc: int = 1,
) -> ClipCollection:
    """Load a dataset's clips, prepared once and read from a cache from then on.

    A clip whose `action_units` are null is left out: neither may it teach that it shows nothing, nor be scored so.

    Args:
        name: `synthetic:A` or `synthetic:B` for the generator's domains, `synthetic:B/hidden` for a test bed in one
            (see `training.synthetic.beds`), a folder of Parquet files, a folder saved by
            `datasets` (all its splits are joined), or a Hub id. The columns are those of
            `training.synthetic.synthetic_corpus`; frames may be images or arrays, too.
        options: Which clips, and how.
        action_units: Codes of the units to detect.
        image_size: Side of the frames in pixels.
        unlabelled: Let data through in which no clip has units coded; `action_units`, `onset`, `apex` may be missing.
        num_proc: Processes that draw synthetic clips; 1 for this one alone. With several, a script needs the usual
            `if __name__ == "__main__":` around what it does.

    Raises:
        InputError: If there is no such dataset, or its columns, labels or frames cannot be used.
    """
    data = _open(name, options, num_proc).with_format(None)
    for column in sorted(set(LABELS).difference(data.column_names)) if unlabelled else ():
        data = data.add_column(column, [None] * len(data))
    _check_columns(data, name)
    data, unknown = _known(data)
    data = _select(data, options)
    known = [column for column in (*COLUMNS, "au_codes") if column != "frames" and column in data.column_names]
    about = data.select_columns(known).to_dict()
    coded = about["action_units"]
    if unlabelled and all(codes is None for codes in coded):
        labels = np.full((len(coded), len(action_units)), np.nan, np.float32)
    else:
        labels = _label_vectors(coded, name, action_units, ignore_others=options.ignore_other_units)
    prepared = prepare_clips(data, image_size=image_size, stabilize=options.stabilize)
    moments = (map(_moment, about[column]) for column in ("onset", "apex"))
    names = (map(str, about[column]) for column in NAMES)
    codes = [tuple(codes or ()) for codes in about.get("au_codes") or [()] * len(data)]
    clips = [
        Clip(clip.frames, active, onset, apex, dataset, subject, clip_id, clip.digest, detail)
        for clip, active, onset, apex, dataset, subject, clip_id, detail in zip(
            prepared, labels, *moments, *names, codes, strict=True
        )
    ]
    _check_moments(clips)
    return ClipCollection(clips, _fingerprint(clips, [*action_units], image_size, options.stabilize), unknown)


def check_data(name: str) -> None:
    """Find out before the long work whether there is such a dataset; nothing of it is read yet.

    Args:
        name: As in `load_clips`.

    Raises:
        InputError: If there is none, or the Hub cannot be asked and keeps no copy of it here.
    """
    if name.startswith("synthetic:"):
        domain, slash, bed = name.removeprefix("synthetic:").partition("/")
        if domain not in DOMAINS or (slash and bed not in BEDS):
            raise InputError(
                f"there is no {name}; there are {', '.join(f'synthetic:{each}' for each in DOMAINS)}, "
                f"each also as a test bed: {', '.join(f'/{each}' for each in BEDS)}"
            )
        return
    with _reading(name):
        if Path(name).is_dir():
            files = [*Path(name).glob("*.parquet"), *(Path(name, saved) for saved in SAVED)]
            if not any(file.is_file() for file in files):
                raise ValueError(f"it holds neither Parquet files nor {' or '.join(SAVED)}")
        else:
            load_dataset_builder(name)


def _open(name: str, options: DataOptions, num_proc: int) -> Dataset:
    """The raw dataset."""
    if name.startswith("synthetic:"):
        check_data(name)
        return _generate(name, options, num_proc)
    return open_dataset(name)


def open_dataset(name: str) -> Dataset:
    """Open a folder or a repository of the Hub, all splits as one.

    Args:
        name: Folder of Parquet files or one saved by `datasets`, or a Hub id.

    Raises:
        InputError: If there is none, or it cannot be read.
    """
    check_data(name)
    folder = Path(name).is_dir()
    parquet = sorted(map(str, Path(name).glob("*.parquet"))) if folder else []
    with _reading(name):
        if parquet:
            return load_dataset("parquet", data_files=parquet, split="train")
        data = load_from_disk(name) if folder else load_dataset(name)
        return concatenate_datasets(list(data.values())) if isinstance(data, DatasetDict) else data


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn errors of `datasets` into one line."""
    try:
        yield
    except IndexError as error:  # what `datasets` raises for a folder in which no row was saved
        raise InputError(f"{name} has no rows") from error
    except (OSError, ValueError, DatasetsError) as error:
        cause = next(iter(str(error).splitlines()), type(error).__name__)
        if Path(name).exists():
            raise InputError(f"{name!r} cannot be read as Parquet or by load_from_disk: {cause}") from error
        raise InputError(
            f"{name!r} is no folder, and cannot be read from the Hub: {cause}; "
            "see to the name, the network (HF_HUB_OFFLINE, HF_ENDPOINT) and your token, or give a folder"
        ) from error


def _generate(name: str, options: DataOptions, num_proc: int) -> Dataset:
    names: Any = name.removeprefix("synthetic:").partition("/")
    domain, _, bed = names
    return synthetic_corpus(
        domain,
        bed=bed or None,
        num_subjects=options.max_subjects or 30,
        clips_per_subject=options.clips_per_subject or 10,
        seed=options.data_seed,
        max_frames=MAX_FRAMES,
        num_proc=num_proc,
    )


def _check_columns(data: Dataset, name: str) -> None:
    missing = [column for column in COLUMNS if column not in data.column_names]
    if missing and {"video", "events"} <= set(data.column_names):
        raise InputError(f"{name} holds recordings, not clips: python -m training.spotting --data {name} scores them")
    if missing:
        raise InputError(f"{name} lacks the columns {', '.join(missing)}; it has {', '.join(data.column_names)}")
    who = data.select_columns([*NAMES]).to_dict()
    empty = [column for column in NAMES if None in who[column]]
    if empty or not len(data):
        raise InputError(f"{name} has " + (f"rows without {', '.join(empty)}" if empty else "no rows"))


def _known(data: Dataset) -> tuple[Dataset, list[str]]:
    """The rows whose units are known, and the names of the others; all rows if no row's are."""
    about = data.select_columns([*NAMES, "action_units"]).to_dict()
    known = [row for row, codes in enumerate(about["action_units"]) if codes is not None]
    if not known or len(known) == len(data):
        return data, []
    others = sorted(set(range(len(data))) - set(known))
    return data.select(known), ["/".join(str(about[column][row]) for column in NAMES) for row in others]


def _select(data: Dataset, options: DataOptions) -> Dataset:
    """The first people in sorted order and their first clips."""
    who = data.select_columns(["dataset", "subject"]).to_dict()
    people = [f"{dataset}/{subject}" for dataset, subject in zip(who["dataset"], who["subject"], strict=True)]
    chosen = set(sorted(set(people))[: options.max_subjects])
    seen: Counter[str] = Counter()
    rows = []
    for row, person in enumerate(people):
        seen[person] += 1
        if person in chosen and seen[person] <= (options.clips_per_subject or len(people)):
            rows.append(row)
    return data if len(rows) == len(people) else data.select(rows)


def _label_vectors(
    coded: list[list[str]], name: str, action_units: Sequence[str], *, ignore_others: bool
) -> np.ndarray:
    """1 where a unit is active, float32, (clips, units)."""
    if all(codes is None for codes in coded):
        raise InputError(
            f"no clip of {name} has action units coded (SMIC has none): there is nothing to learn or score"
        )
    if not all(isinstance(codes, list) for codes in coded):
        raise InputError(
            f"{name}: action_units must be a list of codes in every row; an empty list says that there is none, "
            "null that they are unknown"
        )
    counts = Counter(code for codes in coded for code in set(codes))
    unknown = [code for code in counts if not _is_facs(code)]
    if unknown:
        raise InputError(f"{name} has labels that are no FACS codes, such as AU12: {', '.join(map(repr, unknown))}")
    others = sorted((code for code in counts if code not in action_units), key=lambda code: int(code[2:]))
    if others and not ignore_others:
        raise InputError(
            f"{name} has labels of units that the model does not have: "
            f"{', '.join(f'{code} ({counts[code]} clips)' for code in others)}; it has {', '.join(action_units)}. "
            f"Leave them out by --ignore_other_units, or name the units to detect by --action_units, "
            f"any of {', '.join(ACTION_UNITS)}"
        )
    return np.array([[unit in codes for unit in action_units] for codes in coded], np.float32)


def _is_facs(code: Any) -> bool:
    match = re.fullmatch(r"AU([1-9]\d?)", str(code))
    return match is not None and int(match[1]) in FACS_NUMBERS


def _moment(value: float | None) -> int:
    """A frame index; -1 where there is none."""
    return -1 if value is None or math.isnan(value) or value < 0 else int(value)


def _check_moments(clips: list[Clip]) -> None:
    for clip in clips:
        last = len(clip.frames) - 1
        if max(clip.onset, clip.apex) > last or (clip.apex >= 0 and clip.onset > clip.apex):
            raise InputError(
                f"clip {clip.person}/{clip.clip_id}: onset {clip.onset} and apex {clip.apex} must be in order, and "
                f"within its frames 0 to {last}"
            )


def _fingerprint(clips: list[Clip], action_units: list[str], image_size: int, stabilize: bool) -> str:
    digest = hashlib.sha256(repr((action_units, image_size, stabilize)).encode())
    for clip in clips:
        digest.update(repr((*clip[2:8], clip.labels.tolist())).encode())
    return digest.hexdigest()[:16]
