import av
import numpy as np
import pytest
from PIL import Image
from predictions import FACE, astronaut_frames, prediction, segment

from modeling_aullm.overlay import ACTIVE, INACTIVE, SMALLEST_HEIGHT, save_overlay, write_video
from modeling_aullm.plotting import ACTIVE as PLOT_ACTIVE
from modeling_aullm.plotting import draw, save_plot
from modeling_aullm.results import FaceResult

TIMELINE = [segment(5 * k, 5 * k + 9, active=("AU12",) if 3 <= k <= 5 else ()) for k in range(9) if k != 7]


def count_pixels(image, colour, tolerance=40):
    return int((np.abs(np.asarray(image).astype(int) - colour).max(axis=-1) < tolerance).sum())


def rgb(colour):
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


@pytest.mark.parametrize(
    "predictions",
    [
        [prediction()],
        [prediction(*TIMELINE, num_windows=9, source="long.mp4")],
        [prediction(source=f"{number}.mp4") for number in range(5)],
        [prediction(*TIMELINE, num_windows=9), prediction(source="$a$_{b.mp4")],
    ],
    ids=["clip", "timeline", "clips", "both"],
)
def test_plot_is_drawn(predictions, tmp_path):
    path = tmp_path / "out.png"
    save_plot(predictions, path)
    image = Image.open(path).convert("RGB")
    assert min(image.size) > 400 and count_pixels(image, rgb(PLOT_ACTIVE)) > 500
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 20


def test_plot_is_titled_and_labelled():
    figure = draw([prediction(source="folder/clip.mp4"), prediction(*TIMELINE, num_windows=9, source="long.mp4")])
    clip, timeline = figure.axes
    assert clip.get_title(loc="left") == "clip.mp4" and timeline.get_title(loc="left") == "long.mp4"
    assert clip.get_xlabel() == "probability" and timeline.get_xlabel().startswith("time (s)")
    labels = clip.get_yticklabels()
    assert labels[0].get_text() == "Inner brow raiser  AU1" and len(labels) == 12
    assert [label.get_text()[-4:] for label in labels if label.get_fontweight() == "bold"] == [" AU6", "AU12"]
    assert [label.get_text()[-4:] for label in timeline.get_yticklabels() if label.get_fontweight() == "bold"] == [
        "AU12"
    ]


def test_a_gap_without_a_face_stays_empty_in_the_timeline():
    (axes,) = draw([prediction(*TIMELINE, num_windows=9)]).axes
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
    gap = (35 + 4.5) / 25  # the middle of the window that is missing
    assert not [span for span in spans if span[0] < gap < span[1]]
    assert spans[0][0] == 0.0 and max(end for _, end in spans) == TIMELINE[-1].end_time


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_plot_as_vectors(suffix, tmp_path):
    save_plot([prediction()], tmp_path / f"out.{suffix}")
    assert (tmp_path / f"out.{suffix}").stat().st_size > 2000


def read(path):
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], float(stream.average_rate)


def clip_at(path, height, width, num_frames=12, fps=25.0):
    write_video(np.full((num_frames, height, width, 3), 200, np.uint8), path, fps)
    return str(path)


@pytest.mark.parametrize("fps", [25.0, 30000 / 1001, 200.0])
def test_overlay_keeps_frames_and_rate(fps, tmp_path):
    path, active = clip_at(tmp_path / "clip.mp4", 400, 500, 12, fps), ("AU6",)
    save_overlay(prediction(segment(0, 11, active=active, fps=fps), source=path, fps=fps), tmp_path / "out.mp4")
    frames, rate = read(tmp_path / "out.mp4")
    assert len(frames) == 12 and rate == pytest.approx(fps, rel=1e-4)
    height, width, _ = frames[0].shape
    assert height == 400 and width > 700 and width % 2 == 0


def test_overlay_draws_the_box_and_the_bars(tmp_path):
    path = clip_at(tmp_path / "clip.mp4", 400, 500)
    save_overlay(prediction(source=path), tmp_path / "out.mp4")
    frame = read(tmp_path / "out.mp4")[0][5]
    x, y, width, height = map(int, FACE.box)
    top_edge, inside = (
        frame[y - 1 : y + 3, x + 10 : x + width - 10],
        frame[y + 10 : y + height - 10, x + 10 : x + width - 10],
    )
    assert count_pixels(top_edge, ACTIVE, 70) > 60
    assert np.abs(inside.astype(int) - 200).max() < 12  # the face stays free
    panel = frame[:, 500:]
    assert count_pixels(panel, ACTIVE) > 1000 and count_pixels(panel, INACTIVE) > 100


@pytest.mark.parametrize("height", [90, 161, 360, 361])
def test_small_videos_are_enlarged_by_a_whole_factor(height, tmp_path):
    frames = [np.full((height, 101, 3), 200, np.uint8)] * 3
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.png")
    face = FaceResult((20.0, 20.0, 40.0, 40.0), 0.9)
    save_overlay(prediction(segment(0, 2, face=face), source=str(folder)), tmp_path / "out.mp4")
    shown = read(tmp_path / "out.mp4")[0][0]
    factor = -(-SMALLEST_HEIGHT // height)
    assert shown.shape[0] == 2 * -(-height * factor // 2) and shown.shape[1] % 2 == 0
    assert count_pixels(shown[:, : 101 * factor], INACTIVE, 70) > 100


def test_frames_without_a_reading_say_so(tmp_path):
    path = clip_at(tmp_path / "clip.mp4", 400, 500, 20)
    save_overlay(prediction(segment(0, 9, active=("AU6",)), source=path, num_windows=2), tmp_path / "out.mp4")
    frames, _ = read(tmp_path / "out.mp4")
    assert count_pixels(frames[5], ACTIVE) > 300 and count_pixels(frames[15], ACTIVE) == 0
    assert frames[15][:, 500:].std() > 2  # a note instead


def test_overlay_shows_the_picture_itself(tmp_path):
    photo = astronaut_frames(3)
    write_video(photo, tmp_path / "clip.mp4", 25.0)
    save_overlay(prediction(segment(0, 2, face=None), source=str(tmp_path / "clip.mp4")), tmp_path / "out.mp4")
    shown = read(tmp_path / "out.mp4")[0][1][:512:2, :512:2]
    assert np.abs(shown.astype(int) - photo[1]).mean() < 8
