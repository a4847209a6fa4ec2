"""From what people give as a source to the videos it stands for: files, folders of frames or videos, patterns.

Nothing here takes long to import.
"""

import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts",
    ".webm", ".wmv",
)  # fmt: skip


@dataclass
class Found:
    """What a source stands for.

    Attributes:
        paths: Files, and folders of frames, in the order of the numbers in their names.
        notices: Lines worth telling.
        error: Why there is none; empty where there are any.
    """

    paths: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    error: str = ""


def find_sources(source: str, *, recursive: bool) -> Found:
    """Find the videos of a source.

    Args:
        source: Path of a file or folder, or a pattern of `glob` in which no shell has put names.
        recursive: Whether folders are searched at any depth.

    Returns:
        A file and a folder of numbered frames are what they are. A folder that holds videos stands for these, even if
        there are images beside them: those are rather photographs, or frames of these very videos.
    """
    found = Found()
    if Path(source).is_dir():
        _search(source, recursive, found)
    elif os.path.exists(source):
        found.paths.append(source)
    elif glob.has_magic(source):
        for path in sorted(glob.glob(source, recursive=True), key=_by_numbers):
            if Path(path).is_dir():
                _search(path, recursive, found)
            else:
                found.paths.append(path)
        if not found.paths:
            found.error = f"{source}: no file of this name, nor any that fits the pattern"
    else:
        found.error = f"{source}: no such file or folder"
    found.error = "" if found.paths else found.error
    return found


def _search(folder: str, recursive: bool, found: Found) -> None:
    before, inside = len(found.paths), 0

    def refuse(error: OSError) -> None:
        found.paths.append(str(error.filename))  # a folder that may not be looked into: who reads it says why

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted((name for name in folders if name[0] != "."), key=_by_numbers) if recursive else []
        inside += sum(entry.is_dir() and entry.name[0] != "." for entry in os.scandir(place))
        videos, images = (
            sorted((n for n in files if n[0] != "." and Path(n).suffix.lower() in suffixes), key=_by_numbers)
            for suffixes in (VIDEO_SUFFIXES, IMAGE_SUFFIXES)
        )
        if videos and images:
            found.notices.append(
                f"{place}: holds {_count(videos, 'video')} and {_count(images, 'image')}; the videos are taken (for "
                "images as frames, give a folder of their own)"
            )
        if videos:
            found.paths += [os.path.join(place, name) for name in videos]
        elif images:
            found.paths.append(place)
    if len(found.paths) == before:
        deeper = f"; --recursive looks into its {inside} folder(s)" if inside and not recursive else ""
        found.error = f"{folder}: the folder holds no images and no videos{deeper}"


def _by_numbers(name: str) -> tuple[list[int], str]:
    """As people count: `clip10` after `clip9`."""
    return [int(digits) for digits in re.findall(r"\d+", name)], name


def _count(names: list[str], kind: str) -> str:
    return f"{len(names)} {kind}{'' if len(names) == 1 else 's'}"
