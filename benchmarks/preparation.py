"""What preparing a dataset of full size takes: `python -m benchmarks.preparation`.

A made-up CASME II in its true layout (256 clips of 60 frames, 640x480 JPEG, drawn faces) is written into a temporary
folder and prepared by the ordinary command. Memory is that of the command and all its processes together, sampled:
proportional (pages that processes share counted once), and summed over processes (counted for each). Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.measure import machine
from training.synthetic import draw_face, synthetic_clip

WIDTH, HEIGHT, FACE = 640, 480, 320
SUBJECTS = 26
SAMPLE_SECONDS = 0.2
FIRST = 46  # number of a clip's first frame, as CASME II's do not begin at 1


def write_dataset(root: Path, clips: int, frames: int) -> int:
    """Write the made-up dataset.

    Args:
        root: New folder.
        clips: Their number.
        frames: Of each.

    Returns:
        Bytes of all images.
    """
    people = [person(index, frames) for index in range(min(8, clips))]
    size = 0
    rows = []
    for clip in range(clips):
        subject, filename = clip % SUBJECTS + 1, f"EP{clip // SUBJECTS:02d}_01"
        folder = root / "CASME2_RAW_selected" / f"sub{subject:02d}" / filename
        folder.mkdir(parents=True)
        for position, content in enumerate(people[clip % len(people)]):
            (folder / f"img{FIRST + position}.jpg").write_bytes(content)
            size += len(content)
        rows.append((subject, filename, FIRST, FIRST + frames // 2, FIRST + frames - 1, "4+R12B", "happiness"))
    names = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"]
    pd.DataFrame(rows, columns=names).to_excel(root / "CASME2-coding-benchmark.xlsx", index=False)
    return size


def person(index: int, frames: int) -> list[bytes]:
    """JPEG images of a drawn person in a noisy room, moving back and forth."""
    rng = np.random.default_rng(index)
    crops = synthetic_clip(rng, draw_face(rng, "A"), "A", size=FACE).frames
    room = cv2.GaussianBlur(rng.normal(128, 60, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 8)
    images = []
    for position in range(frames):
        there = position % (2 * len(crops) - 2)
        image = room.copy()
        top, left = (HEIGHT - FACE) // 2, (WIDTH - FACE) // 2
        image[top : top + FACE, left : left + FACE] = crops[min(there, 2 * len(crops) - 2 - there)]
        noisy = image + rng.normal(0, 2, image.shape)
        grey = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        file = BytesIO()
        grey.convert("RGB").save(file, "JPEG", quality=92)
        images.append(file.getvalue())
    return images


def measure(command: list[str]) -> dict[str, float]:
    """Run a command; seconds, and peak memory in megabytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks = {"proportional_mb": 0.0, "summed_mb": 0.0}
    while process.poll() is None:
        family = descendants(process.pid)
        for name, field in (("proportional_mb", "Pss"), ("summed_mb", "Rss")):
            peaks[name] = max(peaks[name], sum(kilobytes(each, field) for each in family) / 1024)
        time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return {"seconds": time.perf_counter() - start} | peaks


def descendants(process: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{process}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return [process, *(each for child in children for each in descendants(child))]


def kilobytes(process: int, field: str) -> int:
    """Memory of a process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def main() -> None:
    """Print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preparation", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--frames", type=int, default=60, help="frames a clip")
    parser.add_argument("--num_proc", type=int, default=2, help="processes of the command")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/preparation.json"), help="where the figures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aullm-preparation-") as work:
        root, data = Path(work) / "copy", Path(work) / "data"
        root.mkdir()
        size = write_dataset(root, options.clips, options.frames)
        command = [sys.executable, "-m", "hub.prepare", "casme2", "--root", str(root), "--out", str(data)]
        figures = measure([*command, "--num_proc", str(options.num_proc)])
        report = json.loads((data / "preparation.json").read_text())
        stored = sum(file.stat().st_size for file in data.iterdir())
    about = {
        "clips": options.clips,
        "frames": options.frames,
        "num_proc": options.num_proc,
        "prepared": report["clips"],
    }
    sizes = {"images_mb": size / 2**20, "dataset_mb": stored / 2**20}
    result: dict[str, Any] = {name: round(value, 1) for name, value in (about | sizes | figures).items()}
    result = {"machine": machine()} | result
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
