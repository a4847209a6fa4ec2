"""Folders of frames below `--root`: found by names that strangers wrote into a spreadsheet, and never outside it."""

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hub.licensed.remarks import ClipError
from modeling_aullm.video_reading import IMAGE_SUFFIXES


class Frames(NamedTuple):
    """Images of a folder by the number in their names, in order, and those that carry another one's number."""

    files: dict[int, Path]
    duplicates: list[str]


class Root:
    """A user's copy of a dataset.

    Args:
        path: Its folder. Nothing outside is read, whatever names and links say; the folder itself may be a link.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self._children = cache(self._list)
        self._frames = cache(self._read_frames)

    def find(self, place: str, pattern: str) -> Path | None:
        """Find a folder.

        Names match whatever their capitals and leading zeros, if only one does: copies differ in `sub1` and `sub01`.

        Args:
            place: Folder in the root, from this package.
            pattern: Names joined by `/`; `*` is any folder. They may come from a spreadsheet.

        Returns:
            The folder; None if it is not there, or `*` stands for several.

        Raises:
            ClipError: If a name is none, such as `..`, or leads out of the root.
        """
        found = [self.path]
        for name in (*filter(None, place.split("/")), *pattern.split("/")):
            found = [child for folder in found for child in self._step(folder, name)]
        return found[0] if len(found) == 1 else None

    def below(self, place: str, depth: int) -> tuple[list[Path], list[str]]:
        """All folders `depth` levels below a place, by name; and those that links lead out of the root to, left out."""
        found, outside = [self.path], []
        for name in (*filter(None, place.split("/")), *["*"] * depth):
            kept = []
            for child in (child for folder in found for child in self._named(folder, name)):
                try:
                    kept.append(self._inside(child))
                except ClipError as error:
                    outside.append(error.detail)
            found = sorted(kept)
        return found, outside

    def frames(self, folder: Path) -> Frames:
        """The images of a folder that `find` has found; those without a number in their name are left out."""
        return self._frames(folder)

    def _step(self, folder: Path, name: str) -> list[Path]:
        found = self._named(folder, name)
        return found if name == "*" else [self._inside(child) for child in found]

    def _named(self, folder: Path, name: str) -> list[Path]:
        children = self._children(folder)
        if name == "*":
            return list(children.values())
        if name in children:
            return [children[name]]
        alike = [child for other, child in children.items() if plain(other) == plain(name)]
        return alike if len(alike) == 1 else []

    def _list(self, folder: Path) -> dict[str, Path]:
        try:
            with os.scandir(folder) as entries:
                return {entry.name: folder / entry.name for entry in entries if entry.is_dir()}
        except OSError:
            return {}

    def _inside(self, path: Path) -> Path:
        if not Path(os.path.realpath(path)).is_relative_to(self.path):
            raise ClipError(
                "a link leads out of --root", f"{path.relative_to(self.path)}; give the folder it points at"
            )
        return path

    def _read_frames(self, folder: Path) -> Frames:
        files: dict[int, Path] = {}
        duplicates = []
        with os.scandir(folder) as entries:
            images = [
                (entry.name, entry.is_symlink())
                for entry in entries
                if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES and entry.name[0] != "." and entry.is_file()
            ]
        for name, is_link in sorted(images, key=lambda image: (len(image[0]), image[0])):
            digits = re.findall(r"[0-9]+", Path(name).stem)
            if not digits or len(digits[-1]) > 18:
                continue
            number = int(digits[-1])  # of `006_05562` the last: the first is the subject's
            if number in files:
                duplicates.append(name)
            else:
                files[number] = self._inside(folder / name) if is_link else folder / name
        return Frames(dict(sorted(files.items())), duplicates)


def checked_name(text: str, field: str) -> str:
    """Check that a cell holds the name of one folder, and nothing that leads elsewhere.

    Raises:
        ClipError: If it is empty, `..`, or holds a separator.
    """
    if not text:
        raise ClipError(f"no {field} in the spreadsheet")
    if text in (".", "..", "*") or any(letter in text for letter in "/\\:\0") or not text.isprintable():
        raise ClipError("a name that could lead out of --root", f"{field} {text[:80]!r}")
    return text


def plain(name: str) -> str:
    """A name without what copies differ in: capitals and leading zeros."""
    return re.sub(r"0+(?=[0-9])", "", name.casefold())
