"""The command `aullm ask`: questions about one face in a video, on the command line or one after the other."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..output_files import write_whole
from .argument_checks import check_json_output, check_model, find_videos
from .arguments import UsageError
from .check_command import Reporter
from .piped_input import spooled

if TYPE_CHECKING:
    from ..asking import Answer, Asking

PROMPT = "> "


def ask(arguments: Namespace, reporter: Reporter, quieten: Callable[[], None], show: Callable[[str], None]) -> None:
    """Do what `aullm ask` was asked to.

    Args:
        arguments: As parsed.
        reporter: Told of every bad input and output.
        quieten: Keeps what libraries say off the terminal.
        show: Writes to standard output.

    Raises:
        UsageError: If nothing can be answered as asked.
    """
    errors: list[str] = []
    sources = find_videos(arguments, errors.append, reporter.notice)
    if errors or len(sources) != 1:
        raise UsageError(errors[0] if errors else f"one video can be asked about at a time, got {len(sources)}")
    check_json_output(arguments)
    check_model(arguments.model, arguments.revision)
    if arguments.source == "-" and not arguments.questions:
        raise UsageError("-: with the video on standard input, give the questions behind it")
    quieten()
    from ..asking import check_question

    try:
        for question in arguments.questions:
            check_question(question)
        with spooled(sources) as places:
            _answer(places[sources[0]], arguments, reporter, show)
    except ValueError as error:  # of the question, the video or the checkpoint: each a line for people
        raise UsageError(str(error)) from error


def _answer(place: str, arguments: Namespace, reporter: Reporter, show: Callable[[str], None]) -> None:
    from ..asking_api import open_asking

    names = ("model", "revision", "device", "dtype", "fps", "face", "sensitivity")
    asking, checkpoint = open_asking(place, **{name: getattr(arguments, name) for name in names})
    if not arguments.questions:
        _chat(asking, reporter, show)
        return
    answers = asking.answer(arguments.questions)
    record = {"source": arguments.source, "model": checkpoint.name, "trained_on": checkpoint.trained_on}
    text = json.dumps(record | {"answers": [asdict(answer) for answer in answers]}, indent=2, ensure_ascii=False) + "\n"
    if arguments.json == "-":
        show(text)
        return
    show("".join(_lines(answers)))
    if arguments.json:
        content = text.encode("utf-8", "backslashreplace")
        try:
            write_whole(Path(arguments.json), lambda part: part.write_bytes(content))
        except OSError as error:
            reporter.error(f"{arguments.json}: could not be written ({error})")


def _lines(answers: list["Answer"]) -> Iterator[str]:
    """An answer by itself; of several each below its question."""
    for answer in answers:
        yield f"{answer.question}\n  {answer.answer}\n" if len(answers) > 1 else f"{answer.answer}\n"


def _chat(asking: "Asking", reporter: Reporter, show: Callable[[str], None]) -> None:
    """Answer line by line, until there is none any more."""
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    if at_terminal:
        reporter.notice("ask what moved, when, on which side, how strongly or why; an empty line ends")
    while True:
        if at_terminal:
            show(PROMPT)
        question = sys.stdin.readline() if sys.stdin is not None else ""
        if not question or (at_terminal and not question.strip()):
            break
        if not question.strip():
            continue
        try:
            for word in asking.stream(question.strip()):
                show(word)
        except ValueError as error:
            reporter.error(str(error))
            continue
        show("\n")
