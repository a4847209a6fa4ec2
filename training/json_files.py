"""Records in JSON: read with errors for people, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from modeling_aullm.output_files import write_whole
from training.errors import InputError


def read_json(path: Path, advice: str = "") -> dict[str, Any]:
    """Names and values of a file.

    Args:
        path: The file.
        advice: What to do if it is broken, for the error.

    Raises:
        InputError: If it cannot be read, or holds no JSON object.
    """
    end = f"; {advice}" if advice else ""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}){end}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold names and values{end}")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole or not at all.

    Raises:
        ValueError: If a value is not a finite number.
        OSError: If it cannot be written.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
