"""`aullm check` against recordings whose faults are known, for they were made with them."""

import json
import math
import subprocess
import sys
from fractions import Fraction
from itertools import count

import av
import numpy as np
import pytest
from helpers_video import turn_video, write_video
from PIL import Image
from skimage.data import astronaut

from modeling_aullm.command import cli
from modeling_aullm.recording_check import MICRO_MOVEMENT, Verdict, check_recording
from modeling_aullm.stream_quantiser import EXPORT, picture_quantiser, quantiser_step

FACE = astronaut()[0:240, 110:350]  # its face is some 90 pixels wide


def frames_of(number, size=480, shift=None, noise=1.0, seed=0):
    """Frames of a face some 180 pixels wide, moved by `shift(frame)` pixels to the right, with a sensor's noise."""
    rng = np.random.default_rng(seed)
    picture = np.asarray(Image.fromarray(FACE).resize((size, size), Image.Resampling.LANCZOS), np.float32)
    for index in range(number):
        moved = np.roll(picture, round(shift(index)), axis=1) if shift else picture
        yield np.clip(moved + rng.normal(0, noise, (size, size, 1)), 0, 255).astype(np.uint8)


def write(path, frames, codec="libx264", fps=50, times=None, pixels="yuv420p", **options):
    """A video file; `times` are ticks of a thousandth of a second."""
    with av.open(str(path), "w") as container:
        stream = None
        for index, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=fps, options={k: str(v) for k, v in options.items()})
                stream.height, stream.width, stream.pix_fmt = *frame.shape[:2], pixels
                stream.codec_context.time_base = Fraction(1, 1000)
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = round(index * 1000 / fps) if times is None else times[index]
            picture.time_base = Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def kinds(check):
    return [limit.kind for limit in check.limits]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write(tmp_path_factory.mktemp("recordings") / "good.mp4", frames_of(60), crf=10)


def test_a_good_recording_is_called_good(good):
    check = check_recording(good)
    assert (check.verdict, check.limits) == (Verdict.GOOD, ())
    assert (check.container, check.codec, check.width, check.height, check.num_frames) == ("mov", "h264", 480, 480, 60)
    assert (check.fps, check.timing, check.gaps, check.is_grey) == (50, "constant", 0, False)
    assert 150 <= check.face_width <= 230 and check.smallest_movement < MICRO_MOVEMENT


def test_what_compression_takes_grows_with_the_quantiser(tmp_path):
    checks = [check_recording(write(tmp_path / f"{crf}.mp4", frames_of(40), crf=crf)) for crf in (12, 23, 33, 45)]
    movements = [check.smallest_movement for check in checks]
    assert movements == sorted(movements) and movements[0] < MICRO_MOVEMENT < movements[2]
    assert [check.verdict for check in checks[2:]] == [Verdict.LARGE_ONLY, Verdict.CANNOT]
    assert kinds(checks[3]) == ["movement"] and "crf 12" in checks[3].limits[0].advice


@pytest.mark.parametrize(
    ("codec", "name", "options"),
    [
        ("libx265", "clip.mp4", {"crf": (18, 45), "x265-params": "log-level=none"}),
        ("libvpx-vp9", "clip.webm", {"crf": (10, 60), "b:v": 0, "deadline": "realtime", "cpu-used": 5}),
        ("libvpx", "clip.webm", {"crf": (4, 63), "b:v": 9_000_000}),
        ("mpeg4", "clip.avi", {"qmin": (2, 31), "qmax": (2, 31), "b:v": 90_000_000}),
        ("mjpeg", "clip.avi", {"qmin": (2, 31), "qmax": (2, 31), "b:v": 90_000_000}),
    ],
)
def test_every_codec_tells_how_coarse_it_is(tmp_path, codec, name, options):
    steps = []
    for end in (0, 1):
        chosen = {key: value[end] if isinstance(value, tuple) else value for key, value in options.items()}
        pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        steps.append(check_recording(write(tmp_path / name, frames_of(20, 320), codec, pixels=pixels, **chosen)))
    fine, coarse = steps
    assert fine.smallest_movement < coarse.smallest_movement or codec in ("mpeg4", "mjpeg")
    if codec != "mjpeg":
        assert coarse.quantiser > 1.5 * fine.quantiser


def test_the_quantiser_is_the_one_that_was_asked_for(tmp_path):
    options = {"qp": 30, "aq-mode": "none", "x264-params": "ipratio=1:pbratio=1"}
    path = write(tmp_path / "clip.mp4", frames_of(5, 320), **options)
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = EXPORT
        found = [picture_quantiser(picture, (100, 100, 200, 200)) for picture in container.decode(video=0)]
    assert found[0] == [pytest.approx(30, abs=0.5)]
    # H.264 doubles its step every 6, and has 20 at 30 (ISO/IEC 14496-10, Qstep of QP 30 is 20).
    assert quantiser_step("h264", 30) == pytest.approx(20, rel=0.02) and quantiser_step(
        "h264", 36
    ) / 2 == pytest.approx(quantiser_step("h264", 30))


def test_ten_bits_are_as_coarse_as_eight(tmp_path):
    eight, ten = (
        check_recording(write(tmp_path / f"{pixels}.mkv", frames_of(20, 320), pixels=pixels, crf=28))
        for pixels in ("yuv420p", "yuv420p10le")
    )
    assert ten.quantiser == pytest.approx(eight.quantiser, abs=3)
    assert ten.smallest_movement == pytest.approx(eight.smallest_movement, rel=0.3)


def test_mpeg_4_tells_its_own_quantiser(tmp_path):
    path = write(tmp_path / "clip.avi", frames_of(5, 320), "mpeg4", qmin=7, qmax=7, **{"b:v": 90_000_000})
    assert check_recording(path).quantiser == 7


def test_pictures_without_loss_are_not_called_compressed(tmp_path):
    lossless = check_recording(write(tmp_path / "clip.mkv", frames_of(20, noise=0), "ffv1"))
    assert lossless.verdict == Verdict.GOOD and lossless.quantiser is None
    (tmp_path / "frames").mkdir()
    for index, frame in enumerate(frames_of(20, noise=0)):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{index}.png")
    assert check_recording(str(tmp_path / "frames"), 50.0).verdict == Verdict.GOOD
    arrays = check_recording(np.stack(list(frames_of(20, noise=0))), 50.0)
    assert (arrays.container, arrays.verdict, arrays.timing) == ("array", Verdict.GOOD, "constant")


def test_a_small_face_and_none_are_told(tmp_path):
    small = check_recording(write(tmp_path / "small.mp4", frames_of(20, 160), crf=8))
    assert kinds(small) == ["face"] and small.verdict == Verdict.CANNOT and f"{small.face_width} pixels" in str(small)
    for grey in (0, 90):
        empty = (np.full((240, 320, 3), grey, np.uint8) for _ in range(40))
        none = check_recording(write(tmp_path / f"{grey}.mkv", empty, "ffv1"))
        assert (none.verdict, none.face_width, none.limits[0].reason) == (Verdict.CANNOT, None, "no face was found")
        assert "NaN" not in json.dumps(none.record()) and none.flicker is None


def test_repeated_frames_count_once(tmp_path):
    """A screen recorder at 60 of a webcam of 20 frames a second; the same at rest says nothing."""
    moving = list(frames_of(30, shift=lambda i: 4 * i, noise=0.5))
    recorded = [frame for frame in moving for _ in range(3)]
    check = check_recording(write(tmp_path / "screen.mkv", recorded, "ffv1", 60))
    assert check.distinct_fps == pytest.approx(20, rel=0.1) and kinds(check) == ["frame rate"]
    assert "repeat" in check.limits[0].reason
    still = check_recording(write(tmp_path / "still.mkv", [moving[0]] * 60, "ffv1", 60))
    assert still.repeated is None and still.verdict == Verdict.GOOD


@pytest.mark.parametrize(("fps", "verdict"), [(12, Verdict.CANNOT), (25, Verdict.LARGE_ONLY), (30, Verdict.GOOD)])
def test_few_frames_a_second_are_told(tmp_path, fps, verdict):
    assert check_recording(write(tmp_path / "clip.mp4", frames_of(24), fps=fps, crf=8)).verdict == verdict


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_gaps_and_varying_times_are_told(tmp_path, container):
    times = [20 * index + (300 if index >= 20 else 0) + (500 if index >= 35 else 0) for index in range(50)]
    gaps = check_recording(write(tmp_path / f"gaps.{container}", frames_of(50), crf=8, times=times))
    assert (gaps.gaps, gaps.longest_gap, gaps.timing) == (2, pytest.approx(0.52, abs=0.01), "constant")
    assert kinds(gaps) == ["missing frames"]
    uneven = [20 * index + (6 if index % 2 else 0) for index in range(50)]
    assert (
        check_recording(write(tmp_path / f"uneven.{container}", frames_of(50), crf=8, times=uneven)).timing == "varying"
    )


@pytest.mark.parametrize(("fps", "lamp", "seen"), [(30, 100, 10), (60, 100, 20), (50, 120, 20), (200, 100, 100)])
def test_flicker_is_named_by_its_lamp(tmp_path, fps, lamp, seen):
    """Two per cent of it, sampled as a camera does; what is seen is the lamp's frequency folded at the frame rate."""
    light = (1 + 0.03 * math.cos(2 * math.pi * (lamp * index / fps + 1 / 8)) for index in count())
    frames = (np.clip(frame * next(light), 0, 255).astype(np.uint8) for frame in frames_of(max(60, fps), 320))
    flicker = check_recording(write(tmp_path / "clip.mp4", frames, fps=fps, crf=10)).flicker
    assert flicker is not None and flicker.seen == pytest.approx(seen, abs=fps / 60)
    assert (flicker.lamp, flicker.mains, flicker.is_rolling) == (lamp, lamp / 2, False)
    assert flicker.amplitude == pytest.approx(0.03, rel=0.5) and f"{lamp} Hz" in flicker.text


def test_flicker_that_rolls_in_bands_is_seen_though_the_mean_stays(tmp_path):
    rows = np.arange(320)[:, None, None]
    frames = (
        np.clip(frame * (1 + 0.03 * np.cos(2 * np.pi * (2 * rows / 320 + 10 * index / 30))), 0, 255).astype(np.uint8)
        for index, frame in enumerate(frames_of(60, 320))
    )
    check = check_recording(write(tmp_path / "clip.mp4", frames, fps=30, crf=10))
    assert check.flicker is not None and check.flicker.is_rolling and "flicker" in kinds(check)


def test_light_that_stays_does_not_flicker(good):
    check = check_recording(good)
    assert check.flicker is None and check.exposure_change < 0.01 and check.focus_change < 0.05


def test_pumping_exposure_and_focus_are_told(tmp_path):
    gains = (0.8 + 0.2 / (1 + math.exp(-(index - 30) / 2)) for index in count())
    brighter = ((frame * next(gains)).astype(np.uint8) for frame in frames_of(60))
    exposed = check_recording(write(tmp_path / "exposure.mp4", brighter, crf=8))
    assert kinds(exposed) == ["exposure"] and exposed.exposure_change == pytest.approx(0.25, rel=0.2)
    import cv2

    focused = (
        cv2.GaussianBlur(frame, (0, 0), 0.1 + 2 / (1 + math.exp(-(index - 30) / 2)))
        for index, frame in enumerate(frames_of(60, noise=0.3))
    )
    assert "focus" in kinds(check_recording(write(tmp_path / "focus.mp4", focused, crf=8)))


def test_a_grey_camera_is_told(tmp_path):
    grey = (np.repeat(frame[..., 1:2], 3, axis=2) for frame in frames_of(20))
    assert check_recording(write(tmp_path / "grey.mp4", grey, crf=8)).is_grey


def test_a_phone_s_video_is_checked_as_it_is_shown(tmp_path):
    wide = (np.rot90(frame[:, 40:-40]) for frame in frames_of(20, 400))
    path = write(tmp_path / "phone.mp4", map(np.ascontiguousarray, wide), crf=8)
    turn_video(path, (0, 1, -1, 0))
    check = check_recording(path)
    assert (check.width, check.height) == (320, 400) and check.verdict == Verdict.GOOD


def test_a_long_recording_is_looked_at_in_several_places(tmp_path):
    """Its light fails in the last third only."""
    gains = [1.0] * 500 + [1 - 0.12 * (1 - math.cos(index / 5)) for index in range(200)]
    frames = ((frame * gain).astype(np.uint8) for frame, gain in zip(frames_of(700, 320), gains, strict=True))
    assert "exposure" in kinds(check_recording(write(tmp_path / "long.mp4", frames, crf=15, g=50)))


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = cli.main(["check", *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    return call


def test_the_command_prints_a_verdict_a_source_and_writes_json(run, good, tmp_path):
    write(tmp_path / "bad.mp4", frames_of(20), crf=45)
    status, out, err = run(good, "bad.mp4", "--json", "all.json")
    assert (status, err) == (0, [])
    assert out.startswith(f"{good}: good\n") and "\nbad.mp4: cannot show micro-expressions\n" in out
    records = json.loads((tmp_path / "all.json").read_text())
    assert [record["verdict"] for record in records] == ["good", "cannot show micro-expressions"]
    assert records[1]["limits"][0]["kind"] == "movement" and records[0]["smallest_movement"] > 0
    status, out, _ = run(good, "--json", "-")
    assert status == 0 and json.loads(out)[0]["source"] == str(good)


def test_what_cannot_be_checked_costs_a_line_and_nothing_else(run, good, tmp_path):
    with av.open("sound.m4a", "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44_100
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    Image.fromarray(FACE).save("still.png")
    Image.fromarray(FACE).save("still.tif")
    write(tmp_path / "one.mp4", frames_of(1))
    content = bytearray(write(tmp_path / "unknown.mp4", frames_of(3, 320)).read_bytes())
    content[:] = content.replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC")
    (tmp_path / "unknown.mp4").write_bytes(content)
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "live.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\none.mp4\n")
    bad = ["sound.m4a", "still.png", "still.tif", "one.mp4", "unknown.mp4", "text.mp4", "live.m3u8", "gone.mp4"]
    status, out, err = run(*bad, good, "--json", "all.json")
    assert status == 2 and out.startswith(f"{good}: good\n")
    assert sorted(line.split(":")[1].strip() for line in err) == sorted(bad), err
    assert all("Traceback" not in line and len(line) < 250 for line in err)
    assert len(json.loads((tmp_path / "all.json").read_text())) == 1


def test_json_that_cannot_be_written_is_told_before_the_work(run, good, tmp_path):
    status, out, err = run(good, "--json", "nowhere/all.json")
    assert (status, out, len(err)) == (2, "", 1) and "nowhere" in err[0]
    assert run(good, "--json", good)[0] == 2 and check_recording(good).verdict == Verdict.GOOD


def test_a_stream_without_end_is_told(good, tmp_path):
    code = (
        "import sys; from modeling_aullm.command import check_command, cli; check_command.MOST_STREAM_SECONDS = 0.5;"
        f"sys.exit(cli.main(['check', '-', {str(good)!r}]))"
    )
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as endless:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=endless.stdout, capture_output=True, text=True, timeout=120, check=False
        )
        endless.kill()
    assert done.returncode == 2 and "has not ended" in done.stderr and f"{good}: good" in done.stdout


@pytest.mark.parametrize(("frames", "is_short"), [(3, True), (6, False)])
def test_a_recording_shorter_than_a_blink_says_so(tmp_path, frames, is_short):
    video = write_video(tmp_path / "clip.mp4", np.repeat(FACE[None], frames, axis=0))
    limits = {limit.kind: limit for limit in check_recording(video).limits}
    assert ("length" in limits) == is_short
    if is_short:
        assert "less than a blink" in limits["length"].reason and limits["length"].verdict == Verdict.CANNOT


def test_cuts_are_no_flicker(tmp_path):
    other = np.clip(FACE[:, ::-1].astype(int) + 40, 0, 255).astype(np.uint8)
    shots = [np.repeat((FACE, other)[number % 2][None], 30, axis=0) for number in range(6)]
    assert check_recording(write_video(tmp_path / "cuts.mp4", np.concatenate(shots))).flicker is None
