"""What an LLM in half precision changes in the answers: `python -m benchmarks.precision`.

The shipped checkpoint on synthetic clips of people it never saw, of both domains, with its own thresholds. Motion,
evidence, structure and head are in single precision always; all but the first type of `DTYPES` are compared with it.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.measure import device, show, write
from modeling_aullm import DEFAULT_CHECKPOINT, AULLMForAUDetection, AULLMProcessor
from training.data.clips import load_clips
from training.learning.augmentation import ClipDataset
from training.learning.fit import NUM_FRAMES
from training.options import DataOptions

DTYPES = ("float32", "float16", "bfloat16")
DOMAINS = ("synthetic:A", "synthetic:B")
SEED = 999  # of people that neither trained nor tested the checkpoint
BATCH_SIZE = 32


@torch.no_grad()
def probabilities(dtype: str, clips: torch.Tensor) -> torch.Tensor:
    """Of the shipped checkpoint with its LLM in a type, shape (clips, units), from (clips, num_frames, side, side)."""
    model = AULLMForAUDetection.from_pretrained(DEFAULT_CHECKPOINT, dtype=dtype).to(device())
    answers = [model(batch.to(device())).logits.sigmoid().cpu() for batch in tqdm(clips.split(BATCH_SIZE), desc=dtype)]
    return torch.cat(answers)


def compare(found: torch.Tensor, exact: torch.Tensor, thresholds: torch.Tensor) -> dict[str, Any]:
    """How far probabilities (clips, units) are from the exact ones, and how many decisions by (units,) are others."""
    apart = (found - exact).abs()
    changed = (found >= thresholds) != (exact >= thresholds)
    return {
        "largest difference": apart.max().item(),
        "mean difference": apart.mean().item(),
        "changed decisions": int(changed.sum()),
        "decisions": changed.numel(),
    }


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=40, help="people a domain (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=5, help="clips of each (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/precision.json"), help="where the figures go")
    options = parser.parse_args()
    processor = AULLMProcessor.from_pretrained(DEFAULT_CHECKPOINT)
    thresholds = torch.tensor(processor.thresholds)
    wanted = DataOptions(max_subjects=options.subjects, clips_per_subject=options.clips, data_seed=SEED)
    rows = []
    for domain in DOMAINS:
        loaded = ClipDataset(load_clips(domain, wanted, processor.action_units).clips, NUM_FRAMES)
        clips = torch.stack([loaded[number]["pixel_values"] for number in range(len(loaded))])
        exact, *others = (probabilities(dtype, clips) for dtype in DTYPES)
        for dtype, found in zip(DTYPES[1:], others, strict=True):
            rows.append({"LLM in": dtype, "data": domain, "clips": len(clips)} | compare(found, exact, thresholds))
    show("Against the LLM in single precision", rows)
    write(options.out, {"seed": SEED, "rows": rows})


if __name__ == "__main__":
    main()
