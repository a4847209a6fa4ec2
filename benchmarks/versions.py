"""This version beside an earlier one: `python -m benchmarks.versions --before CHECKOUT`.

Each checkout's shipped checkpoint, by its own `benchmarks.speed`: a clip of a batch, and a training step with LoRA and
CCR as the default recipe has them. The processes take turns, and while one computes the other waits.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.measure import show, write

ROOT = Path(__file__).parents[1]
THREADS, BATCH, ROUNDS = 2, 32, 7
TASKS = ("a batch of clips", "a training step")
TIMED = """
import sys, time, torch
from benchmarks.speed import DEFAULT_CHECKPOINT, AULLMForAUDetection, frozen_llm, infer, make_clips, step
torch.set_num_threads(int(sys.argv[1]))
model = AULLMForAUDetection.from_pretrained(DEFAULT_CHECKPOINT).eval()
clips = make_clips(model, int(sys.argv[2]))
with frozen_llm(model, torch.float32):
    for task in sys.stdin:
        start = time.perf_counter()
        if task.strip() == "a training step":
            step(model, clips, share=True, ccr=True)
        else:
            infer(model, clips, share=True)
        print("seconds", time.perf_counter() - start, flush=True)
"""


def start(checkout: Path) -> "subprocess.Popen[str]":
    """A process with the shipped checkpoint of a checkout, which does a task a line and answers its seconds."""
    return subprocess.Popen(
        [sys.executable, "-c", TIMED, str(THREADS), str(BATCH)],
        cwd=checkout, env=os.environ | {"PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def ask(process: Any, task: str) -> float:
    """Seconds of a task."""
    process.stdin.write(f"{task}\n")
    process.stdin.flush()
    while line := process.stdout.readline():
        if line.startswith("seconds "):
            return float(line.split()[1])
    raise RuntimeError("the process ended: does `python -m benchmarks.speed` run in both checkouts?")


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versions", description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="folder of the earlier version, `git worktree add`")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/versions.json"), help="where the figures go")
    options = parser.parse_args()
    if not (options.before / "benchmarks" / "speed.py").is_file():
        parser.error(f"{options.before} is no checkout of this project; make one by git worktree add FOLDER COMMIT")
    processes = {"before": start(options.before.resolve()), "now": start(ROOT)}
    commit = ["git", "-C", str(options.before), "rev-parse", "--short", "HEAD"]
    before = subprocess.run(commit, capture_output=True, text=True, check=True).stdout.strip()
    rows = []
    for task in TASKS:
        took: dict[str, list[float]] = {name: [] for name in processes}
        for _ in tqdm(range(ROUNDS + 1), desc=task):
            for name, process in processes.items():
                took[name].append(ask(process, task))
        medians = {name: statistics.median(own[1:]) for name, own in took.items()}
        ratio = medians["now"] / medians["before"]
        rows.append({"task": task, "before, s": medians["before"], "now, s": medians["now"], "now / before": ratio})
    for process in processes.values():
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()
    show(f"This version beside {before}, batch {BATCH}", rows)
    write(options.out, {"before": before, "batch": BATCH, "rows": rows})


if __name__ == "__main__":
    main()
