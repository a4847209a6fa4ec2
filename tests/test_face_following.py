"""Nothing is read across a cut, a covering, a gap or a change of light, and each face has segments of its own."""

from functools import cache

import cv2
import numpy as np
import pytest
from helpers_video import FPS, astronaut, hopper, numbered_video, two_faces
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_aullm.face_alignment import detect_faces
from modeling_aullm.face_following import FaceFollower
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor
from modeling_aullm.video_stream import Frame
from training.synthetic.photograph import move_photograph

SIZE = (300, 256)  # width, height


def person(number):
    return np.ascontiguousarray(astronaut()[:256] if number == 1 else cv2.resize(hopper(), SIZE))


@cache
def eyes():
    return detect_faces(person(1))[0].landmarks


def still(image, num_frames, seed=0):
    noise = np.random.default_rng(seed).normal(0, 2, (num_frames, *image.shape))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def zoomed(image, scale, shift=0.0):
    """The picture about the face's middle, larger and to the side by a share of the eyes' distance."""
    centre = eyes().mean(0)
    turn = cv2.getRotationMatrix2D(tuple(centre), 0, scale)
    turn[0, 2] += shift * np.linalg.norm(eyes()[1] - eyes()[0])
    return cv2.warpAffine(image, turn, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def hand(image, height):
    """A hand with fingers, of the skin's own tone, over the mouth; `height` from 0, below the picture, to 1."""
    distance = np.linalg.norm(eyes()[1] - eyes()[0])
    x, y = (eyes()[3] + eyes()[4]) / 2 + (0, 4 * distance * (1 - height))
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(mask, (int(x), int(y + 0.9 * distance)), (int(0.9 * distance), int(0.7 * distance)), 0, 0, 360, 255, -1)
    for finger in range(4):
        middle = int(x + (0.4 * finger - 0.6) * distance), int(y)
        cv2.ellipse(mask, middle, (int(0.18 * distance), int(0.75 * distance)), 8 * finger - 12, 0, 360, 255, -1)
    skin = image[int(eyes()[2][1]), int(eyes()[0][0])] + 8 * np.random.default_rng(1).normal(size=(*mask.shape, 1))
    edge = cv2.GaussianBlur(cv2.Canny(mask, 50, 150), (0, 0), 1.2)[..., None] / 3
    return np.where(mask[..., None] > 0, np.clip(0.9 * skin - edge, 0, 255), image).astype(np.uint8)


def segments_of(video, face="largest", **settings):
    return list(AULLMVideoProcessor().iter_segments(video, face=face, fps=FPS, **settings))


def read(segments):
    return [(s.start_frame, s.end_frame) for s in segments if s.pixel_values is not None]


def check_cover(segments, num_frames):
    """Every frame is in a segment or in a span that says why not, and never in both."""
    told, untold = set(), set()
    for segment in segments:
        frames = set(range(segment.start_frame, segment.end_frame + 1))
        (untold if segment.reason else told).update(frames)
        assert (segment.reason is None) == (segment.pixel_values is not None)
    assert told | untold == set(range(num_frames)) and not told & untold


FACELESS = {
    "black": lambda: np.zeros((256, 300, 3), np.uint8),
    "white": lambda: np.full((256, 300, 3), 255, np.uint8),
    "title": lambda: numbered_video(1, 256, 300)[0],
    "scenery": lambda: np.ascontiguousarray(astronaut()[:256, ::-1][:, :60].repeat(5, 1)),
}


@settings(max_examples=5)
@given(st.sampled_from(list(FACELESS)), st.integers(1, 45))
def test_any_number_of_leading_frames_without_the_face_is_left_out(picture, num_faceless):
    video = np.concatenate([still(FACELESS[picture](), num_faceless), still(person(1), 20)])
    for face in ("largest", "all"):
        segments = segments_of(video, face)
        assert min(read(segments))[0] == num_faceless
        assert {s.reason for s in segments if s.end_frame < num_faceless} == {"no face"}
        check_cover(segments, len(video))


CUTS = {
    "another person": lambda: person(2),
    "the same person, nearer": lambda: zoomed(person(1), 1.15),
    "the same person, to the side": lambda: zoomed(person(1), 1, 0.25),
    "black": FACELESS["black"],
}


@settings(max_examples=8)
@given(st.sampled_from(list(CUTS)), st.integers(8, 60), st.booleans())
def test_no_segment_crosses_a_cut_wherever_it_is(behind, at, is_back):
    parts = [still(person(1), at), still(CUTS[behind](), 68 - at)]
    video = np.concatenate(parts[::-1] if is_back else parts)
    cut = 68 - at if is_back else at
    segments = segments_of(video)
    check_cover(segments, len(video))
    assert read(segments)
    assert not [span for span in read(segments) if span[0] < cut <= span[1]]
    if behind.startswith("the same person"):  # where one run follows the other it is told all the same
        assert [s.reason for s in segments if s.start_frame <= cut <= s.end_frame] == ["cut"]
    people = {s.face_id for s in segments if s.pixel_values is not None}
    assert people == ({1, 2} if behind == "another person" else {1})


def test_who_comes_back_behind_a_cut_is_known_again():
    video = np.concatenate([still(person(number), 20, seed) for seed, number in enumerate((1, 2, 1, 2))])
    segments = segments_of(video)
    check_cover(segments, len(video))
    for segment in segments:
        assert segment.start_frame // 20 == segment.end_frame // 20
        assert segment.face_id == 1 + segment.start_frame // 20 % 2


def test_a_face_that_leaves_and_returns_is_the_same_and_what_is_between_is_told():
    video = still(person(1), 70)
    video[25:40] = still(FACELESS["scenery"](), 15)
    segments = segments_of(video)
    assert [(s.start_frame, s.end_frame, s.reason) for s in segments if s.reason] == [(25, 39, "no face")]
    assert {s.face_id for s in segments} == {1}
    check_cover(segments, len(video))


@pytest.mark.parametrize("face", ["largest", "all", 1])
@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.7])  # that the hand takes to the mouth
def test_a_hand_over_the_mouth_is_no_expression(seconds, face):
    there = np.clip(np.arange(-20, 70) / (seconds * FPS), 0, 1) * np.clip(np.arange(70, -20, -1) / 4, 0, 1)
    video = np.concatenate([still(hand(person(1), height), 1, seed) for seed, height in enumerate(there)])
    segments = segments_of(video, face)
    check_cover(segments, len(video))
    covered = np.flatnonzero(there > 0.95)
    assert not [span for span in read(segments) if span[0] <= covered[-1] and span[1] >= covered[0]]
    assert {s.reason for s in segments} <= {None, "covered or changed too far", "no face", "cut", "too short"}
    assert read(segments)[0][0] == 0 and max(end for _, end in read(segments)) == 89  # before and after it is read


@pytest.mark.parametrize("face", ["largest", "all"])
@pytest.mark.parametrize("seconds", [0.25, 0.5, 1.0, 1.4])
def test_while_the_light_changes_nothing_is_stated(seconds, face):
    light = np.clip(np.arange(60) / (seconds * FPS), 0, 1)
    frames = still(person(1), 60) * light[:, None, None, None]
    video = np.clip(frames, 0, 255).astype(np.uint8)
    segments = segments_of(video, face)
    check_cover(segments, len(video))
    assert read(segments)
    for start, end in read(segments):
        assert light[end] / light[start] < 1.03


STEADY = {
    "noise": lambda: still(person(1), 28),
    "smile, three times a micro-expression's": lambda: moved(["AU6", "AU12"], 4),
    "brows and lids": lambda: moved(["AU1", "AU2", "AU5"], 3),
    "frown": lambda: moved(["AU4", "AU9"], 3),
    "drift": lambda: np.stack([zoomed(person(1), 1, 0.02 * k) for k in range(28)]),
    "approach": lambda: np.stack([zoomed(person(1), 1 + 0.002 * k) for k in range(28)]),
    "flicker": lambda: np.stack([np.clip(person(1) * (1 + 0.05 * np.sin(2 * k)), 0, 255) for k in range(28)]),
    "repeated frames": lambda: np.repeat(np.stack([zoomed(person(1), 1, 0.03 * k) for k in range(14)]), 2, 0),
}


def moved(units, intensity):
    return move_photograph(person(1), eyes(), units, num_frames=28, fps=FPS, intensity=intensity, seed=1)


@pytest.mark.parametrize("kind", STEADY)
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_what_faces_do_ends_no_segment(kind, noise):
    video = np.clip(STEADY[kind]() + np.random.default_rng(0).normal(0, noise, (28, 256, 300, 3)), 0, 255)
    assert read(segments_of(video.astype(np.uint8))) == [(0, 27)]


def growing_pair():
    """The astronaut at the left, and the other person at the right, who is smaller at first and larger at the end."""
    frames = [two_faces(0.9 + 0.015 * index) for index in range(40)]
    height, width = frames[-1].shape[:2]
    sides = [((0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0)) for frame in frames]
    return np.stack([np.pad(frame, side, constant_values=128) for frame, side in zip(frames, sides)])


def test_a_face_asked_for_by_number_is_followed_though_the_ranks_change():
    video = growing_pair()
    for number, is_left in ((1, True), (2, False)):
        segments = segments_of(video, number)
        assert len(read(segments)) > 2 and all(s.reason is None for s in segments)
        assert all((s.face.box[0] < 300) == is_left for s in segments)
    third = segments_of(video, 3)
    assert [(s.start_frame, s.end_frame, s.reason) for s in third] == [(0, 39, "no face")]


def test_all_faces_have_segments_of_their_own():
    segments = segments_of(growing_pair(), "all")
    sides = {number: {s.face.box[0] < 300 for s in segments if s.face_id == number} for number in (1, 2)}
    assert sides == {1: {True}, 2: {False}}
    for face_id in (1, 2):
        check_cover([s for s in segments if s.face_id == face_id], 40)


def test_the_file_says_where_a_part_begins():
    images = still(person(1), 40)
    frames = [Frame(index, index / FPS, image, starts_anew=index == 17) for index, image in enumerate(images)]
    runs = [sighting.run for sighting in FaceFollower("largest", SIZE).follow(frames)]
    assert len(set(runs)) == 2 and runs.index(runs[-1]) == 17
    assert [s.run for s in FaceFollower("cropped", SIZE).follow(frames)] == [0] * 17 + [1] * 23
