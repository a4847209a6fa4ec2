"""Events in the figure, in the video and in a notebook."""

from dataclasses import replace

import numpy as np
import pytest
from helpers_space import launch_browser
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from predictions import CODES, SECOND_FACE, event, gap, prediction, recording, segment

from modeling_aullm.event_marks import _apart
from modeling_aullm.overlay import ACTIVE, INACTIVE, draw_frames, write_video
from modeling_aullm.overlay import KINDS as VIDEO_KINDS
from modeling_aullm.plotting import draw
from modeling_aullm.predictions import Predictions
from modeling_aullm.result_html import EVENTS_WIDTH, KINDS

SMILE = event(10, 14, 20, active=("AU12", "AU6"))
FROWN = event(22, 30, 40, active=("AU4",), probability=0.6)


def events_of(number, seconds=60, seed=0):
    """Events at random, some of them close together, as they may be."""
    random = np.random.default_rng(seed)
    starts = sorted(int(start) for start in random.integers(0, 25 * seconds - 60, number))
    lengths = random.choice([6, 10, 50], number)
    active = [tuple(random.choice(CODES, size, replace=False)) for size in random.integers(1, 5, number)]
    return [
        event(start, start + int(length) // 2, start + int(length), active=units, probability=float(random.uniform()))
        for start, length, units in zip(starts, lengths, active)
    ]


def long_recording(events, seconds):
    return recording(*events, spans=[segment(k, k + 24) for k in range(0, 25 * seconds, 25)])


def labels_of(figure):
    """The events' labels as they are drawn, and the boxes they fill, in pixels."""
    figure.canvas.draw()
    texts = [text for axes in figure.axes for text in axes.texts if ": AU" in text.get_text()]
    return texts, [text.get_window_extent() for text in texts]


@pytest.mark.parametrize(("number", "seconds"), [(1, 3), (4, 10), (30, 60), (200, 600)])
def test_labels_lie_neither_on_each_other_nor_outside(number, seconds):
    events = events_of(number, seconds)
    figure = draw([long_recording(events, seconds)])
    texts, boxes = labels_of(figure)
    for place, box in enumerate(boxes):
        assert not [other for other in boxes[:place] if box.shrunk(0.9, 0.9).overlaps(other.shrunk(0.9, 0.9))]
        assert figure.axes[0].bbox.y0 < box.y0 and box.y1 <= figure.axes[0].bbox.y1 + 3
    numbers = [int(text.get_text().partition(":")[0]) for text in texts]
    assert len(set(numbers)) == len(numbers) and (number > 30 or len(numbers) == number) and len(numbers) > number / 8
    surest = int(np.argmax([event.probability for event in events])) + 1
    assert surest in numbers
    for text, number in zip(texts, numbers):
        units = list(events[number - 1].active_units)
        assert text.get_text().partition(": AU")[2].removesuffix("+...").split("+") == [unit[2:] for unit in units[:3]]


def test_each_event_is_drawn_from_onset_to_offset_with_its_apex_and_kind():
    (axes,) = draw([recording(SMILE, FROWN)]).axes
    for found in (SMILE, FROWN):
        colour = to_rgba(KINDS[found.kind])
        bars = [bar for bar in axes.patches if bar.get_edgecolor() == colour]
        (bar,) = bars
        assert (bar.get_x(), bar.get_width()) == pytest.approx((found.onset_time, found.duration))
        assert bar.get_y() < -0.5 and (bar.get_facecolor() == colour) == (found.kind == "micro")
    apexes = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "^"]
    assert apexes == pytest.approx([SMILE.apex_time, FROWN.apex_time])
    bold = {label.get_text()[-4:].strip() for label in axes.get_yticklabels() if label.get_fontweight() == "bold"}
    assert bold == {"AU12", "AU6", "AU4"}


def test_no_event_is_said_and_what_was_not_searched_is_drawn_as_before():
    figure = draw([recording(), prediction(segment(0, 20), segment(10, 30)), prediction()])
    said = [any("no expression was found" in text.get_text() for text in axes.texts) for axes in figure.axes]
    assert said == [True, False, False]
    assert figure.axes[1].get_ylim()[1] == -0.6
    names = [text.get_text() for text in draw([prediction()]).legends[0].get_texts()]
    assert names == ["active", "not active", "threshold"]


def test_a_recording_of_which_nothing_is_stated_can_be_drawn():
    draw([recording(spans=[gap(0, 60)])]).savefig("/dev/null", format="png")
    assert "no expression could be looked for" in Predictions([recording(spans=[gap(0, 60)])])._repr_html_()


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40).map(sorted), st.floats(0.01, 2))
def test_places_are_kept_apart_in_order_and_inside(places, distance):
    moved = _apart(places, distance, 100)
    assert (np.diff(moved) >= distance - 1e-6).all() and moved[0] >= 0 and moved[-1] <= 100 + 1e-6
    if len(places) == 1 or min(np.diff(places)) >= distance:
        np.testing.assert_allclose(moved, places, atol=1e-6)


def count_pixels(image, colour, tolerance=25):
    return int((np.abs(np.asarray(image).astype(int) - colour).max(axis=-1) < tolerance).sum())


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    path = tmp_path_factory.mktemp("grey") / "clip.mp4"
    write_video(np.full((60, 400, 500, 3), 200, np.uint8), path, 25.0)
    return str(path)


SPANS = [segment(0, 20, active=("AU12", "AU6")), segment(15, 35), segment(30, 50), gap(51, 59)]


def test_the_video_shows_an_event_while_it_lasts(grey):
    frames = [frame.image for frame in draw_frames([recording(SMILE, FROWN, spans=SPANS, source=grey)])]
    for number, frame in enumerate(frames):
        lasting = {found.kind for found in (SMILE, FROWN) if found.onset_frame <= number <= found.offset_frame}
        picture, band, bar = frame[:, :500], frame[320:375, 500:], frame[382:392, 500:]
        for kind, colour in VIDEO_KINDS.items():
            assert (count_pixels(band, colour) > 3000) == (kind in lasting) == (count_pixels(picture, colour) > 300 or
                    (number > 50 and kind in lasting)), (number, kind)  # fmt: skip
            assert count_pixels(bar, colour) > 100  # on the bar of time they are always seen
        assert count_pixels(picture, ACTIVE) == 0 and (count_pixels(picture, INACTIVE) > 300) == (
            not lasting and number < 51
        )


def test_the_bar_of_time_says_where_the_video_is(grey):
    frames = [frame.image for frame in draw_frames([recording(SMILE, spans=SPANS, source=grey)])]
    places = [np.median(np.nonzero(frame[380, 500:].min(axis=-1) > 200)) for frame in frames]
    width = frames[0].shape[1] - 500
    np.testing.assert_allclose(places, (0.05 + 0.9 * np.arange(60) / 59) * width, atol=2)


def test_all_units_of_an_event_are_named_or_the_most_probable(grey):
    few, many = event(0, 5, 50), event(0, 5, 50, active=tuple(CODES[:9]))
    bands = [
        next(draw_frames([recording(found, spans=SPANS, source=grey)])).image[348:372, 518:770] for found in (few, many)
    ]  # the second line of the band, its ends left out
    inked = [np.nonzero((band.max(axis=-1) < 60).any(axis=0))[0].max() for band in bands]
    assert inked[0] < inked[1] < 250


def test_where_events_were_not_looked_for_the_video_is_as_ever(grey):
    without = next(draw_frames([prediction(*SPANS, source=grey)])).image
    assert not any(count_pixels(without, colour) for colour in VIDEO_KINDS.values())
    assert count_pixels(without[:, :500], ACTIVE) > 300


def test_each_face_has_events_of_its_own(grey):
    one = recording(SMILE, spans=SPANS, source=grey, num_faces=2)
    spans = [replace(span, face=span.face and SECOND_FACE) for span in SPANS]
    two = recording(FROWN, spans=spans, source=grey, num_faces=2)
    frame = [frame.image for frame in draw_frames([one, two])][15]
    half = (frame.shape[1] - 500) // 2
    bands = frame[320:375, 500 : 500 + half], frame[320:375, 500 + half :]
    assert [count_pixels(band, VIDEO_KINDS["micro"]) > 3000 for band in bands] == [True, False]


def test_a_notebook_shows_a_row_an_event_and_where_they_lie():
    playwright = pytest.importorskip("playwright.sync_api")
    found = Predictions([recording(SMILE, FROWN, source="<b>&.mp4", spans=SPANS), recording()])
    with playwright.sync_playwright() as started:
        browser = launch_browser(started)
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.set_content(f"<!doctype html><body>{found._repr_html_()}")
        text = page.inner_text("body")
        rows = [row.inner_text().split() for row in page.locator("table").first.locator("tr").all()]
        drawn = page.locator(".bar").first.evaluate(
            "b => [...b.querySelectorAll('i')].map(i => [i.offsetLeft, i.offsetWidth])"
        )
        tables, wide = page.locator("table").count(), page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert "<b>&.mp4" in text and "2 expressions (1 micro, 1 longer)" in text and "about 2 false alarms" in text
    assert "no expression was found in the whole 1.92 s" in text and tables == 1 and wide <= 800
    assert rows[1] == "1 0.40 0.56 0.80 0.40 micro 0.90 AU12 0.95, AU6 0.85".split() and len(rows) == 3
    scale = EVENTS_WIDTH / (59 / 25)
    expected = [(0.4, 0.4), (0.88, 0.72), (51 / 25, 8 / 25)]
    np.testing.assert_allclose(drawn, [(start * scale, length * scale) for start, length in expected], atol=1.5)
