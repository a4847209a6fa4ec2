"""Who is trained on and who is tested: folds in which no person and no clip stands on two sides."""

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from training.data.clips import Clip
from training.errors import InputError

UNSEEN = "unseen_subjects"  # the part of people who were kept from the training data
OTHER_DOMAIN = "other_domain"


@dataclass(frozen=True)
class Fold:
    """One training and its tests.

    Attributes:
        name: Safe as a file name.
        train: Clips to learn from.
        validation: Clips of other people, which choose the best step and the thresholds.
        test: Clips of each part that is tested, by the part's name. Two of them may share people and clips, as a
            domain and its test beds do, but not with those who were kept from the training data.
        fixed_steps: Neither a step nor a threshold is chosen, and `validation` is empty.

    Raises:
        InputError: If a side is empty, or a person or a clip stands on two sides.
    """

    name: str
    train: list[Clip]
    validation: list[Clip]
    test: dict[str, list[Clip]]
    fixed_steps: bool = False

    def __post_init__(self) -> None:
        sides = {"train": self.train} | ({} if self.fixed_steps else {"validation": self.validation}) | self.test
        for side in [side for side, clips in sides.items() if not clips] or ([] if self.test else ["test"]):
            raise InputError(f"fold {self.name}: there are no clips to be its part {side!r}; give more subjects")
        beside = set(self.test) - {UNSEEN}
        for (one, first), (other, second) in combinations(sides.items(), 2):
            if {one, other} <= beside:
                continue
            self._check_people(one, first, other, second)
            self._check_clips(one, first, other, second)

    def _check_people(self, one: str, first: list[Clip], other: str, second: list[Clip]) -> None:
        shared = sorted({clip.person for clip in first} & {clip.person for clip in second})
        if shared:
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            raise InputError(
                f"fold {self.name}: {shared[0]}{more} would stand both in {one!r} and in {other!r}; "
                "a person (dataset and subject id) must stand on one side only"
            )

    def _check_clips(self, one: str, first: list[Clip], other: str, second: list[Clip]) -> None:
        known = {clip.digest: clip for clip in first}
        for clip in second:
            if (twin := known.get(clip.digest)) is not None:
                raise InputError(
                    f"fold {self.name}: clip {twin.clip_id} of {twin.person} in {one!r} and clip {clip.clip_id} of "
                    f"{clip.person} in {other!r} have the same frames; take one of them out of the data"
                )


def leave_one_subject_out(clips: Sequence[Clip], validation_share: float, seed: int) -> list[Fold]:
    """LOSO: a fold for every person, whose clips are the part `test`.

    Args:
        clips: Of all people. A person is a dataset and a subject id in it.
        validation_share: Share of the other people that are kept from training for validation; at least one is.
        seed: Of the draw of those, a draw of its own in each fold.

    Raises:
        InputError: If there are fewer than three people, or a clip stands with two of them.
    """
    people = _people(clips)
    if len(people) < 3:
        raise InputError(
            f"leaving one subject out needs at least 3 subjects (to train, to validate, to test), "
            f"got {len(people)}: {', '.join(people) or 'none'}"
        )
    return [
        _leave_out(name, person, [clip.person for clip in clips], clips, "test", validation_share, seed)
        for person, name in fold_names(people).items()
    ]


def leave_one_dataset_out(clips: Sequence[Clip], validation_share: float, seed: int) -> list[Fold]:
    """CD6ME's protocol: a fold for every value of `dataset`, whose clips are the part `other_domain`.

    Args:
        clips: Of several datasets.
        validation_share: Share of the other datasets' people that are kept from training for validation.
        seed: Of the draw of those.

    Raises:
        InputError: If there is one dataset only, fewer than two people outside one of them, or a clip in two of them.
    """
    datasets = sorted({clip.dataset for clip in clips})
    if len(datasets) < 2:
        raise InputError(
            f"leaving one dataset out needs clips of at least 2 datasets (column `dataset`), "
            f"got {len(datasets)}: {', '.join(datasets) or 'none'}"
        )
    return [
        _leave_out(name, dataset, [clip.dataset for clip in clips], clips, OTHER_DOMAIN, validation_share, seed)
        for dataset, name in fold_names(datasets).items()
    ]


def _leave_out(
    name: str, value: str, values: list[str], clips: Sequence[Clip], part: str, validation_share: float, seed: int
) -> Fold:
    """The fold that tests the clips whose `values` are `value`."""
    left_out = [clip for clip, own in zip(clips, values, strict=True) if own == value]
    others = [clip for clip, own in zip(clips, values, strict=True) if own != value]
    shares = {"train": 1 - validation_share, "validation": validation_share}
    # Drawn anew in each fold: one draw for all would let the same few people validate nearly every fold.
    parts = split_by_subject(others, shares, (seed, zlib.crc32(value.encode())))
    return Fold(name, parts["train"], parts["validation"], {part: left_out})


def across_domains(
    train_clips: Sequence[Clip],
    tests: dict[str, list[Clip]],
    validation_share: float,
    unseen_share: float,
    seed: int,
) -> Fold:
    """Train in one domain and test in others.

    Args:
        train_clips: Of the training domain.
        tests: Of the others, by the name of their part, see `part_names`.
        validation_share: Share of the training domain's people that are kept from training for validation.
        unseen_share: Share that is kept for the test part `unseen_subjects`; 0 leaves that part out.
        seed: Of the draw of both.

    Raises:
        InputError: If the shares leave nothing to train on, there are too few people, or a person or a clip stands in
            the training domain and another.
    """
    if unseen_share < 0 or unseen_share + validation_share >= 1:
        raise InputError(
            f"unseen_share must be at least 0 and, with validation_share, less than 1; "
            f"got {unseen_share:g} and {validation_share:g}"
        )
    shares = {"train": 1 - unseen_share - validation_share}
    if unseen_share:
        shares[UNSEEN] = unseen_share
    parts = split_by_subject(train_clips, shares | {"validation": validation_share}, seed)
    train, validation = parts.pop("train"), parts.pop("validation")
    return Fold("across-domains", train, validation, parts | tests)


def part_names(tests: Sequence[str]) -> dict[str, str]:
    """The test part of each dataset of a run: `other_domain` if there is one, else a name made from its own.

    Args:
        tests: Names of datasets, see `training.data.clips.load_clips`; a folder on disk goes by its last name.

    Returns:
        Names of parts by those of datasets, as safe as `fold_names`.
    """
    if len(tests) == 1:
        return {tests[0]: OTHER_DOMAIN}
    last = [Path(name).resolve().name if Path(name).is_dir() else name for name in tests]
    short = last if len(set(last)) == len(last) else list(tests)
    # Beside the parts that a run has of itself, whose names a dataset's may not take.
    names = fold_names([*short, *(f"{own}:" for own in ("train", "validation", UNSEEN, OTHER_DOMAIN))])
    return {name: names[label] for name, label in zip(tests, short, strict=True)}


def split_by_subject(
    clips: Sequence[Clip], shares: dict[str, float], seed: int | Sequence[int]
) -> dict[str, list[Clip]]:
    """Split clips so that no person stands on two sides.

    Args:
        clips: In any order, which the parts keep.
        shares: Name of each part and its share of the people; the first takes what rounding leaves.
        seed: Of the draw.

    Returns:
        Clips of each part, of at least one person.

    Raises:
        InputError: If there are fewer people than parts.
    """
    people = _people(clips)
    if len(people) < len(shares):
        raise InputError(
            f"{len(people)} subject(s) ({', '.join(people) or 'none'}) cannot be split into {', '.join(shares)}: "
            "each part needs one of its own"
        )
    first, *others = shares
    sizes = {part: max(1, round(shares[part] * len(people))) for part in others}
    while sum(sizes.values()) >= len(people):  # rounding up has left nobody for the first part
        sizes[max(sizes, key=lambda part: sizes[part])] -= 1
    order = iter(np.random.default_rng(seed).permutation(people).tolist())
    part_of = {next(order): part for part, size in sizes.items() for _ in range(size)}
    parts: dict[str, list[Clip]] = {part: [] for part in shares}
    for clip in clips:
        parts[part_of.get(clip.person, first)].append(clip)
    return parts


def _people(clips: Iterable[Clip]) -> list[str]:
    return sorted({clip.person for clip in clips})


def fold_names(values: Sequence[str]) -> dict[str, str]:
    """A name for each of `values` that any file system takes: letters, digits, `-` and `_`, and no two alike.

    Names that would differ in nothing or in case alone end with a digest of the value.
    """
    plain = {v: re.sub(r"[^A-Za-z0-9_-]+", "_", v.replace("/", "-", 1)).strip("-_")[:60] or "unnamed" for v in values}
    times = Counter(name.lower() for name in plain.values())
    return {
        value: name if times[name.lower()] == 1 else f"{name}-{hashlib.sha256(value.encode()).hexdigest()[:8]}"
        for value, name in plain.items()
    }
