"""Recordings that are drawn, and what is learned, calibrated and chosen by them."""

import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from conftest import tiny_model
from helpers_process import run_python
from helpers_video import astronaut, write_video
from torch import nn

from modeling_aullm import AULLMForAUDetection, AULLMProcessor
from modeling_aullm.event_reading import Proposal, StretchReading
from modeling_aullm.motion_stretch import MotionStretch
from modeling_aullm.temporal_head import TemporalHead, TemporalScores
from training.errors import InputError
from training.events import calibration, fit
from training.events.calibration import FALSE_ALARMS, calibrate, choose_sensitivities, found_at
from training.events.motion_records import MotionRecord, quiet_records, record_of
from training.events.targets import loss_of, targets_of
from training.events.windows import WINDOW_STEPS, MotionWindows
from training.scoring.spotting import Event, match_events
from training.synthetic import draw_face, recording
from training.synthetic.emotions import UNITS
from training.synthetic.faces import MARGIN
from training.synthetic.recording import synthetic_recording
from training.synthetic.spans import Movement, held, pulse

SECONDS = 6.0
CODES = ["AU4", "AU12"]


def drawn(seed, **how):
    return synthetic_recording(np.random.default_rng(seed), draw_face(np.random.default_rng([seed, 1])),
                               seconds=SECONDS, **how)  # fmt: skip


@pytest.fixture(scope="module")
def recordings():
    return [drawn(seed, quiet=False) for seed in range(4)]


def test_events_lie_within_the_recording_in_order_and_say_what_they_are(recordings):
    assert sum(len(each.events) for each in recordings) >= 3
    for each in recordings:
        assert each.frames.dtype == np.uint8 and each.frames.ndim == 3 and each.frames.std() > 5
        assert len(each.frames) == round(SECONDS * each.fps)
        assert (each.landmarks > 0).all() and (each.landmarks < each.frames.shape[1]).all()
        for event in each.events:
            assert 0 <= event.onset < event.apex < event.offset <= SECONDS
            assert event.kind == ("micro" if event.offset - event.onset <= 0.5 else "longer")
            assert event.action_units and set(event.action_units) <= set(UNITS) and event.amplitude > 0
        ends = [(event.onset, event.offset) for event in each.events]
        assert all(before[1] < behind[0] for before, behind in pairwise(ends))
        assert not any(s < b and e > a for s, e in each.others["talk"] for a, b in ends)
        for spans in each.others.values():
            assert all(0 <= start < end <= SECONDS for start, end in spans)


def test_the_same_seed_gives_the_same_frames_and_quiet_ones_have_no_event(recordings):
    again = drawn(1, quiet=False)
    np.testing.assert_array_equal(again.frames, recordings[1].frames)
    assert again.events == recordings[1].events and not np.array_equal(again.frames[0], recordings[2].frames[0])
    assert drawn(1, quiet=True).events == ()


@pytest.mark.parametrize(
    ("unit", "anchor", "down"), [("AU12", "mouth_corner", -1), ("AU4", "brow_inner", 1), ("AU2", "brow_outer", -1)]
)
def test_the_skin_moves_where_its_units_pull_and_comes_back(unit, anchor, down, monkeypatch):
    """Of a face that does nothing else, by OpenCV's dense flow."""

    def at_rest(_rng, _face, grid, num_frames, _fps):
        still = [Movement(0, np.zeros(num_frames), np.zeros_like(grid))]
        return still, np.zeros(num_frames), {"blink": [], "talk": [], "head": []}

    monkeypatch.setattr(recording, "_restlessness", at_rest)
    monkeypatch.setattr(recording, "draw_action_units", lambda _rng: ("", [unit]))
    monkeypatch.setattr(recording, "draw_amplitude", lambda *_: 2.5)
    seed, shown = next((n, r) for n, r in ((n, drawn(n, quiet=False)) for n in range(2, 40)) if r.events)
    event, size = shown.events[0], shown.frames.shape[1]
    last = len(shown.frames) - 1
    onset, apex, end = (
        shown.frames[min(last, round(time * shown.fps))] for time in (event.onset, event.apex, event.offset)
    )
    away, back = (
        cv2.calcOpticalFlowFarneback(onset, frame, None, 0.5, 3, 15, 5, 7, 1.5, 0)[..., 1] for frame in (apex, end)
    )
    scale = 64 * (1 + 2 * MARGIN) / size  # pixels of the 64-pixel crop a pixel
    seen = []
    for place in np.atleast_2d(getattr(draw_face(np.random.default_rng([seed, 1])).landmarks, anchor)):
        x, y = ((np.asarray(place) + MARGIN) / (1 + 2 * MARGIN) * size).astype(int)
        at = slice(y - 5, y + 6), slice(x - 5, x + 6)
        seen.append((down * scale * away[at].mean(), down * scale * back[at].mean()))
    there, rest = max(seen)
    assert there > 0.4 and abs(rest) < 0.4 * there


def test_courses_begin_and_end_at_rest():
    course = pulse(200, 100, 0.5, 1.0, peak=0.7)
    assert course[:50].max() == 0 and course[100:].max() == pytest.approx(0, abs=1e-9)
    assert course.argmax() == 70 and course.max() == pytest.approx(1)
    step = held(100, 50, 0.5, 1.0)
    assert step[:25].max() == 0 and step[50:].min() == 1 and (np.diff(step) >= 0).all()


def record(events, steps=400, seed=0, others=None):
    """Motion that is noise, but for a bump in a corner while there is an event."""
    rng = np.random.default_rng(seed)
    times = 0.02 * np.arange(steps)
    motion = rng.normal(0, 0.02, (steps, 4, 16, 16))
    for event in events:
        bump = np.clip(1 - np.abs(times - (event.onset + event.offset) / 2) / (event.offset - event.onset), 0, 1)
        motion[:, 1, 10:13, 3:6] -= bump[:, None, None]
    stretch = MotionStretch(
        1, times, np.arange(steps), motion.astype(np.float16), rng.normal(0, 0.02, (steps, 6)).astype(np.float32),
        np.zeros((steps, 64, 64), np.uint8), (0, steps), (), (0, 0.0), (steps - 1, times[-1]), 50.0, {},
    )  # fmt: skip
    return MotionRecord(stretch, tuple(events), others, not events)


EVENT = Event(2.0, 2.1, 2.4, frozenset({"AU12"}), "micro")


def test_targets_say_where_the_middle_is_how_far_the_ends_and_which_units():
    targets = targets_of(record([EVENT], others={"blink": [(1.0, 1.2)], "talk": [], "head": []}), CODES)
    middle = 110
    assert targets.middle.argmax() == middle and targets.middle[middle] == 1 and (targets.middle == 1).sum() == 1
    back, on, share = targets.extent[middle]
    assert np.exp([back, on]) == pytest.approx([0.2, 0.2], abs=0.005) and share == pytest.approx(0.25)
    near = np.flatnonzero(targets.near)
    assert near.min() < middle < near.max() and np.all(targets.units[near] == [0, 1])
    for step in near:  # each tells the same ends from where it is
        time = 0.02 * step
        ends = time - np.exp(targets.extent[step, 0]), time + np.exp(targets.extent[step, 1])
        assert ends == pytest.approx((2.0, 2.4), abs=1e-3)
    np.testing.assert_array_equal(np.flatnonzero(targets.activity[:, 1]), np.arange(100, 121))
    assert not targets.activity[:, 0].any() and targets.known.all()
    np.testing.assert_array_equal(np.flatnonzero(targets.others[:, 0]), np.arange(50, 61))
    assert not targets_of(record([]), CODES).known.any() and not targets_of(record([]), CODES).middle.any()


def test_the_loss_is_least_where_what_is_said_is_true():
    targets = {name: torch.from_numpy(v)[None] for name, v in vars(targets_of(record([EVENT]), CODES)).items()}

    def scores(at):
        say = torch.full((1, 400), -8.0)
        say[0, at] = 8.0
        units = torch.where(targets["units"] > 0, 8.0, -8.0)
        activity = torch.where(targets["activity"] > 0, 8.0, -8.0)
        return TemporalScores(say, targets["extent"], units, activity, torch.zeros(1, 400, 3))

    right, wrong = (sum(loss_of(scores(at), targets).values()).item() for at in (110, 250))
    assert right < 0.05 < wrong
    silent = TemporalScores(*(torch.zeros(1, 400, *shape) for shape in ((), (3,), (2,), (2,), (3,))))
    assert sum(loss_of(silent, targets).values()).item() > right


def test_windows_hold_the_motion_of_their_recording_and_are_the_same_each_time():
    windows = MotionWindows([record([EVENT]), record([], steps=100)], CODES, 40, seed=3)
    assert len(windows) == 40 and len(windows.records) == 1  # the short one is left out
    middles = 0
    for number in range(40):
        first, again = windows[number], windows[number]
        assert first["motion"].shape == (WINDOW_STEPS, 4, 16, 16) and first["motion"].dtype == torch.float32
        assert all(torch.equal(first[name], again[name]) for name in first)
        if first["middle"].max() == 1:
            middles += 1
            at = int(first["middle"].argmax())
            bump = -first["motion"][at, 1, 10:13].mean(dim=0)
            side = int(bump.argmax())
            assert side in (3, 4, 5, 10, 11, 12) and bump[side] > 0.4  # or mirrored
    assert middles > 20


def test_a_few_steps_lower_the_loss():
    records = [record([EVENT, Event(5.0, 5.3, 5.6, frozenset({"AU4"}), "longer")], seed=1), record([], seed=2)]
    windows = MotionWindows(records, CODES, 6, seed=9)
    batch = {name: torch.stack([windows[n][name] for n in range(6)]) for name in windows[0]}

    @torch.no_grad()
    def loss(head):
        parts = loss_of(head(batch["motion"], batch["head"]), batch)
        assert all(torch.isfinite(part) for part in parts.values())
        return sum(parts.values()).item()

    torch.manual_seed(0)
    head = TemporalHead(2, width=16)
    fit.expect_nothing(head)
    before = loss(head)
    trained = fit.fit_temporal_head(head, records, CODES, steps=25, batch_size=2, seed=1)
    assert loss(trained) < 0.8 * before and not trained.training
    assert next(trained.parameters()).dtype == torch.float32


class Reader(nn.Module):
    """In place of AULLM++: tells AU12 by the brightness of the clip."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(num_frames=6)
        self.temporal_head = TemporalHead(2, width=8)

    def forward(self, pixel_values):
        bright = pixel_values.mean(dim=(1, 2, 3))
        return SimpleNamespace(logits=torch.stack([torch.zeros_like(bright), bright], dim=1))


def test_what_is_calibrated_is_as_often_true_as_it_says(monkeypatch):
    rng = np.random.default_rng(0)
    records, said = [], {}
    for number in range(60):
        logits = rng.normal(0, 2, 20)
        is_true = rng.random(20) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
        events = [Event(2.0 * n + 1, 2.0 * n + 1.1, 2.0 * n + 1.4, frozenset({"AU12"})) for n in range(20)]
        proposals = [Proposal(e.onset, e.apex, e.offset, 1 / (1 + np.exp(-z))) for e, z in zip(events, logits)]
        own = [torch.tensor([-2.0, 2.0]) + torch.randn(2) for _ in proposals]
        record_ = record([event for event, true in zip(events, is_true) if true], steps=300, seed=number)
        records.append(record_)
        said[id(record_.stretch.times)] = list(zip(proposals, own))
    monkeypatch.setattr(calibration, "score_stretch", lambda _model, stretch: stretch)
    monkeypatch.setattr(calibration, "propose", lambda _scores, stretch: said[id(stretch.times)])
    model = Reader()
    weight, bias = model.temporal_head.scores.weight[0].clone(), model.temporal_head.scores.bias[0].clone()
    others = model.temporal_head.scores.weight[1:].clone()
    fitted = calibrate(model, records, CODES)
    slope, offset = fitted["curve"]
    assert (slope, offset) == pytest.approx((0.5, -1.0), abs=0.2) and fitted["proposals"] == 1200
    assert fitted["true"] == sum(len(each.events) for each in records)
    torch.testing.assert_close(model.temporal_head.scores.weight[0], weight * slope)
    torch.testing.assert_close(model.temporal_head.scores.bias[0], bias * slope + offset)
    torch.testing.assert_close(model.temporal_head.scores.weight[1:], others)
    assert model.temporal_head.mixture.tolist() == pytest.approx(fitted["mixture"], rel=1e-5)
    assert fitted["mixture"][0] > 0.5  # the own reader is right here


def test_without_any_true_proposal_nothing_can_be_calibrated(monkeypatch):
    monkeypatch.setattr(calibration, "score_stretch", lambda *_: None)
    monkeypatch.setattr(calibration, "propose", lambda *_: [])
    with pytest.raises(InputError, match="no event of the validation recordings was found"):
        calibrate(Reader(), [record([EVENT])], CODES)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_sensitivity_keeps_to_its_false_alarms_and_is_as_low_as_that_allows(seed):
    rng = np.random.default_rng(seed)
    processor = AULLMProcessor(action_units=CODES)
    known = dict(processor.sensitivities)
    records, readings = [], []
    for number in range(12):
        events = [EVENT] if number % 3 else []
        records.append(record(events, steps=3000, seed=number))
        wrong = [Proposal(10.0 + 2 * n, 10.1 + 2 * n, 10.4 + 2 * n, float(rng.beta(1.2, 4)), rng.random(2))
                 for n in range(18)]  # fmt: skip
        right = [Proposal(2.0, 2.1, 2.4, float(rng.beta(4, 1.5)), np.array([0.1, 0.9])) for _ in events]
        readings.append(StretchReading([*right, *wrong], np.zeros((3000, 2))))
    chosen = choose_sensitivities(processor, records, readings)
    minutes = sum(each.minutes for each in records)

    def alarms(probability, unit_probability):
        count = 0
        for each, reading in zip(records, readings):
            found = found_at(processor, each, reading, probability, unit_probability)
            count += len(found) - len(match_events(each.events, found))
        return count / minutes

    assert list(chosen) == list(FALSE_ALARMS) and processor.sensitivities == known
    for name, limits in chosen.items():
        rate = alarms(limits["probability"], limits["unit_probability"])
        assert rate <= FALSE_ALARMS[name] and limits["false_alarms_per_minute"] == pytest.approx(rate, abs=1e-3)
        if limits["probability"] > 0.03:
            assert alarms(limits["probability"] - 0.01, limits["unit_probability"]) > FALSE_ALARMS[name]
    assert chosen["high"]["probability"] <= chosen["normal"]["probability"] <= chosen["low"]["probability"]


def test_a_drawn_recording_is_followed_from_its_first_to_its_last_frame(recordings):
    shown = recordings[0]
    followed = record_of(shown, with_crops=True)
    assert len(followed.stretch.times) == pytest.approx(50 * SECONDS, abs=4) == len(followed.stretch.crops)
    assert [event.onset for event in followed.events] == [event.onset for event in shown.events]
    assert followed.minutes == pytest.approx(SECONDS / 60, rel=0.02) and np.isfinite(followed.stretch.motion).all()


def test_quiet_recordings_of_a_user(tmp_path):
    with pytest.raises(InputError, match=r"--quiet .*missing: no such file or folder"):
        quiet_records(str(tmp_path / "missing"))
    with pytest.raises(InputError, match="holds no images and no videos"):
        quiet_records(str(tmp_path))
    write_video(tmp_path / "a.mp4", np.repeat(astronaut()[None], 45, axis=0))
    (found,) = quiet_records(str(tmp_path))
    assert found.is_quiet and found.events == () and found.others is None and found.minutes > 0.02
    (tmp_path / "b.mp4").write_text("no video")
    with pytest.raises(InputError, match="b.mp4") as told:
        quiet_records(str(tmp_path))
    assert "\n" not in str(told.value) and str(told.value).count("b.mp4") == 1


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    model = tiny_model()
    model.save_pretrained(folder)
    AULLMProcessor(action_units=list(model.config.action_units)).save_pretrained(folder)
    return folder


def run(module, *arguments):
    return run_python("-m", module, arguments, dict(os.environ), Path.cwd())


def test_the_command_refuses_in_one_line_before_the_long_work(tmp_path, checkpoint, monkeypatch, capsys):
    from training import spotting, temporal_head
    from training.errors import run_command

    for module in (spotting, temporal_head):
        monkeypatch.setattr(module, "drawn_records", lambda *_, **__: 1 / 0)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "spotting.json").write_text("{}")
    head, spot = (temporal_head, "--output", tmp_path / "new"), (spotting, "--output", tmp_path / "new")
    for (module, *rest), says in [
        ((*head, "--checkpoint", tmp_path / "missing"), "missing"),
        ((*head, "--checkpoint", tmp_path / "there"), "there"),
        ((*head, "--checkpoint", checkpoint, "--recordings", "0"), "--recordings must be at least 1"),
        ((*head, "--checkpoint", checkpoint, "--seconds", "2"), "--seconds must be from 6 to 600"),
        ((*head, "--checkpoint", checkpoint, "--quiet", tmp_path / "missing"), "--quiet"),
        ((*head, "--checkpoint", checkpoint, "--head", checkpoint), "has no temporal head; wanted is one for AU1, AU2"),
        ((temporal_head, "--output", tmp_path / "there", "--checkpoint", checkpoint), "is there already"),
        ((spotting, "--output", tmp_path / "there", "--checkpoint", checkpoint), "is there already"),
        ((*spot, "--checkpoint", tmp_path / "missing"), "missing"),
        ((*spot, "--checkpoint", checkpoint), "no temporal head; python -m training.temporal_head"),
        ((*spot, "--checkpoint", checkpoint, "--photographs", tmp_path / "missing"), "no such folder"),
        ((*spot, "--checkpoint", checkpoint, "--recordings", "0"), "--recordings must be at least 1"),
    ]:
        monkeypatch.setattr(sys, "argv", ["command", *map(str, rest)])
        with pytest.raises(SystemExit) as ended:
            run_command(module.main)
        error = capsys.readouterr().err
        lines = [line for line in error.splitlines() if line.startswith("error:")]
        assert ended.value.code == 2 and len(lines) == 1 and says in lines[0] and "Traceback" not in error, rest
    assert not (tmp_path / "new").exists() and (tmp_path / "there" / "spotting.json").read_text() == "{}"


def test_the_head_of_another_checkpoint_is_taken_as_it_is(tmp_path, checkpoint, monkeypatch):
    """Nothing is drawn to train on: the validation recordings alone, which calibrate it."""
    from training import temporal_head

    torch.manual_seed(5)
    other = tiny_model(temporal_head=True)
    torch.nn.init.normal_(other.temporal_head.scores.weight)
    other.save_pretrained(tmp_path / "other")
    AULLMProcessor(action_units=list(other.config.action_units)).save_pretrained(tmp_path / "other")
    drawn, seen = [], []
    monkeypatch.setattr(temporal_head, "drawn_records", lambda _domain, people, **_: drawn.append(people) or [])
    monkeypatch.setattr(temporal_head, "calibrate", lambda model, *_: seen.append(model.temporal_head) or {})
    monkeypatch.setattr(temporal_head, "readings_of", lambda *_: [])
    sensitivities = AULLMProcessor().sensitivities
    monkeypatch.setattr(temporal_head, "choose_sensitivities", lambda *_: sensitivities)
    arguments = ["--checkpoint", checkpoint, "--head", tmp_path / "other", "--output", tmp_path / "new"]
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    temporal_head.main()
    assert drawn == [range(600, 700)]
    torch.testing.assert_close(seen[0].state_dict(), other.temporal_head.state_dict())
    made = AULLMForAUDetection.from_pretrained(tmp_path / "new")
    torch.testing.assert_close(made.temporal_head.state_dict(), other.temporal_head.state_dict())
    record = json.loads((tmp_path / "new" / "temporal_head.json").read_text())
    assert record["trained on"] == "as the head of other" and str(tmp_path) not in json.dumps(record)


def test_the_command_as_it_is_typed(tmp_path, checkpoint):
    """Too little to find anything by: it says so; or there is a whole checkpoint."""
    done = run("training.temporal_head", "--checkpoint", checkpoint, "--output", tmp_path / "new", "--recordings", 2,
               "--validation", 1, "--seconds", 6, "--steps", 1, "--batch_size", 1, "--num_proc", 1)  # fmt: skip
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        assert {"config.json", "temporal_head.json", "processor_config.json"} <= {
            p.name for p in (tmp_path / "new").iterdir()
        }
    else:
        assert done.returncode == 2 and "no event of the validation recordings was found" in done.stderr
        assert not (tmp_path / "new").exists()
