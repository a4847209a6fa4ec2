"""Every check of the command's arguments that needs neither the model nor the content of the videos."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from ..output_files import OVERLAY_SUFFIXES, PLOT_SUFFIXES, check_writable, overlay_paths
from ..source_paths import IMAGE_SUFFIXES, find_sources
from .arguments import DEFAULT_SENSITIVITY, WINDOW_SECONDS, UsageError

STANDARD_INPUT = "-"


def check_arguments(
    arguments: Namespace, report: Callable[[str], None], notice: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Check what can be checked before the long work, and find the videos that the sources stand for.

    Args:
        arguments: As parsed; its `sources` become files and folders of frames, those that are not there included.
        report: Called with a line about each source that does not exist.
        notice: Called with a line about each choice made.

    Returns:
        The sources that exist.

    Raises:
        UsageError: If arguments do not go together, an output cannot be written or the checkpoint is not there.
    """
    sources = find_videos(arguments, report, notice)
    _check_sampling(arguments)
    _check_outputs(arguments)
    check_model(arguments.model, arguments.revision)
    return sources


def find_videos(arguments: Namespace, report: Callable[[str], None], notice: Callable[[str], None]) -> list[str]:
    """The videos that the sources stand for.

    Args:
        arguments: As parsed; its `sources` become files and folders of frames, those that are not there included.
        report: Called with a line about each source that does not exist.
        notice: Called with a line about each choice made.

    Returns:
        The sources that exist.
    """
    sources: list[str] = []
    all_sources: list[str] = []
    errors: list[str] = []
    for source in arguments.sources:
        found = None if source == STANDARD_INPUT else find_sources(source, recursive=arguments.recursive)
        paths = [source] if found is None else found.paths
        sources += paths
        all_sources += paths or [source]
        for text in found.notices if found else []:
            notice(text)
        errors += [found.error] if found and found.error else []
    arguments.sources = list(dict.fromkeys(all_sources))
    for text in errors:
        report(text)
    return list(dict.fromkeys(sources))


def _check_sampling(arguments: Namespace) -> None:
    if arguments.stride is not None and arguments.stride > (arguments.window or WINDOW_SECONDS):
        window = f"--window {arguments.window:g}" if arguments.window else f"the window of {WINDOW_SECONDS:g} s"
        longer = "" if arguments.window else "; give a longer --window, too"
        raise UsageError(f"--stride {arguments.stride:g} is longer than {window}: frames would be missed{longer}")
    marks = [mark for mark in (arguments.onset, arguments.apex, arguments.offset) if mark is not None]
    if marks != sorted(marks):
        raise UsageError(f"--onset, --apex and --offset must not go back in time, got {', '.join(map(str, marks))}")
    if marks and (len(arguments.sources) > 1 or arguments.window is not None or arguments.stride is not None):
        raise UsageError("--onset, --apex and --offset are for one source, without --window and --stride")


def _check_outputs(arguments: Namespace) -> None:
    for option, suffixes in (("plot", PLOT_SUFFIXES), ("overlay", OVERLAY_SUFFIXES)):
        path = getattr(arguments, option)
        if path is not None and Path(path).suffix.lower() not in suffixes:
            raise UsageError(f"--{option} {path}: the name must end in {', '.join(suffixes)}")
    if arguments.csv_rows == "frame" and arguments.csv is None:
        raise UsageError("--csv-rows frame goes with --csv FILE")
    _check_events(arguments)
    texts = {"--json": arguments.json, "--csv": arguments.csv, "--events-csv": arguments.events_csv}
    printed = [f"{option} -" for option, path in texts.items() if path == "-"]
    if len(printed) > 1:
        raise UsageError(f"{' and '.join(printed)}: only one of them can go to standard output")
    outputs = [Path(path) for path in (*texts.values(), arguments.plot) if path not in (None, "-")]
    outputs += list(overlay_paths(arguments.overlay, arguments.sources).values()) if arguments.overlay else []
    for number, path in enumerate(outputs):
        if path.resolve() in [other.resolve() for other in outputs[:number]]:
            raise UsageError(f"{path}: given for two outputs")
        _check_output(path, arguments.sources)


def _check_events(arguments: Namespace) -> None:
    """Events are found in whole recordings, not in windows or at marks."""
    given = [
        f"--{name}" for name in ("window", "stride", "onset", "apex", "offset") if getattr(arguments, name) is not None
    ]
    is_asked = {
        "--events-csv": arguments.events_csv is not None,
        "--sensitivity": arguments.sensitivity != DEFAULT_SENSITIVITY,
    }
    asked = [option for option, is_given in is_asked.items() if is_given]
    if asked and given:
        raise UsageError(f"{asked[0]}: events are not looked for with {given[0]}, leave one of them out")


def check_json_output(arguments: Namespace) -> None:
    """Check that the JSON, if it is asked for, can be written, and overwrites no input.

    Raises:
        UsageError: If not.
    """
    if arguments.json not in (None, "-"):
        _check_output(Path(arguments.json), arguments.sources)


def _check_output(path: Path, sources: list[str]) -> None:
    _check_not_an_input(path, sources)
    try:
        check_writable(path)
    except OSError as error:
        raise UsageError(str(error)) from error


def _check_not_an_input(path: Path, sources: list[str]) -> None:
    """A frame folder's own pictures are inputs, too, and a new one would be taken for a frame the next time."""
    for source in map(Path, sources):
        if path.resolve() == source.resolve() or (path.exists() and source.exists() and path.samefile(source)):
            raise UsageError(f"{path}: is an input, it would be overwritten")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.resolve().parent == source.resolve():
            raise UsageError(f"{path}: lies in the input {source}, where it would be taken for a frame")


def check_model(model: str | None, revision: str | None) -> None:
    """Check that a folder given as a checkpoint is one.

    Args:
        model: As given.
        revision: As given.

    Raises:
        UsageError: If not.
    """
    if model is None and revision is not None:
        raise UsageError("--revision goes with a --model on the Hub")
    if model is None:
        return
    folder = Path(model)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise UsageError(f"--model {model}: not a checkpoint, the folder holds no config.json")
    if folder.is_file() or (not folder.exists() and (model.startswith((".", "/", "~")) or model.count("/") != 1)):
        raise UsageError(f"--model {model}: no such folder (an id on the Hub reads ORG/REPO)")
