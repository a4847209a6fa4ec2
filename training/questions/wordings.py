"""Wordings of every kind of question: those in `learned.json`, and in `tried.json` those that nobody learns from.

Slots: `{unit}` a unit by any of its names, `{other}` another one, `{name}` its FACS name, `{clause}` what it does,
`{region}`, `{side}`, `{nth}` such as `second`, `{n}` such as `2`. `[a|b]` is any of these. The fixed questions of the
Micro-Expression Grand Challenge stand among them as published; all other sentences are ours. Those that are tried are
of another hand, which has not seen the others.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

CHOICE = re.compile(r"\[([^\[\]]*)\]")
POLITE = (
    "{}", "{}", "{}", "{}", "{}", "Please tell me: {}", "Hi! {}", "Can you tell me, {}", "{} Thanks.",
    "I want to know: {}", "Quick question: {}", "{} Please be brief.",
)  # fmt: skip


@cache
def wordings(name: str) -> dict[str, tuple[str, ...]]:
    """Templates by kind of question.

    Args:
        name: `learned` or `tried`.
    """
    content = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    return {kind: tuple(templates) for kind, templates in content.items()}


def chosen(template: str, one_of: Callable[[Sequence[str]], str]) -> str:
    """A template with one way taken at each place where there are several."""
    return CHOICE.sub(lambda match: one_of(match[1].split("|")), template)
