"""What an LLM in fewer bits changes in the answers: `python -m benchmarks.precision`.

The shipped checkpoint on synthetic clips of people it never saw, of both domains, with its own thresholds. Motion,
evidence, structure, LoRA and head are in single precision always; all is compared with the first way of `WAYS`. Those
whose package is not installed (`pip install bitsandbytes optimum-quanto`) are left out, and said to be.
"""

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from transformers import BitsAndBytesConfig, QuantoConfig

from benchmarks.measure import device, show, write
from modeling_aullm import DEFAULT_CHECKPOINT, AULLMForAUDetection, AULLMProcessor
from training.data.clips import load_clips
from training.learning.augmentation import ClipDataset
from training.learning.fit import NUM_FRAMES
from training.options import DataOptions

WAYS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float16": {"dtype": "float16"},
    "bfloat16": {"dtype": "bfloat16"},
    "8 bits, quanto": {"quantization_config": QuantoConfig(weights="int8")},
    "8 bits, bitsandbytes": {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)},
    "4 bits, bitsandbytes": {"quantization_config": BitsAndBytesConfig(load_in_4bit=True)},
}
PACKAGES = {"quanto": "optimum.quanto", "bitsandbytes": "bitsandbytes"}
DOMAINS = ("synthetic:A", "synthetic:B")
SEED = 999  # of people that neither trained nor tested the checkpoint
BATCH_SIZE = 32


def ways() -> list[str]:
    """Those of `WAYS` whose package is installed."""
    needed = {way: PACKAGES.get(way.rpartition(", ")[2]) for way in WAYS}
    return [way for way, package in needed.items() if package is None or _is_there(package)]


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # of its parent
        return False


@torch.no_grad()
def probabilities(way: str, clips: torch.Tensor) -> torch.Tensor:
    """Of the shipped checkpoint with its LLM so, shape (clips, units), from (clips, num_frames, side, side)."""
    model = AULLMForAUDetection.from_pretrained(DEFAULT_CHECKPOINT, **WAYS[way]).to(device()).eval()
    answers = [model(batch.to(device())).logits.sigmoid().cpu() for batch in tqdm(clips.split(BATCH_SIZE), desc=way)]
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
        first, *others = ways()
        exact = probabilities(first, clips)
        for way in others:
            found = compare(probabilities(way, clips), exact, thresholds)
            rows.append({"LLM in": way, "data": domain, "clips": len(clips)} | found)
    show("Against the LLM in single precision", rows)
    left_out = [way for way in WAYS if way not in ways()]
    if left_out:
        tqdm.write(f"Left out, for the package is not installed: {'; '.join(left_out)}")
    write(options.out, {"seed": SEED, "left out": left_out, "rows": rows})


if __name__ == "__main__":
    main()
