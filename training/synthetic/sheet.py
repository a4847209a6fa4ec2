"""Contact sheets of synthetic clips, to look at: faces at onset and apex, and their difference."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.synthetic.beds import Bed
from training.synthetic.clip import SyntheticClip, synthetic_clip
from training.synthetic.emotions import UNITS
from training.synthetic.faces import Domain
from training.synthetic.features import draw_face

COLUMNS = 4


def draw_sheet(
    domain: Domain, path: Path, *, subjects: int, seed: int, single_units: bool = False, bed: Bed | None = None
) -> None:
    """Write a contact sheet as a picture.

    Args:
        domain: Domain of the clips.
        path: Picture to write.
        subjects: People on it.
        seed: Seed of the clips.
        single_units: Show every unit alone on each person, without nuisances and at 1.5 pixels, instead of four clips
            of each person as the corpus has them.
        bed: Test bed of those.
    """
    faces = [draw_face(np.random.default_rng([seed, subject]), domain) for subject in range(subjects)]
    clips = []
    for subject, face in enumerate(faces):
        for number, unit in enumerate(UNITS if single_units else range(COLUMNS)):
            rng = np.random.default_rng([seed, subject, number])
            if single_units:
                clips.append(synthetic_clip(rng, face, domain, [str(unit)], amplitude=1.5, nuisances=False))
            else:
                clips.append(synthetic_clip(rng, face, domain, bed=bed))
    columns = len(UNITS) if single_units else COLUMNS
    rows = len(clips) // columns
    figure = Figure(figsize=(columns * 2.4, rows * 0.95), dpi=130)
    for axes, clip in zip(figure.subplots(rows, columns, squeeze=False).flat, clips, strict=True):
        axes.imshow(clip_strip(clip), cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{'+'.join(clip.au_codes) or 'still'}  {len(clip.frames)} at {clip.fps:.0f} fps", fontsize=6)
        axes.axis("off")
    figure.tight_layout(pad=0.3)
    figure.savefig(path)


def clip_strip(clip: SyntheticClip, gain: float = 6) -> np.ndarray:
    """First frame, apex, and their difference amplified around mid grey, side by side, uint8."""
    first, apex = clip.frames[max(clip.onset, 0)], clip.frames[clip.apex if clip.apex >= 0 else len(clip.frames) // 2]
    difference = np.clip(128 + gain * (apex.astype(np.float32) - first), 0, 255).astype(np.uint8)
    return np.hstack((first, apex, difference))
