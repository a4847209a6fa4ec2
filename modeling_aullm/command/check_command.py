"""The command `aullm check`: can these recordings show a micro-expression? No model is loaded."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..output_files import write_whole
from .argument_checks import check_json_output, find_videos
from .piped_input import spooled

if TYPE_CHECKING:
    from ..recording_check import RecordingCheck

MOST_STREAM_SECONDS = 60.0  # of a pipe that does not end


class Reporter(Protocol):
    """What is told of on the way."""

    def notice(self, text: str) -> None:
        """Tell something worth knowing."""

    def error(self, text: str) -> None:
        """Tell of a bad input or output."""


def check(arguments: Namespace, reporter: Reporter, show: Callable[[str], None]) -> None:
    """Do what `aullm check` was asked to.

    Args:
        arguments: As parsed.
        reporter: Told of every bad input and output.
        show: Writes to standard output.

    Raises:
        UsageError: If nothing can be done as asked.
    """
    sources = find_videos(arguments, reporter.error, reporter.notice)
    check_json_output(arguments)
    from tqdm import tqdm

    from .recording_table import to_json, to_text

    checks = []
    with tqdm(sources, desc="checking", unit=" sources", delay=1, disable=None, leave=False) as bar:
        for source in bar:
            found = _check(source, arguments, reporter)
            if found is None:
                continue
            checks.append(found)
            if arguments.json != "-":
                bar.clear()
                show(to_text(found))
    if not checks and arguments.json:
        reporter.notice("no input could be used, nothing was written")
    elif arguments.json == "-":
        show(to_json(checks))
    elif arguments.json:
        content = to_json(checks).encode("utf-8", "backslashreplace")
        try:
            write_whole(Path(arguments.json), lambda part: part.write_bytes(content))
        except OSError as error:
            reporter.error(f"{arguments.json}: could not be written ({error})")


def _check(source: str, arguments: Namespace, reporter: Reporter) -> "RecordingCheck | None":
    """One recording; whatever is wrong with it is told, and the others are checked all the same."""
    from ..recording_check import check_recording

    try:
        with spooled([source], MOST_STREAM_SECONDS) as places:
            found = check_recording(places[source], arguments.fps, arguments.face)
            return replace(found, source=source)
    except (ValueError, OSError) as error:
        text = str(error)
        reporter.error(text if source in text else f"{source}: {text}")
        return None
