import weakref

import numpy as np
import pytest
import torch
from helpers_video import (
    astronaut,
    face_video,
    hopper,
    numbered_video,
    two_faces,
    write_folder,
    write_video,
)
from PIL import Image
from transformers.models.auto.video_processing_auto import AutoVideoProcessor

from modeling_aullm import clip_reading, face_tracks, video_file
from modeling_aullm.face_alignment import align, alignment_transform, detect_faces, to_grey, whole_frame_transform
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor
from modeling_aullm.video_reading import VideoError


@pytest.fixture
def processor():
    return AULLMVideoProcessor()


@pytest.mark.parametrize("length", [2, 3, 6, 7, 13, 30, 100])
@pytest.mark.parametrize("num_frames", [2, 6, 9])
def test_sampling_is_the_published_one(length, num_frames):
    reference = [round(i * (length - 1) / (num_frames - 1)) for i in range(num_frames)]
    assert AULLMVideoProcessor(num_frames=num_frames).sample_frame_indices(length) == reference


def test_sampling_between_onset_and_offset_sees_the_apex(processor):
    assert processor.sample_frame_indices(100, onset=20, offset=70) == [20, 30, 40, 50, 60, 70]
    assert processor.sample_frame_indices(100, 20, 43, 70) == [20, 30, 43, 50, 60, 70]
    assert processor.sample_frame_indices(100, 20, 21, 70) == [20, 21, 40, 50, 60, 70]  # the reference stays
    assert processor.sample_frame_indices(100, 20, 70, 70)[-1] == 70
    for apex in range(20, 71):
        indices = processor.sample_frame_indices(100, 20, apex, 70)
        assert apex in indices
        assert indices == sorted(indices)


@pytest.mark.parametrize(
    "marks", [(-1, None, None), (5, None, 5), (5, 3, 8), (2, 9, 8), (2, None, 10), (9, None, None)]
)
def test_marks_out_of_order_or_out_of_the_clip(processor, marks):
    with pytest.raises(VideoError, match="frames 0 to 9"):
        processor.sample_frame_indices(10, *marks)


def test_a_clip_is_aligned_by_its_first_frame_throughout():
    video = face_video(11)
    clip = AULLMVideoProcessor(stabilize=False)(video, return_tensors="pt").pixel_values
    assert (tuple(clip.shape), clip.dtype) == ((1, 6, 64, 64), torch.float32)
    transform = alignment_transform(detect_faces(to_grey(video[0]))[0].landmarks, 64)
    reference = np.stack([align(video[index], transform, 64) for index in (0, 2, 4, 6, 8, 10)])
    np.testing.assert_array_equal(clip[0], reference)


@pytest.mark.parametrize("num_faceless", [1, 2, 3, 7])
def test_frames_before_the_face_are_no_part_of_the_clip(processor, num_faceless):
    video = face_video(20)
    for picture in (0, 255, numbered_video(1, 300, 300)[0]):
        video[:num_faceless] = picture
        clip = processor(video).pixel_values
        np.testing.assert_array_equal(clip, processor(video[num_faceless:]).pixel_values)
        assert processor.read_clip(video).start_frame == num_faceless


def test_sources_of_every_kind_give_the_same_clips_together_as_alone(processor, tmp_path):
    video = face_video(9)
    file = write_video(tmp_path / "clip.mkv", video, codec="ffv1")
    sources = [
        video,
        torch.from_numpy(video).permute(0, 3, 1, 2),
        [Image.fromarray(image) for image in video],
        write_folder(tmp_path / "frames", video),
        str(file),
        file,
    ]
    batch = processor(sources, return_tensors="pt").pixel_values
    assert batch.shape == (6, 6, 64, 64)
    for source, clip in zip(sources, batch, strict=True):
        assert torch.equal(processor(source, return_tensors="pt").pixel_values[0], clip)
        assert torch.equal(batch[0], clip)


def test_marks_for_each_video_of_a_batch(processor):
    video = face_video(20)
    batch = processor([video, video], onset=[0, 5], apex=[None, 8], offset=10).pixel_values
    np.testing.assert_array_equal(batch[0], processor(video[:11]).pixel_values[0])
    np.testing.assert_array_equal(batch[1], processor(video, onset=5, apex=8, offset=10).pixel_values[0])
    with pytest.raises(VideoError, match="got 3 onset"):
        processor([video, video], onset=[0, 1, 2])


def test_ready_crops_are_resized_whole():
    video = numbered_video(6, height=96, width=128)
    clip = AULLMVideoProcessor(face="cropped", stabilize=False)(video).pixel_values[0]
    reference = np.stack([align(image, whole_frame_transform(128, 96, 64), 64) for image in video])
    np.testing.assert_array_equal(clip, reference)
    np.testing.assert_allclose(clip[:, 32:, 32:].mean(axis=(1, 2)) * 255, 20 + 10 * np.arange(6), atol=0.01)


def test_the_largest_face_unless_told_otherwise(processor):
    video = np.stack([two_faces(1.5)] * 3)
    larger = processor(np.stack([hopper()] * 3)).pixel_values
    smaller = processor(np.stack([astronaut()] * 3)).pixel_values
    distance = {
        face: [np.abs(processor(video, face=face).pixel_values - one).mean() for one in (larger, smaller)]
        for face in ("largest", 1, 2)
    }
    assert distance["largest"] == distance[1]
    assert distance[1][0] < 0.05 < distance[1][1]
    assert distance[2][1] < 0.05 < distance[2][0]
    with pytest.raises(VideoError, match="no face found"):
        processor(video, face=3)


def test_no_face_is_an_error_in_one_line(processor):
    with pytest.raises(VideoError, match="no face found") as error:
        processor(numbered_video(3))
    assert "\n" not in str(error.value)
    with pytest.raises(VideoError):
        processor([])


@pytest.mark.parametrize(
    "settings",
    [
        {"face": "left"},
        {"face": 0},
        {"face": -1},
        {"face": True},
        {"image_size": 8},
        {"num_frames": 1},
        {"num_frames": 2.5},
    ],
)
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        AULLMVideoProcessor(**settings)


def test_a_short_video_is_one_segment_equal_to_its_clip(processor):
    video = face_video(10)
    (segment,) = processor.iter_segments(video)
    assert (segment.start_frame, segment.end_frame) == (0, 9)
    assert (segment.start_time, segment.end_time) == (0, pytest.approx(0.3))
    np.testing.assert_array_equal(segment.pixel_values, processor(video).pixel_values[0])
    assert segment.face.score > 0.9


def test_a_clip_between_onset_and_offset_tells_where_it_lies(processor):
    segment = processor.read_clip(face_video(20), onset=4, offset=12, fps=100)
    assert (segment.start_frame, segment.end_frame) == (4, 12)
    assert (segment.start_time, segment.end_time) == (pytest.approx(0.04), pytest.approx(0.12))
    np.testing.assert_array_equal(segment.pixel_values, processor(face_video(20), onset=4, offset=12).pixel_values[0])
    assert processor.read_clip(numbered_video(4)).pixel_values is None


def test_segments_of_a_longer_video_are_its_windows(processor, tmp_path):
    video = np.concatenate([face_video(15)] * 3)[:40]
    path = write_folder(tmp_path / "frames", video)
    segments = list(processor.iter_segments(path, window=0.5, stride=0.2))
    assert [(s.start_frame, s.end_frame) for s in segments] == [
        (0, 14),
        (6, 20),
        (12, 26),
        (18, 32),
        (24, 38),
        (25, 39),
    ]
    for segment in segments:
        clip = processor(video[segment.start_frame : segment.end_frame + 1]).pixel_values[0]
        np.testing.assert_array_equal(segment.pixel_values, clip)


def test_windows_without_a_face_are_told_apart(processor):
    video = np.concatenate([face_video(15), np.zeros_like(face_video(15)), face_video(15)])
    segments = list(processor.iter_segments(video, window=0.5, stride=0.5))
    assert [segment.face is None for segment in segments] == [False, True, False]
    assert [segment.pixel_values is None for segment in segments] == [False, True, False]
    cropped = list(processor.iter_segments(video, window=0.5, stride=0.5, face="cropped"))
    assert all(segment.face is None and segment.pixel_values.shape == (6, 64, 64) for segment in cropped)


def test_no_frame_is_searched_twice_and_memory_stays_flat(processor, monkeypatch):
    alive, most, searched = [0], [0], []

    def forget():
        alive[0] -= 1

    def watched_grey(image):
        if image.ndim == 2:
            return image
        grey = to_grey(image).copy()
        weakref.finalize(grey, forget)
        alive[0] += 1
        most[0] = max(most[0], alive[0])
        return grey

    def counted(image):
        searched.append(image[0, 0])
        return []

    monkeypatch.setattr(clip_reading, "to_grey", watched_grey)
    monkeypatch.setattr(face_tracks, "detect_faces", counted)
    video = np.repeat(np.arange(200, dtype=np.uint8), 32 * 32).reshape(200, 32, 32)
    segments = list(processor.iter_segments(video, window=0.5, stride=0.1))
    assert [(s.start_frame, s.end_frame, s.reason) for s in segments] == [(0, 199, "no face")]
    assert most[0] <= 15 + 2
    assert len(searched) == len(set(searched)) == 1 + 199 // 3 + 1  # every tenth of a second, and the last


def test_of_a_file_only_the_frames_sampled_are_converted(processor, tmp_path, monkeypatch):
    converted, convert = [], video_file.upright

    def counted(picture, *how):
        converted.append(picture.pts)
        return convert(picture, *how)

    path = write_video(tmp_path / "clip.mkv", np.concatenate([face_video(20)] * 3), codec="ffv1")
    monkeypatch.setattr(video_file, "upright", counted)
    segments = list(processor.iter_segments(path, window=0.5, stride=0.1))
    assert len(segments) == 16
    checks = 60 // 3 + 1  # every tenth of a second, and the last
    assert len(converted) <= 1 + checks + 6 * len(segments)  # the first frame's size is looked at, too


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [(0, None, "window"), (-1, None, "window"), (0.5, 0, "stride"), (0.5, 0.6, "gaps"), (0.05, None, "fewer than two")],
)
def test_bad_windows(processor, window, stride, message):
    with pytest.raises(VideoError, match=message):
        next(processor.iter_segments(face_video(5), window=window, stride=stride))


def test_stabilizing_takes_a_shift_out():
    video = np.stack([np.roll(astronaut(), shift, axis=1) for shift in (0, 1, 2, 3, 4, 5)])
    drifting, still = (AULLMVideoProcessor(stabilize=on)(video).pixel_values[0] for on in (False, True))
    np.testing.assert_array_equal(drifting[0], still[0])
    assert np.abs(drifting[5] - drifting[0])[8:-8, 8:-8].mean() > 0.04
    assert np.abs(still[5] - still[0])[8:-8, 8:-8].mean() < 0.01


def test_settings_survive_saving(tmp_path):
    settings = {"image_size": 48, "num_frames": 8, "face": 1, "stabilize": False}
    AULLMVideoProcessor(**settings).save_pretrained(tmp_path)
    loaded = AutoVideoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert {name: getattr(loaded, name) for name in settings} == settings
    changed = AULLMVideoProcessor.from_pretrained(tmp_path, face="cropped")
    assert (changed.face, changed.num_frames) == ("cropped", 8)
    assert changed(numbered_video(4)).pixel_values.shape == (1, 8, 48, 48)
