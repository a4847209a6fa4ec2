"""When frames are shown: rates in headers, joined parts, pictures held, files cut off, and videos written again."""

from fractions import Fraction

import av
import numpy as np
import pytest
from helpers_timed import write_animation, write_timed
from helpers_video import frame_number, numbered_video, write_video
from hypothesis import given, settings
from hypothesis import strategies as st
from predictions import prediction, segment

from modeling_aullm import overlay
from modeling_aullm.frame_times import usual_spacing
from modeling_aullm.source_reading import Reading, Sampling, _segments
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor
from modeling_aullm.video_reading import DEFAULT_FPS, VideoError, count_frames, open_video


def read(source, fps=None):
    with open_video(source, fps) as stream:
        return stream, list(stream)


def times_of(frames):
    return [frame.time for frame in frames]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("times")


@given(
    st.sampled_from([Fraction(1), Fraction(25), Fraction(30000, 1001), Fraction(90), Fraction(1000)]),
    st.integers(4, 150),
    st.integers(6, 30),
)
def test_the_rate_is_that_of_the_frames_whatever_the_header_says(folder, header_rate, spacing, num_frames):
    times = [spacing * index for index in range(num_frames)]
    stream, frames = read(write_timed(folder / "rate.webm", times, "libvpx", rate=header_rate))
    assert 1 / stream.fps == pytest.approx(spacing / 1000, abs=1.01e-3 / (num_frames - 1))
    np.testing.assert_allclose(times_of(frames), np.array(times) / 1000, atol=1e-6)


def test_the_rate_does_not_fall_by_a_picture_held_or_dropped(folder):
    times = [0, 40, 80, 120, 2120, 2160, 2200, 2280, 2320, 2360]
    for name, codec in (("held.mp4", "h264"), ("held.mkv", "h264"), ("held.webm", "libvpx")):
        assert read(write_timed(folder / name, times, codec))[0].fps == pytest.approx(25, abs=0.1)


VARYING = [(40, 40, 17), (15, 50), (50, 15), (33, 66), (40, 25), (10, 30, 50), (20, 21, 90), (5, 45, 12, 60, 33)]


@pytest.mark.parametrize("spacings", VARYING, ids=str)
@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "h264"), ("webm", "libvpx"), ("mp4", "h264"), ("mov", "mpeg4")])
def test_the_rate_of_frames_spaced_unevenly_is_that_of_their_times(folder, spacings, suffix, codec):
    times = np.cumsum([0, *(spacings * 30)[:60]]).tolist()
    stream, frames = read(write_timed(folder / f"uneven.{suffix}", times, codec, rate=25))
    assert stream.fps == pytest.approx((len(frames) - 1) / frames[-1].time, rel=1e-3)
    assert stream.fps == pytest.approx(1000 * 60 / times[-1], rel=1e-3)


@given(
    st.integers(8, 60),
    st.lists(st.sampled_from(["held", "dropped", "late"]), max_size=9),
    st.randoms(use_true_random=False),
)
def test_pictures_held_dropped_or_late_are_no_other_rate(spacing, events, random):
    """Up to a quarter of them, with the times that a camera gives them."""
    events += ["steady"] * 30
    random.shuffle(events)
    ways = {
        "steady": [spacing],
        "held": [spacing * random.randint(5, 400)],
        "dropped": [2 * spacing],
        "late": [1.9 * spacing, 0.1 * spacing],  # and the next one in time
    }
    spacings = [seconds / 1000 for event in events for seconds in ways[event]]
    assert usual_spacing(spacings) == pytest.approx(spacing / 1000)


@pytest.mark.parametrize("num_frames", [2, 3, 5])
@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "h264"), ("mkv", "mpeg4"), ("mp4", "h264")])
def test_few_frames_with_b_frames_have_the_rate_of_their_times(folder, num_frames, suffix, codec):
    """Matroska gives the first of them no decoding time."""
    times = [33 * index for index in range(num_frames)]
    path = folder / f"few.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.options = 48, 64, "yuv420p", {"bf": "2"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for image, time in zip(numbered_video(num_frames), times, strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert read(path)[0].fps == pytest.approx(1000 / 33, rel=0.02)


def test_an_exact_rate_of_the_header_is_kept_where_the_frames_bear_it_out(folder):
    times = [round(1001 * index / 30) for index in range(60)]  # milliseconds of 29.97 a second, rounded
    path = write_timed(folder / "ntsc.mkv", times, rate=Fraction(30000, 1001))
    assert read(path)[0].fps == pytest.approx(30000 / 1001, abs=1e-9)


RAW = {  # codec, container, options, rate that the stream tells
    "raw.h264": ("h264", "h264", None, 90),
    "raw.hevc": ("libx265", "hevc", {"x265-params": "log-level=none"}, 90),
    "raw.m4v": ("mpeg4", "m4v", None, 90),
    "untold.hevc": ("libx265", "hevc", {"x265-params": "log-level=none:vui-timing-info=0"}, None),
    "untold.mjpeg": ("mjpeg", "mjpeg", None, None),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_streams_have_the_rate_that_they_tell_or_none(folder, name):
    codec, container, options, rate = RAW[name]
    unit = Fraction(1, 90)
    path = write_timed(
        folder / name, list(range(12)), codec, rate=90, unit=unit, container_format=container, options=options
    )
    stream, frames = read(path)
    assert (stream.fps, stream.has_times) == (rate, rate is not None)
    np.testing.assert_allclose(times_of(frames), np.arange(12) / (rate or DEFAULT_FPS))
    stream, frames = read(path, fps=45)
    assert (stream.fps, stream.has_times) == (45, True)
    np.testing.assert_allclose(times_of(frames), np.arange(12) / 45)


def test_raw_dv_is_not_sixty_thousand_frames_a_second(folder):
    frames = numbered_video(6, 576, 720)
    path, unit = folder / "raw.dv", Fraction(1, 25)
    write_timed(path, list(range(6)), "dvvideo", rate=25, unit=unit, frames=frames, container_format="dv")
    assert read(path)[0].fps == 25


@given(st.integers(1, 240), st.booleans())
def test_a_rate_that_is_given_wins_over_every_header(folder, fps, is_marked):
    path = folder / "given.mp4"
    if not path.exists():
        write_video(path, numbered_video(20))
    processor = AULLMVideoProcessor(image_size=16)
    marks = {"onset": 2, "offset": 11} if is_marked else {"window": 30.0}
    (found,) = _segments(processor, Reading(str(path), str(path)), Sampling(fps=fps, face="cropped", **marks))
    assert found.fps == fps
    assert found.start_time == pytest.approx(found.start_frame / fps)
    assert found.end_time == pytest.approx(found.end_frame / fps)
    assert found.end_frame == (11 if is_marked else 19)


def write_part(path, num_frames, start, codec):
    times = [start + index for index in range(num_frames)]
    options = {"crf": "8"} if codec == "h264" else None  # with B-frames: the order of packets is not that of pictures
    return write_timed(path, times, codec, rate=25, unit=Fraction(1, 25), options=options).read_bytes()


@settings(max_examples=25)
@given(
    st.sampled_from(["h264", "mpeg2video"]),
    st.tuples(st.integers(2, 30), st.integers(2, 30), st.integers(2, 30)),
    st.tuples(st.integers(0, 1500), st.integers(0, 1500), st.integers(0, 1500)),
)
def test_streams_joined_end_to_end_break_where_they_were_joined(folder, codec, lengths, starts):
    """The times of a joined stream fall back or leap; the reference is built from the parts' own times."""
    path = folder / f"joined_{codec}.ts"
    parts = [write_part(folder / "part.ts", *part, codec) for part in zip(lengths, starts, strict=True)]
    path.write_bytes(b"".join(parts))
    expected, breaks, end = list(np.arange(lengths[0])), [], starts[0] + lengths[0]
    for length, start in zip(lengths[1:], starts[1:], strict=True):
        leap = start - end
        breaks += [len(expected)] if leap < 0 or leap > 0.7 * 25 else []
        first = expected[-1] + 1 + (leap if 0 <= leap <= 10 * 25 else 0)
        expected += list(first + np.arange(length))
        end = start + length
    _, frames = read(path)
    assert [frame.index for frame in frames if frame.starts_anew] == breaks
    np.testing.assert_allclose(times_of(frames), np.array(expected) / 25, atol=1e-4)
    assert count_frames(path) == sum(lengths)


def test_pictures_held_and_varying_rates_are_no_breaks(folder):
    times = [0, 30, 70, 100, 400, 420, 3900, 20_000]
    for name, codec in (("hold.mp4", "h264"), ("hold.mkv", "h264"), ("hold.webm", "libvpx"), ("hold.mov", "h264")):
        _, frames = read(write_timed(folder / name, times, codec))
        assert not any(frame.starts_anew for frame in frames)
        np.testing.assert_allclose(times_of(frames), np.array(times) / 1000, atol=1e-4)


HELD = [("mp4", "h264"), ("mov", "h264"), ("mkv", "h264"), ("webm", "libvpx"), ("webm", "libvpx-vp9"), ("avi", "mpeg4")]


@settings(max_examples=8)
@pytest.mark.parametrize(("suffix", "codec"), HELD)
@given(st.integers(300, 20_000), st.integers(4, 300), st.booleans())
def test_a_last_picture_held_is_not_cut_off(folder, suffix, codec, hold, spacing, with_sound):
    times = [spacing * index for index in range(8)]
    path = write_timed(folder / f"last_{codec}.{suffix}", times, codec, hold=hold, with_sound=with_sound)
    _, frames = read(path)
    assert len(frames) == count_frames(path) == 8
    assert suffix == "avi" or frames[-1].length == pytest.approx(hold / 1000, abs=1e-3)


def test_a_last_picture_of_an_animation_is_held(folder):
    for suffix in ("gif", "webp"):
        path = write_animation(folder / f"last.{suffix}", [40] * 11 + [3000])
        stream, frames = read(path)
        assert (len(frames), stream.fps, frames[-1].length) == (12, pytest.approx(25), 3)


@pytest.mark.parametrize("hold", [33, 3000])
@pytest.mark.parametrize("with_sound", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.995])
def test_files_cut_off_are_noticed_also_with_a_picture_held(folder, hold, with_sound, share):
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), dtype=np.uint8)
    times = [33 * index for index in range(20)]
    for name, codec in (("cut.mkv", "h264"), ("cut.webm", "libvpx"), ("cut.avi", "mpeg4")):
        path = write_timed(folder / name, times, codec, frames=noise, hold=hold, with_sound=with_sound)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(VideoError, match=r"cut off|cannot be decoded|damaged"):
            read(path)


def test_an_animation_cut_off_is_noticed(folder):
    path = write_animation(folder / "cut.gif", [40] * 20)
    for share in (0.6, 0.98):
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(VideoError, match="cut off"):
            read(path)


def shown(path):
    """Times of a file's frames and its length in seconds, as FFmpeg has them."""
    with av.open(str(path)) as container:
        pictures = [(frame.time, frame.duration * frame.time_base) for frame in container.decode(video=0)]
    first = pictures[0][0]
    return [time - first for time, _ in pictures], float(sum(pictures[-1])) - first


@settings(max_examples=12)
@given(st.lists(st.integers(4, 900), min_size=4, max_size=12), st.integers(4, 4000), st.sampled_from(["mp4", "mkv"]))
def test_the_overlay_shows_every_frame_when_the_source_does(folder, spacings, hold, suffix):
    times = np.cumsum([0, *spacings]).tolist()
    path = write_timed(folder / "source.mkv", times, hold=hold, rate=1000)
    found = prediction(segment(0, len(spacings)), source=str(path))
    overlay.save_overlay([found], folder / f"overlay.{suffix}")
    own, length = shown(folder / f"overlay.{suffix}")
    np.testing.assert_allclose(own, np.array(times) / 1000, atol=1.1e-3)
    assert length == pytest.approx((times[-1] + hold) / 1000, abs=2e-3)


def test_the_overlay_of_a_rate_that_was_given_and_of_joined_streams(folder):
    part = write_part(folder / "part.ts", 10, 0, "h264")
    (folder / "twice.ts").write_bytes(part + part)
    for fps, expected in ((None, 25), (5, 5)):
        found = prediction(segment(0, 19), source=str(folder / "twice.ts"), settings={"fps": fps})
        overlay.save_overlay([found], folder / "twice.mp4")
        own, length = shown(folder / "twice.mp4")
        np.testing.assert_allclose(own, np.arange(20) / expected, atol=1e-3)
        assert length == pytest.approx(20 / expected, abs=2e-3)


def test_the_annotated_video_of_the_page_is_as_long_as_the_upload(folder, monkeypatch):
    from aullm_space import annotated_video, detector
    from aullm_space.moments import Analysis, Request

    from modeling_aullm.processing_aullm import AULLMProcessor

    monkeypatch.setattr(detector, "processor", AULLMProcessor(), raising=False)
    times = [0, 30, 70, 100, 400, 420, 3900]
    path = write_timed(folder / "upload.webm", times, "libvpx", hold=300, rate=1000)
    annotated_video.write_annotated_video(Analysis(Request(path), None, 30.0, 7, 3.9, [], []), folder / "annotated.mp4")
    own, length = shown(folder / "annotated.mp4")
    np.testing.assert_allclose(own, np.array(times) / 1000, atol=1e-3)
    assert length == pytest.approx(4.2, abs=2e-3)


def test_frames_of_a_joined_stream_are_told_apart(folder):
    part = write_part(folder / "part.ts", 10, 0, "mpeg2video")
    (folder / "twice.ts").write_bytes(part + part)
    assert [frame_number(frame.image) for frame in read(folder / "twice.ts")[1]] == list(range(10)) * 2
