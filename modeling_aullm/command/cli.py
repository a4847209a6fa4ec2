"""The command `aullm`: action units of face videos (`predict`), questions about one (`ask`), recordings (`check`).

Standard output holds the result and nothing else; errors are one line each on standard error. Exit status: 0 if
everything was done, 2 if an input or an output was bad (the rest is done all the same), 130 after Ctrl-C, 1 if
something went wrong that should not. Whatever takes long to import is imported only once the arguments proved sound.
"""

import gc
import logging
import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .argument_checks import check_arguments, overlay_paths
from .arguments import UsageError, make_parser
from .ask_command import ask
from .check_command import check
from .piped_input import spooled

if TYPE_CHECKING:
    from ..predictions import Predictions


class _Reporter:
    """Writes lines to standard error and remembers whether any told of an error."""

    def __init__(self) -> None:
        self.failed = False

    def notice(self, text: str) -> None:
        """Tell something worth knowing."""
        from tqdm import tqdm  # writes around a progress bar

        tqdm.write(f"aullm: {text}", file=sys.stderr)

    def error(self, text: str) -> None:
        """Tell of a bad input or output."""
        self.failed = True
        self.notice(" ".join(text.split()))


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments without the command's name; None for those of the process.

    Returns:
        The exit status.
    """
    reporter = _Reporter()
    verbose = False
    try:
        arguments = make_parser(version("aullm")).parse_args(argv)
        verbose = arguments.verbose
        with warnings.catch_warnings():
            if arguments.command == "check":
                check(arguments, reporter, lambda text: _print(text, reporter))
            elif arguments.command == "ask":
                arguments.sources, arguments.recursive = [arguments.source], False
                ask(
                    arguments, reporter, lambda: _open_quietly(arguments, reporter), lambda text: _print(text, reporter)
                )
            else:
                predict(arguments, reporter)
    except UsageError as error:
        reporter.error(str(error))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if verbose:
            traceback.print_exc()
        reporter.error(f"{type(error).__name__}: {error}" + ("" if verbose else " (--verbose shows more)"))
        return 1
    return 2 if reporter.failed else 0


def _quieten(reporter: _Reporter, *, verbose: bool) -> None:
    """Keep what libraries say about themselves off the terminal; warnings of this package are lines of its own."""
    from ..api import SourceWarning

    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], filename: str, *rest: Any) -> None:
        if issubclass(category, SourceWarning):
            reporter.error(str(message))
        elif Path(__file__).parents[1] in Path(filename).parents:
            reporter.notice(f"warning: {message}")
        else:
            others(message, category, filename, *rest)

    warnings.showwarning = show  # type: ignore[assignment]
    if verbose:
        return
    warnings.simplefilter("ignore")
    warnings.filterwarnings("always", module=__package__.partition(".")[0])
    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # it is not imported yet
    if "transformers" in sys.modules:
        from transformers.utils import logging as transformers_logging

        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
    for name in ("torch", "matplotlib", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)


def predict(arguments: Namespace, reporter: _Reporter) -> None:
    """Do what `aullm predict` was asked to.

    Args:
        arguments: As parsed.
        reporter: Told of every bad input and output.

    Raises:
        UsageError: If nothing can be done as asked.
    """
    sources = check_arguments(arguments, reporter.error, reporter.notice)
    with spooled(sources) as videos:
        predictions = _predict(videos, arguments, reporter) if videos else None
        if predictions:
            _tell_gaps(predictions, reporter)
            if arguments.events_csv:
                _tell_no_search(predictions, reporter)
            _write(predictions, arguments, reporter)
        elif any(getattr(arguments, output) for output in ("json", "csv", "events_csv", "plot", "overlay")):
            reporter.notice("no input could be used, nothing was written")


def _predict(videos: dict[str, str], arguments: Namespace, reporter: _Reporter) -> "Predictions":
    """Whatever is wrong with the checkpoint, or with what was asked of it, ends the command."""
    _open_quietly(arguments, reporter)
    from .. import api
    from ..detector import CheckpointError

    names = (
        "model",
        "engine",
        "revision",
        "device",
        "dtype",
        "window",
        "stride",
        "fps",
        "face",
        "onset",
        "apex",
        "offset",
    )
    asked = {name: getattr(arguments, name) for name in (*names, "sensitivity", "threshold", "batch_size")}
    try:
        return api.predict(videos, action_units=arguments.aus, **asked)
    except CheckpointError as error:
        if arguments.verbose:
            traceback.print_exc()
        raise UsageError(str(error)) from error


def _open_quietly(arguments: Namespace, reporter: _Reporter) -> None:
    """Import what takes long."""
    with no_collection():
        from .. import api  # noqa: F401

        _quieten(reporter, verbose=arguments.verbose)


@contextmanager
def no_collection() -> Iterator[None]:
    """Imports are here to stay: to look through them for garbage takes a quarter of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _tell_gaps(predictions: "Predictions", reporter: _Reporter) -> None:
    from ..event_table import count_of
    from ..result_table import describe_gaps, describe_recording
    from ..results import OUTSIDE_MARKS

    for prediction in predictions:
        if any(gap.reason != OUTSIDE_MARKS for gap in prediction.gaps):
            name = f"{prediction.source}{prediction.face_label}"
            reporter.notice(f"{name}: {'; '.join(describe_gaps(prediction))}")
    for source in predictions.sources:
        for line in describe_recording(predictions[source][0]):
            reporter.notice(f"{source}: {line}")
        unread = predictions[source][0].num_unread_faces
        if unread:
            seen = f"{count_of(unread, 'more face')} {'is' if unread == 1 else 'are'} seen"
            reporter.notice(f"{source}: {seen}, of which nothing can be stated")


def _tell_no_search(predictions: "Predictions", reporter: _Reporter) -> None:
    """Without a row in the CSV of events a source must not look like one in which there is nothing."""
    for source in predictions.sources:
        if predictions[source][0].events is None:
            reporter.notice(f"{source}: events were not looked for, so it has no row in the CSV of events")


def _write(predictions: "Predictions", arguments: Namespace, reporter: _Reporter) -> None:
    """Print the result and write every file asked for; one that fails does not keep back the others."""
    if arguments.json == "-":
        _print(predictions.to_json(), reporter)
    elif arguments.events_csv == "-":
        _print(predictions.to_csv(by="event"), reporter)
    else:
        _print(predictions.to_csv(by=arguments.csv_rows) if arguments.csv == "-" else str(predictions), reporter)
    for path, write in _files(predictions, arguments):
        try:
            write(path)
        except (ValueError, OSError) as error:
            reporter.error(f"{path}: could not be written ({error})")


def _print(text: str, reporter: _Reporter) -> None:
    """Write to standard output: it may not know every letter of a file's name, lose its reader, or be a full disk."""
    encoding = sys.stdout.encoding
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:  # the files are still wanted; `head` has seen enough, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            reporter.error(f"standard output: could not be written ({error.strerror})")


def _files(predictions: "Predictions", arguments: Namespace) -> list[tuple[Path, Callable[[Path], object]]]:
    """What writes each file that was asked for."""
    outputs: list[tuple[str | None, Callable[[Path], object]]] = [
        (arguments.json, predictions.to_json),
        (arguments.csv, lambda path: predictions.to_csv(path, by=arguments.csv_rows)),
        (arguments.events_csv, lambda path: predictions.to_csv(path, by="event")),
        (arguments.plot, predictions.plot),
    ]
    files = [(Path(path), write) for path, write in outputs if path not in (None, "-")]
    if arguments.overlay:
        paths = overlay_paths(arguments.overlay, arguments.sources)
        files += [(paths[source], predictions[source].save_overlay) for source in predictions.sources]
    return files
