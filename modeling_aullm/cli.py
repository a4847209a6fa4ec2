"""The command `aullm`: `aullm predict clip.mp4` prints the action units of face videos and writes them to files.

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
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from .argument_checks import check_arguments, overlay_paths
from .arguments import UsageError, make_parser
from .output_files import write_whole

if TYPE_CHECKING:
    from .detector import Detector
    from .results import Prediction


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


def _quieten(reporter: _Reporter) -> None:
    """Keep what libraries say about themselves off the terminal; warnings of this package stay."""
    from transformers.utils import logging as transformers_logging

    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", module=__package__)
    warnings.showwarning = lambda message, *_: reporter.notice(f"warning: {message}")  # type: ignore[assignment]
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
    sources = check_arguments(arguments, reporter.error)
    predictions = _predict(sources, arguments, reporter) if sources else []
    if predictions:
        _write(predictions, arguments, reporter)
    elif arguments.json or arguments.csv or arguments.plot or arguments.overlay:
        reporter.notice("no input could be used, nothing was written")


def _predict(sources: list[str], arguments: Namespace, reporter: _Reporter) -> "list[Prediction]":
    with no_collection():
        if not arguments.verbose:
            _quieten(reporter)
        detector = _open(arguments)
        from .prediction import Sampling, predict_sources

    names = ("window", "stride", "fps", "face", "onset", "apex", "offset")
    sampling = Sampling(**{name: getattr(arguments, name) for name in names})
    predictions = predict_sources(detector, sources, sampling, arguments.batch_size, reporter.error)
    for prediction in predictions:
        missed = prediction.num_windows - len(prediction.segments)
        if missed:
            reporter.notice(f"{prediction.source}: no face in {missed} of {prediction.num_windows} windows")
    return predictions


@contextmanager
def no_collection() -> Iterator[None]:
    """Imports and weights are here to stay: to look through them for garbage takes a quarter of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _open(arguments: Namespace) -> "Detector":
    """Open the checkpoint; whatever is wrong with it, or with what was asked of it, ends the command."""
    from . import DEFAULT_CHECKPOINT
    from .detector import open_detector

    try:
        return open_detector(
            arguments.model or str(DEFAULT_CHECKPOINT),
            revision=arguments.revision,
            device=arguments.device,
            dtype=arguments.dtype,
            action_units=arguments.aus,
            threshold=arguments.threshold,
        )
    except (ValueError, OSError) as error:
        if arguments.verbose:
            traceback.print_exc()
        text, model = str(error), arguments.model or "the checkpoint of the package"
        raise UsageError(text if model in text or "--" in text else f"--model {model}: {text}") from error


def _write(predictions: "list[Prediction]", arguments: Namespace, reporter: _Reporter) -> None:
    """Print the result and write every file asked for; one that fails does not keep back the others."""
    from .results import to_json, to_table

    _print(to_json(predictions) if arguments.json == "-" else "\n".join(map(to_table, predictions)), reporter)
    for path, write in _files(predictions, arguments).items():
        try:
            write_whole(path, write)
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


def _files(predictions: "list[Prediction]", arguments: Namespace) -> dict[Path, Callable[[Path], object]]:
    """What writes each file that was asked for."""
    from .overlay import save_overlay
    from .plotting import save_plot
    from .results import to_csv, to_json

    files: dict[Path, Callable[[Path], object]] = {}
    if arguments.json and arguments.json != "-":
        files[Path(arguments.json)] = lambda path: path.write_bytes(_encode(to_json(predictions)))
    if arguments.csv:
        files[Path(arguments.csv)] = lambda path: path.write_bytes(_encode(to_csv(predictions)))
    if arguments.plot:
        files[Path(arguments.plot)] = partial(save_plot, predictions)
    if arguments.overlay:
        paths = overlay_paths(arguments.overlay, arguments.sources)
        files |= {paths[p.source]: partial(save_overlay, p, fps=arguments.fps) for p in predictions}
    return files


def _encode(text: str) -> bytes:
    """UTF-8; bytes of a file's name that are no letters become escapes, which JSON knows, too."""
    return text.encode("utf-8", "backslashreplace")
