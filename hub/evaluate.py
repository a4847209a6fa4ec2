"""Evaluate a checkpoint on a dataset, both taken from the Hub at one commit each, or from this machine.

    accelerate launch -m hub.evaluate --model ORG/NAME --revision SHA --data ORG/DATA --output RUN [--submit]
    python -m hub.evaluate --data synthetic:B --output RUN          # the shipped checkpoint, synthetic faces

Batches are shared out over whatever Accelerate gives. RUN is the folder of a run like those of training: predictions
(Parquet), thresholds (the checkpoint's own, chosen when it was trained) and metrics, with the commits of model and
data in them; `python -m training.report RUN` reads it. Of data without labels there are only the predictions.
--submit opens a pull request on the model's repository that adds the figures as `.eval_results/*.yaml`. No code of a
repository is run.
"""

import json
import os
import sys

from accelerate import PartialState

from hub.evaluation.checkpoint import EvaluateOptions, evaluate_checkpoint
from hub.evaluation.run import PART, submit_results
from training.errors import run_command
from training.options import parse_options
from training.protocols.protocol import start_processes

SHOWN = {
    "binary_f1_at_validation_threshold": "binary F1",
    "macro_f1_at_validation_threshold": "macro F1",
    "roc_auc": "ROC AUC",
}


def main() -> None:
    """Evaluate what the command line says, and submit it if asked."""
    start_processes()
    (options,) = parse_options(EvaluateOptions, description=__doc__)
    run = evaluate_checkpoint(options, num_proc=os.cpu_count() or 1)
    if not PartialState().is_main_process:
        return
    if not (run / "metrics.json").is_file():
        sys.stdout.write(f"no clip has action units coded, so nothing was scored; predictions written: {run}\n")
        return
    content = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    mean = content["parts"][PART]["scores"]["mean"]
    for key, name in SHOWN.items():
        value = mean[key]["mean"]
        sys.stdout.write(f"{name}, mean over units: {'undefined' if value is None else f'{value:.3f}'}\n")
    if content["trained_on_this_data"]:
        sys.stdout.write("The checkpoint was trained on this very data: the figures say nothing about new people.\n")
    sys.stdout.write(f"written: {run}\n")
    if options.submit:
        address = submit_results(run)
        sys.stdout.write(f"pull request: {address}\n" if address else "the repository holds these figures already\n")


if __name__ == "__main__":
    run_command(main)
