"""Frames of any rate to even steps, and runs to stretches: each step told once, each frame accounted for."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from conftest import tiny_model
from helpers_timed import write_timed
from helpers_video import astronaut, hopper, numbered_video, two_faces
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_aullm import motion_stretches
from modeling_aullm.detector import Detector
from modeling_aullm.face_tracks import COVERED, CUT, NO_FACE, Sighting
from modeling_aullm.head_fixed_motion import MotionStep
from modeling_aullm.motion_stretches import (
    AROUND_STEPS,
    FAR_APART,
    GAP_SECONDS,
    OWN_STEPS,
    STEP_SECONDS,
    EvenSteps,
    MotionStretch,
    UnreadStretch,
    iter_motion,
)
from modeling_aullm.prediction import predict_sources
from modeling_aullm.processing_aullm import AULLMProcessor
from modeling_aullm.result_files import to_csv, to_json
from modeling_aullm.result_table import to_table
from modeling_aullm.results import Checkpoint
from modeling_aullm.source_reading import Sampling
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor
from modeling_aullm.video_stream import VideoError

SPEED = 3.0  # of the motion below, a second


class SteadyTracker:
    """In place of the real one: motion grows with time, the head moves evenly; notes the pictures that it is given."""

    def __init__(self, _landmarks, _view=None):
        self.transform, self.last, self.pictures = np.eye(3), None, []

    def step(self, grey, time):
        self.pictures.append(grey)
        since = 0.0 if self.last is None else time - self.last
        self.last = time
        crop = np.full((64, 64), np.mean(grey)).astype(np.uint8)
        return MotionStep(time, np.full((4, 16, 16), SPEED * time, np.float32), np.full(6, since, np.float32), crop)


@pytest.fixture
def steady(monkeypatch):
    monkeypatch.setattr(motion_stretches, "HeadFixedMotion", SteadyTracker)


def even_steps(times):
    even = EvenSteps(np.zeros((5, 2)))
    for index, time in enumerate(times):
        even.push(np.full((4, 4), index % 200, np.uint8), time, index)
    even.finish()
    return even


def check_even(even, times):
    """Steps are even, continuous and true: what a line through time is at each of them."""
    assert even.times[0] == pytest.approx(np.mean([t for t in times if t < times[0] + STEP_SECONDS - 1e-6]))
    np.testing.assert_allclose(np.diff(even.times), STEP_SECONDS, atol=1e-9)
    assert even.times[-1] <= times[-1] + 1e-6
    motion = np.array([step.motion[0, 0, 0] for step in even.steps])
    np.testing.assert_allclose(motion, SPEED * np.array(even.times), atol=1e-3)
    head = np.array([step.head[0] for step in even.steps[1:]])
    np.testing.assert_allclose(head, STEP_SECONDS, rtol=1e-3)  # the same a step at every rate
    away = np.abs(np.array(times)[even.frames] - even.times)
    nearest = np.array([np.abs(np.array(times) - time).min() for time in even.times])
    assert (away <= nearest + STEP_SECONDS).all() and even.frames == sorted(even.frames)


@pytest.mark.parametrize("fps", [5, 10, 24, 25, 29.97, 30, 48, 50, 60, 100, 120, 200, 240, 1000])
def test_every_rate_becomes_fifty_even_steps_a_second(fps, steady):
    times = np.arange(round(3 * fps)) / fps
    even = even_steps(times)
    check_even(even, times)
    assert len(even.times) == pytest.approx(50 * times[-1], abs=2.5)
    if fps <= 50:
        nearest = np.abs(times[None] - np.array(even.times)[:, None]).min(axis=1)
        np.testing.assert_allclose(np.abs(times[even.frames] - even.times), nearest, atol=1e-6)


@settings(max_examples=25)
@given(spacings=st.lists(st.floats(0.0, 0.45), min_size=3, max_size=120))
def test_uneven_times_become_even_steps(spacings):
    times = np.concatenate([[0.0], np.cumsum(spacings)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motion_stretches, "HeadFixedMotion", SteadyTracker)
        if times[-1] > 0.1:
            check_even(even_steps(times), times)


def test_frames_of_a_fast_camera_are_averaged(steady):
    even = even_steps(np.arange(40) / 200)
    means = [float(np.mean(picture)) for picture in even.tracker.pictures]
    assert means == pytest.approx([1.5 + 4 * step for step in range(10)])
    rng = np.random.default_rng(0)
    noisy = EvenSteps(np.zeros((5, 2)))
    for index in range(400):
        noisy.push(rng.normal(100, 8, (16, 16)).astype(np.float32), index / 200, index)
    noisy.finish()
    assert np.std(np.stack(noisy.tracker.pictures)) == pytest.approx(4, rel=0.1)  # half of it by four frames


def test_times_that_stand_still_do_not_fill_memory(steady):
    even = EvenSteps(np.zeros((5, 2)))
    with pytest.raises(VideoError, match="give .* the true fps"):
        for index in range(100_000):
            even.push(np.zeros((2, 2), np.uint8), 1.0, index)


@dataclass
class Film:
    """Sightings of one face, made by hand."""

    fps: float = 25.0
    recording: dict = field(default_factory=dict)
    sightings: list = field(default_factory=list)
    time: float = 0.0

    def add(self, num_frames, run=None, reason=None, face_id=1, spacing=None):
        for _ in range(num_frames):
            picture = np.full((4, 4), len(self.sightings) % 200, np.uint8)
            face_id = None if reason == NO_FACE and not self.sightings else face_id
            self.sightings.append(Sighting(len(self.sightings), self.time, picture, False, None, None, face_id, run,
                                           None, None, reason))  # fmt: skip
            self.time += spacing or 1 / self.fps
        return self

    def stretches(self):
        return list(iter_motion(iter(self.sightings), self))


def frames_told(stretches, num_frames):
    """How often each frame lies in a stretch's own steps or in one without a statement; the reasons of the latter."""
    read, reasons = np.zeros(num_frames, int), [None] * num_frames
    for stretch in stretches:
        if isinstance(stretch, UnreadStretch):
            for frame in range(stretch.first.index, stretch.last.index + 1):
                reasons[frame] = stretch.reason
        else:
            first = stretch.begins[0] if stretch.begins else int(stretch.frames[stretch.own[0]])
            read[first : stretch.end_frame + 1] += 1
    return read, reasons


def check_run(parts, first, last):
    """The stretches of a run tell each of its steps once, and nothing else."""
    assert parts[0].begins == first and all(part.begins is None for part in parts[1:])
    assert parts[-1].ends == last and all(part.ends is None for part in parts[:-1])
    own = np.concatenate([part.times[slice(*part.own)] for part in parts])
    np.testing.assert_allclose(np.diff(own), STEP_SECONDS, atol=1e-6)
    assert own[0] == pytest.approx(first[1], abs=STEP_SECONDS) and own[-1] > last[1] - STEP_SECONDS - 1e-6
    for number, part in enumerate(parts):
        assert len(part.times) == len(part.frames) == len(part.motion) == len(part.head) == len(part.crops)
        before, behind = part.own[0], len(part.times) - part.own[1]
        assert before == (AROUND_STEPS if number else 0) and behind == (0 if part.ends else AROUND_STEPS)
        np.testing.assert_allclose(part.motion[:, 0, 0, 0], SPEED * part.times, atol=1e-3)
        assert part.own[1] - part.own[0] <= OWN_STEPS + AROUND_STEPS + 60


@settings(max_examples=20)
@given(
    num_frames=st.integers(12, 1100),
    fps=st.sampled_from([12.0, 25.0, 30.0, 50.0]),
    before=st.integers(0, 9),
)
def test_the_stretches_of_a_run_lie_end_to_end_whatever_its_length(num_frames, fps, before):
    film = Film(fps)
    if before:
        film.add(before, reason=NO_FACE)
    first = (before, film.time)
    film.add(num_frames, run=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motion_stretches, "HeadFixedMotion", SteadyTracker)
        stretches = film.stretches()
    last = film.sightings[-1]
    check_run([s for s in stretches if isinstance(s, MotionStretch)], first, (last.index, last.time))
    assert sum(isinstance(s, UnreadStretch) for s in stretches) == bool(before)
    assert all(stretch.recording is film.recording and stretch.fps == fps for stretch in stretches[bool(before) :])


def test_memory_of_a_long_run_does_not_grow(steady, monkeypatch):
    film, most, told, held = Film(50.0).add(6000, run=1), 0, 0, []

    class Watched(EvenSteps):
        def __init__(self, landmarks, view=None):
            super().__init__(landmarks, view)
            held.append(self)

    monkeypatch.setattr(motion_stretches, "EvenSteps", Watched)
    for stretch in iter_motion(iter(film.sightings), film):
        told += stretch.own[1] - stretch.own[0]
        most = max(most, len(held[0].steps), len(stretch.times))
    assert told == 6000 and most <= OWN_STEPS + 2 * AROUND_STEPS + 1


def test_runs_cuts_and_faceless_spans_are_told_apart(steady):
    film = Film().add(10, reason=NO_FACE).add(50, run=1).add(40, run=2).add(5, reason=COVERED).add(30, run=3)
    film.add(3, run=4).add(4, reason=NO_FACE).add(4, run=5).add(40, run=6)
    read, reasons = frames_told(film.stretches(), len(film.sightings))
    assert reasons[:10] == [NO_FACE] * 10 and reasons[100:105] == [COVERED] * 5 and reasons[138:142] == [NO_FACE] * 4
    assert (reasons[60], reasons[135:138]) == (CUT, [CUT, "too short", "too short"])
    assert reasons[142:147] == ["too short"] * 4 + [CUT]
    stated = [frame for frame in range(len(reasons)) if read[frame]]
    assert stated == [*range(10, 60), *range(61, 100), *range(105, 135), *range(147, 186)]


def test_another_face_in_between_is_a_cut_and_no_hole(steady):
    film = Film().add(30, run=1).add(40, run=2, face_id=2).add(30, run=3)
    unread = [(s.first.index, s.reason) for s in film.stretches() if isinstance(s, UnreadStretch)]
    assert unread == [(70, CUT)]


@pytest.mark.parametrize("spacing", [GAP_SECONDS, 3.0, 400.0, 100_000.0])
def test_over_a_hole_in_the_times_nothing_is_stated(spacing, steady):
    film = Film().add(49, run=1).add(1, run=1, spacing=spacing).add(60, run=1)
    stretches = film.stretches()
    parts = [stretch for stretch in stretches if isinstance(stretch, MotionStretch)]
    check_run(parts[:1], (0, 0.0), (49, film.sightings[49].time))
    check_run(parts[1:], (51, film.sightings[51].time), (109, film.sightings[109].time))
    hole = next(stretch for stretch in stretches if isinstance(stretch, UnreadStretch))
    assert (hole.first.index, hole.last.index, hole.reason) == (50, 50, FAR_APART)
    assert sum(len(part.times) for part in parts) < 300


def test_of_frames_that_are_all_far_apart_nothing_is_stated(steady):
    film = Film(1.0).add(12, run=1)
    read, reasons = frames_told(film.stretches(), 12)
    assert not read.any() and set(reasons[:-1]) == {FAR_APART}


@pytest.mark.parametrize("fps", [3, 5])
def test_few_frames_a_second_are_still_a_run(fps, steady):
    (stretch,) = Film(float(fps)).add(20, run=1).stretches()
    assert isinstance(stretch, MotionStretch) and len(stretch.times) == pytest.approx(50 * 19 / fps, abs=2)


def moving(image, num_frames, seed=0):
    rng = np.random.default_rng(seed)
    shifts = np.rint(3 * np.sin(np.arange(num_frames) / 12)).astype(int)
    films = [np.roll(image, shift, axis=1).astype(int) + rng.normal(0, 2, image.shape) for shift in shifts]
    return np.clip(films, 0, 255).astype(np.uint8)


def people(num_frames):
    first, second = astronaut()[:256], np.ascontiguousarray(hopper()[:256])
    return moving(np.ascontiguousarray(first), num_frames), moving(
        np.pad(second, ((0, 0), (22, 22), (0, 0))), num_frames
    )


@pytest.fixture(scope="module")
def detector():
    model = tiny_model(temporal_head=True)
    processor = AULLMProcessor(action_units=list(model.config.action_units))
    thresholds = dict.fromkeys(processor.action_units, 0.5)
    return Detector(model, processor, Checkpoint("tiny"), thresholds)


def predicted(detector, video, **how):
    return predict_sources(detector, [("film", video)], Sampling(**how))


def check_whole(found):
    """Spans hold every frame of the source in order, times never fall, and files can be written of them."""
    for prediction in found:
        assert prediction.events is not None
        covered = np.zeros(prediction.num_frames, bool)
        for span in prediction.spans:
            covered[span.start_frame : span.end_frame + 1] = True
            assert (span.reason is None) == (span.action_units is not None)
            assert 0 <= span.start_time <= span.end_time
        assert covered.all() and prediction.spans[0].start_frame == 0
        assert (np.diff(prediction.frame_times) >= 0).all() and prediction.frame_times[0] == 0
        for event in prediction.events:
            assert 0 <= event.onset_frame <= event.apex_frame <= event.offset_frame < prediction.num_frames
            assert event.active_units
            inside = [s for s in prediction.segments if s.start_time <= event.apex_time <= s.end_time]
            assert inside or prediction.stated_seconds < 0.5
        assert prediction.stated_seconds <= prediction.end_time + 1e-6
        assert "nan" not in to_table(prediction).lower()
    assert to_json(found) and all(to_csv(found, by) for by in ("segment", "frame", "event"))


def pieces():
    first, second = people(60)
    black, title = np.zeros_like(first), numbered_video(60, 256, 300)
    return {
        "a face leaves and comes back": [first[:30], title[:20], first[30:60]],
        "cuts from one to another every second": [first[:30], second[:30], first[30:], second[30:]],
        "black frames between": [first[:20], black[:3], first[20:40], black[:1], first[40:]],
        "a face at the end alone": [title[:25], first[:12]],
        "just over a second": [first[:33]],
    }


@pytest.mark.parametrize("name", pieces())
@pytest.mark.parametrize("face", ["largest", "all"])
def test_whatever_happens_every_frame_is_accounted_for(detector, name, face):
    parts = pieces()[name]
    found = predicted(detector, np.concatenate(parts), fps=30.0, face=face)
    check_whole(found)
    assert found[0].num_frames == sum(map(len, parts)) and any(prediction.segments for prediction in found)


def test_two_people_are_read_each(detector):
    video = moving(two_faces(1.2), 45)
    found = predicted(detector, video, fps=30.0, face="all")
    check_whole(found)
    assert [prediction.face_id for prediction in found] == [1, 2]
    assert all(prediction.stated_seconds > 1.2 for prediction in found)


@pytest.mark.parametrize("size", [64, 20])
def test_ready_crops_are_read_without_a_face(detector, size):
    video = moving(np.ascontiguousarray(astronaut()[60:170, 70:180]), 40)[:, :size, :size]
    (found,) = predicted(detector, video, fps=30.0, face="cropped")
    check_whole([found])
    assert found.face_id is None and not found.gaps and found.stated_seconds == pytest.approx(39 / 30, abs=0.05)


def test_a_recording_with_a_hole_says_so_and_tells_true_times(detector, tmp_path):
    first, _ = people(40)
    times = [33 * frame + (60_000 if frame >= 40 else 0) for frame in range(80)]
    path = write_timed(tmp_path / "hole.mp4", times, frames=np.concatenate([first, first]))
    (found,) = predicted(detector, path)
    check_whole([found])
    assert found.frame_times[[39, 40]] == pytest.approx([1.287, 61.32], abs=0.04)
    assert found.stated_seconds == pytest.approx(2.57, abs=0.1)  # not the minute that nobody filmed
    assert [gap.reason for gap in found.gaps] == [FAR_APART]


def test_the_face_that_comes_second_has_the_times_of_the_source(detector, tmp_path):
    first, second = people(40)
    times = [33 * frame + (20_000 if frame >= 40 else 0) for frame in range(80)]
    path = write_timed(tmp_path / "second.mp4", times, frames=np.concatenate([first, second]))
    found = predicted(detector, path)
    check_whole(found)
    for prediction in found:
        assert prediction.frame_times[[0, 39, 40]] == pytest.approx([0, 1.287, 21.32], abs=0.05)
    assert len(found) == 2


@pytest.mark.parametrize("face", ["largest", 2])
def test_a_face_in_three_frames_is_no_recording_and_not_said_to_lie_on_its_side(detector, face):
    video = numbered_video(75, 256, 300)
    video[30:33] = people(3)[0]
    with pytest.raises(ValueError, match=r"^film: no face") as told:
        predicted(detector, video, fps=30.0, face=face)
    assert "turn the video" not in str(told.value) and "\n" not in str(told.value)


def test_a_head_that_moves_fast_is_followed(detector):
    scene = np.pad(astronaut(), ((60, 60), (150, 150), (0, 0)), mode="edge")
    shifts = np.rint(80 * np.sin(np.arange(75) / 15)).astype(int)
    video = np.stack([np.roll(scene, (shift // 3, shift), axis=(0, 1)) for shift in shifts])
    stretches = list(AULLMVideoProcessor().iter_motion(video, fps=30))
    read = [stretch for stretch in stretches if isinstance(stretch, MotionStretch)]
    assert sum(len(stretch.times) for stretch in read) > 0.8 * 50 * 74 / 30
