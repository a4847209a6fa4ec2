"""Recordings of a dataset: learned from, read, scored; each person left out."""

import json
import math
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from helpers_video import write_video

from modeling_aullm import DEFAULT_CHECKPOINT, AULLMProcessor
from training import spotting, spotting_folds
from training.data.recordings import recording_features
from training.errors import InputError, run_command
from training.events.finding import judged
from training.events.labelled import LabelledRecording, labelled_recordings
from training.events.targets import loss_of, targets_of
from training.scoring.spotting import Event, count_unit_events
from training.spotting_folds import folds_of
from training.synthetic import draw_face
from training.synthetic.recording import synthetic_recording

SECONDS = 6.0
UNITS = ["AU4", "AU12"]


def row(tmp_path, number):
    """A recording that the generator draws, as `hub.prepare` would keep it."""
    drawn = next(
        drawn
        for seed in range(10 * number, 10 * number + 10)
        if (drawn := synthetic_recording(np.random.default_rng(seed), draw_face(np.random.default_rng([seed, 1])),
                                         seconds=SECONDS, quiet=number == 3)).fps <= 60
    )  # fmt: skip
    frames = np.repeat(drawn.frames[..., None], 3, axis=-1)
    path = write_video(
        tmp_path / f"{number}.mkv", frames, "ffv1", pts=[round(1000 * n / drawn.fps) for n in range(len(frames))]
    )
    last = len(frames) - 1

    def event(each):
        at = {name: min(last, round(getattr(each, name) * drawn.fps)) for name in ("onset", "apex", "offset")}
        kind = "macro" if each.kind == "longer" else "micro"
        return at | {"kind": kind, "emotion": None, "action_units": list(each.action_units), "au_codes": None}

    return {
        "dataset": "drawn", "subject": f"s{number}", "recording_id": f"r{number}", "fps": float(drawn.fps),
        "num_frames": len(frames), "room": 0, "events": [event(each) for each in drawn.events],
        "frame_numbers": list(range(len(frames))), "landmarks": drawn.landmarks.tolist(), "video": path.read_bytes(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return [row(folder, number) for number in range(4)]


def save(rows, folder):
    datasets.Dataset.from_list(rows, features=recording_features()).save_to_disk(folder)
    return str(folder)


@pytest.fixture(scope="module")
def data(rows, tmp_path_factory):
    return save(rows, tmp_path_factory.mktemp("data") / "recordings")


@pytest.fixture(scope="module")
def recordings(data):
    return labelled_recordings(data, AULLMProcessor.from_pretrained(DEFAULT_CHECKPOINT).action_units)


def test_a_recording_is_what_its_coders_saw_at_the_times_of_its_frames(rows, recordings):
    assert [recording.name for recording in recordings] == [f"drawn/s{n}/r{n}" for n in range(4)]
    for each, recording in zip(rows, recordings, strict=True):
        assert recording.person == f"drawn/{each['subject']}" and not recording.unnamed
        assert recording.minutes == pytest.approx(SECONDS / 60, rel=0.02)
        assert [e.onset for e in recording.events] == pytest.approx([e["onset"] / each["fps"] for e in each["events"]])
        assert [e.kind == "longer" for e in recording.events] == [e["kind"] == "macro" for e in each["events"]]
        assert sum(part.minutes for part in recording.parts) > 0.8 * recording.minutes
        for part in recording.parts:
            assert part.is_quiet == (not each["events"]) and len(part.stretch.crops) == len(part.stretch.times)
            assert all(part.stretch.times[0] <= (e.onset + e.offset) / 2 <= part.stretch.times[-1] for e in part.events)
    assert sum(len(recording.events) for recording in recordings) >= 3


def test_what_nobody_coded_is_neither_learned_nor_scored(rows, tmp_path):
    first = next(each for each in rows if each["events"])
    unsure = [event | {"action_units": None, "apex": -1} for event in first["events"]]
    data = save([first | {"events": unsure}, first | {"events": None, "recording_id": "unseen"}], tmp_path / "data")
    (recording,) = labelled_recordings(data, UNITS)
    assert recording.unnamed == set(recording.events) and all(math.isnan(event.apex) for event in recording.events)
    found = [Event(e.onset, e.onset, e.offset, frozenset({"AU4"})) for e in recording.events]
    elsewhere = Event(SECONDS + 1, SECONDS + 1, SECONDS + 2, frozenset({"AU12"}))
    counted = count_unit_events([judged(recording, [*found, elsewhere])])
    assert list(counted) == ["AU12"] and counted["AU12"].found == 1  # AU4 may be right, for all that is known
    part = next(part for part in recording.parts if part.events)
    targets = targets_of(part, UNITS)
    near = targets.near > 0
    assert np.isnan(targets.units[near]).all() and np.isnan(targets.extent[near, 2]).all()
    assert not np.isnan(targets.extent[:, :2]).any() and targets.middle.max() == 1


def test_an_unknown_unit_teaches_nothing_about_units():
    import torch

    from modeling_aullm.temporal_head import TemporalScores

    shape = (1, 5)
    targets = {
        "middle": torch.zeros(shape), "near": torch.ones(shape), "extent": torch.zeros(*shape, 3),
        "units": torch.full((*shape, 2), math.nan), "activity": torch.full((*shape, 2), math.nan),
        "others": torch.zeros(*shape, 3), "known": torch.zeros(shape),
    }  # fmt: skip
    targets["extent"][..., 2] = math.nan
    says = [torch.randn(*shape, *more, requires_grad=True) for more in ((), (3,), (2,), (2,), (3,))]
    parts = loss_of(TemporalScores(*says), targets)
    sum(parts.values()).backward()
    assert all(torch.isfinite(part) for part in parts.values())
    middle, extent, units, activity, _ = (say.grad for say in says)
    assert not units.any() and not activity.any() and not extent[..., 2].any()
    assert extent[..., :2].any() and middle.any()


def test_each_person_is_left_out_once_and_stands_on_one_side():
    people = [LabelledRecording(f"d/{n // 2}", f"d/{n // 2}/{n}", [], (), frozenset(), 1.0) for n in range(12)]
    folds = folds_of(people, [], 0.3, seed=1)
    assert [fold.name for fold in folds] == [f"d-{n}" for n in range(6)]
    for fold in folds:
        sides = [{recording.person for recording in side} for side in (fold.train, fold.validation, fold.test)]
        assert [len(side) for side in sides] == [3, 2, 1] and set.union(*sides) == {each.person for each in people}
        assert len(fold.train) + len(fold.validation) + len(fold.test) == 12
    assert len({frozenset(r.person for r in fold.validation) for fold in folds}) > 1
    other = [LabelledRecording("e/0", "e/0/0", [], (), frozenset(), 1.0)]
    (across,) = folds_of(people, other, 0.3, seed=1)
    assert across.test == other and {r.person for r in across.train}.isdisjoint(r.person for r in across.validation)
    with pytest.raises(InputError, match="d/3 would stand both in --data and in --test"):
        folds_of(people, [people[6]], 0.3, seed=1)
    with pytest.raises(InputError, match=r"2 subject\(s\) are too few"):
        folds_of(people[:4], [], 0.3, seed=1)


def command(monkeypatch, module, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


def test_the_folds_go_on_where_they_were_stopped_and_are_scored_together(data, tmp_path, monkeypatch, capsys):
    arguments = ("--checkpoint", DEFAULT_CHECKPOINT, "--data", data, "--output", tmp_path / "run", "--steps", 2,
                 "--batch_size", 2)  # fmt: skip
    monkeypatch.setattr(spotting_folds, "FEWEST", 1)
    run_fold, done = spotting_folds.run_fold, []

    def stopped(fold, *rest):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(fold.name)
        return run_fold(fold, *rest)

    monkeypatch.setattr(spotting_folds, "run_fold", stopped)
    with pytest.raises(KeyboardInterrupt):
        command(monkeypatch, spotting_folds, *arguments)
    assert not (tmp_path / "run" / "spotting.json").exists()
    monkeypatch.setattr(
        spotting_folds, "run_fold", lambda fold, *rest: (done.append(fold.name), run_fold(fold, *rest))[1]
    )
    command(monkeypatch, spotting_folds, *arguments)
    assert done == [f"drawn-s{n}" for n in range(4)]  # each once
    record = json.loads((tmp_path / "run" / "spotting.json").read_text())
    learned, as_it_is = record["sets"]
    assert learned["recordings"] == as_it_is["recordings"] == 4 and learned["events"] == as_it_is["events"] >= 3
    (method,) = learned["methods"].values()
    assert set(method) == {"high", "normal", "low"}
    assert all(scores["spotting"]["true"] == learned["events"] for scores in method.values())
    folds = [json.loads(path.read_text()) for path in (tmp_path / "run" / "folds").iterdir()]
    assert len({json.dumps(fold["calibration"]) for fold in folds}) > 1  # each has its own
    assert all(len(fold["found"]) == 1 for fold in folds)
    with pytest.raises(SystemExit):
        monkeypatch.setattr(sys, "argv", ["x", *map(str, arguments), "--seed", "2"])
        run_command(spotting_folds.main)
    assert "is the folder of another run" in capsys.readouterr().err


def test_a_checkpoint_is_scored_as_it_is_and_reported(data, tmp_path, monkeypatch):
    command(monkeypatch, spotting, "--checkpoint", DEFAULT_CHECKPOINT, "--data", data, "--output", tmp_path / "run")
    (scored,) = json.loads((tmp_path / "run" / "spotting.json").read_text())["sets"]
    assert scored["name"] == data and scored["recordings"] == 4
    assert scored["methods"]["aullm predict"]["normal"]["spotting"]["recall"] > 0.3


def test_clips_are_no_recordings(tmp_path, monkeypatch, capsys):
    datasets.Dataset.from_list([{"frames": [[[0]]], "dataset": "a"}]).save_to_disk(tmp_path / "clips")
    arguments = ("--checkpoint", DEFAULT_CHECKPOINT, "--data", tmp_path / "clips", "--output", tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["x", *map(str, arguments)])
    with pytest.raises(SystemExit):
        run_command(spotting.main)
    assert "is no dataset of recordings, which hub.prepare makes" in capsys.readouterr().err
    assert not Path(tmp_path / "run").exists()
