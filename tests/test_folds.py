import re

import numpy as np
import pytest
from helpers_protocol import clip, corpus

from training.data.folds import (
    Fold,
    across_domains,
    fold_names,
    leave_one_dataset_out,
    leave_one_subject_out,
    part_names,
    split_by_subject,
)
from training.errors import InputError


def sides_of(fold):
    return {"train": fold.train, "validation": fold.validation, **fold.test}


def people(clips):
    return {(c.dataset, c.subject) for c in clips}


def ids(clips):
    return sorted(c.clip_id for c in clips)


def test_every_person_is_tested_once_by_models_that_never_saw_them():
    clips = corpus(7)
    folds = leave_one_subject_out(clips, 0.3, seed=1)
    assert sorted(c.clip_id for fold in folds for c in fold.test["test"]) == ids(clips)
    for fold in folds:
        (tested,) = people(fold.test["test"])
        assert tested not in people(fold.train) | people(fold.validation)
        assert len(people(fold.validation)) == 2 and len(people(fold.train)) == 4
        assert ids([c for side in sides_of(fold).values() for c in side]) == ids(clips)


def test_the_inner_split_comes_from_the_seed_and_not_from_the_order_of_clips():
    clips = corpus(8)
    shuffled = [clips[i] for i in np.random.default_rng(0).permutation(len(clips))]

    def split(order, seed):
        return {f.name: (ids(f.train), ids(f.validation)) for f in leave_one_subject_out(order, 0.3, seed)}

    assert split(clips, 1) == split(shuffled, 1)
    assert split(clips, 1) != split(clips, 2)


def test_validation_people_differ_from_fold_to_fold():
    folds = leave_one_subject_out(corpus(20), 0.1, seed=1)
    assert len({person for fold in folds for person in people(fold.validation)}) > 10


def test_the_same_subject_id_in_two_datasets_is_two_people():
    clips = [clip("1", dataset=name) for name in ("a", "b", "c")]
    assert len(leave_one_subject_out(clips, 0.1, seed=1)) == 3


@pytest.mark.parametrize(("count", "said"), [(0, "got 0: none"), (1, "got 1: a/s0"), (2, "got 2: a/s0, a/s1")])
def test_too_few_subjects_are_refused(count, said):
    with pytest.raises(InputError, match=f"at least 3 subjects.*{said}"):
        leave_one_subject_out(corpus(count), 0.1, seed=1)


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_somebody_trains_and_somebody_validates_whatever_the_share(share):
    for fold in leave_one_subject_out(corpus(3), share, seed=1):
        assert len(people(fold.train)) == len(people(fold.validation)) == 1


def test_a_shared_person_is_named():
    with pytest.raises(InputError, match="fold f: a/s1 would stand both in 'train' and in 'test'"):
        Fold("f", [clip("s0"), clip("s1")], [clip("s2")], {"test": [clip("s1", 9)]})
    with pytest.raises(InputError, match="a/s2 would stand both in 'validation' and in 'other'"):
        Fold("f", [clip("s0")], [clip("s2")], {"test": [clip("s3")], "other": [clip("s2", 9)]})


def test_the_same_frames_under_two_names_are_found():
    clips = [*corpus(4), clip("s9", 0, digest=corpus(4)[0].digest)]
    with pytest.raises(
        InputError, match=r"fold a-s0: clip a-s9-0 of a/s9 in .* and clip a-s0-0 of a/s0 in 'test' have"
    ):
        leave_one_subject_out(clips, 0.3, seed=1)
    with pytest.raises(InputError, match="clip a-s0-0 of a/s0 .*have the same frames"):
        twin = clip("x", dataset="b", digest=corpus(4)[0].digest)
        across_domains(corpus(4), {"other_domain": [twin]}, 0.3, 0, seed=1)


def test_a_person_may_have_the_same_clip_twice():
    leave_one_subject_out([*corpus(4), clip("s0", 7, digest=corpus(4)[0].digest)], 0.3, seed=1)


@pytest.mark.parametrize("empty", ["train", "validation", "test"])
def test_an_empty_side_is_named(empty):
    sides = {"train": [clip("s0")], "validation": [clip("s1")], "test": [clip("s2")]} | {empty: []}
    with pytest.raises(InputError, match=f"no clips to be its part '{empty}'"):
        Fold("f", sides["train"], sides["validation"], {"test": sides["test"]})
    with pytest.raises(InputError, match="no clips to be its part 'test'"):
        Fold("f", [clip("s0")], [clip("s1")], {})


def test_each_dataset_is_left_out_once():
    clips = [c for name in ("casme", "samm", "4dme") for c in corpus(3, dataset=name)]
    folds = {fold.name: fold for fold in leave_one_dataset_out(clips, 0.3, seed=1)}
    assert set(folds) == {"casme", "samm", "4dme"}
    for name, fold in folds.items():
        assert ids(fold.test["other_domain"]) == ids(c for c in clips if c.dataset == name)
        assert len(people(fold.validation)) == 2 and len(people(fold.train)) == 4
        assert name not in {c.dataset for c in fold.train + fold.validation}


def test_one_dataset_alone_cannot_be_left_out():
    with pytest.raises(InputError, match="at least 2 datasets.*got 1: a"):
        leave_one_dataset_out(corpus(), 0.1, seed=1)


def test_across_domains_keeps_people_of_the_training_domain_unseen():
    here, there = corpus(10), corpus(4, dataset="b")
    fold = across_domains(here, {"other_domain": there}, 0.2, 0.3, seed=1)
    assert ids(fold.test["other_domain"]) == ids(there)
    assert [len(people(side)) for side in sides_of(fold).values()] == [5, 2, 3, 4]
    assert set(across_domains(here, {"other_domain": there}, 0.2, 0, seed=1).test) == {"other_domain"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((corpus(4), corpus(2), 0.2, 0.2), "a/s[01].* would stand both in .* and in 'other_domain'"),
        ((corpus(4), [], 0.2, 0.2), "no clips to be its part 'other_domain'"),
        ((corpus(4), corpus(2, dataset="b"), 0.5, 0.5), "less than 1; got 0.5 and 0.5"),
        ((corpus(4), corpus(2, dataset="b"), 0.5, -0.1), "at least 0"),
        (
            (corpus(1), corpus(2, dataset="b"), 0.1, 0),
            r"1 subject\(s\) \(a/s0\) cannot be split into train, validation",
        ),
        ((corpus(2), corpus(2, dataset="b"), 0.1, 0.1), "cannot be split into train, unseen_subjects, validation"),
    ],
)
def test_domains_that_cannot_be_used(arguments, said):
    with pytest.raises(InputError, match=said):
        train, test, *shares = arguments
        across_domains(train, {"other_domain": test}, *shares, seed=1)


def test_test_sets_may_share_people_and_clips_with_each_other_and_with_no_other_side():
    here, there = corpus(10), corpus(4, dataset="b")
    bed = [c._replace(clip_id=f"{c.clip_id}_bed") for c in there]  # the same people, and here and there the same frames
    fold = across_domains(here, {"plain": there, "bed": bed}, 0.2, 0.3, seed=1)
    assert list(fold.test) == ["unseen_subjects", "plain", "bed"] and ids(fold.test["bed"]) == ids(bed)
    for side in ("train", "validation", "unseen_subjects"):
        known = sides_of(fold)[side][0]
        for extra, said in (
            (known, f"{known.person} would stand both in '{side}' and in 'bed'"),
            (clip("x", dataset="c", digest=known.digest), "have the same frames"),
        ):
            with pytest.raises(InputError, match=said):
                across_domains(here, {"plain": there, "bed": [*bed, extra]}, 0.2, 0.3, seed=1)


def test_parts_are_named_after_their_data_and_never_as_a_part_that_is_there_already(tmp_path, monkeypatch):
    assert part_names(["synthetic:B"]) == {"synthetic:B": "other_domain"}
    beds = ["synthetic:B", "synthetic:B/hidden", "my-lab/samm"]
    assert list(part_names(beds).values()) == ["synthetic_B", "synthetic_B-hidden", "my-lab-samm"]
    for name in ("x/samm", "x/unseen_subjects", "x/Validation", "y/samm"):
        (tmp_path / name).mkdir(parents=True)
    folders = [str(tmp_path / name) for name in ("x/samm", "x/unseen_subjects", "x/Validation")]
    found = part_names(folders)
    assert found[folders[0]] == "samm" and {"unseen_subjects", "validation"}.isdisjoint(found.values())
    assert found[folders[1]].startswith("unseen_subjects-") and found[folders[2]].startswith("Validation-")
    assert len(set(part_names([folders[0], str(tmp_path / "y/samm")]).values())) == 2


def test_rounding_leaves_nobody_out():
    shares = {"train": 0.1, "validation": 0.45, "test": 0.45}
    for count in range(3, 12):
        parts = split_by_subject(corpus(count), shares, seed=0)
        assert all(parts.values()) and ids(c for part in parts.values() for c in part) == ids(corpus(count))


def test_fold_names_are_safe_anywhere_and_tell_people_apart():
    subjects = [
        "../../etc/passwd",
        "/",
        "a b",
        "a_b",
        "a  b",
        "..",
        "",
        "S1",
        "s1",
        "\u5f20\u4e09",
        "x" * 300,
        "con",
        "a\nb",
    ]
    names = [fold.name for fold in leave_one_subject_out([clip(s) for s in subjects], 0.1, seed=1)]
    assert len({name.lower() for name in names}) == len(subjects)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", name) for name in names)
    assert fold_names(["casme2/sub01"]) == {"casme2/sub01": "casme2-sub01"}
