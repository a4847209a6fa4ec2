"""The skin's motion in a frame of reference fixed to the head, against films whose every pixel's way is known."""

from functools import cache

import cv2
import numpy as np
import pytest
from helpers_video import astronaut
from scipy import ndimage

from modeling_aullm.face_alignment import alignment_transform
from modeling_aullm.head_fixed_motion import CROP_SIZE, GRID_SIZE, HeadFixedMotion

SIDE = 150
EYES_TO_MOUTH = np.array([(56, 52), (98, 55), (76, 80), (60, 100), (93, 102)], float)  # in the photograph's cut-out
SCALE = float(np.hypot(*alignment_transform(EYES_TO_MOUTH, CROP_SIZE)[0, :2]))  # pixels of the crop a pixel
FRAMES, FPS = 30, 25
CORNER, BROW = (93, 102), (56, 40)


@cache
def photo():
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY).astype(float)
    return ndimage.gaussian_filter(grey, 1.0)[50 : 50 + SIDE, 50 : 50 + SIDE]


def head_course(drift=0.0, turn=0.0, nearing=0.0):
    """(FRAMES, 2, 3): a head that sways about its middle; pixels, degrees and share at the most."""
    moves = []
    for frame in range(FRAMES):
        phase = 2 * np.pi * frame / FRAMES
        middle = tuple(EYES_TO_MOUTH.mean(axis=0))
        move = cv2.getRotationMatrix2D(middle, turn * np.sin(phase), 1 + nearing * (1 - np.cos(phase)) / 2)
        move[:, 2] += drift * np.sin(phase), drift * (1 - np.cos(phase)) / 2
        moves.append(move)
    return moves


def film(head, at=None, way=(0.0, 0.0), light=lambda frame: (1.0, 0.0), seed=0):
    """Frames of the photograph: the head moves so, and from frame 15 on a patch of skin lies elsewhere.

    Args:
        head: From `head_course`.
        at: Middle of the patch in the photograph's pixels, a bell of a seventh of the face.
        way: Where it lies, (right, down) in pixels of the crop.
        light: Gain and offset in a frame.
        seed: Of the sensor's noise.
    """
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    noise = np.random.default_rng(seed)
    for frame, move in enumerate(head):
        back = cv2.invertAffineTransform(move)
        x = back[0, 0] * columns + back[0, 1] * rows + back[0, 2]
        y = back[1, 0] * columns + back[1, 1] * rows + back[1, 2]
        if at is not None and frame >= FRAMES // 2:
            bell = np.exp(-0.5 * ((x - at[0]) ** 2 + (y - at[1]) ** 2) / 12**2)
            x, y = x - bell * way[0] / SCALE, y - bell * way[1] / SCALE
        gain, offset = light(frame)
        drawn = gain * ndimage.map_coordinates(photo(), (y, x), order=3, mode="nearest") + offset
        yield np.clip(np.rint(drawn + noise.normal(0, 0.5, drawn.shape)), 0, 255).astype(np.uint8)


def motion_of(frames, landmarks=EYES_TO_MOUTH):
    tracker = HeadFixedMotion(landmarks)
    steps = [tracker.step(frame, number / FPS) for number, frame in enumerate(frames)]
    return np.stack([step.motion for step in steps]), np.stack([step.head for step in steps])


@cache
def motion_without_expression(head):
    return motion_of(film(head_course(**HEADS[head])))


def cell_of(point):
    x, y = alignment_transform(EYES_TO_MOUTH, CROP_SIZE) @ (*point, 1)
    return round((y + 0.5) / CROP_SIZE * GRID_SIZE - 0.5), round((x + 0.5) / CROP_SIZE * GRID_SIZE - 0.5)


HEADS = {
    "still": {},
    "drifting": {"drift": 6.0},
    "turning": {"turn": 4.0},
    "nearing": {"nearing": 0.06},
    "all of it": {"drift": 5.0, "turn": 3.0, "nearing": 0.05},
}


@pytest.mark.parametrize("head", HEADS)
def test_a_face_that_expresses_nothing_shows_no_skin_motion_whatever_the_head_does(head):
    motion, moved = motion_without_expression(head)
    sizes = np.hypot(motion[:, 0], motion[:, 1])
    assert np.percentile(sizes, 95) < 0.08 and sizes.max() < 0.4
    way = np.abs(np.cumsum(moved[:, :4], axis=0)).max(axis=0)
    expected = {"drift": (0, SCALE), "turn": (2, np.pi / 180 * 31.5), "nearing": (3, 31.5)}
    for name, size in HEADS[head].items():  # the head's own motion is told, in pixels of the crop at its rim
        axis, factor = expected[name]
        assert way[axis] == pytest.approx(size * factor, rel=0.25)


@pytest.mark.parametrize("head", ["still", "all of it"])
@pytest.mark.parametrize(("at", "way"), [(CORNER, (0.3, -0.8)), (CORNER, (0.3, 0.1)), (BROW, (0.0, -0.5)),
                                         (BROW, (0.1, 0.0)), (CORNER, (-1.0, 0.0))])  # fmt: skip
def test_a_patch_that_moves_is_seen_there_with_its_sign_and_much_of_its_size(head, at, way):
    motion, _ = motion_of(film(head_course(**HEADS[head]), at, way))
    still, _ = motion_without_expression(head)
    change = (motion - still)[FRAMES // 2 : FRAMES // 2 + 3, :2].mean(axis=0)  # before it becomes the rest state
    row, column = cell_of(at)
    near = change[:, row - 1 : row + 2, column - 1 : column + 2].reshape(2, -1)
    along = np.array(way) @ near / np.hypot(*way)
    assert 0.3 * np.hypot(*way) < along.max() < 1.2 * np.hypot(*way)
    strongest = near[:, along.argmax()]
    assert np.array(way) @ strongest > 0.8 * np.hypot(*way) * np.hypot(*strongest)
    far = np.hypot(*change[:, 1:3, 4:12] if at is CORNER else change[:, 12:15, 4:12])
    assert np.median(far) < 0.25 * along.max()


@pytest.mark.parametrize("light", [
    lambda frame: (0.95, 0.0) if frame >= 12 else (0.75, 0.0),
    lambda frame: (0.8, 30.0) if frame >= 12 else (0.8, 0.0),
    lambda frame: (0.7, 20.0) if frame >= 12 else (1.0, 0.0),
    lambda frame: (1 - 0.01 * frame, 0.5 * frame),
])  # fmt: skip
def test_a_change_of_light_is_no_motion_and_hides_none(light):
    motion, _ = motion_of(film(head_course(), light=light))
    sizes = np.hypot(motion[:, 0], motion[:, 1])
    assert np.percentile(sizes, 95) < 0.08 and np.percentile(sizes[12:15], 95) < 0.08
    moved, _ = motion_of(film(head_course(), CORNER, (0.0, -0.8), light))
    row, column = cell_of(CORNER)
    assert moved[FRAMES // 2 + 1, 1, row - 1 : row + 2, column - 1 : column + 2].min() < -0.25


def test_it_is_the_same_wherever_the_face_lies_and_at_twice_the_size():
    frames = list(film(head_course(drift=3.0), CORNER, (0.0, -0.8)))
    reference, _ = motion_of(frames)
    for right, down in ((37, 21), (200, 0)):
        elsewhere = [np.pad(frame, ((down, 5), (right, 0)), mode="edge") for frame in frames]
        motion, _ = motion_of(elsewhere, EYES_TO_MOUTH + np.array([right, down]))
        np.testing.assert_allclose(motion, reference, atol=0.02)
    twice = [cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for frame in frames]
    larger, _ = motion_of(twice, 2 * EYES_TO_MOUTH + 0.5)
    assert np.abs(larger - reference)[:, :2].max() < 0.25
    assert np.corrcoef(larger[15:, 1].ravel(), reference[15:, 1].ravel())[0, 1] > 0.95


def test_what_is_held_becomes_the_rest_state():
    tracker = HeadFixedMotion(EYES_TO_MOUTH)
    frames = list(film(head_course(), CORNER, (0.0, -0.8)))
    row, column = cell_of(CORNER)
    at = slice(row - 1, row + 2), slice(column - 1, column + 2)
    for number in range(FRAMES):
        tracker.step(frames[0], number / FPS)
    begun = tracker.step(frames[-1], FRAMES / FPS).motion[1][at].min()
    for number in range(6 * FPS):
        held = tracker.step(frames[-1], (FRAMES + 1 + number) / FPS).motion[1][at].min()
    assert begun < -0.25 and held > 0.1 * begun
    back = tracker.step(frames[0], (FRAMES + 1 + 6 * FPS) / FPS).motion[1][at].max()
    assert back > 0.25  # a rest that is left is motion the other way, not the opposite of what is at rest
