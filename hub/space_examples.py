"""`python -m hub.space_examples`: the clips of the Space, `space/examples/`, each with the units that were put in.

Two faces: scikit-image's public-domain photograph of the astronaut Eileen Collins (NASA), and a drawn one.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

from modeling_aullm.face_alignment import detect_faces
from modeling_aullm.overlay import write_video
from training.synthetic import draw_face, move_photograph, synthetic_clip

FOLDER = Path(__file__).parents[1] / "space" / "examples"
FPS = 30.0
CROP = slice(0, 320), slice(64, 384)  # of the photograph: head and shoulders
INTENSITY = 1.5  # pixels of the 64-pixel face crop
SIDE = 320  # pixels of every clip


def photograph_clip(moments: Sequence[Sequence[str]], *, num_frames: int = 18, seed: int = 1) -> np.ndarray:
    """The astronaut, moved by one micro-expression after the other.

    Args:
        moments: Units of each micro-expression; none is a still face.
        num_frames: Frames of each.
        seed: Seed of the motion's scatter.

    Returns:
        Frames, `(len(moments) * num_frames, SIDE, SIDE, 3)` uint8 RGB.
    """
    photo = np.ascontiguousarray(astronaut()[CROP])
    landmarks = detect_faces(photo)[0].landmarks
    clips = [
        move_photograph(
            photo, landmarks, list(units), num_frames=num_frames, fps=FPS, intensity=INTENSITY, seed=seed + number
        )
        if units
        else np.repeat(photo[None], num_frames, axis=0)
        for number, units in enumerate(moments)
    ]
    return np.concatenate(clips)


def drawn_clip(action_units: Sequence[str], *, seed: int = 3) -> np.ndarray:
    """A drawn face with one micro-expression, which was not in training.

    Args:
        action_units: Units to show.
        seed: Seed of the face and of the motion.

    Returns:
        Frames, `(num_frames, SIDE, SIDE, 3)` uint8 RGB.
    """
    rng = np.random.default_rng([seed, 2026])
    clip = synthetic_clip(rng, draw_face(rng, "A"), "A", action_units, size=SIDE, amplitude=INTENSITY, nuisances=False)
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB) for frame in clip.frames])


def make_examples(folder: Path) -> None:
    """Write the clips and `examples.json`, which tells of each its file, title and true units.

    Args:
        folder: Where; made if not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photograph, drawn = "Photograph of Eileen Collins (NASA, public domain), moved", "Drawn face"
    clips = [
        ("smile", "A smile", photograph, ["AU6", "AU12"], photograph_clip([["AU6", "AU12"]])),
        ("brows", "Brows go up", photograph, ["AU1", "AU2"], photograph_clip([["AU1", "AU2"]])),
        ("drawn", "A drawn face", drawn, ["AU4", "AU9"], drawn_clip(["AU4", "AU9"])),
        (
            "timeline",
            "Smile, frown, brows: a timeline",
            photograph,
            ["AU1", "AU2", "AU4", "AU6", "AU12"],
            photograph_clip([[], ["AU6", "AU12"], [], ["AU4"], [], ["AU1", "AU2"], []]),
        ),
    ]
    entries = []
    for name, title, source, units, frames in clips:
        write_video(frames, folder / f"{name}.mp4", FPS)
        entries.append({"file": f"{name}.mp4", "title": title, "source": source, "action_units": units})
    (folder / "examples.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m hub.space_examples", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: the Space's)")
    make_examples(parser.parse_args().folder)
