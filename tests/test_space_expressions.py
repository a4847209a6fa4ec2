"""Recordings of over a second on the page: the expressions found in them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from fake_expressions import FOUND, INSTALL, SENSITIVITIES, install, read_stretch
from helpers_space import EXAMPLES, SpaceServer, find, launch_browser, open_page, unit_numbers, upload, wait_for_result
from helpers_video import face_video, frame_number, numbered_video, two_faces, write_video
from playwright.sync_api import sync_playwright

from modeling_aullm import api, predict
from modeling_aullm.modeling_aullm import AULLMForAUDetection
from modeling_aullm.source_reading import Sampling

RECORDING = EXAMPLES / "timeline.mp4"
PHONE = 390  # pixels
ROW = "#expressions tbody tr"


@pytest.fixture
def space(monkeypatch):
    """The Space's detector, which finds expressions."""
    from aullm_space import detector

    install(monkeypatch.setattr)
    return detector


@pytest.fixture
def command(monkeypatch):
    """`modeling_aullm.predict` with a model that finds the same."""
    opened = api.open_named

    def open_with(*arguments):
        detector = opened(*arguments)
        detector.processor.sensitivities = SENSITIVITIES
        return detector

    monkeypatch.setattr(api, "open_named", open_with)
    monkeypatch.setattr(Sampling, "finds_events", lambda self, detector: not self.is_marked)
    monkeypatch.setattr(AULLMForAUDetection, "read_stretch", lambda self, stretch: read_stretch(stretch))
    return lambda path, **options: predict({path.name: str(path)}, model=EXAMPLES.parents[1] / SHIPPED, **options)


SHIPPED = Path("modeling_aullm/checkpoints/synthetic-smollm2-135m")


def look_at(path, sensitivity="normal", face="all"):
    from aullm_space.analysis import tell
    from aullm_space.request import Request
    from aullm_space.watching import watch

    watched = watch(Request(path, face))
    return watched, tell(watched, sensitivity)


def recording_with(tmp_path, kind):
    """A recording with a face throughout, with one for a part, or two faces."""
    if kind == "whole":
        return RECORDING
    if kind == "quiet":
        return write_video(tmp_path / "quiet.mp4", face_video(1).repeat(45, axis=0))
    if kind == "two":
        return write_video(tmp_path / "two.mp4", np.repeat(two_faces(1.3)[None, :390, :632], 66, axis=0))
    empty = np.full((20, 300, 300, 3), 128, np.uint8)
    return write_video(tmp_path / "gap.mp4", np.concatenate([empty, face_video(1).repeat(66, axis=0), empty]))


@pytest.mark.parametrize(
    "kind, sensitivity, number",
    [("whole", "high", 3), ("whole", "low", 1), ("quiet", "normal", 0), ("gap", "normal", 1), ("two", "normal", 4)],
)
@pytest.mark.filterwarnings("ignore::modeling_aullm.api.CheckpointWarning")
def test_json_and_csv_are_those_of_the_command(space, command, tmp_path, kind, sensitivity, number):
    from aullm_space.record import to_json, to_records
    from aullm_space.tables import to_csv, to_events_csv

    path = recording_with(tmp_path, kind)
    records = to_records(look_at(path, sensitivity)[1])
    found = command(path, face="all", sensitivity=sensitivity)
    assert json.loads(to_json(records)) == json.loads(found.to_json())
    assert to_csv(records) == found.to_csv() and to_events_csv(records) == found.to_csv(by="event")
    assert sum(len(record["events"]) for record in records) == number
    reasons = {segment["reason"] for record in records for segment in record["segments"]}
    assert reasons >= ({None, "no face"} if kind == "gap" else {None})


def test_a_clip_and_a_marked_expression_are_read_as_they_are(space):
    from aullm_space.analysis import analyse
    from aullm_space.record import to_records
    from aullm_space.request import Request

    clip, marked = Request(EXAMPLES / "smile.mp4"), Request(RECORDING, "all", 2, 8, 15)
    for request in (clip, marked):
        (record,) = to_records(analyse(request))
        assert record["events"] is None and record["thresholds"].keys() == space.THRESHOLDS.keys()
        assert len(set(record["thresholds"].values())) > 1 and "sensitivity" not in record["settings"]


def test_another_sensitivity_reads_nothing_again(space, monkeypatch):
    from aullm_space.exploring import Session
    from aullm_space.handlers import choose_sensitivity

    watched, analyses = look_at(RECORDING)
    monkeypatch.setattr(space, "read_stretch", None)
    monkeypatch.setattr(space.processor, "video_processor", None)
    session = Session(watched, analyses, None, 0, 0)
    for name, number in (("high", 3), ("low", 1), ("normal", 2)):
        session, status, *_ = choose_sensitivity(session, name)
        assert len(session.analysis.moments) == number and f"at {name} sensitivity" in status
        assert session.analysis.request.sensitivity == name
    assert "2 expressions (2 micro) found" in status and "about 1 false alarm a minute" in status


def test_the_status_tells_the_kinds_and_the_false_alarms(space):
    from aullm_space.messages import found

    watched, analyses = look_at(RECORDING, "high")
    text = found(analyses[0], 1)
    assert "3 expressions (2 micro, 1 longer) found</strong> at high sensitivity (about 3 false alarms a minute" in text
    assert watched.num_frames == analyses[0].num_frames and f"{analyses[0].num_frames} frames" in text
    assert "how many false alarms a minute that means is not on record" in found(look_at(RECORDING, "low")[1][0], 1)


def test_what_is_shown_of_an_expression_is_what_the_model_read(space):
    from aullm_space.what_if import what_if

    (analysis,) = look_at(RECORDING, "high")[1]
    assert [moment.event["onset_time"] for moment in analysis.moments] == [each[0] for each in FOUND]
    (stretch,) = (s for s in space.processor.video_processor.iter_motion(str(RECORDING), face="all"))
    for moment, (onset, *_), end in zip(analysis.moments, FOUND, (0.6, 1.7, 2.9), strict=True):
        np.testing.assert_allclose(moment.times, np.linspace(onset, end, 6), atol=0.011)  # to the apex if it is held
        np.testing.assert_allclose(np.array(moment.sampled) / 30, moment.times, atol=0.5 / 30 + 1e-6)
        steps = [np.abs(stretch.times - time).argmin() for time in moment.times]
        assert np.abs(moment.segment.pixel_values * 255 - stretch.crops[steps]).max() < 0.01
        (read,) = space.decide(space.ask(moment.segment.pixel_values[None]))
        assert {code: unit["active"] for code, unit in read.items()} == {c: u["active"] for c, u in moment.read.items()}
        table = what_if(moment, [0], [])
        assert all(f'<td class="number">{unit["probability"]:.3f}</td>' in table for unit in moment.read.values())
        assert "the expression's clip by itself" in table


def test_what_if_begins_with_the_rule_that_moves_another_unit_most(space):
    from aullm_space.what_if import HOLDS, strongest

    moment = look_at(RECORDING, "high")[1][0].moments[0]
    codes, count = list(moment.read), len(space.config.relations)
    before = np.array([unit["probability"] for unit in moment.read.values()])
    moved = {}
    for number in range(len(codes) + count):  # one by one, as the page asks when it is clicked
        flips = np.arange(len(codes) + count) == number
        after = space.ask_what_if(
            moment.segment.pixel_values, flips[: len(codes)].tolist(), flips[len(codes) :].tolist()
        )
        change = np.abs(after - before)
        change[[k for k in range(len(codes)) if k == number]] = 0
        moved[number] = change
    most = max(moved, key=lambda number: moved[number].max())
    relations, units, text = strongest(moment)
    assert f"Each of the {len(codes) + count} rules" in text
    if moved[most].max() < HOLDS:
        assert not relations and not units and "None moves another unit" in text
    else:
        assert (relations, units) == (([], [codes[most]]) if most < len(codes) else ([most - len(codes)], []))
        assert f"moves another unit most: {codes[moved[most].argmax()]}" in text and "<table" in text
    told = [code for k, code in enumerate(codes) if max(change[k] for change in moved.values()) < HOLDS]
    assert not told or len(told) == len(codes) or f"moved in the face: {', '.join(told)}." in text


def test_pictures_are_taken_at_the_times_that_were_read(tmp_path):
    from aullm_space.video import frames_at

    path = write_video(tmp_path / "clip.mp4", numbered_video(20))
    assert [frame_number(image) for image in frames_at(path, [0.0, 0.11, 0.19, 0.5, 9.0])] == [0, 3, 6, 15, 19]
    slow = write_video(tmp_path / "slow.mp4", numbered_video(10), pts=[200 * index for index in range(10)])
    assert [frame_number(image) for image in frames_at(slow, [0.29, 0.31, 1.0, 1.75])] == [1, 2, 5, 9]


def test_the_annotated_video_tells_the_expression_under_way(space):
    from aullm_space.annotated_video import _lines, _window_at

    (analysis,) = look_at(RECORDING)[1]

    def lines_at(second):
        frame = round(30 * second)
        return [text for text, _ in _lines(analysis, _window_at(analysis, frame), frame)]

    assert lines_at(0.1) == lines_at(1.0) == lines_at(3.0) == ["no expression"]
    assert lines_at(0.45)[0] == "expression 1 of 2: micro, sure 0.90" and lines_at(0.45)[1].startswith("AU6 ")
    assert lines_at(1.5) == [
        "expression 2 of 2: micro, sure 0.50",
        "AU4  Brow lowerer  0.95 (threshold 0.60)",
    ]


def test_of_a_quiet_recording_the_timeline_is_shown_and_nothing_to_step_through(space, tmp_path):
    from aullm_space.exploring import Session, go_later, go_to_time
    from aullm_space.handlers import _follow, show

    watched, analyses = look_at(recording_with(tmp_path, "quiet"))
    session = Session(watched, analyses, None, 0, 0)
    followed = _follow(session)
    assert "No expression was found</strong> at normal sensitivity" in followed.status
    assert "choose a higher sensitivity under Options" in followed.status
    assert followed.timeline_area["visible"] and not followed.results["visible"] and not followed.later["visible"]

    class Click:
        time = 1.0

    for again in (session, go_later(session), go_to_time(session, Click)):
        assert show(again, False).account == ""


def test_the_timeline_has_a_bar_an_expression_and_veils_what_is_not_stated(space, tmp_path):
    from aullm_space.timeline import timeline

    figure = timeline(look_at(RECORDING, "high")[1][0])
    (bars,) = (trace for trace in figure.data if trace.type == "bar")
    assert list(bars.base) == [each[0] for each in FOUND] and list(bars.customdata) == [each[1] for each in FOUND]
    np.testing.assert_allclose(bars.x, [each[2] - each[0] for each in FOUND])
    assert list(figure.data[0].y) == list(figure.layout.yaxis.categoryarray)  # or nothing at all is drawn
    full = [colour.startswith("#") for colour in bars.marker.color]
    assert full == [True, True, False] and figure.layout.yaxis.categoryarray[0] == bars.y[0]
    reasons = [each.text for each in timeline(look_at(recording_with(tmp_path, "gap"))[1][0]).layout.annotations]
    assert reasons.count("no face") == 2


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with SpaceServer(tmp_path_factory.mktemp("space"), prepare=INSTALL) as server:
        yield server


@pytest.fixture(scope="module")
def browser(server):
    with sync_playwright() as started:
        browser = launch_browser(started)
        yield browser
        browser.close()


def test_expressions_are_stepped_through_and_taken_away(browser, server, tmp_path):
    page = open_page(browser, server)
    page.locator("button.card", has_text="a timeline").click()
    wait_for_result(page, "2 expressions (2 micro) found at normal sensitivity")
    account, rows = page.locator("#account"), page.locator(ROW)
    account.get_by_text("Expression 1 of 2").wait_for()  # the surest one
    assert rows.first.inner_text().split() == "1 0.30 0.42 0.60 micro 0.90 AU6 0.95, AU12 0.85".split()
    rows.nth(1).click()
    account.get_by_text("Expression 2 of 2").wait_for()
    page.locator(f"{ROW}.active", has_text="1.40").wait_for()
    page.get_by_role("button", name="Earlier expression").click()
    account.get_by_text("Expression 1 of 2").wait_for()
    page.get_by_role("button", name="show expression 2").focus()
    page.keyboard.press("Enter")
    account.get_by_text("Expression 2 of 2").wait_for()
    page.get_by_role("button", name="Options").click()
    page.locator("#sensitivity").get_by_label("High: finds more").check()
    wait_for_result(page, "3 expressions (2 micro, 1 longer) found at high sensitivity")
    bar = page.locator("#timeline .barlayer .point").nth(2)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    account.get_by_text("Expression 3 of 3").wait_for()
    assert unit_numbers(page)["AU1"] == 0.95
    assert page.locator("#player output:visible").inner_text().split(": ")[1].startswith("frame ")
    page.get_by_role("tab", name="What if").click()
    page.locator("#relations label").first.click()
    page.locator("#what-if", has_text="the expression's clip by itself").wait_for()
    page.get_by_role("tab", name="Take away").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV of expressions").click()
    download.value.save_as(tmp_path / "events.csv")
    assert download.value.suggested_filename == "timeline_events.csv"
    with (tmp_path / "events.csv").open(newline="") as file:
        assert [row["kind"] for row in csv.DictReader(file)] == ["micro", "micro", "longer"]
    assert 'sensitivity="high"' in page.locator(".cm-content").inner_text()


def test_a_quiet_recording_is_one_clear_sentence_and_a_clip_has_no_table(browser, server, tmp_path):
    page = open_page(browser, server, PHONE, 844, is_mobile=True, has_touch=True)
    upload(page, recording_with(tmp_path, "quiet"))
    find(page)
    wait_for_result(page, "No expression was found at normal sensitivity")
    page.locator("#timeline svg text", has_text="no expression was found").wait_for()
    assert not page.locator("#units").is_visible() and page.locator(ROW).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    upload(page, EXAMPLES / "smile.mp4")
    find(page)
    wait_for_result(page, "Done: 18 frames")
    assert page.locator(ROW).count() == 0 and unit_numbers(page).keys() >= {"AU12"}
