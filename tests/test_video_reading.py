import gc
import threading
import weakref
from contextlib import closing

import av
import cv2
import numpy as np
import pytest
import torch
from aullm_space.video import frames_between
from helpers_video import face_video, frame_number, numbered_video, turn_video, write_folder, write_video
from PIL import Image

from modeling_aullm.read_ahead import read_ahead
from modeling_aullm.temporal_windows import WindowCutter, up_to_a_second
from modeling_aullm.video_reading import DEFAULT_FPS, Frame, VideoError, count_frames, open_video


def read(source, fps=None):
    with open_video(source, fps) as stream:
        return stream, list(stream)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("mkv", "ffv1"), ("avi", "mpeg4"), ("webm", "libvpx")])
def test_files_give_every_frame_in_order_with_its_time(tmp_path, suffix, codec):
    path = write_video(tmp_path / f"clip.{suffix}", numbered_video(12), codec)
    stream, frames = read(path)
    assert (stream.source, stream.fps, stream.width, stream.height) == (str(path), 30, 64, 48)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame_number(frame.image) for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(12) / 30, atol=1.1e-3)
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.dtype == np.uint8
    assert count_frames(path) == 12
    assert stream.num_frames == 12


def test_variable_frame_rate_keeps_the_times_of_the_container(tmp_path):
    pts = [0, 30, 70, 100, 400, 420, 900]
    path = write_video(tmp_path / "vfr.mkv", numbered_video(7), pts=pts)
    np.testing.assert_allclose([frame.time for frame in read(path)[1]], np.array(pts) / 1000, atol=1e-3)
    np.testing.assert_allclose([frame.time for frame in read(path, fps=10)[1]], np.arange(7) / 10)


@pytest.mark.parametrize(
    ("matrix", "seen"),  # what FFmpeg's own players show
    [
        ((1, 0, 0, 1), lambda image: image),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
        ((0, -1, 1, 0), np.rot90),
        ((0, 1, 1, 0), lambda image: np.swapaxes(image, 0, 1)),
        ((0, -1, -1, 0), lambda image: np.rot90(np.swapaxes(image, 0, 1), 2)),
    ],
)
def test_turned_and_mirrored_videos_are_shown_as_their_display_matrix_says(tmp_path, matrix, seen):
    path = write_video(tmp_path / "phone.mp4", numbered_video(3))
    stored = read(path)[1][0].image
    turn_video(path, matrix)
    stream, frames = read(path)
    np.testing.assert_array_equal(frames[0].image, seen(stored))
    np.testing.assert_allclose(frames[0].luma, cv2.cvtColor(frames[0].image, cv2.COLOR_RGB2GRAY), atol=25)  # 16..235
    assert (stream.width, stream.height) == ((64, 48) if matrix[0] else (48, 64))
    np.testing.assert_array_equal(frames_between(path, 0, 0)[0], seen(stored))
    assert stream.is_mirrored == (np.linalg.det(np.reshape(matrix, (2, 2))) < 0)
    assert stream.recording == ({"is_mirrored": True} if stream.is_mirrored else {})


def test_most_damage_inside_a_frame_is_told(tmp_path):
    """Four bytes of a frame overwritten, as a bad card or a broken transfer does."""
    rng = np.random.default_rng(0)
    faces = face_video(30)
    noisy = np.clip(faces + rng.normal(0, 3, faces.shape), 0, 255).astype(np.uint8)
    content = write_video(tmp_path / "whole.mp4", noisy).read_bytes()
    with av.open(str(tmp_path / "whole.mp4")) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size > 100]
    told = 0
    for number in range(40):
        position, size = places[rng.integers(len(places))]
        at = position + 20 + rng.integers(size - 40)
        damaged = tmp_path / f"{number}.mp4"
        damaged.write_bytes(content[:at] + rng.bytes(4) + content[at + 4 :])
        try:
            count_frames(damaged)
        except VideoError as error:
            told += "frame" in str(error)
    assert told >= 32


def test_truncated_files_are_errors_that_name_the_frame(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3), dtype=np.uint8)
    for name, options in {"head.mp4": {"faststart": True}, "cut.mkv": {}, "cut.avi": {"codec": "mpeg4"}}.items():
        path = write_video(tmp_path / name, noise, **options)
        content = path.read_bytes()
        path.write_bytes(content[: int(0.6 * len(content))])
        with pytest.raises(VideoError, match=r"cut off at frame \d+"):
            read(path)
    path = write_video(tmp_path / "tail.mp4", noise)  # the index stands at the end: nothing can be read
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(VideoError, match="cut off or damaged"):
        read(path)


def test_damage_in_the_middle_is_an_error(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "flip.mp4", noise)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(value ^ 0x5A for value in content[middle : middle + 400])
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"frame \d+"):
        read(path)


def test_files_that_are_no_videos(tmp_path):
    (tmp_path / "notes.txt").write_text("no video at all\n" * 50)
    (tmp_path / "empty.mp4").touch()
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 16000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    expected = {
        "notes.txt": "text file|not a video",
        "empty.mp4": "empty",
        "photo.png": "at least 2",
        "sound.mp4": "no video stream",
        "missing.mp4": "no such file or folder",
    }
    for name, message in expected.items():
        with pytest.raises(VideoError, match=message) as error:
            read(tmp_path / name)
        assert name in str(error.value)
        assert "\n" not in str(error.value)


def test_one_frame_is_not_enough(tmp_path):
    for source in (write_video(tmp_path / "one.mp4", numbered_video(1)), numbered_video(1), [Image.new("L", (32, 32))]):
        with pytest.raises(VideoError, match="at least 2"):
            read(source)


def test_a_stream_can_be_left_early(tmp_path):
    path = write_video(tmp_path / "clip.mp4", numbered_video(20))
    with open_video(path) as stream:
        assert next(stream).index == 0
    path.unlink()


def test_a_picture_is_freed_as_soon_as_it_is_no_longer_needed(tmp_path):
    path = write_video(tmp_path / "clip.mp4", numbered_video(60))
    gc.collect()
    gc.disable()  # or it would hide what waits for it
    try:
        with open_video(path) as stream:
            for frame in stream:
                assert frame.luma.shape == (48, 64)
                assert frame.image.shape == (48, 64, 3)
            del frame
        assert sum(type(each) is av.VideoFrame for each in gc.get_objects()) <= 2
    finally:
        gc.enable()


@pytest.mark.parametrize("size", [(48, 64), (1600, 1600)])  # many at once, and one
def test_reading_ahead_gives_the_same_frames(size):
    video = numbered_video(20, *size)
    with open_video(video) as stream, closing(read_ahead(stream)) as frames:
        assert [frame_number(frame.image) for frame in frames] == list(range(20))


def test_reading_ahead_tells_an_error_at_its_place_and_can_be_left_early(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "clip.mp4", noise)
    content = bytearray(path.read_bytes())
    middle = 2 * len(content) // 3
    content[middle : middle + 400] = bytes(value ^ 0x5A for value in content[middle : middle + 400])
    path.write_bytes(content)
    expected, seen = [], []
    for read_all, told in ((lambda stream: stream, expected), (read_ahead, seen)):
        with open_video(path) as stream, pytest.raises(VideoError) as error:
            for frame in read_all(stream):
                told.append(frame.index)
        told.append(str(error.value))
    assert seen == expected
    with open_video(numbered_video(400)) as stream, closing(read_ahead(stream)) as frames:
        assert next(frames).index == 0
    assert not any(thread.name.startswith("aullm-read-ahead") for thread in threading.enumerate())


def test_folders_go_by_the_number_not_by_the_text(tmp_path):
    folder = write_folder(tmp_path / "frames", numbered_video(12))
    (folder / "readme.txt").write_text("not a frame")
    (folder / "._img1.png").write_text("left by macOS")
    stream, frames = read(folder)
    assert [frame_number(frame.image) for frame in frames] == list(range(12))  # img9 before img10
    assert (stream.fps, stream.num_frames) == (DEFAULT_FPS, 12)
    assert read(folder, fps=200)[1][5].time == pytest.approx(5 / 200)
    assert count_frames(folder) == 12


def test_folders_named_like_samm(tmp_path):
    folder = write_folder(tmp_path / "samm", numbered_video(11), "006_1_2_{}.png")
    assert [frame_number(frame.image) for frame in read(folder)[1]] == list(range(11))


def test_sixteen_bit_images_are_not_clipped(tmp_path):
    for index in range(2):
        Image.fromarray(np.full((32, 32), 0x8000 + index, np.uint16)).save(tmp_path / f"{index}.png")
    assert read(tmp_path)[1][0].image.mean() == 0x80


def test_bad_folders(tmp_path):
    def check(message):
        with pytest.raises(VideoError, match=message):
            read(tmp_path)

    check("holds no images")
    write_folder(tmp_path, numbered_video(2))
    Image.new("RGB", (80, 48)).save(tmp_path / "img3.png")
    check("frame 2 is 80x48 pixels, the first is 64x48")
    (tmp_path / "img3.png").write_bytes(b"no image")
    check(r"img3\.png: cannot be read")
    (tmp_path / "img3.png").rename(tmp_path / "img01.png")
    check("same frame number")
    (tmp_path / "img01.png").rename(tmp_path / "cover.png")
    check(r"cover\.png: no frame number")


def test_every_layout_of_arrays_and_images_is_the_same_video():
    video = numbered_video(5)
    reference = np.stack([frame.image for frame in read(video)[1]])
    np.testing.assert_array_equal(reference, video)
    sources = [
        video[..., 0],
        video[..., :1],
        video.transpose(0, 3, 1, 2),
        torch.from_numpy(video).permute(0, 3, 1, 2),
        torch.from_numpy(video),
        video.astype(np.float64) / 255,
        (torch.from_numpy(video) / 255).requires_grad_(),
        [Image.fromarray(image) for image in video],
        [Image.fromarray(image[..., 0]) for image in video],
    ]
    for source in sources:
        np.testing.assert_array_equal(np.stack([frame.image for frame in read(source)[1]]), reference)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((3, 32, 32), np.nan), "frame 0 holds NaN"),
        (np.stack([np.zeros((32, 32)), np.full((32, 32), np.inf)]), "frame 1 holds NaN"),
        (np.full((3, 32, 32), 200.0), "uint8, uint16, or float in 0..1"),
        (np.full((3, 32, 32), -0.1), "uint8, uint16, or float in 0..1"),
        (np.zeros((3, 32, 32), np.int64), "int64"),
        (np.zeros((32, 32), np.uint8), "shape must be"),
        (np.zeros((3, 32, 32, 4), np.uint8), "shape must be"),
        (np.zeros((3, 8, 32), np.uint8), "32x8 pixels"),
        (np.broadcast_to(np.uint8(0), (3, 9000, 32)), "32x9000 pixels"),
        (np.broadcast_to(np.uint8(0), (3, 8100, 8100)), "64 megapixels"),
        (np.zeros((0, 32, 32), np.uint8), "0 frame"),
    ],
)
def test_bad_arrays(array, message):
    with pytest.raises(VideoError, match=message):
        read(array)


def test_other_bad_sources():
    for source in (None, 3, [], ["a.mp4"], [Image.new("L", (32, 32)), Image.new("L", (40, 32))]):
        with pytest.raises(VideoError):
            read(source)
    for fps in (0, -1, float("nan")):
        with pytest.raises(VideoError, match="fps"):
            read(numbered_video(3), fps)


def timed_frames(times):
    return [Frame(index, time, np.zeros(1)) for index, time in enumerate(times)]


def windows_of(frames, window, stride=None):
    cutter = WindowCutter(window, stride)
    for frame in frames:
        yield from cutter.push(frame)
        del frame
    yield from cutter.finish()


def reference_windows(times, window, stride):
    """Every window by itself, from all frames at hand."""
    end = times[-1] + (times[-1] - times[0]) / (len(times) - 1)
    starts = [k * stride for k in range(10_000) if k * stride + window <= times[-1] + 1e-6]
    windows = [[i for i, t in enumerate(times) if s - 1e-6 <= t < s + window - 1e-6] for s in starts]
    if not windows or windows[-1][-1] != len(times) - 1:
        windows.append([i for i, t in enumerate(times) if t >= min(len(starts) * stride, end - window) - 1e-6])
    return windows


@pytest.mark.parametrize("fps", [25, 30, 200, 29.97])
@pytest.mark.parametrize(("window", "stride"), [(0.5, 0.1), (0.5, 0.25), (0.5, 0.5), (1.0, 0.3)])
@pytest.mark.parametrize("seconds", [1.2, 2.0, 3.35])
def test_windows_are_those_of_the_whole_video(fps, window, stride, seconds):
    times = (np.arange(round(seconds * fps)) / fps).tolist()
    windows = [[frame.index for frame in frames] for frames in windows_of(timed_frames(times), window, stride)]
    assert windows == reference_windows(times, window, stride)
    assert sorted({index for indices in windows for index in indices}) == list(range(len(times)))
    assert sum(len(times) - 1 in indices for indices in windows) == 1  # the end is covered once
    assert all(len(indices) >= int(window * fps) for indices in windows)


@pytest.mark.parametrize("start", [0, 0.3, 7.123])
def test_windows_count_from_the_first_frame(start):
    times = np.arange(40) / 30
    windows, later = (
        [[frame.index for frame in frames] for frames in windows_of(timed_frames(at), 0.5, 0.1)]
        for at in (times, times + start)
    )
    assert windows == later


def test_up_to_a_second_is_one_window_by_default():
    for num_frames, expected in ((2, True), (30, True), (31, False), (90, False)):
        frames, is_clip = up_to_a_second(iter(timed_frames(np.arange(num_frames) / 30)))
        assert is_clip == expected
        assert [frame.index for frame in frames] == list(range(num_frames))
    assert [len(w) for w in windows_of(timed_frames(np.arange(30) / 30), float("inf"))] == [30]
    assert [len(w) for w in windows_of(timed_frames(np.arange(10) / 30), 0.5)] == [10]


def test_a_gap_in_the_times_leaves_out_windows():
    times = [*np.arange(30) / 30, *(5 + np.arange(30) / 30)]
    windows = [[f.time for f in frames] for frames in windows_of(timed_frames(times), 0.5, 0.25)]
    assert all(len(window) >= 2 for window in windows)
    assert windows[-1][-1] == times[-1]


@pytest.mark.parametrize("window", [None, 30.0])
def test_a_window_of_more_frames_than_memory_should_hold_is_refused(window):
    frames = timed_frames(np.arange(100_000) / (1e6 if window is None else 100))
    with pytest.raises(VideoError, match="over 2000 frames"):
        list(windows_of(frames, window) if window else up_to_a_second(iter(frames))[0])


def test_no_more_than_one_window_of_frames_is_alive():
    alive, most = [0], 0

    def forget():
        alive[0] -= 1

    def stream():
        for index in range(900):
            frame = Frame(index, index / 30, np.zeros(1))
            weakref.finalize(frame, forget)
            alive[0] += 1
            yield frame

    for frames in windows_of(stream(), 0.5, 0.1):
        num_frames = len(frames)
        del frames
        most = max(most, alive[0])
        assert num_frames == 15
    assert most <= 15 + 1  # a window and the frame that closed it
