"""Videos that come through a pipe, from standard input or a named one, put into files: they are read more than once."""

import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from .argument_checks import STANDARD_INPUT
from .arguments import UsageError


@contextmanager
def spooled(sources: Sequence[str], most_seconds: float = math.inf) -> Iterator[dict[str, str]]:
    """Where each source can be read: by its own name, or from a temporary file that is deleted afterwards.

    Args:
        sources: Paths, and `-` for standard input.
        most_seconds: How long a pipe is waited for.

    Raises:
        UsageError: If standard input is a terminal or closed, a pipe does not end, or there is no room for the file.
    """
    places = {source: source for source in sources}
    piped = [source for source in sources if source == STANDARD_INPUT or Path(source).is_fifo()]
    with tempfile.TemporaryDirectory(prefix="aullm-") if piped else nullcontext("") as folder:
        for number, source in enumerate(piped):
            places[source] = os.path.join(folder, f"piped-{number}")
            _spool(source, Path(places[source]), most_seconds)
        yield places


def _spool(source: str, place: Path, most_seconds: float) -> None:
    try:
        if source != STANDARD_INPUT:
            with open(source, "rb") as pipe:
                _copy(source, pipe, place, most_seconds)
        elif sys.stdin is None or sys.stdin.isatty():
            raise UsageError("-: a video is awaited from standard input; pipe one in, or give a file")
        else:
            _copy(source, sys.stdin.buffer, place, most_seconds)
    except OSError as error:
        raise UsageError(f"{source}: could not be kept in {place.parent} ({error.strerror}); give a file") from error


def _copy(source: str, pipe: BinaryIO, place: Path, most_seconds: float) -> None:
    end = time.monotonic() + most_seconds
    with place.open("wb") as file:
        while part := pipe.read(1 << 20):
            file.write(part)
            if time.monotonic() > end:
                raise UsageError(
                    f"{source}: is a stream that has not ended after {most_seconds:.0f} s; save a part of it to a file "
                    "(ffmpeg -i IN -t 10 -c copy OUT.mkv)"
                )
