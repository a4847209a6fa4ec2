"""Cost against the prompt's length, the number of clips and of folds, and one process against two.

    python -m benchmarks.scaling

What a video's length costs is measured by `benchmarks.long_video`. All data is synthetic.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.measure import device, in_new_process, own_megabytes, seconds, seconds_of_each, show, write
from benchmarks.speed import Row, infer, make_clips
from modeling_aullm import DEFAULT_CHECKPOINT
from modeling_aullm.detector import Detector, open_detector
from modeling_aullm.overlay import write_video
from modeling_aullm.prediction import predict_sources
from modeling_aullm.source_reading import Sampling
from training.data.clips import MAX_FRAMES
from training.learning.memory import keep_freed_memory
from training.synthetic import draw_face, synthetic_clip, synthetic_corpus

FILES, BATCH, FPS = 8, 16, 200.0
TWO = ["-m", "accelerate.commands.launch", "--quiet", "--config_file", "training/accelerate/two_cpu_processes.yaml"]


def prompt_row(detector: Detector, times: int, repeats: int) -> Row:
    """Inference of a small batch when the prompt's static text stands there so often."""
    model = detector.model
    ids = list(model.config.prompt_token_ids)
    split = next(position for position, word in enumerate(ids) if word < 0)
    clips = make_clips(model, 8)
    model.config.prompt_token_ids = ids[:split] * times + ids[split:]
    ways = {name: partial(infer, model, clips, share=name == "shared s") for name in ("shared s", "plain s")}
    try:
        took = seconds_of_each(ways, repeats)
    finally:
        model.config.prompt_token_ids = ids
    return {"positions": split * times + len(ids) - split} | took


def write_clips(folder: Path) -> list[str]:
    """Video files of drawn faces, ready crops of 128 pixels."""
    files = []
    for seed in range(FILES):
        rng = np.random.default_rng(seed)
        frames = synthetic_clip(rng, draw_face(rng, "A"), "A", size=128).frames[:30]
        files.append(str(folder / f"{seed}.mp4"))
        write_video((np.repeat(frame[..., None], 3, axis=-1) for frame in frames), Path(files[-1]), FPS)
    return files


def clips_row(files: list[str], count: int) -> Row:
    """From video files to units: what one clip takes when there are so many; memory is this process's afterwards.

    A shared machine's speed drifts by more than what is looked for: a call of the model alone, before and after, says
    how fast the machine was.
    """
    detector = open_detector(str(DEFAULT_CHECKPOINT), device=str(device()))
    sources = [files[index % len(files)] for index in range(count)]
    yardstick = partial(infer, detector.model, make_clips(detector.model, BATCH), share=True)
    machine = seconds(yardstick, 5)
    start = time.perf_counter()
    found = predict_sources(detector, list(zip(sources, sources, strict=True)), Sampling(face="cropped"), BATCH)
    took = time.perf_counter() - start
    assert len(found) == count
    machine = (machine + seconds(yardstick, 5)) / 2 / BATCH
    return {
        "clips": count,
        "s": took,
        "ms a clip": 1000 * took / count,
        "the model alone, ms a clip": 1000 * machine,
        "whole / model alone": took / count / machine,
        "memory MB": own_megabytes("VmRSS"),
    }


def commands_seconds(*commands: list[str], cache: Path, two: bool = False) -> float:
    """Time until commands that begin together have all ended; they share the cores out, or each has two processes."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(cache)}
    if len(commands) > 1:
        environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // len(commands)))
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        running = [
            subprocess.Popen([sys.executable, *(TWO if two else []), "-m", *command], stdout=said, stderr=said,
                             env=environment)
            for command in commands
        ]  # fmt: skip
        failed = any([process.wait() for process in running])
        took = time.perf_counter() - start
        said.seek(0)
        if failed:
            raise SystemExit(said.read())
    return took


def folds_row(folder: Path, subjects: int) -> Row:
    """LOSO of the plain LED head with so many folds: clips not yet cached, cached, in two processes, in two shards."""
    cache = folder / f"cache{subjects}"

    def loso(name: str) -> list[str]:
        arguments = ["training.loso", "--data", "synthetic:A", "--output", str(folder / f"{name}{subjects}")]
        small = ["--max_subjects", str(subjects), "--clips_per_subject", "8", "--method", "led_head"]
        return [*arguments, *small, "--evidence_steps", "15", "--max_steps", "5", "--batch_size", "8"]

    first, cached = (commands_seconds(loso(name), cache=cache) for name in ("first", "cached"))
    two = commands_seconds(loso("two"), cache=cache, two=True)
    shards = commands_seconds(*([*loso("shards"), "--shard", f"{number}/2"] for number in (1, 2)), cache=cache)
    return {
        "folds": subjects,
        "first time s": first,
        "clips cached s": cached,
        "cached, s a fold": cached / subjects,
        "two processes s": two,
        "two shards at once s": shards,
    }


def evaluation_row(folder: Path, clips: int) -> Row:
    """`hub.evaluate` of the shipped checkpoint on Parquet not seen before, then cached, in one process and in two."""
    data, cache = folder / f"clips{clips}", folder / f"cache_of_clips{clips}"
    data.mkdir()
    corpus = synthetic_corpus("B", num_subjects=clips // 20, clips_per_subject=20, max_frames=MAX_FRAMES)
    corpus.to_parquet(data / "clips.parquet")

    def evaluate(name: str, *, two: bool = False) -> float:
        output = str(folder / f"{name}{clips}")
        return commands_seconds(["hub.evaluate", "--data", str(data), "--output", output], two=two, cache=cache)

    first, one, two = evaluate("first"), evaluate("one"), evaluate("both", two=True)
    return {"clips": clips, "new Parquet s": first, "cached s": one, "cached, two processes s": two}


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--prompt", type=int, nargs="+", default=[1, 2, 4, 8], help="lengths of the prompt, as multiples"
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[10, 100, 1000, 10_000], help="numbers of video files")
    parser.add_argument("--folds", type=int, nargs="+", default=[3, 6, 12], help="numbers of subjects")
    parser.add_argument(
        "--evaluation", type=int, nargs="+", default=[200, 2000], help="numbers of clips to evaluate on"
    )
    parser.add_argument("--repeats", type=int, default=3, help="counted calls for each length of the prompt")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/scaling.json"), help="where the figures go")
    options = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(prefix="aullm-scaling-") as work:
        folder = Path(work)
        detector = open_detector(str(DEFAULT_CHECKPOINT), device=str(device()))
        files = write_clips(folder)
        measured = {
            "prompt": [prompt_row(detector, times, options.repeats) for times in tqdm(options.prompt, desc="prompt")],
            "clips": [in_new_process(clips_row, files, count) for count in options.clips],
            "folds": [folds_row(folder, count) for count in tqdm(options.folds, desc="folds")],
            "evaluation": [evaluation_row(folder, count) for count in tqdm(options.evaluation, desc="evaluation")],
        }
    for name, rows in measured.items():
        show(name.capitalize(), rows)
    write(options.out, measured)


if __name__ == "__main__":
    main()
