"""Which checkpoint answers, and what it was trained on: by the record that training writes beside it."""

import json
from html import escape
from pathlib import Path
from typing import Any

from transformers.utils import cached_file

from . import detector

SYNTHETIC = "synthetic:"  # how the names of made-up data begin


def read_record() -> dict[str, Any]:
    """The record beside the checkpoint; empty if there is none."""
    path = cached_file(
        detector.MODEL_ID,
        "metrics.json",
        revision=detector.MODEL_REVISION,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    record = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    return record if isinstance(record, dict) else {}


def data_seen(record: dict[str, Any]) -> list[str]:
    """Names of the data that the checkpoint was trained on; none if that is not on record.

    Args:
        record: A pushed checkpoint's lists them; another's has the options of its last training.
    """
    if record.get("data_seen"):
        return [str(name) for name in record["data_seen"]]
    options = record.get("options") or {}
    before = [f"whatever {Path(options['model']).name} had seen"] if options.get("model") else []
    return [*before, options["data"]] if options.get("data") else []


def describe(name: str, data: list[str]) -> str:
    """A sentence on the checkpoint, as HTML.

    Args:
        name: Of the checkpoint.
        data: Names of what it was trained on.
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
