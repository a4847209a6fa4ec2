"""The page: what lies where; `events.py` says what happens on a click."""

from pathlib import Path
from types import SimpleNamespace

import gradio as gr

from . import cards, detector, events, expression_table, handlers, messages, questions, what_if
from .limits import CHECKED_EVERY_SECONDS, FILES_KEPT_SECONDS, RESULTS_KEPT_SECONDS

HERE = Path(__file__).parent
CSS = (HERE / "page.css").read_text(encoding="utf-8")
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "DejaVu Sans", "sans-serif"]
THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_md,
    font=FONT,  # of the visitor's own device: nothing is fetched from elsewhere
    font_mono=["ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"],
)
CARDS_SCRIPT = """element.addEventListener("click", (event) => {
    const card = event.target.closest("[data-example]");
    if (card) trigger("click", { example: card.dataset.example });
});"""


def build() -> gr.Blocks:
    """The whole page."""
    with gr.Blocks(
        title="AULLM++: micro-expressions, unit by unit",
        delete_cache=(CHECKED_EVERY_SECONDS, FILES_KEPT_SECONDS),
        analytics_enabled=False,
    ) as page:
        parts = SimpleNamespace(session=gr.State(time_to_live=RESULTS_KEPT_SECONDS))
        gr.HTML(messages.header())
        with gr.Column(elem_id="desk"):  # page.css lays it out
            with gr.Column(elem_id="input"):
                _add_input(parts)
            with gr.Column(elem_id="status-area"):
                _add_status(parts)
            with gr.Column(visible=False, elem_id="timeline-area") as parts.timeline_area:
                _add_timeline(parts)
            with gr.Column(visible=False, elem_id="moment") as parts.results:
                _add_moment(parts)
        _add_tabs(parts)
        events.connect_search(parts)
        events.connect_moments(parts)
        events.connect_rest(parts)
        events.connect_questions(parts)
        events.add_endpoint()
    return page


def _add_input(parts: SimpleNamespace) -> None:
    gr.Markdown(messages.STEP_ONE)
    parts.examples = gr.HTML(cards.cards(), js_on_load=CARDS_SCRIPT, elem_id="examples")
    gr.Markdown(messages.STEP_OWN)
    parts.video = events.face_video(
        label="Video of a face",
        sources=["upload", "webcam"],
        webcam_options=gr.WebcamOptions(mirror=False),
        elem_id="video",
    )
    parts.find = gr.Button("Find action units", variant="primary", size="lg")
    gr.Markdown(messages.LIMITS, elem_classes="small")
    with gr.Accordion("Options", open=False):
        parts.cropped = gr.Checkbox(label="The frames are ready crops of a face (as datasets give them)")
        gr.Markdown("Where the expression lies, if you know it: frame numbers, counted from 0.", elem_classes="small")
        with gr.Row():
            for name in ("onset", "apex", "offset"):  # an empty gr.Number becomes 0 as soon as it is seen
                setattr(parts, name, gr.Textbox(label=name.capitalize(), max_lines=1, min_width=80))
        parts.sensitivity = gr.Radio(
            expression_table.sensitivity_choices() if detector.FINDS_EVENTS else ["normal"],
            value="normal",
            label="Sensitivity to expressions in a recording of over a second",
            visible=detector.FINDS_EVENTS,
            elem_id="sensitivity",
        )


def _add_status(parts: SimpleNamespace) -> None:
    gr.Markdown("### 2 &nbsp; Read the action units")
    parts.status = gr.HTML(messages.READY, elem_id="status")
    parts.face = gr.Radio(label="Several faces are seen. Which one?", visible=False, elem_id="face")


def _add_timeline(parts: SimpleNamespace) -> None:
    parts.plot = gr.Plot(label="Probability over time", elem_id="timeline")
    parts.timeline_note = gr.Markdown(messages.TIMELINE, elem_classes="small")
    parts.clicked = gr.HTML(js_on_load=(HERE / "timeline.js").read_text(encoding="utf-8"), elem_id="clicked")
    parts.expressions = gr.HTML(js_on_load=expression_table.SCRIPT, elem_id="expressions")
    parts.peaks = gr.Radio(label="Peaks", elem_id="peaks")
    with gr.Row():
        parts.earlier = gr.Button("Earlier moment", size="sm", min_width=80)
        parts.later = gr.Button("Later moment", size="sm", min_width=80)


def _add_moment(parts: SimpleNamespace) -> None:
    parts.account = gr.HTML(elem_id="account")
    with gr.Row(elem_id="units"):
        with gr.Column(scale=2, min_width=180):
            parts.face_map = gr.HTML()
        with gr.Column(scale=5, min_width=300):
            parts.unit_rows = gr.HTML()
    with gr.Column(visible=questions.CAN_ANSWER, elem_id="ask"):
        gr.Markdown("#### Ask about this face")
        parts.offered = gr.HTML(js_on_load=questions.SCRIPT, elem_id="offered")
        parts.question = gr.Textbox(
            label="Your question, in English", placeholder="Is the left brow raised?", max_lines=1, elem_id="question"
        )
        parts.answer = gr.HTML(elem_id="answer")
    parts.with_emotion = gr.Checkbox(label="Add a hint at emotions (EMFACS combinations; a hint, no finding)")


def _add_tabs(parts: SimpleNamespace) -> None:
    with gr.Tabs(elem_id="more"):
        with gr.Tab("Movement"):
            parts.player = gr.HTML(
                messages.NO_MOVEMENT,
                js_on_load=(HERE / "player.js").read_text(encoding="utf-8"),
                elem_id="player",
            )
        with gr.Tab("Why"):
            parts.reasons = gr.HTML(messages.NO_REASONS, elem_id="why")
        with gr.Tab("What if", visible=handlers.has_structure()) as parts.what_if_tab:
            _add_what_if(parts)
        with gr.Tab("Take away"):
            with gr.Row():
                parts.json_file = gr.DownloadButton("JSON", min_width=120)
                parts.csv_file = gr.DownloadButton("CSV", min_width=120)
                parts.events_file = gr.DownloadButton("CSV of expressions", visible=False, min_width=120)
                parts.make_video = gr.Button("Make the annotated video", min_width=120)
                parts.video_file = gr.DownloadButton("Annotated video", visible=False, min_width=120)
            parts.code = gr.Code(
                language="python", label="The same result in Python", interactive=False, wrap_lines=True
            )
        with gr.Tab("About"):
            gr.Markdown(messages.ABOUT)


def _add_what_if(parts: SimpleNamespace) -> None:
    gr.Markdown(
        "The model reasons by rules: these two units are often seen with each other, those two rarely. Flip a rule, as "
        "in training, and watch which answers move and which hold."
    )
    parts.relations = gr.CheckboxGroup(
        label="Relations to switch (strength in this clip, 0 to 1): a strong one becomes weak, a weak one strong",
        elem_id="relations",
    )
    parts.flipped_units = gr.CheckboxGroup(
        label="Units to flip: the unit's node says its opposite before the graph reasons", elem_id="flipped-units"
    )
    parts.what_if = gr.HTML(what_if.NOTHING_FLIPPED, elem_id="what-if")
