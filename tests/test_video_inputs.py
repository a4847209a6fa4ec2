"""What may be given as a video: lists of frames, batches, images of many pages, folders of any names, odd pixels."""

import io
from fractions import Fraction

import numpy as np
import pytest
import torch
from conftest import tiny_model
from helpers_timed import write_animation, write_timed
from helpers_video import FPS, astronaut, face_video, frame_number, numbered_video, write_folder, write_video
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modeling_aullm.face_alignment import detect_largest_face
from modeling_aullm.face_orientation import turned_face_hint
from modeling_aullm.pipeline_aullm import ActionUnitDetectionPipeline
from modeling_aullm.processing_aullm import AULLMProcessor
from modeling_aullm.video_reading import DEFAULT_FPS, VideoError, count_frames, open_video


def read(source, fps=None):
    with open_video(source, fps) as stream:
        return stream, list(stream)


def numbers(source):
    return [frame_number(frame.image) for frame in read(source)[1]]


@pytest.fixture(scope="module")
def processor():
    return AULLMProcessor()


@pytest.fixture(scope="module")
def pipe():
    return ActionUnitDetectionPipeline(model=tiny_model(), processor=AULLMProcessor())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inputs")


LAYOUTS = {
    "pil": lambda video: [Image.fromarray(image) for image in video],
    "last": list,
    "first": lambda video: [image.transpose(2, 0, 1) for image in video],
    "grey": lambda video: [image[..., 0] for image in video],
    "one_channel": lambda video: [image[..., :1].transpose(2, 0, 1) for image in video],
    "float": lambda video: [image.astype(np.float32) / 255 for image in video],
    "tensors_last": lambda video: [torch.from_numpy(image) for image in video],
    "tensors_first": lambda video: [torch.from_numpy(image).permute(2, 0, 1) / 255 for image in video],
    "tuple": tuple,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("num_frames", [2, 3, 18])
def test_a_list_of_frames_is_one_video(processor, layout, num_frames):
    video = numbered_video(num_frames)
    frames = LAYOUTS[layout](video)
    _, read_frames = read(frames)
    np.testing.assert_array_equal(np.stack([frame.image for frame in read_frames]), video)
    expected = processor(videos=video, face="cropped").pixel_values
    np.testing.assert_array_equal(processor(videos=frames, face="cropped").pixel_values, expected)
    assert processor(videos=[frames, frames], face="cropped").pixel_values.shape == (2, 6, 64, 64)


def test_lists_of_videos_and_five_dimensions_are_batches(processor, tmp_path):
    video = numbered_video(12)
    path = write_video(tmp_path / "clip.mkv", video, "ffv1")
    one = processor(videos=video, face="cropped").pixel_values
    for batch in (
        [video, video],
        [torch.from_numpy(video).permute(0, 3, 1, 2)] * 2,
        [video[..., 0], video[..., 0]],
        [str(path), path],
        np.stack([video, video]),
        torch.from_numpy(np.stack([video, video])),
        [list(video), str(path)],
    ):
        np.testing.assert_array_equal(processor(videos=batch, face="cropped").pixel_values, np.repeat(one, 2, axis=0))
    with pytest.raises(VideoError, match="batch of videos; give one"):
        read(np.stack([video, video]))


def test_the_pipeline_takes_lists_as_the_processor_does(pipe):
    video = numbered_video(12)
    one = pipe(video, face="cropped")
    assert pipe(list(video), face="cropped") == one
    assert pipe([image.transpose(2, 0, 1) for image in video], face="cropped") == one
    assert pipe([Image.fromarray(image) for image in video], face="cropped") == one
    assert pipe([video, video], face="cropped") == [one, one]
    assert pipe(np.stack([video, video]), face="cropped") == [one, one]
    assert pipe([list(video), list(video)], face="cropped") == [one, one]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"\0\0\0 ftypisom", "bytes: .*give its path"),
        (io.BytesIO(b"\0\0\0 ftypisom"), "BytesIO: .*give its path"),
        ("https://example.org/clip.mp4", "is a URL; download"),
        ("s3://bucket/clip.mp4", "is a URL; download"),
        ({"path": "clip.mp4"}, "got a dict"),
        ([numbered_video(3)[0], "clip.mp4"], "frames beside videos"),
        ([numbered_video(3)[0], numbered_video(3)], "frames beside videos"),
        ([np.zeros((64, 64, 3), np.uint8), np.zeros((64, 48, 3), np.uint8)], r"frame 1 has shape \(64, 48, 3\)"),
    ],
)
def test_what_is_no_video_is_told_in_one_line(processor, pipe, source, message):
    for use in (lambda: processor(videos=source), lambda: pipe(source)):
        with pytest.raises(ValueError, match=message) as error:
            use()
        assert "\n" not in str(error.value)


def test_frames_of_no_known_shape_are_videos_of_no_known_shape(processor, pipe):
    frames = [np.zeros((64, 64, 4), np.uint8)] * 3
    with pytest.raises(ValueError, match="shape must be|64"):
        processor(videos=frames)
    for found in pipe(frames):
        (segment,) = found["timeline"]
        assert segment["action_units"] is None and "64" in segment["reason"]


@pytest.fixture(scope="module")
def square_clip(processor):
    return processor(videos=face_video(8)).pixel_values


@pytest.mark.parametrize("shape", [Fraction(2), Fraction(1, 2), Fraction(64, 45), Fraction(8, 9)])
def test_pixels_that_are_not_square_do_not_squeeze_the_face(processor, square_clip, folder, shape):
    """The file holds the astronaut squeezed, and says so; the crop is that of the photograph."""
    height, width = 300, 300
    size = (round(width / shape), height) if shape > 1 else (width, round(height * shape))
    size = tuple(2 * round(side / 2) for side in size)
    squeezed = np.stack([np.asarray(Image.fromarray(image).resize(size)) for image in face_video(8)])
    path = write_timed(folder / "anamorphic.mp4", [40 * k for k in range(8)], frames=squeezed, pixel_shape=shape)
    stream, frames = read(path)
    assert frames[0].image.shape[:2] == (stream.height, stream.width) == pytest.approx((height, width), abs=3)
    clip = processor(videos=path).pixel_values
    assert np.abs(clip - square_clip).mean() < 0.05  # landmarks are whole pixels: the crop shifts by one or two
    box, expected = detect_largest_face(frames[0].image).box, detect_largest_face(astronaut()).box
    np.testing.assert_allclose(box, expected, atol=9)


@settings(max_examples=15)
@given(st.fractions(Fraction(1, 4), 4, max_denominator=40))
def test_square_pixels_never_lose_rows_or_columns(folder, shape):
    path = write_timed(folder / "any.mkv", [0, 40, 80], pixel_shape=shape)
    image = read(path)[1][0].image
    height, width = image.shape[:2]
    assert height >= 48 and width >= 64
    assert width / height == pytest.approx(64 / 48 * float(shape), rel=0.04)
    assert image[2, 2].min() > 200 and image[-2, -2].max() < 100  # the white corner stays at its place


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_on_its_side_is_told_instead_of_leading_to_crops(processor, turns):
    lying = np.rot90(face_video(4), turns, axes=(1, 2))
    with pytest.raises(
        VideoError, match="no face found; the face (lies on its side|stands on its head); turn"
    ) as error:
        processor(videos=lying)
    text = str(error.value)
    assert "cropped" not in text
    quarters = 2 if "180" in text else 1 if "counter-clockwise" in text else -1
    assert detect_largest_face(np.ascontiguousarray(np.rot90(lying[0], quarters))) is not None
    assert ("transpose=2" in text, "transpose=1" in text) == (quarters == 1, quarters == -1)


def test_no_face_however_turned_is_no_sideways_face(processor):
    assert turned_face_hint([np.full((200, 200, 3), 90, np.uint8)]) is None
    assert turned_face_hint([]) is None
    with pytest.raises(VideoError, match="face='cropped'"):
        processor(videos=np.full((4, 200, 200, 3), 90, np.uint8))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_that_ask_to_be_shown_mirrored_say_so(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    for suffix in ("jpg", "png", "tif", "webp"):
        folder = tmp_path / suffix
        folder.mkdir()
        for index, image in enumerate(numbered_video(3)):
            Image.fromarray(image).save(folder / f"{index}.{suffix}", exif=exif)
        opened = [Image.open(path) for path in sorted(folder.iterdir())]
        for source in (folder, opened):
            assert read(source)[0].recording == ({"is_mirrored": True} if orientation in (2, 4, 5, 7) else {})


COPIES = [
    "{} (1)", "{}(1)", "{} - Copy", "{} - Copy (2)", "{} copy", "{} copy 2", "{} 2", "Copy of {}", "Kopie von {}",
    "{} - Kopie", "{} (Kopie)", "{} (another copy)", "Copie de {}", "{}_copy", "{}のコピー",
]  # fmt: skip


@given(
    st.sampled_from(COPIES),
    st.sampled_from(["img{}", "frame_{:04}", "006_1_2_{:05}", "{}", "scene 1 frame {}", "{:03}a", "t_{}.5"]),
    st.integers(1, 12),
    st.sampled_from(["png", "jpg"]),
)
def test_a_pasted_copy_is_no_frame(tmp_path_factory, copy, name, number, suffix):
    names = [name.format(index) for index in range(1, 13)]
    folder = tmp_path_factory.mktemp("copies")
    picture = Image.fromarray(numbered_video(1)[0])
    for stem in names:
        picture.save(folder / f"{stem}.png")
    assert count_frames(folder) == 12
    original = name.format(number)
    picture.save(folder / f"{copy.format(original)}.{suffix}")
    with pytest.raises(VideoError) as error:
        read(folder)
    assert f"{copy.format(original)}.{suffix}" in str(error.value) and f"{original}.png" in str(error.value)


@pytest.mark.parametrize(
    "names",
    [
        ["frame_0.05", "frame_0.1", "frame_0.25", "frame_0.5", "frame_0.75", "frame_1", "frame_1.5", "frame_10"],
        ["t0.0", "t0.04", "t0.08", "t0.12", "t0.2", "t0.96", "t1.0", "t1.04"],
        ["clip1.8", "clip1.9", "clip1.10", "clip1.11", "clip2.1"],
        ["clip1.05", "clip1.99", "clip1.100", "clip1.101"],
        ["2020.01.05", "2020.01.12", "2020.02.01"],
        ["img (1)", "img (2)", "img (10)"],
        ["img.1", "img.2", "img.12"],
        ["006_1_2_9", "006_1_2_10", "006_1_10_1"],
        ["1", "2", "12", "21", "112"],
    ],
)
def test_names_go_by_the_value_of_their_numbers(tmp_path, names):
    for name, image in zip(names, numbered_video(len(names)), strict=True):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    assert numbers(tmp_path) == list(range(len(names)))


@given(st.sets(st.integers(1, 3000), min_size=2, max_size=15))
def test_times_in_seconds_are_in_order_however_they_are_written(tmp_path_factory, milliseconds):
    folder = tmp_path_factory.mktemp("seconds")
    for image, time in zip(numbered_video(len(milliseconds)), sorted(milliseconds), strict=True):
        Image.fromarray(image).save(folder / f"frame_{time / 1000}.png")
    digits = [str(time / 1000).partition(".")[2] for time in milliseconds]
    if len({*map(len, digits)}) == 1 or any(text[0] == "0" and len(text) > 1 for text in digits):
        assert numbers(folder) == list(range(len(milliseconds)))


def save_pages(path, video, **how):
    first, *others = map(Image.fromarray, video)
    first.save(path, save_all=True, append_images=others, **how)
    return path


def test_a_tiff_of_many_pages_is_a_video(tmp_path):
    path = save_pages(tmp_path / "stack.tif", numbered_video(12))
    stream, frames = read(path)
    assert (stream.fps, stream.num_frames, stream.width, stream.height) == (DEFAULT_FPS, 12, 64, 48)
    assert count_frames(path) == 12 and numbers(path) == list(range(12))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(12) / DEFAULT_FPS)
    np.testing.assert_allclose([frame.time for frame in read(path, 200)[1]], np.arange(12) / 200)
    deep = [image.astype(np.uint16) << 8 for image in numbered_video(12)[..., 0]]
    assert numbers(save_pages(tmp_path / "deep.tiff", deep)) == list(range(12))


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=12))
def test_an_animated_webp_is_a_video_with_its_own_times(folder, lengths):
    path = write_animation(folder / "animation.webp", lengths)
    stream, frames = read(path)
    assert (stream.width, stream.height, count_frames(path)) == (64, 48, len(lengths))
    assert [frame_number(frame.image) for frame in frames] == list(range(len(lengths)))
    np.testing.assert_allclose([frame.time for frame in frames], np.cumsum([0, *lengths[:-1]]) / 1000, atol=1e-9)
    np.testing.assert_allclose([frame.length for frame in frames], np.array(lengths) / 1000)


def test_a_webp_of_even_times_has_their_rate(folder):
    assert read(write_animation(folder / "even.webp", [40] * 10))[0].fps == pytest.approx(25)


def test_images_of_one_page_and_damaged_ones_are_refused_in_the_right_words(tmp_path):
    for name in ("photo.tif", "photo.webp"):
        Image.fromarray(astronaut()).save(tmp_path / name)
        with pytest.raises(VideoError, match=r"has 1 frame\(s\), motion needs at least 2"):
            read(tmp_path / name)
    for name in ("stack.tif", "animation.webp"):
        path = save_pages(tmp_path / name, np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), dtype=np.uint8))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(VideoError, match="cannot be read as an image|frame"):
            read(path)
        with pytest.raises(VideoError):
            count_frames(path)
            read(path)


def test_a_stack_in_a_folder_does_not_lose_its_pages_in_silence(tmp_path):
    write_folder(tmp_path, numbered_video(3), "img{}.tif")
    assert len(read(tmp_path)[1]) == 3
    save_pages(tmp_path / "img2.tif", numbered_video(5))
    with pytest.raises(VideoError, match=r"img2\.tif: holds 5 pictures"):
        read(tmp_path)


LONG = "longer than .*onset and offset.*iter_segments.*window=.*aullm predict"


@settings(max_examples=10)
@given(st.integers(20, 120))
def test_a_video_longer_than_a_clip_is_refused_by_its_own_times(processor, folder, spacing):
    """Fifty frames: as long as four seconds at 81 ms a frame."""
    path = write_timed(folder / "long.webm", [spacing * index for index in range(50)], "libvpx", rate=1000)
    if 49 * spacing <= 4000:
        assert processor(videos=path, face="cropped").pixel_values.shape == (1, 6, 64, 64)
        return
    with pytest.raises(VideoError, match=LONG):
        processor(videos=path, face="cropped")
    for marks in ({"onset": 0, "offset": 49}, {"onset": 20}, {"offset": 20}, {"fps": 30}):
        assert processor(videos=path, face="cropped", **marks).pixel_values.shape == (1, 6, 64, 64)


@pytest.mark.parametrize("kind", ["array", "list", "folder"])
def test_of_sources_without_times_only_very_long_ones_are_refused(processor, tmp_path, kind):
    def source(num_frames):
        video = np.resize(numbered_video(20, 16, 16), (num_frames, 16, 16, 3))
        if kind == "folder":
            return write_folder(tmp_path / str(num_frames), video, "img{}.pgm")
        return list(video) if kind == "list" else video

    assert processor(videos=source(800), face="cropped").pixel_values.shape == (1, 6, 64, 64)
    long = source(801)
    with pytest.raises(VideoError, match=LONG):
        processor(videos=long, face="cropped")
    with pytest.raises(VideoError, match=LONG):
        processor(videos=source(800), face="cropped", fps=FPS)
    assert processor(videos=long, face="cropped", fps=250).pixel_values.shape == (1, 6, 64, 64)
    assert processor(videos=long, face="cropped", onset=0, offset=800).pixel_values.shape == (1, 6, 64, 64)
