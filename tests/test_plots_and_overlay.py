from dataclasses import replace
from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image
from predictions import CHECKPOINT, CODES, FACE, SECOND_FACE, THRESHOLDS, astronaut_frames, gap, prediction, segment

from modeling_aullm.overlay import ACTIVE, INACTIVE, SMALLEST_HEIGHT, draw_frames, save_overlay, write_video
from modeling_aullm.plotting import ACTIVE as PLOT_ACTIVE
from modeling_aullm.plotting import draw

SEGMENTS = [segment(5 * k, 5 * k + 9, active=("AU12",) if 3 <= k <= 5 else ()) for k in range(6)]
TIMELINE = [gap(-5, -1, "covered"), *SEGMENTS, gap(35, 49), segment(50, 59), gap(60, 80, "cut")]
TIMELINE = [replace(s, start_frame=s.start_frame + 5, end_frame=s.end_frame + 5, start_time=s.start_time + 0.2,
                    end_time=s.end_time + 0.2) for s in TIMELINE]  # fmt: skip


def count_pixels(image, colour, tolerance=40):
    return int((np.abs(np.asarray(image).astype(int) - colour).max(axis=-1) < tolerance).sum())


def rgb(colour):
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


@pytest.mark.parametrize(
    "predictions",
    [
        [prediction()],
        [prediction(*TIMELINE, source="long.mp4")],
        [prediction(source=f"{number}.mp4") for number in range(5)],
        [prediction(*TIMELINE), prediction(source="$a$_{b.mp4")],
    ],
    ids=["clip", "timeline", "clips", "both"],
)
def test_plot_is_drawn(predictions, tmp_path):
    path = tmp_path / "out.png"
    draw(predictions).savefig(path)
    image = Image.open(path).convert("RGB")
    assert min(image.size) > 400 and count_pixels(image, rgb(PLOT_ACTIVE)) > 500
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 20


def test_plot_is_titled_and_labelled():
    figure = draw([prediction(source="folder/clip.mp4"), prediction(*TIMELINE, source="long.mp4")])
    clip, timeline = figure.axes
    assert clip.get_title(loc="left") == "clip.mp4" and timeline.get_title(loc="left") == "long.mp4"
    assert clip.get_xlabel() == "probability" and timeline.get_xlabel().startswith("time (s)")
    labels = clip.get_yticklabels()
    assert labels[0].get_text() == "Inner brow raiser  AU1" and len(labels) == 12
    assert [label.get_text()[-4:] for label in labels if label.get_fontweight() == "bold"] == [" AU6", "AU12"]
    assert [label.get_text()[-4:] for label in timeline.get_yticklabels() if label.get_fontweight() == "bold"] == [
        "AU12"
    ]


def test_the_time_axis_is_whole_and_grey_where_nothing_is_stated():
    (axes,) = draw([prediction(*TIMELINE)]).axes
    assert axes.get_xlim() == (0.0, TIMELINE[-1].end_time)
    hatched = [patch for patch in axes.patches if patch.get_hatch()]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches if not bar.get_hatch()]
    grey = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in hatched]
    np.testing.assert_allclose(grey, [(0.0, 0.2), (1.56, 1.6 + 0.6), (2.56, 3.4)])
    reasons = {text.get_text() for text in axes.texts}
    assert {"covered", "no face", "cut"} <= reasons
    for start, end in grey:
        assert not [bar for bar in bars if bar[0] < (start + end) / 2 < bar[1]]
    covered = sorted({*bars, *grey})
    assert covered[0][0] == 0 and max(end for _, end in covered) == pytest.approx(3.4)
    for (_, end), (start, _) in pairwise(covered):
        assert start <= end + 1e-9  # no time without either


def test_thresholds_and_the_checkpoint_stand_in_the_figure():
    figure = draw([prediction(), prediction(*TIMELINE)])
    assert figure.get_suptitle() == str(CHECKPOINT)
    for axes in figure.axes:
        values = [text.get_text() for text in axes.texts]
        assert [value for value in values if value in {f"{t:.2f}" for t in THRESHOLDS.values()}] == [
            f"{THRESHOLDS[code]:.2f}" for code in CODES
        ]
        assert "threshold" in values


def test_each_face_has_a_panel_of_its_own():
    second = prediction(*(replace(span, face=SECOND_FACE) for span in SEGMENTS), num_faces=2)
    figure = draw([prediction(*SEGMENTS, num_faces=2), second])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["clip.mp4, face 1", "clip.mp4, face 2"]


def test_a_notebook_shows_the_figure():
    assert draw([prediction()])._repr_png_()[:4] == b"\x89PNG"


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_plot_as_vectors(suffix, tmp_path):
    draw([prediction()]).savefig(tmp_path / f"out.{suffix}")
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
    save_overlay([prediction(segment(0, 11, active=active, fps=fps), source=path, fps=fps)], tmp_path / "out.mp4")
    frames, rate = read(tmp_path / "out.mp4")
    assert len(frames) == 12 and rate == pytest.approx(fps, rel=1e-4)
    height, width, _ = frames[0].shape
    assert height == 400 and width > 700 and width % 2 == 0


def test_overlay_draws_the_box_and_the_bars(tmp_path):
    path = clip_at(tmp_path / "clip.mp4", 400, 500)
    save_overlay([prediction(source=path)], tmp_path / "out.mp4")
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
    face = replace(FACE, box=(20.0, 20.0, 40.0, 40.0))
    save_overlay([prediction(segment(0, 2, face=face), source=str(folder))], tmp_path / "out.mp4")
    shown = read(tmp_path / "out.mp4")[0][0]
    factor = -(-SMALLEST_HEIGHT // height)
    assert shown.shape[0] == 2 * -(-height * factor // 2) and shown.shape[1] % 2 == 0
    assert count_pixels(shown[:, : 101 * factor], INACTIVE, 70) > 100


def panel_of(path, span, tmp_path, frame):
    save_overlay([prediction(*span, source=path)], tmp_path / "out.mp4")
    return read(tmp_path / "out.mp4")[0][frame][:, 500:]


def test_frames_without_a_statement_say_why(tmp_path):
    path = clip_at(tmp_path / "clip.mp4", 400, 500, 20)
    spans = [segment(0, 9, active=("AU6",)), gap(10, 19, "covered")]
    assert count_pixels(panel_of(path, spans, tmp_path, 5), ACTIVE) > 300
    covered = panel_of(path, spans, tmp_path, 15)
    other = panel_of(path, [spans[0], gap(10, 19, "light changes")], tmp_path, 15)
    middle = slice(180, 260)
    assert count_pixels(covered, ACTIVE) == 0 and covered[middle].std() > 2
    assert np.abs(covered[middle].astype(int) - other[middle]).max() > 40  # it is the reason that stands there


def test_all_faces_of_a_source_are_in_one_overlay_with_their_numbers(tmp_path):
    path = clip_at(tmp_path / "clip.mp4", 400, 500)
    one = prediction(segment(0, 11), source=path, num_faces=2)
    two = prediction(segment(0, 11, active=("AU6",), face=SECOND_FACE), source=path, num_faces=2)
    frame = next(iter(draw_frames([one, two]))).image
    alone = next(iter(draw_frames([one]))).image
    assert frame.shape[1] - 500 == 2 * (alone.shape[1] - 500)  # a panel each
    picture = frame[:, :500]
    assert count_pixels(picture[:, :280], INACTIVE, 70) > 300 and count_pixels(picture[:, 290:], ACTIVE, 70) > 300
    for left in (183, 300):  # the number stands on a dark tab at the box's corner
        assert count_pixels(picture[40:64, left : left + 20], (24, 26, 30), 60) > 20
    first, second = frame[:, 500 : alone.shape[1]], frame[:, alone.shape[1] :]
    assert count_pixels(first, ACTIVE) == 0 and count_pixels(second, ACTIVE) > 300


def test_of_many_faces_those_with_most_to_state_have_panels(tmp_path):
    path = clip_at(tmp_path / "clip.mp4", 400, 500)
    faces = [replace(FACE, id=number, box=(80.0 * number, 60.0, 60.0, 80.0)) for number in range(1, 6)]
    found = [
        prediction(*(segment(0, 11, face=face, active=("AU6",)) for _ in range(1 + (face.id > 2))), source=path,
                   num_faces=5) for face in faces
    ]  # fmt: skip
    frame = next(iter(draw_frames(found))).image
    width = next(iter(draw_frames(found[:1]))).image.shape[1] - 500
    assert frame.shape[1] == 500 + 3 * width
    for face in faces:
        left = int(face.box[0])
        assert count_pixels(frame[60:140, left - 3 : left + 63], ACTIVE, 70) > 200


def test_overlay_shows_the_picture_itself(tmp_path):
    photo = astronaut_frames(3)
    write_video(photo, tmp_path / "clip.mp4", 25.0)
    save_overlay([prediction(segment(0, 2, face=None), source=str(tmp_path / "clip.mp4"))], tmp_path / "out.mp4")
    shown = read(tmp_path / "out.mp4")[0][1][:512:2, :512:2]
    assert np.abs(shown.astype(int) - photo[1]).mean() < 8
