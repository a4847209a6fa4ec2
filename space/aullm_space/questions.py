"""The box under the result: questions about the face shown, answered word by word."""

from collections.abc import Iterator
from html import escape

import gradio as gr

from . import detector
from .exploring import Session
from .messages import EXPIRED
from .moments import Analysis

CAN_ANSWER = bool(getattr(detector.config, "answer_rank", 0))  # older checkpoints answer no questions
SCRIPT = """element.addEventListener("click", (event) => {
    const offered = event.target.closest("button");
    if (offered) trigger("click", { question: offered.textContent });
});"""


def offered(analysis: Analysis) -> str:
    """Four questions to click about what was found of this face, as HTML."""
    codes = [code for moment in analysis.moments for code in moment.active]
    clearest = codes[0] if codes else next(iter(analysis.windows[0].action_units))
    second = "When is the first expression?" if analysis.finds_events else "Where did the face move?"
    questions = ("Which muscles moved?", second, f"On which side was {clearest}?", f"Why {clearest}?")
    return "".join(f'<button type="button">{question}</button>' for question in questions)


def answer(session: Session | None, question: str) -> Iterator[str]:
    """Answer a question about the face shown: the answer as HTML, growing."""
    if session is None:
        raise gr.Error(EXPIRED, print_exception=False)
    asked, said = f'<p class="asked">{escape(question)}</p>', ""
    try:
        for word in session.analysis.asking.stream(question):
            said += word
            yield f'{asked}<p role="status">{escape(said)}</p>'
    except ValueError as problem:  # an empty question, or one too long
        yield f'<p class="error" role="alert">{escape(str(problem))}</p>'


def answer_offered(session: Session | None, event: gr.EventData) -> Iterator[str]:
    """Answer the question that was clicked."""
    yield from answer(session, str(event.question))
