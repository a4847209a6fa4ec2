"""The Space's endpoint: the JSON of `aullm predict`, for several visitors at once; nothing of theirs stays on disk."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import gradio_client
import numpy as np
import pytest
from helpers_space import EXAMPLES, SpaceServer, find, launch_browser, open_page, upload, wait_for_result
from helpers_video import face_video, turn_video, two_faces, write_video
from playwright.sync_api import sync_playwright

from modeling_aullm.command.cli import main as aullm

KEPT_SECONDS = 25  # long enough for a visit on a busy machine


STAND_IN_FOR_ZERO_GPU = """
import sys
assert "torch" not in sys.modules, "on ZeroGPU, spaces comes before torch"
def GPU(function):
    def borrow(*arguments):
        with open("borrowed.txt", "a") as file:
            file.write(function.__name__ + " ")
        return function(*arguments)
    return borrow
def gradio_auto_wrap(function):
    return function
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space")
    (folder / "spaces.py").write_text(STAND_IN_FOR_ZERO_GPU)
    with SpaceServer(folder, KEPT_SECONDS) as server:
        yield server


@pytest.fixture(scope="module")
def ask(server, tmp_path_factory):
    """Asks the endpoint about a video."""
    client = gradio_client.Client(server.url, verbose=False, download_files=str(tmp_path_factory.mktemp("client")))

    def ask(path, **options):
        return client.predict(gradio_client.handle_file(path), api_name="/action_units", **options)

    ask.client = client
    return ask


def assert_same(found, expected):
    """Equal, but for the last digits of what the model computes, which batches of other sizes move."""
    computed = dict.fromkeys(("segments", "events"))
    assert [entry | computed for entry in found] == [entry | computed for entry in expected]
    for one, two in zip(found, expected, strict=True):
        for name in computed:
            assert (one[name] is None) == (two[name] is None)
            for part, other in zip(one[name] or (), two[name] or (), strict=True):
                units, other_units = part.pop("action_units") or {}, other.pop("action_units") or {}
                assert part == (pytest.approx(other, abs=1e-4) if name == "events" else other)
                assert units.keys() == other_units.keys()
                for code, unit in units.items():
                    assert unit == other_units[code] | {
                        "probability": pytest.approx(other_units[code]["probability"], abs=1e-4)
                    }


@pytest.mark.parametrize(
    "name, options",
    [
        ("smile", {}),
        ("timeline", {"sensitivity": "high"}),
        ("brows", {"onset": 2, "apex": 8, "offset": 15}),
        ("drawn", {"face": "cropped"}),
    ],
)
def test_the_answer_is_that_of_aullm_predict(ask, tmp_path, monkeypatch, name, options):
    found = ask(str(EXAMPLES / f"{name}.mp4"), **options)
    monkeypatch.chdir(EXAMPLES)
    arguments = [text for option, value in options.items() for text in (f"--{option}", str(value))]
    assert aullm(["predict", f"{name}.mp4", "--json", str(tmp_path / "out.json"), *arguments]) == 0
    assert_same(found, json.loads((tmp_path / "out.json").read_text()))


def test_what_is_not_stated_and_every_face_stand_in_it_as_in_aullm_predict(ask, tmp_path, monkeypatch):
    empty, pair = np.full((20, 390, 632, 3), 128, np.uint8), np.repeat(two_faces(1.3)[None, :390, :632], 40, axis=0)
    write_video(tmp_path / "two.mp4", np.concatenate([empty, pair, empty]))
    monkeypatch.chdir(tmp_path)
    assert aullm(["predict", "two.mp4", "--json", "out.json", "--face", "all"]) == 0
    expected = json.loads((tmp_path / "out.json").read_text())
    assert {"no face", None} <= {segment["reason"] for entry in expected for segment in entry["segments"]}
    assert len(expected) == 2
    assert_same(ask("two.mp4", face="all"), expected)


def test_several_visitors_ask_at_once(ask):
    names = ["smile", "brows", "drawn", "timeline", "smile"]
    with ThreadPoolExecutor(len(names)) as visitors:
        answers = list(visitors.map(lambda name: ask(str(EXAMPLES / f"{name}.mp4")), names))
    assert [answer[0]["source"] for answer in answers] == [f"{name}.mp4" for name in names]
    assert [len(answer[0]["segments"]) > 1 for answer in answers] == [False, False, False, True, False]
    assert_same(answers[0], answers[4])


def test_videos_of_phones_and_cameras(ask, tmp_path):
    upright = face_video()
    phone = write_video(tmp_path / "phone.mp4", np.rot90(upright, axes=(1, 2)).copy())
    turn_video(phone, (0, 1, -1, 0))
    for path in (
        phone,
        write_video(tmp_path / "camera.avi", upright, "mpeg4"),
        write_video(tmp_path / "a.webm", upright, "vp8"),
    ):
        ((entry,), face) = (found := ask(str(path))), None
        face = entry["face"]["box"]
        assert entry["num_frames"] == 10 and face[0] == pytest.approx(100, abs=40) and len(found) == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"face": "3"}, "fewer than 3 faces. Choose face 1"),
        ({"onset": 5, "offset": 900}, "within frames 0 to 17"),
        ({"face": "somebody"}, "face must be 'largest', 'all', 'cropped' or the number"),
    ],
)
def test_an_error_is_a_message(ask, options, message):
    with pytest.raises(gradio_client.exceptions.AppError, match=message):
        ask(str(EXAMPLES / "smile.mp4"), **options)


def test_a_video_on_its_side_is_told_how_to_turn_it(ask, tmp_path):
    lying = write_video(tmp_path / "lying.mp4", np.rot90(face_video(), axes=(1, 2)).copy())
    with pytest.raises(gradio_client.exceptions.AppError, match="No face was found.*the face lies on its side; turn"):
        ask(str(lying))


def test_the_endpoint_is_documented_and_the_only_one(ask):
    endpoints = ask.client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == ["/action_units"]
    assert "aullm predict" in endpoints["/action_units"]["description"]
    assert [p["parameter_name"] for p in endpoints["/action_units"]["parameters"]] == [
        "video",
        "onset",
        "apex",
        "offset",
        "face",
        "sensitivity",
    ]
    assert [p["parameter_has_default"] for p in endpoints["/action_units"]["parameters"]] == [
        False,
        True,
        True,
        True,
        True,
        True,
    ]


def test_a_visit_leaves_nothing_on_disk(server):
    with sync_playwright() as playwright:
        browser = launch_browser(playwright)
        page = open_page(browser, server)
        upload(page, EXAMPLES / "smile.mp4")
        find(page)
        wait_for_result(page)
        page.get_by_role("tab", name="Take away").click()
        page.get_by_role("button", name="Make the annotated video").click()
        page.get_by_role("button", name="Annotated video", exact=True).wait_for()
        assert server.files() and "magnify" in borrowed(server)
        browser.close()
    deadline = time.monotonic() + 90
    while server.files() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert server.files() == []


def test_every_question_borrows_the_gpu(ask, server):
    ask(str(EXAMPLES / "smile.mp4"))
    assert "ask" in borrowed(server)


def test_the_documented_lines_ask_the_page(server, monkeypatch):
    text = (EXAMPLES.parents[1] / "docs" / "api.md").read_text()
    (lines,) = (code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "gradio_client" in code)
    assert "http://127.0.0.1:7860" in lines and lines.strip().endswith(")")
    *before, question = lines.replace("http://127.0.0.1:7860", server.url).replace("clip.mp4", "smile.mp4").splitlines()
    monkeypatch.chdir(EXAMPLES)
    names = {}
    exec("\n".join([*before, f"found = {question}"]), names)
    assert names["found"][0]["segments"][0]["action_units"]["AU12"]["active"]


def borrowed(server):
    """For which calls the GPU was borrowed."""
    return set((server.cache.parent / "borrowed.txt").read_text().split())
