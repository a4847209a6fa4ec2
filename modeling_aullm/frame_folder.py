"""A folder of images as a video: which are its frames, in which order."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain, pairwise
from pathlib import Path

from .video_stream import VideoError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

_NUMBER = re.compile(r"\d+(?:\.\d+)*")


def list_frames(folder: Path) -> list[Path]:
    """The images of a folder in the order of the numbers in their names.

    Every number of a name counts, in turn: SAMM's `006_1_2_05562.jpg` is subject, film, clip and frame. A number with
    a point counts by its value, as times are written: `frame_0.05`, `frame_0.25`, `frame_0.5`. Only where what stands
    behind the points is clearly a counter, as in `clip1.9` and `clip1.10`, it counts as a number of its own.

    Raises:
        VideoError: If there are no images, one has no number, two carry the same number, or one is named like a copy of
            another.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]
    if not paths:
        raise VideoError(f"{folder}: the folder holds no images ({', '.join(IMAGE_SUFFIXES)})")
    _check_copies(folder, paths)
    tokens = {path: _NUMBER.findall(path.stem) for path in paths}
    unnumbered = [path for path in sorted(paths) if not tokens[path]]
    if unnumbered:
        raise VideoError(f"{unnumbered[0]}: no frame number in the name; number the images, such as img001.png")
    is_decimal = _has_fractions([token for found in tokens.values() for token in found])
    numbers = {path: _numbers(tokens[path], is_decimal) for path in paths}
    paths.sort(key=lambda path: (numbers[path], path.name))
    for path, following in pairwise(paths):
        if numbers[path] == numbers[following]:
            raise VideoError(f"{folder}: {path.name} and {following.name} carry the same frame number; remove one")
    return paths


def _numbers(tokens: Sequence[str], is_decimal: bool) -> tuple[Decimal, ...]:
    parts = chain.from_iterable(
        [token] if is_decimal and token.count(".") == 1 else token.split(".") for token in tokens
    )
    return tuple(map(Decimal, parts))


def _has_fractions(tokens: Sequence[str]) -> bool:
    """Whether digits behind a point are a fraction's (0.05, 0.5) and not a counter's (1.9, 1.10).

    Of one width, both come in the same order. Of several, a counter has no zero before more digits than its shortest
    number has, and gets to ten; a fraction written without padding never ends in zero.
    """
    behind = [token.partition(".")[2] for token in tokens if token.count(".") == 1]
    longer = [digits for digits in behind if len(digits) > min(map(len, behind))]
    return any(digits[0] == "0" for digits in longer) or not any(digits[-1] == "0" for digits in longer)


def _check_copies(folder: Path, paths: Sequence[Path]) -> None:
    """File managers name a copy by the original's whole name and more, in any language: `Kopie von img1`, `img1 (1)`.

    Raises:
        VideoError: If an image is named so: it would count as a frame of its own, and show what another shows.
    """
    stems = {path.stem: path for path in sorted(paths, reverse=True)}
    for path in sorted(paths):
        cuts = [(path.stem[:place], path.stem[place:]) for place in range(1, len(path.stem))]
        originals = [stems[part] for cut in cuts if not _cuts_a_number(*cut) for part in cut if part in stems]
        if originals:
            raise VideoError(
                f"{folder}: {path.name} is named like a copy of {originals[0].name}; remove it, or rename it if it is "
                "a frame of its own"
            )


def _cuts_a_number(before: str, after: str) -> bool:
    """img12 is no copy of img1, nor 1.5 of 1 or of 5."""
    return re.search(r"\d\.?$", before) is not None and re.match(r"\.?\d", after) is not None
