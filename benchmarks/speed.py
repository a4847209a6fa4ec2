"""What sharing the static prompt saves: `python -m benchmarks.speed`.

Same model, same weights, same clips on both sides: the forward that reads the static text once for the batch, and the
plain forward that reads the whole prompt for every clip. Medians of whole calls.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from modeling_aullm import DEFAULT_CHECKPOINT, AULLMForAUDetection
from training.models import frozen_llm


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Median duration of a call in seconds, after one call that is not counted."""
    call()
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def measure(model: AULLMForAUDetection, batch: int, repeats: int) -> dict[str, float]:
    """Seconds of inference and of a training step, shared and plain, for one batch size."""
    clips = torch.rand(batch, model.config.num_frames, model.config.image_size, model.config.image_size)

    def infer(share: bool) -> torch.Tensor:
        with torch.inference_mode():
            return model(clips, share_prefix=share).logits

    def step(share: bool) -> None:
        model.zero_grad()
        model(clips, share_prefix=share).logits.square().mean().backward()

    calls: dict[str, Callable[[bool], object]] = {"inference": infer, "training_step": step}
    difference = (infer(True) - infer(False)).abs().max().item()
    row: dict[str, float] = {"batch": batch, "largest_logit_difference": difference}
    for name, call in calls.items():
        shared, plain = (median_seconds(partial(call, share), repeats) for share in (True, False))
        row |= {f"{name}_shared_s": shared, f"{name}_plain_s": plain, f"{name}_ratio": plain / shared}
    return row


def main() -> None:
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32], help="batch sizes")
    parser.add_argument("--repeats", type=int, default=3, help="counted calls of each kind")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/speed.json"), help="where the figures go")
    options = parser.parse_args()
    model = AULLMForAUDetection.from_pretrained(DEFAULT_CHECKPOINT)
    rows = []
    with frozen_llm(model, torch.float32):
        for batch in options.batches:
            rows.append(measure(model, batch, options.repeats))
            sys.stdout.write("  ".join(f"{name} {value:.3g}" for name, value in rows[-1].items()) + "\n")
    options.out.write_text(json.dumps({"threads": torch.get_num_threads(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
