"""The page as visitors meet it, in a real browser."""

import csv
import json
import re

import av
import numpy as np
import pytest
from helpers_space import EXAMPLES, SpaceServer, find, launch_browser, open_page, unit_numbers, upload, wait_for_result
from helpers_video import face_video, two_faces, write_video
from playwright.sync_api import sync_playwright
from predictions import prediction

from modeling_aullm.result_files import to_csv

SHIPPED = EXAMPLES.parents[1] / "modeling_aullm" / "checkpoints" / "synthetic-smollm2-135m"
PROCESSOR = json.loads((SHIPPED / "processor_config.json").read_text())

# Recordings are read in windows, as by a checkpoint without a temporal head; test_space_expressions.py has the others.
WINDOWS = "from aullm_space import detector; detector.FINDS_EVENTS = False"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with SpaceServer(tmp_path_factory.mktemp("space"), prepare=WINDOWS) as server:
        yield server


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory):
    """A browser whose webcam sees the first example over and over."""
    film = tmp_path_factory.mktemp("webcam") / "smile.y4m"
    with av.open(str(EXAMPLES / "smile.mp4")) as container:
        frames = [picture.to_ndarray(format="yuv420p").tobytes() for picture in container.decode(video=0)]
    film.write_bytes(b"YUV4MPEG2 W320 H320 F30:1 Ip A1:1 C420jpeg\n" + b"".join(b"FRAME\n" + each for each in frames))
    fakes = "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"
    with sync_playwright() as started:
        browser = launch_browser(started, *fakes, f"--use-file-for-fake-video-capture={film}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def smile(browser, server):
    """The page with the first example done, chosen by the keyboard alone."""
    page = open_page(browser, server)
    page.locator("button.card").first.focus()
    page.keyboard.press("Enter")
    wait_for_result(page)
    page.locator("#player .player").wait_for()
    return page


def test_an_example_shows_its_units_with_what_was_put_in(smile):
    numbers = unit_numbers(smile)
    assert len(numbers) == 12 and all(0 <= value <= 1 for value in numbers.values())
    active = smile.locator("#units tr.active").evaluate_all("rows => rows.map(row => row.dataset.unit)")
    assert "AU12" in active and numbers["AU12"] == max(numbers[code] for code in ("AU12", "AU14", "AU15"))
    marked = smile.locator("#units tbody tr", has_text="◆").evaluate_all("rows => rows.map(row => row.dataset.unit)")
    assert marked == ["AU6", "AU12"]
    assert "Put into this example: AU6, AU12" in smile.locator("#account").inner_text()
    assert smile.locator("#units svg circle.ring").count() == 2 * len([code for code in active if code != "AU17"])


def test_a_question_that_is_clicked_and_one_that_is_typed_are_answered_in_the_page(smile):
    offered = smile.locator("#offered button")
    assert offered.count() == 4
    offered.first.click()
    answer = smile.locator("#answer")
    answer.get_by_text("What moved: AU12 (lip corner puller) and AU6 (cheek raiser).").wait_for()
    assert "Which muscles moved?" in answer.inner_text()
    for typed, said in (
        ("Is she lying?", "I do not say who somebody is"),
        ("<b>Did AU4 move?</b>", "No. AU4 (brow lowerer) did not move."),
        ("a" * 400, "up to 300 characters, got 400"),
        ("", "a question must be a sentence"),
    ):
        smile.locator("#question textarea, #question input").fill(typed)
        smile.keyboard.press("Enter")
        answer.get_by_text(said).wait_for()
    assert answer.locator("b").count() == 0


def test_a_question_asked_while_another_is_answered_is_answered_after_it(smile):
    offered, answer = smile.locator("#offered button"), smile.locator("#answer")
    smile.evaluate("[1, 3].forEach((each) => document.querySelectorAll('#offered button')[each].click())")
    answer.get_by_text(offered.nth(3).inner_text()).wait_for()
    smile.locator("#question textarea, #question input").fill("Is she lying?")
    smile.keyboard.press("Enter")
    smile.locator("#question textarea, #question input").fill("Did AU4 move?")
    smile.keyboard.press("Enter")
    answer.get_by_text("No. AU4 (brow lowerer) did not move.").wait_for()


def test_each_probability_stands_beside_its_threshold(smile):
    rows = smile.locator("#units tbody tr").evaluate_all(
        "rows => rows.map((row) => [row.dataset.unit, row.className, row.cells[3].innerText, row.cells[4].innerText])"
    )
    limits = dict(zip(PROCESSOR["action_units"], PROCESSOR["thresholds"], strict=True))
    assert [row[0] for row in rows] == list(limits)
    for code, kind, probability, threshold in rows:
        sign = "≥" if kind == "active" else "<"
        assert threshold == f"{sign} {limits[code]:.2f}" and (float(probability) < limits[code]) == (sign == "<")
    assert f"AU12 lip corner puller ({rows[8][2]}, threshold {limits['AU12']:.2f})" in (
        smile.locator("#account").inner_text()
    )


def test_the_page_says_once_what_answers_and_that_change_is_what_it_names(smile):
    head, page = smile.locator("header").inner_text(), smile.locator("body").inner_text()
    assert "the checkpoint synthetic-smollm2-135m, trained on synthetic:A, seed 3. That is synthetic" in head
    assert page.count("That is synthetic") == 1 and "no human being among them" in head
    assert "change, not posture: a smile that is held from the first frame to the last is no movement" in head


def test_the_examples_are_told_apart_by_their_pictures_and_words(smile):
    cards = smile.locator("button.card").evaluate_all(
        "cards => cards.map((c) => [c.querySelectorAll('circle.ring').length, c.querySelector('span').innerText])"
    )
    assert [rings for rings, _ in cards] == [4, 4, 4, 10]
    assert cards[0][1] == "AU6 cheek raiser, AU12 lip corner puller"
    pictures = smile.locator("button.card svg").evaluate_all("all => all.map((each) => each.outerHTML)")
    assert len(set(pictures)) == 4


def test_relations_are_told_in_words(smile):
    smile.get_by_role("tab", name="What if").click()
    texts = smile.locator("#relations label").all_inner_texts()
    assert any(
        re.fullmatch(r"AU12 lip corner puller rarely with AU15 lip corner depressor \(0\.\d\d\)", t) for t in texts
    )
    assert (
        sum("often with" in text for text in texts) + sum("rarely with" in text for text in texts) == len(texts) == 18
    )


def test_the_movement_is_stepped_through(smile):
    smile.get_by_role("tab", name="Movement").click()
    slider = smile.locator("#player input[type=range]")
    slider.fill("0")
    assert smile.locator("#player img:visible").count() == 3
    assert smile.locator("#player output:visible").inner_text().startswith("1 of 6: frame 0 of the video")
    smile.get_by_role("button", name="next frame").click()
    assert slider.input_value() == "1"
    smile.get_by_role("button", name="Play", exact=True).click()
    smile.wait_for_function("document.querySelector('#player input[type=range]').value !== '1'")
    smile.get_by_role("button", name="Pause", exact=True).click()


def test_why_tells_the_gate_and_the_relations(smile):
    smile.get_by_role("tab", name="Why").click()
    assert smile.locator("#why table.gate tr").count() == 4
    assert smile.locator("#why line").count() >= 18
    assert "relations in this clip is AU" in smile.locator("#why").inner_text()


def test_what_if_changes_numbers_and_says_what_holds(smile):
    smile.get_by_role("tab", name="What if").click()
    smile.locator("#what-if", has_text="rules was flipped by itself").wait_for()
    before = unit_numbers(smile)
    smile.locator("#relations label").first.click()
    for code in ("AU6", "AU12", "AU14"):
        smile.locator("#flipped-units").get_by_label(f"{code} ").check()
    table = "#what-if table"
    smile.locator("#what-if", has_text=re.compile("move|hold")).locator("table").wait_for()
    differs = "row => row.cells[2].innerText !== row.cells[3].innerText"
    smile.wait_for_function(f"[...document.querySelectorAll('#what-if tbody tr')].some({differs})")
    after = unit_numbers(smile, table)
    assert after.keys() == before.keys() and after != before


def test_the_hint_at_emotions_is_off_until_it_is_asked_for(smile):
    account = smile.locator("#account")
    assert "EMFACS" not in account.inner_text()
    smile.get_by_label("Add a hint at emotions").check()
    account.locator(".hint", has_text="Hint by EMFACS").wait_for()
    smile.get_by_label("Add a hint at emotions").uncheck()
    account.locator(".hint").wait_for(state="detached")


def test_files_and_python_lines_are_taken_away(smile, tmp_path):
    smile.get_by_role("tab", name="Take away").click()
    saved = {}
    for name in ("JSON", "CSV"):
        with smile.expect_download() as download:
            smile.get_by_role("button", name=name, exact=True).click()
        saved[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[name])
    (record,) = json.loads(saved["JSON"].read_text())
    assert (record["source"], record["num_frames"], saved["JSON"].name) == ("smile.mp4", 18, "smile_units.json")
    assert record["segments"][0]["action_units"]["AU12"]["name"] == "Lip corner puller"
    (row,) = csv.DictReader(saved["CSV"].open(newline=""))
    assert ",".join(row) == to_csv([prediction()]).splitlines()[0]  # the columns of `aullm predict`
    face = record["segments"][0]["face"]
    assert [float(row[name]) for name in ("x", "right_eye_x", "left_mouth_y", "roll")] == [
        face["box"][0], face["landmarks"][0][0], face["landmarks"][4][1], face["angles"]["roll"],
    ]  # fmt: skip
    smile.get_by_role("button", name="Make the annotated video").click()
    with smile.expect_download() as download:
        smile.get_by_role("button", name="Annotated video", exact=True).click()
    download.value.save_as(tmp_path / "units.mp4")
    with av.open(str(tmp_path / "units.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 18
    assert 'detect("smile.mp4")' in smile.locator(".cm-content").inner_text()


def test_nothing_is_fetched_from_elsewhere(smile):
    assert smile.outside == []


def test_an_uploaded_video_with_two_faces_lets_one_choose(browser, server, tmp_path):
    page = open_page(browser, server)
    upload(page, write_video(tmp_path / "two.mp4", np.repeat(two_faces(1.3)[None, :390, :632], 12, axis=0)))
    find(page)
    right, left = (
        page.locator("#units figcaption", has_text=re.compile(f"The face at x {x},")) for x in ("4..", "\\d?\\d")
    )
    right.wait_for()  # the larger one's
    page.locator("#face").get_by_label("Face ").nth(1).check()
    left.wait_for()
    page.locator("#face").get_by_label("Face ").nth(0).check()
    right.wait_for()
    page.get_by_role("tab", name="Take away").click()
    page.locator(".cm-content", has_text="detect(\"two.mp4\", face='all')").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON", exact=True).click()
    download.value.save_as(tmp_path / "two.json")
    assert [entry["source"] for entry in json.loads((tmp_path / "two.json").read_text())] == ["two.mp4", "two.mp4"]


def test_a_long_video_has_a_timeline_whose_moments_are_chosen(browser, server):
    page = open_page(browser, server)
    page.locator("button.card", has_text="a timeline").click()
    plot = page.locator("#timeline .js-plotly-plot .nsewdrag").first
    plot.wait_for()
    account = page.locator("#account")
    account.get_by_text("of 16").wait_for()
    page.locator("#peaks label").first.click()
    account.get_by_text("AU12 lip corner puller").wait_for()
    first = re.search(r"moment (\d+) of", account.inner_text())[1]
    page.get_by_role("button", name="Later moment").click()
    account.get_by_text(f"moment {int(first) + 1} of").wait_for()
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] - 4, "y": box["height"] / 2})
    account.get_by_text("moment 16 of 16").wait_for()
    texts = page.locator("#timeline svg text").all_text_contents()
    assert {f"{c} ≥ {t:.2f}" for c, t in zip(PROCESSOR["action_units"], PROCESSOR["thresholds"], strict=True)} <= set(
        texts
    )
    assert "probability" in texts and "0" in texts  # the colour bar's title; the axis begins with the video
    beside, form = page.locator("#timeline-area").bounding_box(), page.locator("#input").bounding_box()
    detail = page.locator("#moment").bounding_box()
    assert beside["x"] > form["x"] + form["width"] and detail["x"] == form["x"]  # nothing stays empty below the form
    assert detail["y"] - form["y"] - form["height"] < 200


def test_what_nothing_is_stated_of_stands_on_the_time_axis(browser, server, tmp_path):
    page, empty = open_page(browser, server), np.full((30, 300, 300, 3), 128, np.uint8)
    still = face_video(1)[:, :300, :300].repeat(45, axis=0)  # one that brightens has spans in which the light changes
    upload(page, write_video(tmp_path / "late.mp4", np.concatenate([empty, still, empty])))
    find(page)
    wait_for_result(page, "Nothing is stated of 0.00 to ")
    status = page.locator("#status").inner_text()
    (first, _), (start, last) = re.findall(r"(\d\.\d\d) to (\d\.\d\d) s \(no face\)", status)
    assert float(first) == 0 and 2 < float(start) < 2.6 and float(last) == pytest.approx(104 / 30, abs=0.01)
    page.locator("#timeline svg text", has_text="no face").nth(1).wait_for()
    texts = page.locator("#timeline svg text").all_text_contents()
    assert texts.count("no face") == 2 and {"0", "3"} <= set(texts)
    assert page.locator("#timeline .shapelayer path").count() >= 2


def test_a_webcam_recording_is_looked_at(browser, server):
    page = open_page(browser, server, permissions=["camera"])
    video = page.locator("#video")
    video.get_by_role("button", name="Capture from camera").click()
    video.locator("[title='grant webcam access'] button").click()
    page.wait_for_function("document.querySelector('#video video')?.videoWidth > 0")  # before it, nothing is recorded
    video.locator("button", has_text="Record").click()
    page.wait_for_timeout(700)
    video.locator("button", has_text="Stop").click()
    video.locator("video[src]").wait_for()
    find(page)
    wait_for_result(page)
    assert unit_numbers(page).keys() >= {"AU6", "AU12"}


@pytest.mark.parametrize("kind", ["nothing", "text", "no face", "too long"])
def test_what_cannot_be_used_is_told_in_the_page(browser, server, tmp_path, kind):
    page, path = open_page(browser, server), tmp_path / "clip.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), np.uint8)
    if kind == "text":
        path.write_text("no video " * 100)
    elif kind == "no face":
        write_video(path, noise)
    elif kind == "too long":
        write_video(path, noise, pts=[9000 * index for index in range(8)])
    if kind != "nothing":
        upload(page, path)
    find(page)
    message = {
        "nothing": "There is no video yet. Choose an example",
        "text": "clip.mp4 is no video that can be read here",
        "no face": "No face was found in clip.mp4. Give a video in which one face is seen from the front",
        "too long": "clip.mp4 lasts 63.0 s (8 frames); at most 60 s and 3600 frames are allowed",
    }[kind]
    page.get_by_role("alert").filter(has_text=message).wait_for()
    assert not page.locator("#units").is_visible() and page.locator("#player .player").count() == 0
