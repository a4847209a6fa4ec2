"""Whether answers go with the evidence: change what is seen, and what is said must change with it.

Own choice of two changes that leave no doubt: a mirrored clip has its sides exchanged, and a clip whose first frame
stands still shows no movement. What is asked about is what the model had said of the clip as it is.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from tqdm.auto import tqdm

from modeling_aullm.asking import Asking
from training.questions.looking import Look

OPPOSITE = {"left": "right", "right": "left"}


class Followed(NamedTuple):
    """An answer about changed evidence: how it was changed, what was asked, and whether the answer went with it."""

    change: str
    question: str
    went: bool


def follow(look: Look, clips: Sequence[torch.Tensor]) -> list[Followed]:
    """Ask about clips, and about the same clips changed.

    Args:
        look: Sees a clip.
        clips: (num_frames, image_size, image_size) each; those in which nothing was found are left out.
    """
    bar = tqdm(clips, desc="evidence changed", unit="clip", dynamic_ncols=True)
    return [each for clip in bar for each in _about(look, clip)]


def faithfulness(followed: Sequence[Followed]) -> dict[str, dict[str, float | int]]:
    """By change: how many answers, and the share that went with it."""
    return {
        change: {"answers": len(those), "changed": round(sum(each.went for each in those) / len(those), 4)}
        for change in dict.fromkeys(each.change for each in followed)
        if (those := [each for each in followed if each.change == change])
    }


def _about(look: Look, clip: torch.Tensor) -> Iterator[Followed]:
    seen = look(clip)
    active = seen.findings.whole.active
    if not active:
        return
    code = active[0].code
    yield from _compared("still", seen, look(clip[:1].expand_as(clip)), [f"Did {code} move?", "Which muscles moved?"])
    sided = next((unit for unit in active if unit.side in OPPOSITE), None)
    if sided:
        questions = [f"On which side was {sided.code}?", f"Did {sided.code} move on the {sided.side}?"]
        yield from _compared("mirrored", seen, look(clip.flip(-1)), questions)


def _compared(change: str, seen: Asking, other: Asking, questions: Sequence[str]) -> Iterator[Followed]:
    for question, before, after in zip(questions, seen.answer(questions), other.answer(questions), strict=True):
        if before.kind == "side":
            went = after.value == OPPOSITE.get(before.value)
        elif before.kind == "units":
            went = after.value == []
        else:
            went = before.value is True and after.value is not True
        yield Followed(change, question, went and (before.kind, before.about) == (after.kind, after.about))
