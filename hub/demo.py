"""`python -m hub.demo OUTDIR`: a sample clip made from a real photograph, and `aullm predict` run on it.

The photograph is scikit-image's public-domain picture of the astronaut Eileen Collins (NASA). It is moved by a known
micro-expression, so that what is found can be compared with what was put in.
"""

import argparse
import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from skimage.data import astronaut

from modeling_aullm.command.cli import main as aullm
from modeling_aullm.face_alignment import detect_faces
from modeling_aullm.facs import ACTION_UNITS
from modeling_aullm.output_files import write_whole
from modeling_aullm.overlay import write_video
from training.errors import run_command
from training.protocols.run_folder import check_writable_folder
from training.synthetic import move_photograph

SHOWN = ("AU6", "AU12")  # happiness by EMFACS
NUM_FRAMES, FPS = 18, 30.0
INTENSITY = 1.5  # pixels of the 64-pixel face crop
SEED = 1


def make_clip(action_units: Iterable[str] = SHOWN, *, intensity: float = INTENSITY, seed: int = SEED) -> np.ndarray:
    """The astronaut with a micro-expression.

    Args:
        action_units: Units to show.
        intensity: Peak displacement in pixels of the 64-pixel face crop.
        seed: Seed of the motion's scatter.

    Returns:
        Frames, `(NUM_FRAMES, height, width, 3)` uint8 RGB.
    """
    photo = astronaut()
    landmarks = detect_faces(photo)[0].landmarks
    return move_photograph(
        photo, landmarks, list(action_units), num_frames=NUM_FRAMES, fps=FPS, intensity=intensity, seed=seed
    )


def main(argv: list[str] | None = None) -> int:
    """Write the sample clip and all that `aullm predict` makes of it into a folder.

    Args:
        argv: The folder's path; None for the arguments of the process.

    Returns:
        The exit status of `aullm predict`.

    Raises:
        InputError: If the folder is a file, or cannot be written to.
    """
    parser = argparse.ArgumentParser(prog="python -m hub.demo", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where everything is written")
    folder = parser.parse_args(argv).folder
    check_writable_folder(folder, "folder")
    folder.mkdir(parents=True, exist_ok=True)
    clip = folder / "astronaut.mp4"
    write_whole(clip, partial(write_video, make_clip(), fps=FPS))
    units = ", ".join(f"{code} {ACTION_UNITS[code].name}" for code in SHOWN)
    sys.stderr.write(f"{clip}: a photograph moved by {units}\n")
    outputs = {"--json": "json", "--csv": "csv", "--plot": "png", "--overlay": "mp4"}
    options = [text for option, end in outputs.items() for text in (option, str(folder / f"astronaut_units.{end}"))]
    status = aullm(["predict", str(clip), *options])
    if status == 0:
        sys.stderr.write(f"JSON, CSV, plot and annotated video are in {folder}{os.sep}\n")
    return status


if __name__ == "__main__":
    run_command(lambda: sys.exit(main()))
