"""Good and bad inputs for `benchmarks.soak`: small videos and folders of a face, and damaged copies of them."""

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

from modeling_aullm.overlay import write_video

SIDE = 160
LENGTHS = {"short.mp4": 12, "clip.mkv": 20, "clip.mov": 30, "long.mp4": 75}  # frames; the last gives several windows
WRONG = {
    "text.mp4": b"no video\n" * 200,
    "zeros.avi": bytes(5000),
    "nothing.webm": b"",
    "table.mkv": b"a,b\n1,2\n" * 99,
}


def write_inputs(folder: Path) -> list[Path]:
    """Write the good inputs; a photograph that brightens, with noise, so that damage hits something."""
    rng = np.random.default_rng(0)
    photograph = cv2.resize(data.astronaut()[:300, 100:400], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    most = max(LENGTHS.values())
    noise = rng.integers(-4, 5, (most, SIDE, SIDE, 3)) + np.arange(most)[:, None, None, None]
    frames = np.clip(photograph + noise, 0, 255).astype(np.uint8)
    for name, length in LENGTHS.items():
        write_video(frames[:length], folder / name, 30.0)
    first, *others = map(Image.fromarray, frames[:15])
    first.save(folder / "moving.gif", save_all=True, append_images=others, duration=40)
    for suffix in ("png", "jpg"):
        (folder / suffix).mkdir()
        for number, frame in enumerate(frames[:10]):
            Image.fromarray(frame).save(folder / suffix / f"{number}.{suffix}")
    return sorted(folder.iterdir())


def damage(source: Path, folder: Path, rng: np.random.Generator) -> Path:
    """A copy of an input, most likely of no use: cut off, its bytes flipped, or of another kind."""
    if rng.random() < 0.2:
        name = str(rng.choice(list(WRONG)))
        (folder / name).write_bytes(WRONG[name])
        return folder / name
    path = folder / source.name
    if source.is_dir():
        path.mkdir(exist_ok=True)
        for image in source.iterdir():
            (path / image.name).write_bytes(image.read_bytes())
        damage_file(path / str(rng.choice(sorted(os.listdir(path)))), rng)
    else:
        path.write_bytes(source.read_bytes())
        damage_file(path, rng)
    return path


def damage_file(path: Path, rng: np.random.Generator) -> None:
    """Flip bytes of a file, half of the time in its header, and at times cut it off."""
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    end = min(len(content), 600) if rng.random() < 0.5 else len(content)
    places = rng.integers(0, end, rng.integers(1, 9))
    content[places] ^= rng.integers(1, 256, len(places), np.uint8)
    kept = int(rng.integers(1, len(content))) if rng.random() < 0.4 else len(content)
    path.write_bytes(content[:kept].tobytes())
