"""Which checkpoint answers, and what it was trained on."""

import hashlib
import json
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file

from . import detector

SYNTHETIC = "synthetic:"  # how the names of made-up data begin


def package_version() -> str:
    """Of the package `aullm`, which a Space need not have: the model brings its code."""
    try:
        return version("aullm")
    except PackageNotFoundError:
        return "not installed"


@cache
def weights_sha256() -> dict[str, str]:
    """Hash of each file of weights."""
    options = {"revision": detector.MODEL_REVISION}
    index = cached_file(
        detector.MODEL_ID, SAFE_WEIGHTS_INDEX_NAME, _raise_exceptions_for_missing_entries=False, **options
    )
    names = [SAFE_WEIGHTS_NAME]
    if index:
        names = sorted(set(json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values()))
    hashes = {}
    for name in names:
        with open(cached_file(detector.MODEL_ID, name, **options), "rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def describe(name: str, data: list[str] | None) -> str:
    """A sentence on the checkpoint, as HTML.

    Args:
        name: Of the checkpoint.
        data: Names of what it was trained on, None if that is not on record.
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
