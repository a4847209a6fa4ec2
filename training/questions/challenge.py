"""The Micro-Expression Grand Challenge's question answering (ME-VQA, ME-LVQA): its files, and answers in its words.

Format, as the public entries of 2025 and 2026 describe and read it: a JSON object a line, with the video's name
(`video`, `video_id`, `filename` or `image_id`), `question` and, in the training files, `answer`. Answers are single
words, FACS names in small letters joined by commas, or one fixed sentence. The files themselves are the organisers' to
give.
"""

import json
from pathlib import Path
from typing import Any

from modeling_aullm.asking import Answer
from modeling_aullm.facs_emotions import emotion_class, emotions_of
from modeling_aullm.findings import Findings
from training.errors import InputError
from training.questions.unit_words import unit_name

VIDEO_KEYS = ("video", "video_id", "filename", "image_id")
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv")
NO_EMOTION, NO_CLASS = "others", "negative"  # own choice, where EMFACS hints at none: most coded clips are negative


def read_questions(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of the challenge.

    Args:
        path: JSON lines.

    Raises:
        InputError: If a line is no such row; it is named by its number.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--questions {path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"--questions {path}, line {number}: no JSON ({error})") from error
        if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not video_name(row):
            wanted = f"a question, and a video's name as one of {', '.join(VIDEO_KEYS)}"
            raise InputError(f"--questions {path}, line {number}: must be an object with {wanted}; got {line[:80]}")
        rows.append(row)
    if not rows:
        raise InputError(f"--questions {path}: holds no question")
    return rows


def video_name(row: dict[str, Any]) -> str:
    """The video that a row is about; empty where none is named."""
    return next((str(row[key]) for key in VIDEO_KEYS if row.get(key)), "")


def find_video(folder: Path, name: str) -> Path:
    """A video or folder of frames by its name, which never leads out of the folder.

    Args:
        folder: Of all videos.
        name: As a row has it, with or without its ending.

    Raises:
        InputError: If there is none.
    """
    for candidate in (name, *(f"{name}{suffix}" for suffix in VIDEO_SUFFIXES)):
        path = (folder / candidate).resolve()
        if path.is_relative_to(folder.resolve()) and path.exists() and path != folder.resolve():
            return path
    raise InputError(f"{name}: no such video in {folder}")


def in_challenge_words(answer: Answer, findings: Findings) -> str:
    """An answer as the challenge writes it. It knows no `cannot tell`: then the likelier of both is given.

    Args:
        answer: From `Asking.answer`.
        findings: What it was put together from.
    """
    whole = findings.whole
    active = [code for code, unit in whole.units.items() if unit.probability >= unit.threshold]
    active.sort(key=lambda code: -whole.units[code].probability)
    if answer.kind in ("moved", "moved_on"):
        code = answer.about[0]
        return "yes" if code in active and answer.value is not False else "no"
    if answer.kind in ("region", "region_on", "any"):
        return "yes" if answer.value else "no"
    if answer.kind == "units":
        return ", ".join(unit_name(code) for code in answer.value or active[:1])
    if answer.kind == "strongest":
        return unit_name(max(whole.units, key=lambda code: whole.units[code].probability))
    if answer.kind == "emotion":
        return (answer.value or [NO_EMOTION])[0]
    if answer.kind == "emotion_class":
        return answer.value or NO_CLASS
    if answer.kind == "describe":
        return _in_full(active)
    if answer.kind == "type" and answer.value:
        return "micro" if answer.value == "micro-expression" else "macro"
    return answer.answer if answer.value is None else str(answer.value)


def _in_full(active: list[str]) -> str:
    named = ", ".join(map(unit_name, active)) or "none"
    emotion = (emotions_of(active) or [NO_EMOTION])[0]
    return (
        f"The action units present are: {named}. Therefore, the fine-grained expression class is {emotion}, and the "
        f"coarse expression class is {emotion_class(active) or NO_CLASS}."
    )
