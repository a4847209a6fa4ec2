"""Baselines of spotting on made-up signals whose answer is known, or computed in another way."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from training.scoring.spotting import Recording, match_events, score_recordings
from training.scoring.spotting_baselines import mean_events, name_units, strain_events, strain_signal, window_events

UNITS = ["AU1", "AU12"]
FPS = 50
TIMES = np.arange(6 * FPS) / FPS
SIZE = 64


def spans(events):
    return [(round(e.onset, 3), round(e.offset, 3), sorted(e.units), e.kind) for e in events]


def test_windows_in_a_row_are_one_event_with_the_units_of_all_of_them():
    starts = np.arange(10) * 0.1
    probabilities = np.zeros((10, 2))
    probabilities[[1, 2], 0], probabilities[3, 1], probabilities[7, 1] = (0.7, 0.9), 0.9, 0.4
    events = window_events(starts, starts + 0.5, probabilities, np.array([0.5, 0.4]), UNITS)
    assert spans(events) == [(0.1, 0.8, ["AU1", "AU12"], "longer"), (0.7, 1.2, ["AU12"], "micro")]
    assert events[0].apex == pytest.approx(0.55), "the middle of the window at 0.3, furthest above its threshold"
    alone = window_events(starts, starts + 0.5, probabilities[:, :1], np.array([0.5]), UNITS[:1])
    assert spans(alone) == [(0.1, 0.7, ["AU1"], "longer")]


def test_a_gap_and_what_cannot_be_said_end_a_run():
    starts = np.arange(6) * 0.1 + 0.2  # windows that touch, in numbers that are not exact
    said = np.ones((6, 1))
    assert spans(window_events(starts, starts + 0.1, said, np.array([0.5]), ["AU1"])) == [(0.2, 0.8, ["AU1"], "longer")]
    apart = np.array([0, 0.1, 0.2, 3.0, 3.1, 3.2])
    assert [e[:2] for e in spans(window_events(apart, apart + 0.1, said, np.array([0.5]), ["AU1"]))] == [
        (0, 0.3), (3, 3.3)
    ]  # fmt: skip
    said[2] = np.nan
    assert [e[:2] for e in spans(window_events(starts, starts + 0.1, said, np.array([0.5]), ["AU1"]))] == [
        (0.2, 0.4), (0.5, 0.8)
    ]  # fmt: skip
    for nothing in (np.zeros((6, 1)), np.full((6, 1), np.nan), np.zeros((0, 1))):
        places = starts[: len(nothing)]
        assert window_events(places, places, nothing, np.array([0.5]), ["AU1"]) == []


def bumps(*apexes, width=0.08):
    return sum(np.exp(-(((TIMES - apex) / width) ** 2)) for apex in apexes)


def test_mean_finds_a_bump_where_it_is_and_as_long_as_it_is_told():
    events = mean_events(TIMES, bumps(1.5, 4), half_length=0.2)
    assert [e.apex for e in events] == pytest.approx([1.5, 4], abs=0.021)  # a box of an even width has no middle frame
    assert all(e.offset - e.apex == pytest.approx(0.2) == pytest.approx(e.apex - e.onset) for e in events)
    assert all(e.kind == "micro" and not e.units for e in events)


def test_mean_is_numpys_same_convolution_over_the_threshold_of_the_paper():
    rng = np.random.default_rng(3)
    scores, k = rng.random(len(TIMES)), 10
    smooth = np.convolve(scores, np.ones(2 * k) / (2 * k), mode="same")
    threshold = smooth.mean() + 0.55 * (smooth.max() - smooth.mean())
    found = [round(e.apex * FPS) for e in mean_events(TIMES, scores, half_length=0.2)]
    assert np.argmax(smooth) in found and all(smooth[i] >= threshold for i in found) and (np.diff(found) >= k).all()
    tops = [i for i in range(1, len(smooth) - 1) if smooth[i] == smooth[max(0, i - k) : i + k + 1].max()]
    assert {i for i in tops if smooth[i] >= threshold} <= set(found)


def test_mean_cries_wolf_in_a_still_recording_and_does_so_whatever_the_scale():
    noise = 1e-6 * np.random.default_rng(0).random(len(TIMES))
    events = mean_events(TIMES, noise)
    assert events and [e.apex for e in events] == [e.apex for e in mean_events(TIMES, 1e6 * noise)]
    assert score_recordings([Recording([], events, 0.1, True)])["quiet"]["events"]["count"] == len(events)


def test_frames_without_a_face_and_short_recordings_are_no_events_and_no_errors():
    scores = bumps(1.5)
    scores[200:] = np.nan
    assert [e.apex for e in mean_events(TIMES, scores)] == pytest.approx([1.5], abs=0.021)
    assert mean_events(TIMES, np.full(len(TIMES), np.nan)) == [] == mean_events(TIMES[:0], scores[:0])
    for frames in range(1, 25):
        for event in mean_events(TIMES[:frames], bumps(0.1)[:frames]):
            assert 0 <= event.onset <= event.apex <= event.offset <= TIMES[frames - 1]
        assert strain_events(TIMES[:frames], np.zeros((frames, SIZE, SIZE), np.uint8)) == []


def face(seed=0):
    """A texture that flow can follow."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((SIZE, SIZE)), 1.5)
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.float32)


def moving_face(movement, centre, pixels=2.0, radius=7.0):
    """The skin around a point (in shares of the crop) moves up by `movement` times `pixels`; shape of `movement`."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    near = np.exp(-((columns - centre[0] * SIZE) ** 2 + (rows - centre[1] * SIZE) ** 2) / (2 * radius**2))
    still, rng = face(), np.random.default_rng(1)
    moved = [
        cv2.remap(still, columns, (rows + m * pixels * near).astype(np.float32), cv2.INTER_CUBIC) for m in movement
    ]
    return np.clip(np.stack(moved) + rng.normal(0, 1, (len(moved), SIZE, SIZE)), 0, 255).astype(np.uint8)


def test_strain_finds_movements_of_the_mouth_and_the_brow_at_their_apex():
    for centre in ((0.36, 0.71), (0.43, 0.20)):
        events = strain_events(TIMES, moving_face(bumps(1.5, 4, width=0.12), centre))
        assert [e.apex for e in events] == pytest.approx([1.5, 4], abs=0.06)
        assert all(e.offset - e.onset == pytest.approx(0.4) for e in events)
        truth = [type(e)(apex - 0.2, apex, apex + 0.2) for e, apex in zip(events, (1.5, 4))]
        assert len(match_events(truth, events)) == 2


def test_strain_is_the_skins_and_not_the_heads_movement_nor_the_eyes():
    at_mouth = strain_signal(TIMES, moving_face(bumps(3, width=0.12), (0.36, 0.71))).max()
    at_eye = strain_signal(TIMES, moving_face(bumps(3, width=0.12), (0.32, 0.32), radius=3)).max()
    picture = face()
    head = np.stack([cv2.warpAffine(picture, np.float32([[1, 0, 2 * m], [0, 1, 0]]), (SIZE, SIZE), borderMode=2)
                     for m in bumps(3, width=0.12)]).astype(np.uint8)  # fmt: skip
    assert at_mouth > 2 * at_eye and at_mouth > 2 * strain_signal(TIMES, head).max()


def test_the_rate_of_the_camera_decides_how_many_frames_an_event_is():
    crops = moving_face(bumps(1.5, 4, width=0.12), (0.36, 0.71))
    halved = strain_events(TIMES[::2], crops[::2])
    assert [e.apex for e in halved] == pytest.approx([1.5, 4], abs=0.09)
    assert all(e.offset - e.onset == pytest.approx(0.4) for e in halved)


def test_a_still_picture_has_no_strain():
    crops = np.repeat(face().astype(np.uint8)[None], len(TIMES), 0)
    assert strain_signal(TIMES, crops).max() < 1e-4 and strain_events(TIMES, crops) == []


def test_units_are_those_of_most_frames_from_onset_to_apex():
    events = mean_events(TIMES, bumps(1.5, 4))
    active = np.zeros((len(TIMES), 2), bool)
    active[(TIMES > 1.35) & (TIMES < 1.5), 0] = True
    active[(TIMES > 1.45) & (TIMES < 4), 1] = True  # in half of the first's rise at most, in all of the second's
    named = name_units(events, TIMES, active, UNITS)
    assert [sorted(e.units) for e in named] == [["AU1"], ["AU12"]]
    assert [(e.onset, e.apex, e.offset) for e in named] == [(e.onset, e.apex, e.offset) for e in events]
