"""Hours of good and bad inputs through one detector: `python -m benchmarks.soak --minutes 60`. Linux only.

Videos of several containers and lengths, frame folders, arrays, and damaged copies of them (cut off, bytes flipped,
something else altogether), drawn anew each time, go through `predict_sources` in one process. Each good input has to
give a prediction, each bad one exactly one line. Memory, open files and threads are sampled: over the second half,
memory may not grow by more than `TOLERANCE_MB`, open files and threads not at all. Exit status 1 if any of this fails.
What libraries and Python itself build once, and keep, is built before the first sample.
"""

import argparse
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.measure import machine
from benchmarks.soak_inputs import damage, write_inputs
from modeling_aullm import DEFAULT_CHECKPOINT
from modeling_aullm.detector import Detector, open_detector
from modeling_aullm.face_alignment import detect_largest_face
from modeling_aullm.prediction import predict_sources
from modeling_aullm.source_reading import Sampling
from modeling_aullm.video_reading import VideoError

TOLERANCE_MB = 4  # for what libraries still cache
SAMPLES = 200
WARM_UP = 30  # rounds before the first sample
AT_ONCE = 16  # windows that the model sees at once, at most
SIZES = 200  # of pictures, in which faces are looked for before the first sample
NAMES = 200_000  # interned before the first sample: more than the table of the imported libraries' names has free


class Sample(NamedTuple):
    """What the process holds: seconds since the start, megabytes, those of them in use, open files, threads."""

    seconds: float
    megabytes: float
    allocated_mb: float
    files: int
    threads: int


class MallocInfo(ctypes.Structure):
    """What glibc's `mallinfo2` gives."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


@torch.inference_mode()
def array_in(detector: Detector, rng: np.random.Generator) -> tuple[bool, str]:
    """Give the processor an array; whether it is a video, and what is wrong with what came of it, empty if nothing."""
    video: Any = rng.integers(0, 256, (int(rng.integers(2, 12)), 64, 64, 3), np.uint8)
    others = [video[:1], video.astype(np.int64), video[..., :2], np.full(video.shape, np.nan), "nowhere.mp4", None, 7]
    good = bool(rng.random() < 0.5)
    try:
        source = video if good else others[int(rng.integers(len(others)))]
        clip = detector.processor.video_processor.read_clip(source, face="cropped").pixel_values
        detector.model(pixel_values=torch.as_tensor(clip)[None])
    except VideoError as error:
        return good, f"refused: {error}" if good or "\n" in str(error) else ""
    return good, "" if good else f"taken for a video: {source!r:.80}"


def sample(start: float) -> Sample:
    """What this process holds now, without garbage, freed memory that malloc keeps, and pages of files."""
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = MallocInfo
    libc.malloc_trim(0)
    malloc = libc.mallinfo2()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    held = int(status["RssAnon"].split()[0]) / 1024
    allocated = (malloc.uordblks + malloc.hblkhd) / 2**20
    return Sample(time.monotonic() - start, held, allocated, len(os.listdir("/proc/self/fd")), int(status["Threads"]))


@torch.inference_mode()
def warm_up(detector: Detector, photograph: np.ndarray) -> None:
    """Bring about what is built once and kept: by libraries for each new shape, by Python for names that pass."""
    config = detector.model.config
    for clips in range(1, AT_ONCE + 1):
        detector.model(pixel_values=torch.zeros(clips, config.num_frames, config.image_size, config.image_size))
    rng = np.random.default_rng(0)
    for size in rng.integers(64, 640, (SIZES, 2)).tolist():
        detect_largest_face(cv2.resize(photograph, size))
    # OpenCV keeps room for as many candidates as were ever in one picture: noise, as damage makes it, has many.
    detect_largest_face(rng.integers(0, 256, (640, 640, 3), np.uint8))
    # CPython rebuilds its table of interned strings, once 3.7 MB larger, when thousands of paths have been through it.
    for number in range(NAMES):
        sys.intern(f"name {number}")


def soak(detector: Detector, minutes: float, seed: int) -> tuple[dict[str, int], list[Sample], list[str]]:
    """Feed inputs for some time.

    Returns:
        How many inputs of each kind there were; samples; and what went wrong.
    """
    rng = np.random.default_rng(seed)
    counts = dict.fromkeys(("good", "bad", "damaged_but_readable", "good_arrays", "bad_arrays"), 0)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="aullm-soak-") as name:
        folder = Path(name)
        (folder / "inputs").mkdir()
        inputs = write_inputs(folder / "inputs")
        warm_up(detector, np.asarray(Image.open(folder / "inputs" / "png" / "0.png")))
        samples: list[Sample] = []
        start = 0.0
        for number in count():
            with tempfile.TemporaryDirectory(dir=folder) as work:
                feed(detector, inputs, Path(work), rng, counts, wrong)
            start = time.monotonic() if number <= WARM_UP else start
            now = time.monotonic() - start
            if number >= WARM_UP and now >= len(samples) * 60 * minutes / SAMPLES:
                samples.append(sample(start))
            if number > WARM_UP and now >= 60 * minutes:
                break
    return counts, samples, wrong


def feed(
    detector: Detector, inputs: list[Path], work: Path, rng: np.random.Generator, counts: dict, wrong: list[str]
) -> None:
    """One good input, one damaged one and one array; what they came to is added to `counts` and `wrong`."""
    good = inputs[int(rng.integers(len(inputs)))]
    bad = damage(inputs[int(rng.integers(len(inputs)))], work, rng)
    lines: list[str] = []
    named = [(str(path), path) for path in (good, bad)]
    found = predict_sources(detector, named, Sampling(), AT_ONCE, report=lambda _, text: lines.append(text))
    read = len(found) - 1
    counts["good"] += 1
    counts["damaged_but_readable" if read else "bad"] += 1
    if not found or found[0].source != str(good):
        wrong.append(f"{good.name} gave no prediction: {lines}")
    if len(lines) + read != 1 or any("\n" in line or not line.startswith(str(bad)) for line in lines):
        wrong.append(f"{bad.name}, damaged, gave {read} predictions and {lines}")
    is_good, complaint = array_in(detector, rng)
    counts["good_arrays" if is_good else "bad_arrays"] += 1
    wrong += [f"an array was {complaint}"] if complaint else []


def growth(samples: list[Sample]) -> dict[str, float]:
    """How memory, files and threads grew over the second half: a fitted line's rise; the ends' difference."""
    half = np.array(samples[len(samples) // 2 :])
    seconds = half[:, 0] - half[0, 0]
    held, allocated = np.polyfit(seconds, half[:, 1:3], 1)[0] if len(half) > 2 else np.zeros(2)
    return {
        "memory_mb": float(held * seconds[-1]),
        "memory_mb_per_hour": float(held * 3600),
        "allocated_mb": float(allocated * seconds[-1]),
        "open_files": float(half[-1, 3] - half[0, 3]),
        "threads": float(half[-1, 4] - half[0, 4]),
    }


def main() -> None:
    """Print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the inputs")
    parser.add_argument("--model", default=str(DEFAULT_CHECKPOINT), help="checkpoint")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/soak.json"), help="where the figures go")
    options = parser.parse_args()
    counts, samples, wrong = soak(open_detector(options.model), options.minutes, options.seed)
    grown = growth(samples)
    if grown["memory_mb"] > TOLERANCE_MB or grown["open_files"] > 0 or grown["threads"] > 0:
        wrong.append(f"it grew over the second half: {grown}")
    result: dict[str, Any] = {"machine": machine(), "minutes": options.minutes, "seed": options.seed, "inputs": counts}
    result |= {"growth_over_the_second_half": {name: round(value, 2) for name, value in grown.items()}}
    result |= {"first": samples[0]._asdict(), "middle": samples[len(samples) // 2]._asdict()}
    result |= {"last": samples[-1]._asdict(), "tolerance_mb": TOLERANCE_MB, "wrong": wrong}
    text = json.dumps(result, indent=2) + "\n"
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
