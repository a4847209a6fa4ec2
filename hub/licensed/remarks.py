"""What was left out of a dataset, or mended in it, and why; for people, and for `preparation.json`."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["left out", "mended", "kept"]
SHOWN = 3  # clips named on screen for each reason


class ClipError(ValueError):
    """A clip cannot be used. Its two arguments: the reason in a few words, the same for all such clips; and details."""

    @property
    def what(self) -> str:
        """The reason."""
        return self.args[0]

    @property
    def detail(self) -> str:
        """Numbers, names and paths; may be empty."""
        return self.args[1] if len(self.args) > 1 else ""


@dataclass(frozen=True)
class Remark:
    """One remark on one clip.

    Attributes:
        kind: `left out`; `mended`, where something differs from the published file; `kept`, where something looks
            odd, or a known mistake was not found, and nothing was changed.
        dataset: Name of the dataset.
        clip: Name of the clip, as far as it is known.
        row: Of the spreadsheet's data, from 0 (of the prepared dataset, where that is the root); -1 for all.
        what: The reason in a few words.
        detail: Numbers, names and paths.
    """

    kind: Kind
    dataset: str
    clip: str
    row: int
    what: str
    detail: str = ""


def summarise(remarks: Iterable[Remark]) -> list[str]:
    """Lines for the screen: each reason once, how often, and the first clips it holds for."""
    groups: dict[tuple[str, str], list[Remark]] = defaultdict(list)
    for remark in remarks:
        groups[remark.kind, remark.what].append(remark)
    order = ("left out", "mended", "kept")
    lines = []
    for (kind, what), group in sorted(groups.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]))):
        named = [f"{each.clip} ({each.detail})" if each.detail else each.clip for each in group[:SHOWN]]
        more = f", and {len(group) - SHOWN} more" if len(group) > SHOWN else ""
        lines.append(f"  {kind}: {what}: {len(group)}: {', '.join(filter(None, named))}{more}")
    return lines
