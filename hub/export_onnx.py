"""Export a checkpoint as one ONNX graph, for ONNX Runtime without torch: clips in, one logit an action unit out.

    python -m hub.export_onnx CHECKPOINT --out FOLDER

Needs the extra `onnx`. FOLDER gets model.onnx, the processor's and the model's configuration and a README with a worked
example. The prompt's static text is a constant in the graph, and an LLM that comes as Q4_1 (SmolLM2 does) stays in its
four bits. Nothing is written unless the graph's answers are the model's.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hub.exporting.onnx_folder import export
from modeling_aullm.detector import CheckpointError, open_detector
from training.errors import InputError, run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Export the checkpoint of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.export_onnx", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="its folder, or an id on the Hub")
    parser.add_argument("--revision", help="commit on the Hub")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder for the graph")
    options = parser.parse_args(arguments)
    if options.out.exists():
        raise InputError(f"{options.out} exists already; give the name of a new folder")
    try:
        detector = open_detector(options.checkpoint, revision=options.revision)
    except CheckpointError as error:
        raise InputError(str(error)) from error
    options.out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=options.out.parent, prefix=f".{options.out.name}-"))
    try:
        said = export(detector, work)
        work.chmod(0o755)
        work.rename(options.out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.stdout.write(f"{options.out}: {said}\n")


if __name__ == "__main__":
    run_command(main)
