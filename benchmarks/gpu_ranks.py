"""A training step of several processes for `benchmarks.gpu`, by `accelerate launch`; the first writes its rate."""

import sys
from pathlib import Path

import torch
from accelerate import Accelerator

from benchmarks.gpu import REPEATS
from benchmarks.gpu_models import LLMS, SMALL, random_model
from benchmarks.measure import seconds


def main() -> None:
    """Time it, and write steps a second to the file that is named."""
    accelerator = Accelerator()
    small = "--small" in sys.argv
    name, batch = (next(iter(SMALL)), 4) if small else (next(iter(LLMS)), 64)
    model = accelerator.prepare(random_model(name, torch.float32).train())
    clips = torch.rand(batch, 6, 64, 64, device=accelerator.device)

    def step() -> None:
        model.zero_grad()
        accelerator.backward(model(clips, labels=torch.zeros(batch, 12, device=clips.device)).loss)

    took = seconds(step, REPEATS)
    if accelerator.is_main_process:
        Path(sys.argv[1]).write_text(f"{1 / took}")


if __name__ == "__main__":
    main()
