"""Writing output files whole or not at all, and finding out before the long work whether that will be possible."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

PLOT_SUFFIXES = (".png", ".pdf", ".svg")
OVERLAY_SUFFIXES = (".mp4", ".mov", ".mkv")


def check_writable(path: Path) -> None:
    """Find out before the long work whether a file can be written here.

    Args:
        path: The output file; need not exist.

    Raises:
        OSError: If its folder is missing or cannot be written to, or the path is taken by something not a file.
    """
    if not path.parent.is_dir():
        raise OSError(f"{path}: the folder {path.parent} does not exist")
    if path.exists() and not path.is_file():
        raise OSError(f"{path}: is not a plain file, give a file to write")
    try:
        with _temporary(path):
            pass
    except OSError as error:
        raise OSError(f"{path}: cannot write there ({error.strerror or error})") from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, of the same ending, that is gone afterwards unless it was moved away."""
    target = Path(os.path.realpath(path))  # a link is followed, as an ordinary write would
    temporary = target.with_name(f".{target.stem[:64]}-{secrets.token_hex(4)}{target.suffix}")
    try:
        temporary.open("xb").close()
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it appears complete or, whatever goes wrong, stays as it was.

    Args:
        path: The output file.
        write: Writes everything to the path it is given, which has the same ending.

    Raises:
        OSError: If the file cannot be written.
    """
    with _temporary(path) as temporary:
        write(temporary)
        os.replace(temporary, os.path.realpath(path))


def overlay_paths(overlay: str, sources: list[str]) -> dict[str, Path]:
    """Where the overlay of each source goes.

    Args:
        overlay: As given: the file of a single source; of several, `out.mp4` becomes `out-clip.mp4` for clip.mov, and
            `out-clip-2.mp4` for a second source of that name.
        sources: As given.
    """
    base, sources = Path(overlay), list(dict.fromkeys(sources))
    if len(sources) == 1:
        return {sources[0]: base}
    paths: dict[str, Path] = {}
    for source in sources:
        stem = "stdin" if source == "-" else Path(source).resolve().stem
        names = (f"{base.stem}-{stem}{end}{base.suffix}" for end in chain([""], (f"-{n}" for n in count(2))))
        paths[source] = next(base.with_name(name) for name in names if base.with_name(name) not in paths.values())
    return paths
