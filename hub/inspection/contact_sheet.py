"""Contact sheet of clips: faces at onset and apex, and their difference, to be looked at."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from modeling_aullm.face_alignment import to_grey
from training.synthetic.clip import SyntheticClip
from training.synthetic.sheet import clip_strip

COLUMNS = 4


def draw_contact_sheet(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Write a contact sheet as a picture.

    Args:
        rows: Clips with frames as arrays, as `hub.inspection.inspection.rows_with_frames` gives them.
        path: Picture to write.
    """
    strips = [(_strip(row), f"{row['dataset']} {row['clip_id']}\n{_codes(row)}") for row in rows]
    lines = -(-len(strips) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * 3.2, lines * 1.5 + 0.2), dpi=110)
    grid = list(figure.subplots(lines, COLUMNS, squeeze=False).flat)
    for axes in grid:
        axes.axis("off")
    for axes, (strip, title) in zip(grid, strips, strict=False):
        axes.imshow(strip, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=6)
    figure.tight_layout(pad=0.4)
    figure.savefig(path)


def _strip(row: dict[str, Any]) -> np.ndarray:
    frames = np.stack([to_grey(frame) for frame in row["frames"]])
    moments = (row["onset"], row["apex"], row["offset"])
    return clip_strip(SyntheticClip(frames, [], [], *moments, row["fps"], row["emotion"]))


def _codes(row: dict[str, Any]) -> str:
    codes = row["au_codes"]
    return "no units coded" if codes is None else "+".join(codes) or "no unit"
