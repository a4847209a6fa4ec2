"""Score any number of videos and clips: what moved in each, as Parquet.

    python -m hub.score recordings/ more.parquet s3://bucket/clips/*.mp4 --model ORG/NAME --revision SHA --out scored/

A source is a video, a folder of frames or videos, a pattern, an address that fsspec knows, or a Parquet file: of clips
or recordings, as hub.prepare writes them, or of paths (column `path`). FOLDER gets plan/ (which inputs go together),
parts/ (a folder a part: segments.parquet, events.parquet, refused.parquet; columns as in the CSV) and a manifest.
The same command again goes on where it was stopped; with more sources it does what is new.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

import aullm_command  # noqa: F401 - before the package: processes that only read begin with this file, too
from hub.scoring import on_ray, one_machine
from hub.scoring.inputs import find_inputs
from hub.scoring.manifest import keep_manifest, manifest_of
from hub.scoring.plan import extend_plan, part_sizes
from hub.scoring.results import done_folder
from hub.scoring.scorer import reading_settings
from modeling_aullm.api import open_named
from modeling_aullm.face_alignment import check_face
from modeling_aullm.source_reading import Sampling
from training.errors import InputError, run_command

TIME_LIMIT = 600.0


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line.

    Raises:
        InputError: If a value makes no sense.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.score", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("sources", nargs="+", metavar="SOURCE", help="what is scored")
    add("--model", help="folder or id of a checkpoint (default: the one that comes with the package)")
    add("--revision", help="commit on the Hub")
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder of the results; the same to go on")
    add("--engine", choices=("one_machine", "ray"), default="one_machine", help="what shares out the work")
    add("--address", help="ray: of the cluster, or auto to find it (default: a cluster of this machine alone)")
    add("--readers", type=int, help="processes that read (default: one less than there are processors)")
    add("--models", type=int, default=1, help="ray: workers that hold the model")
    add("--num_gpus_per_worker", "--num-gpus-per-worker", type=float, default=0.0, help="ray: GPUs of each of these")
    add("--face", default="largest", help="largest, all, cropped (ready face crops) or the number of a face")
    add("--sensitivity", default="normal", help="how sure an event has to be: high, normal or low")
    add("--time_limit", "--time-limit", type=float, default=TIME_LIMIT, help="seconds that reading one input may take")
    options = parser.parse_args(arguments)
    options.face = int(options.face) if options.face.isdigit() else options.face
    options.readers = max(1, (os.cpu_count() or 2) - 1) if options.readers is None else options.readers
    for name in ("readers", "models", "time_limit"):
        if getattr(options, name) <= 0:
            raise InputError(f"--{name} must be over 0, got {getattr(options, name)}")
    try:
        check_face(options.face)
    except ValueError as error:
        raise InputError(f"--{error}") from error
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Score what the command line names."""
    options = options_of(arguments)
    if options.out.exists() and not options.out.is_dir():
        raise InputError(f"--out {options.out} is a file; give a folder")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(options.out / ".lock", timeout=0):
            _score(options)
    except Timeout as error:
        raise InputError(f"--out {options.out}: another run is at work there") from error


def _score(options: argparse.Namespace) -> None:
    sampling = Sampling(face=options.face, sensitivity=options.sensitivity)
    opened: dict[str, Any] = dict.fromkeys(("engine", "device", "action_units", "threshold"))
    model = os.path.abspath(options.model) if options.model and os.path.isdir(options.model) else options.model
    opened |= {"model": model, "revision": options.revision, "dtype": "float32"}
    try:
        detector = open_named(**opened)
        detector.processor.sensitivity(options.sensitivity)
    except ValueError as error:
        raise InputError(str(error)) from error
    settings = reading_settings(detector, sampling, options.time_limit)
    keep_manifest(options.out, manifest_of(detector, settings))
    added = extend_plan(options.out, find_inputs(options.sources))
    left = {number: size for number, size in part_sizes(options.out) if not done_folder(options.out, number).exists()}
    if options.engine == "ray":
        workers = on_ray.Workers(options.readers, options.models, options.num_gpus_per_worker, options.address)
        scored = on_ray.score(left, opened, settings, options.out, workers)
    else:
        scored = one_machine.score(left, detector, settings, options.out, options.readers)
    total, refused = sum(left.values()), 0
    with tqdm(total=total, unit="input", desc=f"{added} new", dynamic_ncols=True) as bar:
        for inputs, why in scored:
            for line in why.values():
                bar.write(line, file=sys.stderr)
            refused += len(why)
            bar.update(inputs)
    sys.stdout.write(f"{options.out}: {total - refused} scored, {refused} refused\n")


if __name__ == "__main__":
    run_command(main)
