import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers_video import astronaut, hopper, two_faces
from scipy import ndimage

from modeling_aullm.face_alignment import (
    FACE_TEMPLATE,
    align,
    alignment_transform,
    detect_face_near,
    detect_faces,
    detect_largest_face,
    detect_roughly,
    overlap,
    shrink,
    to_grey,
    whole_frame_transform,
)
from modeling_aullm.head_stabilization import estimate_head_motion, stabilize_transforms

QUARTER = whole_frame_transform(256, 256, 64)


def texture(size=256, smoothing=1.5, seed=0):
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), smoothing), None, 20, 235, cv2.NORM_MINMAX)


def test_faces_of_photographs_and_their_points():
    (face,) = detect_faces(astronaut())
    x, y, width, height = face.box
    assert face.score > 0.99
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    np.testing.assert_allclose(right_eye, (107, 103), atol=4)  # read off the photograph
    np.testing.assert_allclose(left_eye, (150, 105), atol=4)
    np.testing.assert_allclose(nose, (127, 131), atol=4)
    assert right_mouth[0] < left_mouth[0]
    assert min(right_mouth[1], left_mouth[1]) > nose[1]
    inside = (face.landmarks > (x, y)) & (face.landmarks < (x + width, y + height))
    assert inside.all()


def test_grey_frames_and_large_frames_give_the_same_face():
    (face,) = detect_faces(astronaut())
    (grey,) = detect_faces(to_grey(astronaut()))
    np.testing.assert_allclose(grey.landmarks, face.landmarks, atol=4)
    (large,) = detect_faces(cv2.resize(astronaut(), None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC))
    np.testing.assert_allclose(large.landmarks / 5, face.landmarks, atol=4)
    np.testing.assert_allclose(np.array(large.box) / 5, face.box, atol=12)
    (small,) = detect_faces(cv2.resize(astronaut()[40:200, 50:210], (64, 64), interpolation=cv2.INTER_AREA))
    np.testing.assert_allclose(small.landmarks * 2.5 + (50, 40), face.landmarks, atol=6)


def test_the_larger_of_two_faces_comes_first():
    for scale, largest_is_left in ((0.6, True), (1.5, False)):
        first, second = detect_faces(two_faces(scale))
        assert first.box[2] * first.box[3] > second.box[2] * second.box[3]
        assert (first.box[0] < 300) == largest_is_left
        assert (second.box[0] < 300) != largest_is_left


@pytest.mark.parametrize("scale", [0.5, 0.8, 1, 1.25, 2, 4])  # faces of 44 to 350 pixels
def test_the_quick_search_finds_the_very_face_that_the_whole_one_puts_first(scale):
    for photograph in (astronaut(), hopper(), two_faces(1.5)):
        image = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        quick, whole = detect_largest_face(image), detect_faces(image)[0]
        assert (quick.box, quick.score) == (whole.box, whole.score)
        np.testing.assert_array_equal(quick.landmarks, whole.landmarks)
    assert detect_largest_face(np.zeros((100, 100), np.uint8)) is None


@pytest.mark.parametrize("scale", [0.5, 1, 2.5, 6])  # faces of 44 to 530 pixels
def test_a_face_is_found_again_where_it_was_a_moment_ago(scale):
    for photograph in (astronaut(), hopper()):
        image = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        (face,) = detect_faces(image)
        moved = np.roll(image, round(10 * scale), axis=1)
        found = detect_face_near(moved, face)
        np.testing.assert_allclose(found.landmarks, face.landmarks + np.array((round(10 * scale), 0)), atol=5 * scale)
        assert detect_face_near(np.full_like(image, 128), face) is None


@pytest.mark.parametrize("scale", [0.7, 1, 3])
def test_a_quick_look_tells_whether_another_face_is_much_larger(scale):
    image = cv2.resize(two_faces(1.5), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    larger, smaller = detect_faces(image)
    found = detect_roughly(image, 1.2 * smaller.box[2])
    assert overlap(found.box, larger.box) > 0.6
    assert detect_roughly(np.full_like(image, 128), smaller.box[2]) is None


def test_whole_blocks_become_their_means():
    image = np.random.default_rng(0).integers(0, 255, (31, 46), dtype=np.uint8)
    means = image[:30, :45].reshape(6, 5, 9, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(shrink(image, 5), means, atol=0.51)
    assert shrink(image, 1) is image


def test_no_face_in_noise_and_odd_shapes():
    rng = np.random.default_rng(0)
    blobs = cv2.resize(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8), (300, 200))
    shapes = [(200, 300, 3), (16, 16), (16, 2000), (2000, 16)]
    for image in (blobs, *(rng.integers(0, 255, shape, dtype=np.uint8) for shape in shapes)):
        assert detect_faces(image) == []


def test_the_transform_recovers_a_known_similarity():
    template = FACE_TEMPLATE * 64 - 0.5
    angle, scale, shift = 0.3, 2.5, np.array([40.0, -7.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    transform = alignment_transform(scale * template @ turn.T + shift, 64)
    np.testing.assert_allclose(transform[:, :2], turn.T / scale, atol=1e-12)
    np.testing.assert_allclose(transform[:, 2], -turn.T @ shift / scale, atol=1e-12)


def test_the_transform_is_the_least_squares_one():
    landmarks = detect_faces(hopper())[0].landmarks
    x, y = landmarks.T
    ones, zeros = np.ones(5), np.zeros(5)
    design = np.concatenate([np.stack([x, -y, ones, zeros], 1), np.stack([y, x, zeros, ones], 1)])
    a, b, tx, ty = np.linalg.lstsq(design, (FACE_TEMPLATE * 64 - 0.5).T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(alignment_transform(landmarks, 64), [[a, -b, tx], [b, a, ty]], atol=1e-9)


@pytest.mark.parametrize("photo", [astronaut, hopper])
def test_an_aligned_face_has_its_points_on_the_template(photo):
    face = detect_faces(photo())[0]
    crop = align(photo(), alignment_transform(face.landmarks, 256), 256)
    (again,) = detect_faces((crop * 255).astype(np.uint8))
    np.testing.assert_allclose(again.landmarks / 256, FACE_TEMPLATE, atol=0.06)


def test_crop_pixels_are_averages_of_the_area_they_cover():
    image = texture().astype(np.uint8)
    reference = np.array([[image[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].mean() for j in range(64)] for i in range(64)])
    np.testing.assert_allclose(align(image, QUARTER, 64) * 255, reference, atol=1e-3)
    assert align(image, QUARTER, 64).dtype == np.float32
    rgb = np.repeat(image[..., None], 3, axis=-1)
    np.testing.assert_allclose(align(rgb, QUARTER, 64), align(image, QUARTER, 64), atol=1e-6)


def test_noise_of_a_still_video_is_averaged():
    rng = np.random.default_rng(0)
    frames = [np.clip(texture() + rng.normal(0, 8, (256, 256)), 0, 255).astype(np.uint8) for _ in range(8)]
    source = np.std(frames, axis=0).mean()
    crops = np.std([align(frame, QUARTER, 64) * 255 for frame in frames], axis=0).mean()
    assert crops == pytest.approx(source / 4, rel=0.1)  # 16 pixels to one


def measured_shift(first, second):
    """Shift right, shift down by one least-squares step on the gradients (Lucas and Kanade)."""
    grad_y, grad_x = np.gradient((first + second) / 2)
    inner = (slice(4, -4), slice(4, -4))
    design = np.stack([grad_x[inner].ravel(), grad_y[inner].ravel()], axis=1)
    return np.linalg.lstsq(design, (first - second)[inner].ravel(), rcond=None)[0]


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (2, -1)])
def test_a_pixel_at_four_times_the_size_is_a_quarter_pixel(shift):
    image = texture(smoothing=16)  # so smooth that one step is exact to a hundredth
    moved = np.roll(image, shift, axis=(1, 0))
    crops = [align(frame.astype(np.uint8), QUARTER, 64).astype(np.float64) for frame in (image, moved)]
    np.testing.assert_allclose(measured_shift(*crops), np.array(shift) / 4, atol=0.02)


def test_fine_texture_does_not_alias():
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255  # far finer than the crop's pixels
    crops = [align(np.roll(stripes, shift, axis=1), whole_frame_transform(256, 256, 60), 60) for shift in (0, 1)]
    assert np.abs(crops[0] - crops[1])[:, 1:-1].max() < 0.1
    assert np.abs(crops[0] - 0.5)[:, 1:-1].max() < 0.06


def test_enlarging_and_leaving_the_frame():
    image = np.full((20, 20), 200, np.uint8)
    np.testing.assert_allclose(align(image, whole_frame_transform(20, 20, 64), 64), 200 / 255, rtol=1e-5)
    beyond = np.array([[1.0, 0.0, 50.0], [0.0, 1.0, 50.0]])
    np.testing.assert_allclose(align(image, beyond, 64), 200 / 255, rtol=1e-5)


def drifting_face(smile, seed=0):
    """Frames of the astronaut whose head drifts and turns, under flickering light, while the mouth corners move."""
    rng = np.random.default_rng(seed)
    face = detect_faces(astronaut())[0]
    grey, centre = to_grey(astronaut()).astype(np.float32), face.landmarks.mean(axis=0)
    drift, turn = rng.uniform(-3, 3, (6, 2)), rng.uniform(-0.025, 0.025, 6)
    drift[0], turn[0] = 0, 0
    frames = []
    for index in range(6):
        cos, sin = np.cos(turn[index]), np.sin(turn[index])
        y, x = np.mgrid[:300, :300] - (centre + drift[index])[::-1, None, None]
        x, y = cos * x + sin * y + centre[0], cos * y - sin * x + centre[1]
        for corner, side in ((3, -1), (4, 1)):
            near = np.exp(-((np.stack([x, y], -1) - face.landmarks[corner]) ** 2).sum(-1) / 200)
            x, y = x - side * smile * index / 5 * near, y + smile * index / 5 * near
        moved = ndimage.map_coordinates(grey, (y, x), order=3)
        noisy = moved * rng.uniform(0.95, 1.05) + rng.normal(0, 2, moved.shape)
        frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return frames, face, drift, turn


@pytest.mark.parametrize("smile", [0, 2, 4])
def test_head_drift_is_measured_beside_an_expression_noise_and_flicker(smile):
    frames, face, drift, turn = drifting_face(smile)
    transform = alignment_transform(face.landmarks, 64)
    motions = estimate_head_motion(np.stack([align(frame, transform, 64) for frame in frames]))
    centre = transform[:, :2] @ face.landmarks.mean(axis=0) + transform[:, 2]
    points = np.array([(12, 12), (52, 12), (32, 32), (12, 52), (52, 52)])
    for motion, shift, angle in zip(motions, drift @ transform[:, :2].T, turn, strict=True):
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        expected = (points - centre) @ rotation.T + centre + shift
        np.testing.assert_allclose(points @ motion[:, :2].T + motion[:, 2], expected, atol=0.12)


def test_stabilized_frames_stand_still():
    frames, face, _, _ = drifting_face(smile=0, seed=1)
    transform = alignment_transform(face.landmarks, 64)
    crops = np.stack([align(frame, transform, 64) for frame in frames])
    transforms = stabilize_transforms(crops, transform)
    np.testing.assert_array_equal(transforms[0], transform)
    still = np.stack([align(frame, each, 64) for frame, each in zip(frames, transforms, strict=True)])
    shifts = [np.abs(measured_shift(clip[0], frame)).max() for clip in (crops, still) for frame in clip[1:]]
    assert max(shifts[5:]) < 0.1
    assert max(shifts[:5]) > 0.5


def test_where_nothing_is_kept_compiled_no_word_of_a_library_reaches_the_user(tmp_path):
    imports = "import aullm_command, modeling_aullm.face_alignment"
    command = [sys.executable, "-X", f"pycache_prefix={tmp_path}", "-c", imports]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""
