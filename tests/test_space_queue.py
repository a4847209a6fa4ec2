"""A rush of visitors: everyone is served in turn, and sees how far the queue has come."""

import json

import gradio_client
import pytest
from helpers_space import EXAMPLES, SpaceServer, launch_browser, open_page, wait_for_result
from playwright.sync_api import sync_playwright

QUESTIONS = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with SpaceServer(tmp_path_factory.mktemp("space")) as server:
        yield server


def test_fifty_questions_at_once_are_all_answered(server, tmp_path):
    client = gradio_client.Client(server.url, verbose=False, max_workers=QUESTIONS, download_files=str(tmp_path))
    video = gradio_client.handle_file(str(EXAMPLES / "drawn.mp4"))
    jobs = [client.submit(video, api_name="/action_units") for _ in range(QUESTIONS)]
    with sync_playwright() as playwright:
        browser = launch_browser(playwright)
        page = open_page(browser, server)
        places = watch_place(page)
        page.locator("button.card").first.click()
        wait_for_result(page)
        page.locator("#player .player").wait_for()
        seen = [int(place.split("/")[0]) for place in page.evaluate(places)]
        browser.close()
    answers = [job.result(timeout=240) for job in jobs]
    assert len({json.dumps(answer[0]["segments"][0]["start_frame"]) for answer in answers}) == 1
    assert all(len(answer) == 1 and answer[0]["source"] == "drawn.mp4" for answer in answers)
    assert len(seen) > 1 and max(seen) > 1 and seen == sorted(seen, reverse=True)


def watch_place(page):
    """Keeps what the page says of the place in the queue; returns the expression that gives it."""
    page.evaluate("""() => {
        window.places = [];
        const note = () => {
            const text = document.querySelector("#status").innerText.match(/queue: ([0-9]+\\/[0-9]+)/);
            if (text && window.places.at(-1) !== text[1]) window.places.push(text[1]);
        };
        new MutationObserver(note).observe(document.body, { childList: true, subtree: true, characterData: true });
    }""")
    return "window.places"
