"""The engine of one machine: inputs are read in processes of their own while the model answers in this one."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hub.scoring.plan import Part, read_part
from hub.scoring.reading import PartReader, ReadingSettings
from hub.scoring.scorer import score_part
from modeling_aullm.detector import Detector

AHEAD = 2  # parts that are read or have been, while one is answered


def score(
    numbers: Iterable[int], detector: Detector, settings: ReadingSettings, out: Path, readers: int
) -> Iterator[tuple[int, dict[str, str]]]:
    """Score parts in their order.

    Args:
        numbers: Of the parts of the plan that are to be scored.
        detector: The opened checkpoint.
        settings: How inputs are read.
        out: Folder of the run.
        readers: Processes that read.

    Yields:
        Of each part, once it is written, how many inputs it has, and by name why some were refused.

    Raises:
        OSError: If results cannot be written.
    """
    reader, waiting = PartReader(settings, readers), iter(numbers)
    begun: deque[tuple[Part, list[Any]]] = deque()
    try:
        while True:
            while len(begun) < AHEAD and (number := next(waiting, None)) is not None:
                part = read_part(out, number)
                begun.append((part, reader.begin(part)))
            if not begun:
                return
            part, futures = begun.popleft()
            read = reader.finish(part, futures)
            score_part(detector, read, settings.sampling, out)
            yield len(part.inputs), read.refused
    finally:
        reader.close()
