"""Test beds of the generator, and the linear readers that are tried on them."""

import json
import sys

import numpy as np
import pytest
from conftest import tiny_model

from modeling_aullm import AULLMProcessor
from training import readers
from training.data.clips import check_data, load_clips
from training.errors import InputError, run_command
from training.options import DataOptions
from training.readers import LinearReader, ReadClips, best_reader, mean_auc
from training.synthetic import BEDS, draw_face, synthetic_clip, synthetic_corpus
from training.synthetic import clip as clip_module
from training.synthetic.beds import SPURIOUS, SWAPPED, Cover, draw_bed_units, draw_cover
from training.synthetic.emotions import ANTAGONISTS, EMOTIONS


def units_of(bed, number=1500):
    return [set(draw_bed_units(np.random.default_rng([seed, 5]), bed)[1]) for seed in range(number)]


def together(drawn, first, second):
    """Share of the clips with the first unit that show the second."""
    with_first = [units for units in drawn if first in units]
    return np.mean([second in units for units in with_first])


def test_where_rules_are_changed_units_take_each_other_s_roles_and_exclusive_ones_meet():
    plain, changed = units_of(None), units_of("changed_rules")
    assert together(plain, "AU12", "AU6") > 0.3 > together(changed, "AU12", "AU6")
    assert together(changed, "AU4", SWAPPED["AU6"]) > 2 * together(plain, "AU4", SWAPPED["AU6"])
    for first, second in ANTAGONISTS:
        assert together(changed, first, second) > 3 * together(plain, first, second)
    assert {unit for units in changed for unit in units} == {unit for units in plain for unit in units}


def test_a_spurious_rule_holds_without_exception():
    first, second = SPURIOUS
    drawn = units_of("spurious_rule")
    assert all((first in units) == (second in units) for units in drawn)
    assert 0.1 < np.mean([first in units for units in drawn]) < 0.6 and any(not units for units in drawn)
    assert 0 < together(units_of(None), first, second) < 1


def test_what_is_covered_is_part_of_an_emotion():
    drawn = units_of("hidden", 300)
    assert all(not units or (len(units) > 1 and any(units <= set(own) for own in EMOTIONS.values())) for units in drawn)
    face = draw_face(np.random.default_rng(0), "B")
    covers = [draw_cover(np.random.default_rng(seed), face.landmarks) for seed in range(60)]
    for cover in covers:
        assert cover.share.shape == cover.shade.shape == (192, 192)
        assert 0 <= cover.share.min() and cover.share.max() <= 1 and 0 <= cover.shade.min() <= cover.shade.max() <= 255
        inside = cover.share[32:-32, 32:-32]
        assert 0.03 < inside.mean() < 0.7  # something is hidden, something is seen
    seen = np.mean([cover.share[32:-32, 32:-32] for cover in covers], axis=0)
    mouth, eyes, brows = seen[92], seen[43, (41, 87)], seen[30]
    assert min(mouth[41:87].mean(), eyes.mean(), brows.mean()) > 0.1  # by every region now and then


def test_behind_a_cover_nothing_moves(monkeypatch):
    face = draw_face(np.random.default_rng(1), "B")
    whole = Cover(np.full((192, 192), 90, np.float32), np.ones((192, 192), np.float32))
    nothing = Cover(whole.shade, np.zeros((192, 192), np.float32))
    moved = {}
    for name, cover in (("covered", whole), ("seen", nothing)):
        monkeypatch.setattr(clip_module, "draw_cover", lambda _rng, _landmarks, cover=cover: cover)
        clip = synthetic_clip(np.random.default_rng(2), face, "B", ["AU12"], amplitude=2.0, bed="hidden")
        moved[name] = clip.frames
    plain = synthetic_clip(np.random.default_rng(2), face, "B", ["AU12"], amplitude=2.0)
    np.testing.assert_array_equal(moved["seen"], plain.frames)
    spread = [frames.astype(float).mean(axis=0).std() for frames in (moved["covered"], plain.frames)]
    assert spread[0] < 0.2 * spread[1]


def test_weak_movements_are_weak_and_clips_without_a_bed_are_as_they_were():
    face = draw_face(np.random.default_rng(3), "B")
    clips = [synthetic_clip(np.random.default_rng(seed), face, "B", bed="weak") for seed in range(40)]
    codes = [code for clip in clips for code in clip.au_codes]
    assert len(codes) > 30 and all(code.endswith("A") for code in codes)  # FACS: a trace
    plain = synthetic_corpus("B", num_subjects=1, clips_per_subject=2, seed=4)
    bed = synthetic_corpus("B", num_subjects=1, clips_per_subject=2, seed=4, bed="changed_rules")
    assert plain["subject"] == bed["subject"] and set(plain["clip_id"]).isdisjoint(bed["clip_id"])
    with pytest.raises(ValueError, match="unknown test bed 'dark'"):
        synthetic_clip(np.random.default_rng(0), face, "B", bed="dark")


@pytest.mark.parametrize("bed", BEDS)
def test_a_bed_is_a_dataset_by_its_name(bed):
    clips = load_clips(f"synthetic:A/{bed}", DataOptions(max_subjects=1, clips_per_subject=2), ["AU4", "AU12"] + [
        unit for unit in ("AU1", "AU2", "AU5", "AU6", "AU7", "AU9", "AU10", "AU14", "AU15", "AU17")
    ]).clips  # fmt: skip
    assert [clip.clip_id for clip in clips] == [f"synthetic_A_s000_{bed}_c00{n}" for n in range(2)]


def test_another_bed_is_refused():
    for name in ("synthetic:B/hiden", "synthetic:C", "synthetic:B/"):
        with pytest.raises(
            InputError, match="there is no .*synthetic:A, synthetic:B, each also as a test bed: /hidden"
        ):
            check_data(name)


def tokens(number, seed):
    rng = np.random.default_rng(seed)
    content, instruction = rng.normal(size=(number, 12)), rng.normal(size=(number, 12))
    labels = np.stack([content[:, 0] > 0.5, content[:, 1] + rng.normal(0, 1, number) > 0, np.zeros(number)], axis=1)
    people = [f"p{n // 4}" for n in range(number)]
    clips = [f"{person}/{n}" for n, person in enumerate(people)]
    said = labels * 0.5
    return ReadClips(clips, people, labels.astype(np.float32), said, said, content, instruction, content)


def test_a_reader_reads_what_is_in_its_token_and_nothing_else():
    train, validation, test = tokens(400, 0), tokens(100, 1), tokens(400, 2)
    content = best_reader(train, validation, ("content",))(test)
    assert mean_auc(test, content) > 0.85 and (content[:, 2] == 0).all()  # which no clip showed
    assert abs(mean_auc(test, LinearReader(train, ("instruction",), 1e-3)(test)) - 0.5) < 0.1
    assert mean_auc(test, best_reader(train, validation, ("content", "instruction"))(test)) > 0.8


def test_the_command(tmp_path, monkeypatch, capsys):
    model = tiny_model()
    model.save_pretrained(tmp_path / "tiny")
    AULLMProcessor(action_units=list(model.config.action_units)).save_pretrained(tmp_path / "tiny")
    arguments = ["x", "--checkpoint", tmp_path / "tiny", "--output", tmp_path / "out", "--subjects", 16,
                 "--test_subjects", 2, "--clips_per_subject", 2]  # fmt: skip
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    monkeypatch.setattr(readers.os, "cpu_count", lambda: 1)  # so few clips are drawn sooner than processes start
    readers.main()
    table = (tmp_path / "out" / "readers.md").read_text()
    assert table in capsys.readouterr().out and table.count("| AULLM++ |") == 5 == table.count("content token")
    record = json.loads((tmp_path / "out" / "readers.json").read_text())
    hidden = record["figures"]["synthetic:B/hidden"]
    assert record["seed"] == 11 and hidden["AULLM++"]["AULLM++ ahead by"]["roc_auc"]["difference"] == 0
    ahead = hidden["AULLM++ without its LLM"]
    assert ahead["AULLM++ ahead by"]["roc_auc"]["difference"] == pytest.approx(
        hidden["AULLM++"]["roc_auc"] - ahead["roc_auc"]
    )
    assert set(record["partners"]) == set(record["figures"]) and "| size of the effect, logits |" in table
    with pytest.raises(SystemExit):
        run_command(readers.main)
    assert "is there already" in capsys.readouterr().err
    nowhere = ["x", "--checkpoint", tmp_path / "not" / "there", "--output", tmp_path / "other"]
    monkeypatch.setattr(sys, "argv", list(map(str, nowhere)))
    with pytest.raises(SystemExit):
        run_command(readers.main)
    assert "not/there: neither a folder nor the id of a repository" in capsys.readouterr().err
