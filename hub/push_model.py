"""Push a checkpoint to the Hub: weights as safetensors, the code that loads them, processor, card and figures.

    python -m hub.push_model CHECKPOINT --repo ORG/NAME [--lean | --whole | --merge_lora] [--results RUN]
                             [--onnx GRAPH] [--public]

Lean holds what was trained and records the LLM; whole holds the LLM, too; --merge_lora makes LoRA part of the LLM's
weights. --results writes the figures of a run (of training.train, of hub.evaluate for these weights, or of a protocol)
into the card and into .eval_results/. --onnx puts the graph of this checkpoint (hub.export_onnx) beside it, as onnx/,
for `aullm predict --model ORG/NAME --engine onnx`. The repository is private unless --public is given.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hub.pushing.model import push_model
from hub.repos.licence import licensed_among
from hub.repos.lineage import data_seen
from training.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Push the checkpoint of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.push_model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="its folder")
    parser.add_argument("--repo", required=True, metavar="ORG/NAME", help="model repository; made if not there")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--lean", action="store_true", help="without the LLM (default: as the checkpoint is)")
    kind.add_argument("--whole", action="store_true", help="with the LLM")
    kind.add_argument("--merge_lora", action="store_true", help="with the LLM, LoRA merged into its weights")
    parser.add_argument("--results", type=Path, metavar="RUN", help="folder of the run whose figures the card shows")
    parser.add_argument("--onnx", type=Path, metavar="GRAPH", help="folder of this checkpoint's graph")
    parser.add_argument("--public", action="store_true", help="make a new repository public (default: private)")
    parser.add_argument("--update", action="store_true", help="replace what the repository holds")
    options = parser.parse_args(arguments)
    if options.public and (licensed := licensed_among(data_seen(options.checkpoint) or [])):
        sys.stderr.write(f"trained on {', '.join(licensed)}: see that their terms let the weights be public\n")
    commit = push_model(
        options.checkpoint,
        options.repo,
        whole=None if options.lean == options.whole else options.whole,
        merge=options.merge_lora,
        results=options.results,
        graph=options.onnx,
        public=options.public,
        update=options.update,
    )
    sys.stdout.write(f"{options.repo}, commit {commit}; load it by revision={commit!r}\n")


if __name__ == "__main__":
    run_command(main)
