"""Give a checkpoint that reads clips a temporal head, so that it finds the events of recordings.

Recordings are drawn, twenty seconds of each person; some people are for validation, which calibrates probabilities and
chooses the sensitivities. The clips' part of the checkpoint stays as it is.

    python -m training.temporal_head --checkpoint CHECKPOINT --output FOLDER
"""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from modeling_aullm.temporal_head import TemporalHead
from training.errors import InputError, run_command
from training.events.calibration import calibrate, choose_sensitivities
from training.events.checkpoint import open_checkpoint
from training.events.finding import readings_of
from training.events.fit import expect_nothing, fit_temporal_head
from training.events.motion_records import drawn_records, quiet_records
from training.json_files import write_json
from training.options import option, parse_options


@dataclass
class TemporalHeadOptions:
    """What is trained on, and where the checkpoint is written."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint trained on clips."})
    output: str = field(metadata={"help": "New folder of the checkpoint."})
    head: str = option(
        "", "Checkpoint whose temporal head is taken as it is, calibrated anew; nothing is trained then."
    )
    recordings: int = option(600, "People drawn to train on, a recording each.")
    validation: int = option(100, "People drawn for calibration and thresholds.")
    seconds: float = option(20.0, "Length of each recording.")
    steps: int = option(2400, "Steps of training.")
    batch_size: int = option(16, "Windows of five seconds a step.")
    seed: int = option(1, "Seed of people, recordings, initial weights and order.")
    num_proc: int = option(2, "Processes that draw.")
    quiet: str = option("", "Folder of your own recordings in which nothing is expressed; they need no labels.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new folder")
        for name in ("recordings", "validation", "steps", "batch_size", "num_proc"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if not 6 <= self.seconds <= 600:
            raise InputError(f"--seconds must be from 6 to 600, got {self.seconds:g}")


def head_of(checkpoint: str, units: list[str]) -> TemporalHead:
    """The temporal head of another checkpoint.

    Raises:
        InputError: If it has none, or one for other units.
    """
    model, _ = open_checkpoint(checkpoint)
    if model.temporal_head is None or list(model.config.action_units) != units:
        has = "no temporal head" if model.temporal_head is None else f"one for {', '.join(model.config.action_units)}"
        raise InputError(f"--head {checkpoint} has {has}; wanted is one for {', '.join(units)}")
    return model.temporal_head


def trained_on(options: TemporalHeadOptions) -> str:
    """The name of its data."""
    return f"synthetic:A recordings, seed {options.seed}" + (", own quiet ones" if options.quiet else "")


def main() -> None:
    """Draw, train, calibrate, and write the checkpoint whole or not at all."""
    (options,) = parse_options(TemporalHeadOptions, description=__doc__)
    started = time.monotonic()
    model, processor = open_checkpoint(options.checkpoint)
    quiet = quiet_records(options.quiet) if options.quiet else []  # before the long work: it may be refused
    units = list(model.config.action_units)
    taken = head_of(options.head, units) if options.head else None
    torch.manual_seed(options.seed)
    drawn = {"seconds": options.seconds, "seed": options.seed, "num_proc": options.num_proc}
    behind = options.recordings + options.validation
    validation = drawn_records("A", range(options.recordings, behind), with_crops=True, **drawn)
    model.config.temporal_head = True
    if taken is not None:
        model.temporal_head = taken
    else:
        records = drawn_records("A", range(options.recordings), **drawn) + quiet
        head = TemporalHead(len(units))
        expect_nothing(head)
        model.temporal_head = fit_temporal_head(
            head, records, units,
            steps=options.steps, batch_size=options.batch_size, seed=options.seed,
        ).cpu()  # fmt: skip
    model.eval()
    fitted = calibrate(model, validation, units)
    processor.sensitivities = choose_sensitivities(processor, validation, readings_of(model, validation))
    record = {
        "options": vars(options)
        | {name: Path(getattr(options, name)).name for name in ("checkpoint", "output", "head")},
        "trained on": f"as the head of {Path(options.head).name}" if options.head else trained_on(options),
        "calibration": fitted,
        "sensitivities": processor.sensitivities,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    part = Path(f"{options.output}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part)
    processor.save_pretrained(part)
    write_json(part / "temporal_head.json", record)
    part.rename(options.output)


if __name__ == "__main__":
    run_command(main)
