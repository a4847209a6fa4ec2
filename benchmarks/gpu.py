"""What this model costs on a GPU, and what bfloat16 decides there: `python -m benchmarks.gpu --out FOLDER`.

Tensors alone: no video is read, no face searched, nothing loaded or fetched; all weights are random. Two LLMs, of the
shape of SmolLM2-135M and of Qwen2.5-7B, each in single precision and in bfloat16: clips and training steps a second,
with the static text read once and for each clip, compiled, memory at its peak, and the share of the matrix products
that the same GPU did in the same run. Where there are several GPUs, a training step on two. Under eight minutes.
`--small` does the same with tiny LLMs, on a CPU, too.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from tqdm import tqdm

from benchmarks.gpu_models import LLMS, SMALL, llm_operations, random_model
from benchmarks.measure import device, seconds, show, write
from modeling_aullm import AULLMForAUDetection

Row = dict[str, Any]
DTYPES = (torch.float32, torch.bfloat16)
REPEATS, SIDE = 5, 4096  # timed calls; side of the matrices whose product is the yardstick
DECIDED = 256  # clips whose decisions are compared


@torch.inference_mode()
def infer(model: AULLMForAUDetection, clips: torch.Tensor, *, share: bool) -> torch.Tensor:
    """Logits."""
    return model(clips, share_prefix=share).logits


def step(model: AULLMForAUDetection, clips: torch.Tensor) -> None:
    """Loss and gradients of what learns: LoRA and all that is not the LLM's."""
    model.zero_grad()
    units = model.config.num_labels
    model(clips, labels=torch.zeros(len(clips), units, device=clips.device)).loss.backward()


def products(dtype: torch.dtype, side: int) -> float:
    """Operations a second in a product of two square matrices."""
    left, right = (torch.rand(side, side, device=device(), dtype=dtype) for _ in range(2))
    return 2 * side**3 / seconds(partial(torch.matmul, left, right), REPEATS)


def peak_megabytes(call: Callable[[], object]) -> float | None:
    """Memory of the GPU at the peak of a call; `None` without a GPU."""
    if not torch.cuda.is_available():
        return None
    torch.cuda.reset_peak_memory_stats()
    call()
    return torch.cuda.max_memory_allocated() / 2**20


def inference_rows(name: str, dtype: torch.dtype, batch: int, side: int, backend: str) -> list[Row]:
    """One way to read a row: shared, plain, and shared in a compiled graph."""
    model = random_model(name, dtype).eval()
    clips = torch.rand(batch, 6, 64, 64, device=device())
    peak, rows = products(dtype, side), []
    compiled: Any = torch.compile(model, dynamic=False, backend=backend)
    ways: dict[str, Callable[[], object]] = {
        "shared": partial(infer, model, clips, share=True),
        "plain": partial(infer, model, clips, share=False),
        "shared, compiled": partial(infer, compiled, clips, share=True),
    }
    for way, call in tqdm(ways.items(), desc=f"{name}, {dtype}"):
        took = seconds(call, REPEATS)
        positions = len(model.config.prompt_token_ids) if way == "plain" else 2
        done = llm_operations(model) * positions * batch / took
        rows.append(
            {
                "LLM": name, "type": str(dtype).removeprefix("torch."), "way": way, "batch": batch,
                "clips / s": batch / took, "share of the product's operations": done / peak, "MB": peak_megabytes(call),
            }
        )  # fmt: skip
    return rows


def training_row(name: str, dtype: torch.dtype, batch: int) -> Row:
    """Steps a second."""
    model = random_model(name, dtype).train()
    call = partial(step, model, torch.rand(batch, 6, 64, 64, device=device()))
    took = seconds(call, REPEATS)
    kind = str(dtype).removeprefix("torch.")
    return {"LLM": name, "type": kind, "batch": batch, "steps / s": 1 / took, "MB": peak_megabytes(call)}


def decision_row(name: str, clips: int) -> Row:
    """How many decisions at 0.5 are others in bfloat16, and how far probabilities are apart."""
    pixels = torch.rand(clips, 6, 64, 64, generator=torch.Generator().manual_seed(5)).to(device())
    said = []
    for dtype in DTYPES:
        model = random_model(name, dtype).eval()
        said.append(torch.cat([infer(model, part, share=True).float().sigmoid() for part in pixels.split(32)]))
    exact, rounded = said
    changed = int(((exact >= 0.5) != (rounded >= 0.5)).sum())
    apart = (exact - rounded).abs()
    found = {"changed": changed, "of": exact.numel(), "mean difference": apart.mean().item()}
    return {"LLM": name} | found | {"largest difference": apart.max().item()}


def two_ranks(small: bool) -> list[Row]:
    """A training step of two processes, by `accelerate launch`; none where there are not two GPUs, or a CPU."""
    if torch.cuda.device_count() < 2 and not small:
        return []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "ranks.txt"
        launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu" if not small else "--cpu"]
        command = [*launch, "--num_processes", "2", "-m", "benchmarks.gpu_ranks", str(out), *(["--small"] * small)]
        subprocess.run(command, check=True)
        return [{"processes": 2, "steps / s": float(out.read_text())}]


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder in which gpu.json is written")
    parser.add_argument("--small", action="store_true", help="tiny LLMs, to see that it runs; a CPU will do")
    options = parser.parse_args()
    if not options.small and not torch.accelerator.is_available():
        parser.error("there is no GPU here; --small runs on a CPU")
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = SMALL if options.small else LLMS
    batch, side, decided, backend = (4, 128, 8, "eager") if options.small else (64, SIDE, DECIDED, "inductor")
    inference = [row for name in sizes for dtype in DTYPES for row in inference_rows(name, dtype, batch, side, backend)]
    show("Inference", inference)
    training = [training_row(name, dtype, batch) for name in sizes for dtype in DTYPES]
    show("Training", training)
    decisions = [decision_row(name, decided) for name in sizes]
    show("Decisions in bfloat16 against single precision, random weights", decisions)
    ranks = two_ranks(options.small)
    tables = {"inference": inference, "training": training, "decisions": decisions, "two processes": ranks}
    write(options.out / "gpu.json", {"small": options.small, "transformers": transformers.__version__} | tables)


if __name__ == "__main__":
    main()
