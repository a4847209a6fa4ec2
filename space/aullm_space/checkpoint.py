"""Which checkpoint answers: what it was trained on, the hashes of its weights, the version of the package."""

import hashlib
import json
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file

from . import detector

SYNTHETIC = "synthetic:"  # how the names of made-up data begin


def trained_on() -> list[str] | None:
    """Names of the data that it was trained on; None if that is not on record."""
    names = getattr(detector.config, "trained_on", None)
    return None if names is None else list(names)


@cache
def weights_sha256() -> dict[str, str]:
    """Hash of each weights file by its name."""
    index = cached_file(
        detector.MODEL_ID,
        SAFE_WEIGHTS_INDEX_NAME,
        revision=detector.MODEL_REVISION,
        _raise_exceptions_for_missing_entries=False,
    )
    names = [SAFE_WEIGHTS_NAME]
    if index:
        names = sorted(set(json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values()))
    return {name: _sha256(name) for name in names}


def _sha256(name: str) -> str:
    path = cached_file(detector.MODEL_ID, name, revision=detector.MODEL_REVISION)
    with open(str(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package_version() -> str:
    """Of the package `aullm`; the Space runs the checkpoint's own code where it is not installed."""
    try:
        return version("aullm")
    except PackageNotFoundError:
        return "not installed"


def describe(name: str, data: list[str] | None) -> str:
    """A sentence on the checkpoint, as HTML.

    Args:
        name: Of the checkpoint.
        data: Names of what it was trained on; None if not on record.
    """
    who = f"This is the checkpoint <strong>{escape(name)}</strong>"
    if not data:
        return f"{who}; what it was trained on is not on record."
    trained = f"{who}, trained on {escape(', '.join(data))}"
    if all(each.startswith(SYNTHETIC) for each in data):
        return (
            f"{trained}. That is synthetic: faces drawn by a program, no human being among them. It shows how the "
            "method works; it is not a measuring instrument."
        )
    return f"{trained}."
