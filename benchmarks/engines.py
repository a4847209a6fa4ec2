"""ONNX Runtime beside torch: `python -m benchmarks.engines --graph FOLDER` (from `hub.export_onnx`). Linux only.

The shipped checkpoint and its graph, in turns, on two threads: `aullm predict` of a short video as a new process (time
and memory at its peak), one clip and 32 clips from tensors, how far the logits are from a model in double precision,
and whether decisions are the same on synthetic clips of people nobody saw.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.measure import in_new_process, seconds, show, write
from modeling_aullm import DEFAULT_CHECKPOINT
from modeling_aullm.detector import Detector, open_detector
from training.data.clips import load_clips
from training.learning.augmentation import ClipDataset
from training.learning.fit import NUM_FRAMES
from training.options import DataOptions

VIDEO = Path(__file__).parents[1] / "space" / "examples" / "smile.mp4"
SEED, SUBJECTS, CLIPS = 999, 100, 5  # two domains of so many people: 1000 clips
THREADS, BATCHES, REPEATS, ROUNDS, STARTS = 2, (1, 32), 10, 3, 5
START = """
import sys
import aullm_command
status = aullm_command.main(["predict", *sys.argv[1:]])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # getrusage has the parent's, too
print(status, int(peak.split()[1]) / 1024, file=sys.stderr)
"""

Row = dict[str, Any]


def start_row(name: str, folder: str) -> tuple[float, float]:
    """Seconds and megabytes of `aullm predict` as a new process."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", START, str(VIDEO), "--model", folder],
        env=os.environ | {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    took = time.perf_counter() - begun
    status, megabytes = done.stderr.splitlines()[-1].split()
    if status != "0":
        raise RuntimeError(f"{name}: {done.stderr}")
    return took, float(megabytes)


def starts(folders: dict[str, str]) -> list[Row]:
    """The same of every engine, in turns: medians."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
    for _ in tqdm(range(STARTS + 1), desc="new processes"):
        for name, folder in folders.items():
            measured[name].append(start_row(name, folder))
    return [
        {
            "engine": name,
            "video to result, s": statistics.median(took for took, _ in own[1:]),
            "best, s": min(took for took, _ in own[1:]),
            "memory, MB": statistics.median(megabytes for _, megabytes in own[1:]),
        }
        for name, own in measured.items()
    ]


def call_seconds(folder: str, batch: int) -> float:
    """Seconds of an answer to clips from tensors: the median of some calls."""
    torch.set_num_threads(THREADS)
    detector = open_detector(folder, device="cpu")
    clips = np.random.default_rng(0).random((batch, NUM_FRAMES, 64, 64), np.float32)
    return seconds(partial(detector.answer, clips), REPEATS)


def answer_rows(folders: dict[str, str]) -> list[Row]:
    """The same of every engine, in turns, each time in a process of its own: their threads would disturb each other."""
    rows = []
    for batch in BATCHES:
        measured: dict[str, list[float]] = {name: [] for name in folders}
        for _ in tqdm(range(ROUNDS), desc=f"{batch} clips"):
            for name, folder in folders.items():
                measured[name].append(in_new_process(call_seconds, folder, batch))
        for name, own in measured.items():
            took = statistics.median(own)
            rows.append({"batch": batch, "engine": name, "ms": 1000 * took, "clips / s": batch / took})
    return rows


def exactness_rows(detectors: dict[str, Detector]) -> list[Row]:
    """Logits against double precision, and decisions against torch's, on synthetic clips."""
    wanted = DataOptions(max_subjects=SUBJECTS, clips_per_subject=CLIPS, data_seed=SEED)
    units = detectors["torch"].processor.action_units
    loaded = [ClipDataset(load_clips(f"synthetic:{domain}", wanted, units).clips, NUM_FRAMES) for domain in "AB"]
    clips = np.stack([each[number]["pixel_values"].numpy() for each in loaded for number in range(len(each))])
    batches = np.array_split(clips, len(clips) // 20)
    said = {
        name: np.concatenate([np.asarray(detector.answer(part)["logits"]) for part in tqdm(batches, desc=name)])
        for name, detector in detectors.items()
    }
    model: Any = detectors["torch"].model.double()
    with torch.no_grad():
        exact = torch.cat([model(torch.from_numpy(part).double()).logits for part in tqdm(batches, desc="double")])
    thresholds = np.array(detectors["torch"].processor.thresholds)
    limits = np.log(thresholds / (1 - thresholds))
    rows = []
    for name, own in said.items():
        other = ((own >= limits) != (exact.numpy() >= limits)).sum()
        off = np.abs(own - exact.numpy()).max().item()
        rows.append({"engine": name, "clips": len(clips), "logits off": off, "decisions changed": int(other)})
    return rows


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__.splitlines()[0])
    parser.add_argument("--graph", type=Path, required=True, help="folder that hub.export_onnx has written")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/engines.json"), help="where the figures go")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    folders = {"torch": str(DEFAULT_CHECKPOINT), "onnx": str(options.graph)}
    begun = starts(folders)
    show("`aullm predict` of a short video, a new process", begun)
    answers = answer_rows(folders)
    show("Clips from tensors", answers)
    detectors = {name: open_detector(folder, device="cpu") for name, folder in folders.items()}
    exact = exactness_rows(detectors)
    show("Against double precision", exact)
    write(options.out, {"graph, MB": (options.graph / "model.onnx").stat().st_size / 1e6, "starts": begun} | {
        "answers": answers, "exactness": exact,
    })  # fmt: skip


if __name__ == "__main__":
    main()
