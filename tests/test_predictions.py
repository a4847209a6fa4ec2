"""`modeling_aullm.predict` and what it returns."""

import io
import json
import subprocess
import sys
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import tiny_model
from helpers_space import launch_browser
from helpers_video import face_video, turn_video, two_faces, write_folder, write_video
from predictions import CODES, SECOND_FACE, gap, prediction, segment

import modeling_aullm
from modeling_aullm.api import CheckpointWarning, SourceWarning
from modeling_aullm.detector import CheckpointError
from modeling_aullm.face_alignment import align, alignment_transform, detect_faces, to_grey
from modeling_aullm.predictions import Predictions
from modeling_aullm.processing_aullm import AULLMProcessor
from modeling_aullm.progress import Progress
from modeling_aullm.result_html import FACES_SHOWN
from modeling_aullm.segments import Segment
from modeling_aullm.source_reading import SourceError
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor

INTERRUPTED = (segment(0, 9), segment(5, 14, active=("AU4",)), gap(15, 30), segment(31, 44))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    model = tiny_model()
    model.config.trained_on = ["synthetic:A, seed 3"]
    model.save_pretrained(folder)
    AULLMProcessor(action_units=list(CODES)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clips") / "clip.mp4", face_video(12))


@pytest.fixture
def predict(checkpoint):
    def quiet(sources, **arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return modeling_aullm.predict(sources, **({"model": checkpoint} | arguments))

    return quiet


@pytest.fixture
def two_people(monkeypatch):
    """Both faces of `two_faces` in every second of the video, of which the second leaves after half of it."""
    photo = two_faces(1.0)
    faces = sorted(detect_faces(photo), key=lambda face: face.box[0])

    def iter_segments(*_, **__):
        for start in range(0, 60, 15):
            for number, face in enumerate(faces[: 2 if start < 30 else 1], 1):
                crop = align(to_grey(photo), alignment_transform(face.landmarks, 64), 64)
                pixels = np.stack([crop] * 6)
                yield Segment(
                    start, start + 14, start / 30, (start + 14) / 30, 30.0, face, pixels, number, seen=((start, face),)
                )
        yield Segment(60, 74, 2.0, 74 / 30, 30.0, None, None, None, "no face")
        yield Segment(60, 61, 2.0, 61 / 30, 30.0, None, None, 3, "covered")  # a third person, never read

    monkeypatch.setattr(AULLMVideoProcessor, "iter_segments", iter_segments)


def test_a_path_gives_what_the_command_gives(predict, checkpoint, clip, capsys):
    from modeling_aullm.command import cli

    found = predict(clip)
    assert cli.main(["predict", str(clip), "--model", str(checkpoint), "--json", "-"]) == 0
    assert json.loads(found.to_json()) == json.loads(capsys.readouterr().out)
    assert len(found) == 1 and found[0].num_frames == 12 and found.errors == {}
    assert repr(found) == "<Predictions: 1 source, 1 face, 1 segment>"


def test_a_mirrored_video_is_told_by_the_command_and_in_its_json(predict, checkpoint, clip, tmp_path, capsys):
    from modeling_aullm.command import cli

    selfie = tmp_path / "selfie.mp4"
    selfie.write_bytes(clip.read_bytes())
    turn_video(selfie, (-1, 0, 0, 1))
    assert "is_mirrored" not in predict(clip)[0].recording and predict(selfie)[0].recording["is_mirrored"] is True
    assert cli.main(["predict", str(selfie), "--model", str(checkpoint), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["recording"]["is_mirrored"] is True
    (line,) = [line for line in err.splitlines() if "shown mirrored" in line]
    assert line.startswith(f"aullm: {selfie}: ") and "left and right are swapped" in line
    assert cli.main(["predict", str(clip), "--model", str(checkpoint)]) == 0
    assert "shown mirrored" not in capsys.readouterr().err


def test_the_bits_of_a_scientific_camera_are_told(predict, checkpoint, tmp_path, capsys):
    from modeling_aullm.command import cli

    deep = face_video(12)[..., 0].astype(np.uint16) << 4
    assert [found.recording["bits"] for found in predict({"array": deep, "list": list(deep)})] == [12, 12]
    for index, image in enumerate(deep):
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
    assert cli.main(["predict", str(tmp_path), "--model", str(checkpoint), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["recording"]["bits"] == 12 and "pixels of 12 bits" in err


def test_a_list_tells_which_sources_could_not_be_used_when_their_turn_comes(checkpoint, clip, tmp_path):
    bad = str(tmp_path / "nope.mp4")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = modeling_aullm.predict([bad, clip, face_video(12), face_video(12)], model=checkpoint)
    assert list(found.errors) == [bad] and "no such file" in found.errors[bad]
    array = "array (12, 300, 300, 3)"
    assert found.sources == [str(clip), array, f"{array}, number 2"]
    assert [str(w.message) for w in told if w.category is SourceWarning] == list(found.errors.values())
    assert all(w.filename == __file__ for w in told if w.category in (SourceWarning, CheckpointWarning))
    with pytest.raises(KeyError, match="no such file"):
        found[bad]
    with pytest.raises(KeyError, match="not among"):
        found["other"]


def test_the_only_source_raises(predict, tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        predict(tmp_path / "nope.mp4")


def test_a_checkpoint_from_synthetic_faces_says_so_once(checkpoint, clip):
    with pytest.warns(CheckpointWarning, match="has seen no human face") as told:
        found = modeling_aullm.predict([clip, face_video(12)], model=checkpoint)
    assert len([w for w in told if w.category is CheckpointWarning]) == 1
    assert found[0].checkpoint.trained_on == ("synthetic:A, seed 3",)


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        ({"stride": 0.7}, ValueError, "leaves gaps between windows of 0.5 s"),
        ({"window": -1}, ValueError, "positive number"),
        ({"threshold": 2}, ValueError, "threshold must be from 0 to 1"),
        ({"dtype": "float8"}, ValueError, "float32, bfloat16, float16"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"face": "nicest"}, ValueError, "face"),
        ({"onset": 3, "window": 0.5}, ValueError, "without window"),
        ({"action_units": ["AU99"]}, CheckpointError, "it knows AU1, AU2"),
        ({"device": "mps"}, CheckpointError, "device mps: not here"),
        ({"model": "./nope"}, CheckpointError, "nope"),
    ],
)
def test_bad_arguments_raise_before_any_source_is_read(predict, arguments, kind, says, monkeypatch):
    monkeypatch.setattr(AULLMVideoProcessor, "iter_segments", lambda *_, **__: 1 / 0)
    with pytest.raises(kind, match=says):
        predict(face_video(4), **arguments)


def test_a_stride_alone_goes_with_the_default_window(predict):
    found = predict(face_video(24), stride=0.1)[0]  # 0.8 s, else one segment
    assert [s.start_frame for s in found.segments[:3]] == [0, 3, 6]
    assert (found.settings["window"], found.settings["stride"]) == (0.5, 0.1)


def test_settings_say_what_was_used_where_nothing_was_asked(predict):
    one, long = (predict(face_video(number))[0].settings for number in (12, 45))
    assert (one["window"], one["stride"], one["face"], one["dtype"]) == (None, None, "largest", "float32")
    assert (long["window"], long["stride"], long["device"]) == (0.5, 0.25, "cpu")


def test_each_face_has_a_prediction_of_the_whole_source(predict, two_people):
    found = predict({"two": face_video(4)})
    one, two = found
    assert [p.title for p in found] == ["two, face 1", "two, face 2"] and found.sources == ["two"]
    assert [p.num_frames for p in found] == [75, 75] and [len(p.segments) for p in found] == [4, 2]
    assert [(g.start_frame, g.end_frame, g.reason) for g in one.gaps] == [(60, 74, "no face")]
    assert [(g.start_frame, g.end_frame, g.reason) for g in two.gaps] == [
        (30, 59, "this face is not read"),
        (60, 74, "no face"),
    ]
    assert {s.face.id for s in two.segments} == {2} and {s.face.box for s in one.segments} != {two.face.box}
    assert (one.num_faces, one.num_unread_faces) == (2, 1)
    assert repr(found) == "<Predictions: 1 source, 2 faces, 6 segments>"


def test_the_command_tells_of_faces_and_spans_of_which_nothing_is_stated(two_people, checkpoint, clip, capsys):
    from modeling_aullm.command import cli

    assert cli.main(["predict", str(clip), "--model", str(checkpoint)]) == 0
    out, err = capsys.readouterr()
    assert f"{clip}, face 1 (" in out and f"{clip}, face 2 (" in out
    assert "face 2: nothing is stated of 30 of 75 frames: this face is not read (1.00-1.97 s); nothing is" in err
    assert "1 more face is seen, of which nothing can be stated" in err


def test_frame_table_has_a_row_a_frame_and_missing_values(predict, two_people):
    found = predict({"two": face_video(4)})
    frames, segments = found.to_dataframe(by="frame"), found.to_dataframe()
    assert len(frames) == 150 and len(segments) == 4 + 2 + 1 + 2
    assert list(frames.columns[:16]) == [
        "source", "face", "frame", "time", "success", "reason", "x", "y", "width", "height", "confidence", "pitch",
        "yaw", "roll", "right_eye_x", "right_eye_y",
    ]  # fmt: skip
    second = frames[frames.face == 2]
    np.testing.assert_allclose(second.time, np.arange(75) / 30, atol=1e-5)
    assert second.success.tolist() == [1] * 30 + [0] * 45
    assert second.AU12_p.isna().tolist() == [False] * 30 + [True] * 45 == second.x.isna().tolist()
    assert second.reason[second.success == 1].isna().all() and set(second.reason.dropna()) == {
        "this face is not read", "no face",
    }  # fmt: skip
    assert list(frames.columns[24:29]) == ["AU01_p", "AU01_c", "AU01_side", "AU01_intensity", "AU01_t"]
    assert str(frames.AU12_c.dtype) == "Int64" and frames.AU12_p.dtype == float == frames.x.dtype
    with pytest.raises(ValueError, match="'segment' or 'frame'"):
        found.to_dataframe(by="second")


def test_a_frame_s_row_follows_the_head(predict, tmp_path):
    """A photograph that slides and tips: place and roll in every frame, between the checks, too."""
    frames = np.arange(46)
    slides, tips = 2.0 * frames, 20 * np.sin(frames / 45 * np.pi)  # pixels and degrees, clockwise
    photo = np.pad(two_faces(1.0)[:, :320], ((60, 60), (60, 160), (0, 0)), mode="edge")
    height, width = photo.shape[:2]
    start = detect_faces(photo)[0]
    middle = start.landmarks.mean(0)
    matrices = [
        cv2.getRotationMatrix2D(middle.tolist(), -tip, 1.0) + np.array([[0, 0, slide], [0, 0, 0]])
        for slide, tip in zip(slides, tips, strict=True)
    ]
    video = np.stack(
        [cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE) for matrix in matrices]
    )
    found = predict(write_video(tmp_path / "tips.mp4", video))
    rows = found.to_dataframe(by="frame")
    assert rows["success"].all()
    eye = np.stack([matrix[:, :2] @ start.landmarks[0] + matrix[:, 2] for matrix in matrices])
    assert np.abs(rows[["right_eye_x", "right_eye_y"]].to_numpy(float) - eye).max() < 7
    nose = middle[0] + slides
    assert ((rows["x"] < nose) & (nose < rows["x"] + rows["width"])).all()
    assert np.abs(rows["roll"].to_numpy(float) - rows["roll"][0] - tips).max() < 6
    csv = pd.read_csv(io.StringIO(found.to_csv(by="frame")))
    np.testing.assert_allclose(csv["roll"], rows["roll"].astype(float))
    assert json.loads(found.to_json())[0]["segments"][0]["face"]["angles"]["roll"] == pytest.approx(rows["roll"][0])


def test_without_pandas_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        Predictions([prediction()]).to_dataframe()


def test_everything_can_be_written(predict, clip, tmp_path):
    found = predict([clip, face_video(12)])
    assert found.to_json(tmp_path / "o.json") == (tmp_path / "o.json").read_text()
    assert found.to_csv(tmp_path / "o.csv") == (tmp_path / "o.csv").read_text()
    assert len(found.plot(tmp_path / "o.png").axes) == 2 and (tmp_path / "o.png").stat().st_size > 10_000
    paths = found.save_overlay(tmp_path / "o.mp4")
    assert [path.name for path in paths.values()] == ["o-clip.mp4", "o-array (12, 300, 300, 3).mp4"]
    assert all(path.stat().st_size > 5_000 for path in paths.values())
    assert found["array (12, 300, 300, 3)"].save_overlay(tmp_path / "one.mp4") and (tmp_path / "one.mp4").is_file()


@pytest.mark.parametrize(("method", "name"), [("plot", "o.gif"), ("save_overlay", "o.avi")])
def test_wrong_endings_are_refused(method, name, tmp_path):
    with pytest.raises(ValueError, match="the name must end in"):
        getattr(Predictions([prediction()]), method)(tmp_path / name)


def test_nothing_found_is_said_plainly():
    nothing = Predictions([], {"a.mp4": "a.mp4: no face found"})
    assert nothing.to_json() == "[]\n" and "a.mp4: no face found" in nothing._repr_html_()
    assert len(nothing.to_dataframe()) == 0 and str(nothing) == repr(nothing)
    for write in (nothing.plot, nothing.to_csv, lambda: nothing.save_overlay("o.mp4")):
        with pytest.raises(ValueError, match=r"see \.errors"):
            write()


def test_a_notebook_shows_bars_and_what_is_not_stated():
    playwright = pytest.importorskip("playwright.sync_api")
    second = prediction(*(replace(s, face=s.face and SECOND_FACE) for s in INTERRUPTED), num_faces=2)
    found = Predictions([prediction(*INTERRUPTED, num_faces=2), second, prediction(source="<b>&.mp4")], {"x": "x: bad"})
    with playwright.sync_playwright() as started:
        browser = launch_browser(started)
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.set_content(f"<!doctype html><body>{found._repr_html_()}")
        text = page.inner_text("body")
        bars = page.eval_on_selector_all(
            "table:first-of-type .bar i", "all => all.map(i => i.getBoundingClientRect().width)"
        )
        strip = page.locator("table").first.locator("tr", has_text="Brow lowerer").locator(".bar").last
        drawn = strip.evaluate("b => [...b.querySelectorAll('i')].map(i => [i.offsetLeft, i.offsetWidth])")
        wide = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert text.splitlines()[0] == "tiny, trained on synthetic faces alone (synthetic:A, seed 3)"
    assert "clip.mp4, face 1" in text and "clip.mp4, face 2" in text and "<b>&.mp4" in text and "x: bad" in text
    assert "nothing is stated of 16 of 45 frames: no face (0.60-1.20 s)" in text and wide <= 800
    assert max(bars) == pytest.approx(0.9 * 120, abs=1)
    # 180 pixels are 1.76 s: active from 0.2 to 0.56 s, nothing stated from 0.6 to 1.2 s
    np.testing.assert_allclose(drawn, [(20, 37), (61, 61)], atol=2)


def test_of_many_faces_a_notebook_shows_some():
    html = Predictions([prediction(source=f"{number}.mp4") for number in range(FACES_SHOWN + 3)])._repr_html_()
    assert html.count("<table>") == FACES_SHOWN and "and 3 more" in html


def test_folders_of_videos_and_patterns_are_sources(predict, clip, tmp_path):
    for name in ("b10.mp4", "b9.mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    write_folder(tmp_path / "frames", face_video(6))
    assert [p.source for p in predict(tmp_path)] == [str(tmp_path / "b9.mp4"), str(tmp_path / "b10.mp4")]
    assert predict(f"{tmp_path}/b1*.mp4").sources == [str(tmp_path / "b10.mp4")]
    assert predict(tmp_path / "frames").sources == [str(tmp_path / "frames")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_progress_bar_knows_all_frames_and_forgets_those_that_do_not_come(clip, tmp_path, monkeypatch):
    long = write_video(tmp_path / "long.mp4", face_video(60))
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress([clip, tmp_path / "nope.mp4", long]) as progress:
        bar = progress._bar
        assert bar.total == 12 + 36 + 60  # what cannot be opened is taken for an average one
        progress.reach(12)
        progress.next_source()
        progress.next_source()
        assert (bar.n, bar.total) == (12, 12 + 60)
        progress.reach(30)
        progress.reach(20)  # segments of several faces
        assert bar.n == 42
        progress.reach(58)
        progress.next_source()
        assert bar.n == bar.total == 70


def test_no_source_is_opened_for_a_bar_that_is_not_shown(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    Progress([object()])


IMPORTED = """
import sys, modeling_aullm
assert callable(modeling_aullm.predict)
print([name for name in ("matplotlib", "modeling_aullm.plotting", "modeling_aullm.overlay") if name in sys.modules])
"""


def test_the_import_does_not_wait_for_what_only_some_results_need():
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
