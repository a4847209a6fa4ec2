"""What happens on a click: the parts of the page connected with what answers them."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from . import endpoint, exploring, handlers, questions
from .limits import VISITORS_AT_ONCE
from .updates import Followed, Found, Shown

TO_STATUS = """(...form) => {
    if (innerWidth < 700) document.querySelector("#status").scrollIntoView({ behavior: "smooth" });
    return form;
}"""  # where the place in the queue stands, then the progress, then the result

# Whoever chooses twice while the first choice is being shown sees the second: Gradio's "once" would drop it.
LAST_CHOICE: dict[str, Any] = {"api_visibility": "private", "trigger_mode": "always_last"}


def face_video(**settings: Any) -> gr.Video:
    """A video without sound: it is not recorded, and need not, as Gradio has it, be cut off by another program."""
    video = gr.Video(include_audio=False, **settings)
    video.preprocess = lambda payload: payload.path if payload else None  # type: ignore[method-assign]
    return video


def connect_search(parts: SimpleNamespace) -> None:
    """Everything that looks at a video: the button, an example, another face."""
    form = [parts.video, parts.cropped, parts.onset, parts.apex, parts.offset]
    results = [getattr(parts, name) for name in (*Followed._fields, *Found._fields)]
    example = parts.examples.click(
        handlers.load_example,
        None,
        form,
        **LAST_CHOICE,
        show_progress="hidden",
    )
    for start, settings in ((parts.find.click, {"api_visibility": "private"}), (example.then, LAST_CHOICE)):
        start(
            handlers.find,
            [*form, parts.sensitivity],
            results,
            **settings,
            concurrency_id="videos",
            concurrency_limit=VISITORS_AT_ONCE,
            show_progress_on=parts.status,
            js=TO_STATUS,
        ).then(**_show(parts))
    parts.sensitivity.input(
        handlers.choose_sensitivity,
        [parts.session, parts.sensitivity],
        results,
        **LAST_CHOICE,
        concurrency_id="moments",
        concurrency_limit=VISITORS_AT_ONCE,
        show_progress_on=parts.status,
    ).success(**_show(parts))


def _show(parts: SimpleNamespace) -> dict[str, Any]:
    """Arguments of the event that shows a moment."""
    return {
        **LAST_CHOICE,
        "fn": handlers.show,
        "inputs": [parts.session, parts.with_emotion],
        "outputs": [getattr(parts, name) for name in Shown._fields],
        "show_progress_on": parts.account,
        "concurrency_id": "moments",  # whoever has a result does not wait behind those who have none
        "concurrency_limit": VISITORS_AT_ONCE,
    }


def connect_moments(parts: SimpleNamespace) -> None:
    """The ways to another face and to another moment."""
    parts.face.input(
        handlers.choose_face,
        [parts.session, parts.face],
        [getattr(parts, name) for name in Followed._fields],
        **LAST_CHOICE,
        show_progress="hidden",
    ).success(**_show(parts))
    for event, function, inputs in (
        (parts.peaks.input, exploring.go_to, [parts.session, parts.peaks]),
        (parts.earlier.click, exploring.go_earlier, [parts.session]),
        (parts.later.click, exploring.go_later, [parts.session]),
        (parts.clicked.click, exploring.go_to_time, [parts.session]),
        (parts.expressions.click, exploring.go_to_row, [parts.session]),
    ):
        event(function, inputs, parts.session, **LAST_CHOICE, show_progress="hidden").success(**_show(parts))


def connect_rest(parts: SimpleNamespace) -> None:
    """The hint at emotions, what if, the annotated video."""
    parts.with_emotion.input(exploring.retell, [parts.session, parts.with_emotion], parts.account, **LAST_CHOICE)
    gr.on(
        [parts.relations.input, parts.flipped_units.input],
        exploring.flip,
        [parts.session, parts.relations, parts.flipped_units],
        parts.what_if,
        **LAST_CHOICE,
        concurrency_id="moments",
        concurrency_limit=VISITORS_AT_ONCE,
    )
    flips = [parts.relations, parts.flipped_units]
    parts.what_if_tab.select(
        exploring.start_what_if,
        [parts.session, *flips],
        [*flips, parts.what_if],
        api_visibility="private",
        concurrency_id="moments",
        concurrency_limit=VISITORS_AT_ONCE,
    )
    parts.make_video.click(exploring.make_video, parts.session, parts.video_file, api_visibility="private")


def connect_questions(parts: SimpleNamespace) -> None:
    """The box for questions, and those to click."""
    settings: dict[str, Any] = {
        **LAST_CHOICE,
        "outputs": parts.answer,
        "concurrency_id": "moments",
        "concurrency_limit": VISITORS_AT_ONCE,
        "show_progress": "minimal",
    }
    parts.question.submit(questions.answer, [parts.session, parts.question], **settings)
    parts.offered.click(questions.answer_offered, [parts.session], **settings)


def add_endpoint() -> None:
    """The endpoint for programs; its components are not shown."""
    inputs: list[Any] = [face_video(visible=False, label="video")]
    inputs += [gr.Number(value=None, visible=False, label=name) for name in ("onset", "apex", "offset")]
    inputs += [gr.Textbox(value=None, visible=False, label="face")]
    inputs += [gr.Textbox(value="normal", visible=False, label="sensitivity")]
    gr.Button(visible=False).click(
        endpoint.answer,
        inputs,
        gr.JSON(visible=False, label="action units"),
        api_name="action_units",
        concurrency_id="videos",
        concurrency_limit=VISITORS_AT_ONCE,
    )
