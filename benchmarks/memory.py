"""What sharing the static prompt saves in memory: `python -m benchmarks.memory`. Linux only.

Megabytes that one call adds to its process at its peak, each measured in a process of its own; the model itself (its
weights, 0.5 GB) is not counted. *Shared* reads the static text once for the batch, *plain* for every clip.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.measure import device, peak_megabytes, show, write
from benchmarks.speed import Row, infer, learn_lora_only, make_clips, step
from modeling_aullm import DEFAULT_CHECKPOINT, AULLMForAUDetection


def memory_task(batch: int, train: bool, share: bool) -> Callable[[], object]:
    """A call of the shipped model, for `peak_megabytes`."""
    model = AULLMForAUDetection.from_pretrained(DEFAULT_CHECKPOINT).eval().to(device())
    learn_lora_only(model)
    infer(model, make_clips(model, 1), share=True)  # weights come into memory when they are first used
    call: Any = step if train else infer
    return partial(call, model, make_clips(model, batch), share=share)


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32, 128], help="batch sizes of inference")
    parser.add_argument("--training_batches", type=int, nargs="+", default=[1, 4, 8], help="of a training step")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/memory.json"), help="where the figures go")
    options = parser.parse_args()
    tables: dict[str, list[Row]] = {}
    for name, batches in (("inference", options.batches), ("training step", options.training_batches)):
        tables[name] = []
        for batch in tqdm(batches, desc=name):
            shared, plain = (peak_megabytes(memory_task, batch, name != "inference", share) for share in (True, False))
            row = {"batch": batch, "shared MB": shared, "plain MB": plain, "plain / shared": plain / shared}
            tables[name].append(row)
        show(name.capitalize(), tables[name])
    write(options.out, tables)


if __name__ == "__main__":
    main()
