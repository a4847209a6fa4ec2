"""Videos that come through a pipe, from standard input or a named one, put into files: they are read more than once."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from .argument_checks import STANDARD_INPUT
from .arguments import UsageError


@contextmanager
def spooled(sources: Sequence[str]) -> Iterator[dict[str, str]]:
    """Where each source can be read: by its own name, or from a temporary file that is deleted afterwards.

    Args:
        sources: Paths, and `-` for standard input.

    Raises:
        UsageError: If standard input is a terminal or closed, or there is no room for the file.
    """
    places = {source: source for source in sources}
    piped = [source for source in sources if source == STANDARD_INPUT or Path(source).is_fifo()]
    with tempfile.TemporaryDirectory(prefix="aullm-") if piped else nullcontext("") as folder:
        for number, source in enumerate(piped):
            places[source] = os.path.join(folder, f"piped-{number}")
            _spool(source, Path(places[source]))
        yield places


def _spool(source: str, place: Path) -> None:
    try:
        if source != STANDARD_INPUT:
            with open(source, "rb") as pipe:
                _copy(pipe, place)
        elif sys.stdin is None or sys.stdin.isatty():
            raise UsageError("-: a video is awaited from standard input; pipe one in, or give a file")
        else:
            _copy(sys.stdin.buffer, place)
    except OSError as error:
        raise UsageError(f"{source}: could not be kept in {place.parent} ({error.strerror}); give a file") from error


def _copy(pipe: BinaryIO, place: Path) -> None:
    with place.open("wb") as file:
        shutil.copyfileobj(pipe, file, 1 << 20)
