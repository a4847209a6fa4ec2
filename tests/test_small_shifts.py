"""Movements of a fraction of a pixel are as large as they are: in the head fit, augmentation and the generator."""

import cv2
import numpy as np
import pytest
from helpers_motion import DIRECTIONS, SHIFTS, seen_shift, shifted
from helpers_video import hopper
from skimage.data import astronaut

from modeling_aullm.face_alignment import detect_largest_face
from modeling_aullm.head_stabilization import estimate_head_motion
from training.learning import augmentation
from training.synthetic import move_photograph


def crops():
    """Two faces, 64 pixels wide, 0..1."""
    for photograph, (left, top, side) in ((astronaut(), (160, 20, 150)), (hopper(), (50, 40, 160))):
        grey = cv2.cvtColor(photograph[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY)
        yield cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_head_fit_finds_all_of_a_drift(shift):
    found = []
    for crop in crops():
        moved = [shifted(crop, *np.multiply(shift, direction)) for direction in DIRECTIONS]
        motions = estimate_head_motion(np.stack([crop, *moved]).astype(np.float32))[1:]
        centre = np.array((31.5, 31.5, 1.0))
        steps = motions @ centre - centre[:2]
        found += [step @ direction / shift for step, direction in zip(steps, DIRECTIONS, strict=True)]
    assert np.median(found) == pytest.approx(1, abs=0.03) and np.abs(np.array(found) - 1).max() < 0.15


@pytest.mark.parametrize("shift", SHIFTS)
def test_augmentation_moves_as_far_as_it_says(shift):
    found = []
    for crop in crops():
        for direction in DIRECTIONS:
            right, down = np.multiply(shift, direction)
            moved = augmentation._similarity(crop, right / 64, down / 64, 0.0, 0.0)
            found.append(seen_shift(crop, moved) @ direction / shift)
    # OpenCV rounds places to a 32nd of the finer grid, which has four points a pixel: at most 0.004 pixels.
    assert np.median(found) == pytest.approx(1, abs=max(0.03, 0.004 / shift))


def test_the_generator_moves_a_photograph_in_proportion():
    """A tenth of the movement is a tenth of what is seen, down to a fiftieth of a pixel."""
    photograph = astronaut()[0:256, 96:352]
    face = detect_largest_face(photograph)
    seen = {}
    for pixels in (0.05, 0.5):
        frames = move_photograph(
            photograph, face.landmarks, ["AU12"], num_frames=15, fps=30, intensity=pixels, seed=0
        ).astype(float)[..., 1]
        peak = max(frames, key=lambda frame: np.abs(frame - frames[0]).sum())
        seen[pixels] = np.abs(peak - frames[0]).sum()
    assert seen[0.5] > 0 and seen[0.05] / seen[0.5] < 0.12
