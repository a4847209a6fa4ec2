"""What is opened and left alone changes nothing; on a phone nothing is wider than the page, whatever is opened."""

import shutil

import numpy as np
import pytest
from fake_expressions import INSTALL
from helpers_space import (
    EXAMPLES,
    SpaceServer,
    find,
    launch_browser,
    open_page,
    questions,
    unit_numbers,
    upload,
    wait_for_result,
)
from helpers_video import two_faces, write_video
from playwright.sync_api import sync_playwright

PHONE = 390  # pixels
LONG_NAME = "a-recording-of-" + 9 * "interview" + "_without_any_space.mp4"
TABS = ("Movement", "Why", "What if", "Take away", "About")


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


def open_everything(page):
    """Open every accordion and every tab, and go through every control with the keyboard's focus."""
    for closed in page.locator("button.label-wrap:not(.open)").all():
        closed.click()
    for name in TABS:
        page.get_by_role("tab", name=name, exact=True).click()
        for control in page.locator("input:visible, textarea:visible, select:visible").all():
            control.focus()
            control.blur()


def test_whatever_is_opened_and_left_alone_changes_nothing(browser, server):
    page = open_page(browser, server)
    sent = questions(page)
    page.locator("button.card", has_text="a timeline").click()
    wait_for_result(page)
    page.locator("#player .player").wait_for()
    asked, shown, numbers = list(sent), page.locator("#account").inner_text(), unit_numbers(page)
    open_everything(page)
    page.locator("#what-if", has_text="rules was flipped by itself").wait_for(state="attached")
    assert sent[:-1] == asked and sent[-1][-2:] == [[], []]  # what if begins when its tab is opened
    assert page.locator("#account").inner_text() == shown and unit_numbers(page) == numbers
    find(page)
    while len(sent) < len(asked) + 3:  # the video, then its moment
        page.wait_for_timeout(100)
    page.locator("#account .pending, #account .generating").wait_for(state="detached")
    form, again = (entry for entry in sent if len(entry) == 6)
    assert form[1:] == again[1:] and form[0]["path"] == again[0]["path"]
    assert page.locator("#account").inner_text() == shown and unit_numbers(page) == numbers


def test_options_opened_before_an_upload(browser, server):
    page = open_page(browser, server)
    open_everything(page)
    upload(page, EXAMPLES / "smile.mp4")
    find(page)
    wait_for_result(page)
    assert {"AU6", "AU12"} <= unit_numbers(page).keys()


def test_frame_numbers_are_taken_and_taken_back(browser, server):
    page = open_page(browser, server)
    upload(page, EXAMPLES / "smile.mp4")
    page.get_by_role("button", name="Options").click()
    account = page.locator("#account")
    for onset, offset, answer in (("2", "14", "From 0.07 to 0.47 s"), ("", "", "From 0.00 to 0.57 s")):
        page.get_by_label("Onset", exact=True).fill(onset)
        page.get_by_label("Offset", exact=True).fill(offset)
        find(page)
        account.get_by_text(answer).wait_for()
    for wrong in ("-1", "2.5", "first"):
        page.get_by_label("Apex", exact=True).fill(wrong)
        find(page)
        alert = page.get_by_role("alert").filter(has_text=f"Apex is '{wrong}'")
        alert.wait_for()
        assert "Write a frame number, counted from 0, or leave the field empty." in alert.inner_text()


@pytest.mark.parametrize("kind", ["nothing", "long name", "timeline", "two faces", "wrong"])
def test_on_a_phone_nothing_is_wider_than_the_page(browser, server, tmp_path, kind):
    page = open_page(browser, server, PHONE, 844, is_mobile=True, has_touch=True, color_scheme="dark")
    if kind == "long name":
        upload(page, shutil.copy(EXAMPLES / "brows.mp4", tmp_path / LONG_NAME))
    elif kind == "timeline":
        upload(page, shutil.copy(EXAMPLES / "timeline.mp4", tmp_path / LONG_NAME))
    elif kind == "two faces":
        upload(page, write_video(tmp_path / LONG_NAME, np.repeat(two_faces(1.3)[None, :390, :632], 12, axis=0)))
    elif kind == "wrong":
        (tmp_path / LONG_NAME).write_text("no video " * 100)
        upload(page, tmp_path / LONG_NAME)
    if kind != "nothing":
        find(page)
        if kind == "wrong":
            page.get_by_role("alert").filter(has_text="is no video").wait_for()
        else:
            wait_for_result(page)
            page.locator("#player .player").wait_for()
            page.get_by_label("Add a hint at emotions").check()
            page.get_by_role("tab", name="What if").click()
            page.locator("#relations label").first.click()
            page.locator("#what-if table").wait_for()
    for closed in page.locator("button.label-wrap:not(.open)").all():
        closed.click()
    for name in TABS:
        page.get_by_role("tab", name=name, exact=True).click()
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, name
        assert page.evaluate(BEYOND, PHONE) == [], name


# What lies beyond the page's right edge though nothing scrolls there: cut off, so that nobody can read it.
BEYOND = """width => [...document.querySelectorAll("#input *, #status-area *, #timeline-area *, #moment *, #more *")]
    .filter((each) => !each.closest(".main-svg, .unseen, .cm-scroller"))
    .filter((each) => each.checkVisibility({visibilityProperty: true}))
    .filter((each) => each.getBoundingClientRect().width > 1 && each.getBoundingClientRect().right > width + 1)
    .map((each) => each.tagName + " " + each.id + " " + each.className)"""
