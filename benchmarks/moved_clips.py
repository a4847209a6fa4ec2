"""Clips of photographed faces that are moved by another hand than the generator's, as a dataset that any command takes.

`python -m benchmarks.moved_clips --photographs FOLDER --output DATA`: each photograph three times by each combination
of `moved_faces.SHOWN` and still, onset to offset, cut as a user's clips are; `--hard` halves the movement, moves the
head four times as much, and the eyes blink. AU14, which can be understood as corners drawn out or in, is drawn either
way. The skin is real, the movement is not.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
from tqdm import tqdm

from benchmarks.moved_faces import (
    HEIGHT,
    PLACES,
    SHOWN,
    WIDTH,
    Scene,
    blink,
    bump,
    head_map,
    place,
    read_photographs,
    slow_course,
    unit_field,
)
from modeling_aullm.clip_cutting import cut_clip
from modeling_aullm.face_alignment import detect_largest_face
from modeling_aullm.video_stream import Frame
from training.synthetic.corpus import clip_features

FACE_WIDTHS, NOISES = (190, 150, 230), (1.0, 1.5, 2.0)
AMPLITUDES = (0.4, 1.4)  # pixels of a 64-pixel crop, log-uniform; half of it where it is hard
SWAY = (0.01, 0.008, 0.003, 0.0015)  # right, down in eye distances, turn, scale; four times where it is hard
RATES, LENGTHS, FRAMES = (30.0, 50.0, 100.0), (0.25, 0.5), 12
DRAWN_IN = (("corner", (0, 0), (-1, 0), 0.13, 1), ("corner", (0.18, 0), (-0.8, 0), 0.14, 0.6))
SEED, SIZE = 5, 64


def draw_clip(scene: Scene, units: Sequence[str], seed: Sequence[int], *, noise: float, hard: bool) -> dict[str, Any]:
    """Move a face from onset to offset.

    Args:
        scene: The face.
        units: Codes of what moves.
        seed: Of everything.
        noise: Grey levels of the sensor's.
        hard: Half the movement, four times the head's, blinks.

    Returns:
        Frames (num_frames, 64, 64) uint8, apex, frames a second.
    """
    rng = np.random.default_rng(seed)
    length = rng.uniform(*LENGTHS)
    total = max(8, round(length * float(rng.choice(RATES))) + 1)
    kept = np.unique(np.round(np.linspace(0, total - 1, FRAMES)).astype(int))
    times = kept / (total - 1) * length
    peak = length * rng.uniform(0.35, 0.6)
    amplitude = float(np.exp(rng.uniform(*np.log(AMPLITUDES)))) * scene.eyes_apart / (0.36 * SIZE) / (2 if hard else 1)
    skin = np.zeros((2, HEIGHT, WIDTH), np.float32)
    for unit in units:
        places = DRAWN_IN if unit == "AU14" and rng.random() < 0.5 else PLACES[unit]
        skin += unit_field(rng, scene, places) * np.float32(amplitude * rng.uniform(0.8, 1.2))
    sway = np.stack([slow_course(rng, times + rng.uniform(0, 20)) * most * (4 if hard else 1) for most in SWAY])
    sway[:2] *= scene.eyes_apart
    begun = rng.uniform(-0.1, length)
    closed = bump(times, begun, begun + 0.1, begun + 0.28) if hard and rng.random() < 0.4 else np.zeros(len(times))
    moved = _film(scene, skin, bump(times, 0, peak, length + 1e-3), (sway - sway[:, :1]).T, closed)
    frames = [np.clip(np.rint(picture + rng.normal(0, noise, picture.shape)), 0, 255) for picture in moved]
    coloured = [np.repeat(frame.astype(np.uint8)[:, :, None], 3, axis=2) for frame in frames]
    crops = cut_clip(_as_read(coloured, times), detect_largest_face(coloured[0]), SIZE, stabilize=True)
    apex = int(np.abs(times - peak).argmin()) if units else -1
    return {"frames": np.rint(crops * 255).astype(np.uint8), "apex": apex, "fps": (len(kept) - 1) / length}


def _film(
    scene: Scene, skin: np.ndarray, course: np.ndarray, sway: np.ndarray, closed: np.ndarray
) -> Iterator[np.ndarray]:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    for share, head, lids in zip(course, sway.tolist(), closed.tolist(), strict=True):
        maps = head_map(scene, head, x, y)
        to_x, to_y = (
            (mapped - cv2.remap(share * shift, *maps, cv2.INTER_LINEAR)).astype(np.float32)
            for mapped, shift in zip(maps, skin, strict=True)
        )
        picture = np.asarray(blink(scene, lids, x, y), np.float32)
        yield cv2.remap(picture, to_x, to_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def _as_read(pictures: Sequence[np.ndarray], times: np.ndarray) -> list[Frame]:
    return [
        Frame(number, float(time), picture) for number, (picture, time) in enumerate(zip(pictures, times, strict=True))
    ]


def draw_all(pictures: Sequence[np.ndarray], *, hard: bool) -> Iterator[dict[str, Any]]:
    """Rows of the dataset.

    Args:
        pictures: RGB photographs with one face each.
        hard: See `draw_clip`.
    """
    combinations = [*SHOWN, "AU14", ""]
    bar = tqdm(total=len(FACE_WIDTHS) * len(pictures) * len(combinations), unit="clip")
    for size, (width, noise) in enumerate(zip(FACE_WIDTHS, NOISES, strict=True)):
        for number, picture in enumerate(pictures):
            scene = place(picture, width)
            for which, units in enumerate(map(str.split, combinations)):
                clip = draw_clip(scene, units, (SEED, size, number, which), noise=noise, hard=hard)
                name = {"dataset": "moved_photographs", "subject": f"photograph_{number:02d}"}
                name["clip_id"] = f"{size}_{which:02d}"
                moments = {"onset": 0 if units else -1, "offset": len(clip["frames"]) - 1 if units else -1}
                yield name | moments | clip | {"emotion": "", "action_units": units, "au_codes": units}
                bar.update()
    bar.close()


def main() -> None:
    """Read the photographs, draw the clips, and write them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.moved_clips", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--photographs",
        type=read_photographs,
        required=True,
        metavar="FOLDER",
        help="folder of photographs with one face each",
    )
    parser.add_argument("--output", type=Path, required=True, help="new folder of the dataset")
    parser.add_argument("--hard", action="store_true", help="half the movement, four times the head's, blinks")
    options = parser.parse_args()
    if options.output.exists():
        parser.error(f"--output {options.output} is there already: name a new folder")
    features = clip_features(datasets.Array3D((None, SIZE, SIZE), "uint8"))
    data = datasets.Dataset.from_list(list(draw_all(options.photographs, hard=options.hard)), features=features)
    options.output.mkdir(parents=True)
    data.to_parquet(options.output / "clips.parquet")


if __name__ == "__main__":
    main()
