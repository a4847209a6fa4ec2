"""What scoring many inputs costs: one process beside a Ray cluster of two nodes, and each stage alone.

    python -m benchmarks.cluster

Clips are synthetic crops in Parquet; recordings are one video of 30 s under many names. Both ways answer the same
parts; the cluster's two processors, a reader's and a model's, are those that the one process has.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import torch
from threadpoolctl import threadpool_limits

from benchmarks.measure import show, write
from benchmarks.recording import write_recording
from hub.scoring.inputs import find_inputs
from hub.scoring.plan import extend_plan, part_sizes, read_part
from hub.scoring.reading import read_input
from hub.scoring.scorer import predictions, reading_settings
from modeling_aullm import DEFAULT_CHECKPOINT
from modeling_aullm.detector import open_detector
from modeling_aullm.source_reading import Sampling
from training.synthetic import synthetic_corpus

Row = dict[str, Any]
SECONDS, FPS, PEOPLE, PARTS = 30.0, 30, 100, 4  # a webcam's recordings
WORKERS, MILLION = (1, 2, 4, 8, 16, 32, 64), 1_000_000


def make_inputs(folder: Path, clips: int, recordings: int) -> tuple[Path, Path]:
    """A Parquet file of clips, and a folder of recordings."""
    videos = folder / "recordings"
    videos.mkdir()
    write_recording(folder / "one.mp4", SECONDS, fps=FPS, turn_seconds=SECONDS)
    for number in range(recordings):
        (videos / f"{number:03d}.mp4").hardlink_to(folder / "one.mp4")
    people = max(1, min(PEOPLE, clips))
    corpus = synthetic_corpus(
        "B", num_subjects=people, clips_per_subject=-(-clips // people), num_proc=2, max_frames=48
    )
    corpus.select(range(clips)).to_parquet(folder / "clips.parquet", batch_size=256)
    return folder / "clips.parquet", videos


@contextmanager
def two_nodes() -> Iterator[str]:
    """The address of a cluster of two nodes with a processor each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def score(out: Path, sources: Sequence[Path], *options: str) -> float:
    """Seconds of a command, its start among them."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "hub.score", *map(str, sources), "--out", str(out), "--readers", "1", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


@contextmanager
def one_thread() -> Iterator[None]:
    """What Ray gives a worker."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with threadpool_limits(1, user_api="blas"):
        yield
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])


def stages(folder: Path, sources: tuple[Path, Path]) -> Row:
    """Seconds of reading and answering one clip and one recording, of opening the model, and megabytes a clip takes."""
    start = time.perf_counter()
    detector = open_detector(str(DEFAULT_CHECKPOINT))
    row: Row = {"open the model": time.perf_counter() - start}
    settings = reading_settings(detector, Sampling(face="largest"), 60)
    for name, source in zip(("clip", "recording"), sources, strict=True):
        (folder / name).mkdir()
        extend_plan(folder / name, find_inputs([str(source)]))
        parts = [read_part(folder / name, number) for number, _ in islice(part_sizes(folder / name), PARTS)]
        inputs = [each for part in parts for each in part.inputs]
        start = time.perf_counter()
        read = {part.number: [read_input(each, settings) for each in part.inputs] for part in parts}
        row[f"read a {name}"] = (time.perf_counter() - start) / len(inputs)
        start = time.perf_counter()
        for those in read.values():
            list(predictions(detector, those, settings.sampling))
        row[f"answer a {name}"] = (time.perf_counter() - start) / len(inputs)
        row[f"megabytes of a {name}"] = sum(each.size for each in inputs) / len(inputs) / 1e6
    return row


def on_paper(stage: Row, begins: float) -> list[Row]:
    """A million clips over so many workers, each of which reads and answers, if nothing but their start is lost.

    Args:
        stage: Seconds of each stage.
        begins: Seconds until the cluster's workers have begun, the model opened.
    """
    each = stage["read a clip"] + stage["answer a clip"]
    alone = stage["open the model"] + MILLION * each
    rows = []
    for workers in WORKERS:
        took = begins + MILLION * each / workers
        read = MILLION * stage["megabytes of a clip"] / took
        rows.append({"workers": workers, "hours": took / 3600, "of linear": alone / workers / took, "MB/s read": read})
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, two_nodes() as address:
        folder = Path(name)
        sources = make_inputs(folder, options.clips, options.recordings)
        ways: dict[str, Callable[[Path], float]] = {
            "one process": lambda out: score(out, sources),
            "two nodes": lambda out: score(out, sources, "--engine", "ray", "--address", address),
        }
        took = {way: run(folder / way) for way, run in ways.items()}
        rates = [{"way": way, "seconds": s, "of one process": took["one process"] / s} for way, s in took.items()]
        with one_thread():
            stage = stages(folder, sources)
        begins = score(folder / "begin", (sources[1] / "000.mp4",), "--engine", "ray", "--address", address)
        begins -= stage["read a recording"] + stage["answer a recording"]
        paper = on_paper(stage, begins)
    show(f"{options.clips} clips and {options.recordings} recordings of {SECONDS:g} s", rates)
    show("Seconds of a stage, at one thread", [stage])
    show("A million clips, on paper", paper)
    inputs = {"clips": options.clips, "recordings": options.recordings, "seconds": SECONDS}
    write(options.output, {"inputs": inputs, "rates": rates, "stages": stage, "begins": begins, "on_paper": paper})


if __name__ == "__main__":
    main()
