"""How well events are found in recordings of people whose own were not learned from: folds over a dataset's people.

Each person is left out in turn; with `--test`, all of another dataset is. The checkpoint's temporal head goes on
learning on the other people's recordings, probabilities, mixture and sensitivities are fitted anew on some of them that
it has not learned from, and the person left out is read. A fold is written when it is done; the same command goes on.

    python -m training.spotting_folds --checkpoint CHECKPOINT --data DATA --output RUN [--test OTHER]
"""

import shlex
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from training.data.folds import fold_names
from training.errors import InputError, run_command
from training.events.calibration import calibrate, choose_sensitivities
from training.events.checkpoint import open_checkpoint
from training.events.finding import judged, readings_of, to_events
from training.events.fit import fit_temporal_head
from training.events.labelled import LabelledRecording, labelled_recordings
from training.events.motion_records import MotionRecord
from training.json_files import read_json, write_json
from training.options import option, parse_options
from training.scoring.spotting import IOU, Event, score_recordings
from training.spotting import describe_set, score_set

FEWEST = 20  # own choice: with fewer validation events found, the checkpoint's own calibration and mixture stay
LEARNING_RATE = 3e-4  # own choice: a fifth of what the head was first trained with


@dataclass
class FoldOptions:
    """Which checkpoint goes on learning, on what, and where the figures go."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint with a temporal head."})
    data: str = field(metadata={"help": "Folder or Hub id of recordings that hub.prepare made."})
    output: str = field(metadata={"help": "Folder of the run. A stopped run goes on: give the same command again."})
    test: str = option("", "Another such dataset, to be tested instead of the people of --data.")
    validation_share: float = option(0.2, "Share of the people who are learned from that choose thresholds.")
    steps: int = option(300, "Steps of training a fold.")
    batch_size: int = option(16, "Windows of five seconds a step.")
    seed: int = option(1, "Seed of the validation people, the windows and their order.")

    def __post_init__(self) -> None:
        if not 0 < self.validation_share < 1:
            raise InputError(f"--validation_share must be between 0 and 1, got {self.validation_share:g}")
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")


class RecordingFold(NamedTuple):
    """One training and its test; no person stands on two sides."""

    name: str
    train: list[LabelledRecording]
    validation: list[LabelledRecording]
    test: list[LabelledRecording]


def folds_of(
    recordings: Sequence[LabelledRecording], test: Sequence[LabelledRecording], share: float, seed: int
) -> list[RecordingFold]:
    """Leave each person out, or, where there is something else to test, nobody.

    Args:
        recordings: To learn from.
        test: Of other people; empty to leave each of the former out in turn.
        share: Of the people not left out who are for validation; one at least is, and one is not.
        seed: Of their draw.

    Raises:
        InputError: If there are too few people, or one stands on two sides.
    """
    people = sorted({recording.person for recording in recordings})
    shared = sorted(set(people) & {recording.person for recording in test})
    if shared:
        raise InputError(f"{shared[0]} would stand both in --data and in --test")
    if len(people) < (2 if test else 3):
        raise InputError(f"{len(people)} subject(s) are too few: training and validation need one each, a test another")
    left_out = {"across-datasets": ""} if test else {name: who for who, name in fold_names(people).items()}
    folds = []
    for number, (name, who) in enumerate(left_out.items()):
        others = [person for person in people if person != who]
        size = min(len(others) - 1, max(1, round(share * len(others))))  # someone is left to learn from
        drawn = np.random.default_rng([seed, number]).permutation(others)[:size]
        sides: dict[str, list[LabelledRecording]] = {"train": [], "validation": [], "test": list(test)}
        for recording in recordings:
            person = recording.person
            sides["test" if person == who else "validation" if person in drawn else "train"].append(recording)
        folds.append(RecordingFold(name, **sides))
    return folds


def run_fold(fold: RecordingFold, model: Any, processor: Any, options: FoldOptions) -> dict[str, Any]:
    """Go on learning, fit thresholds, and find the events of the recordings left out.

    Returns:
        For JSON: `sensitivities`, `calibration` (None where there was too little for it), and `found`: events by
        recording and sensitivity.
    """
    before, known = model.temporal_head, processor.sensitivities
    units = list(processor.action_units)
    torch.manual_seed(options.seed)
    learned, chosen, tested = ([p for r in side for p in r.parts] for side in (fold.train, fold.validation, fold.test))
    try:
        model.temporal_head = fit_temporal_head(
            deepcopy(before), learned, units,
            steps=options.steps, batch_size=options.batch_size, seed=options.seed, learning_rate=LEARNING_RATE,
        ).cpu()  # fmt: skip
        fitted = _calibrated(model, chosen, units)
        processor.sensitivities = choose_sensitivities(processor, chosen, readings_of(model, chosen))
        said = {id(part): reading for part, reading in zip(tested, readings_of(model, tested), strict=True)}

        def events_of(recording: LabelledRecording, sensitivity: str) -> list[dict[str, Any]]:
            found = (processor.post_process_events(said[id(p)], p.stretch, sensitivity) for p in recording.parts)
            return [_as_json(event) for part in found for event in to_events(part)]

        found = {r.name: {name: events_of(r, name) for name in processor.sensitivities} for r in fold.test}
        return {"sensitivities": processor.sensitivities, "calibration": fitted, "found": found}
    finally:
        model.temporal_head, processor.sensitivities = before, known


def _calibrated(model: Any, records: list[MotionRecord], units: list[str]) -> dict[str, Any] | None:
    try:
        return calibrate(model, records, units, FEWEST)
    except InputError:
        return None


def _as_json(event: Event) -> dict[str, Any]:
    return asdict(event) | {"units": sorted(event.units)}


def _from_json(event: dict[str, Any]) -> Event:
    return Event(**event | {"units": frozenset(event["units"])})


def pooled(
    recordings: Sequence[LabelledRecording], found: dict[str, dict[str, list[dict[str, Any]]]]
) -> dict[str, dict[str, Any]]:
    """Figures of each sensitivity over the recordings of all folds."""
    return {
        sensitivity: score_recordings(
            [judged(r, [_from_json(event) for event in found[r.name][sensitivity]]) for r in recordings]
        )
        for sensitivity in next(iter(found.values()))
    }


def main() -> None:
    """Run the folds that are not there yet, and when all are, write the figures."""
    (options,) = parse_options(FoldOptions, description=__doc__)
    run, settings = Path(options.output), asdict(options) | {"output": ""}
    if (run / "settings.json").exists() and read_json(run / "settings.json") != settings:
        raise InputError(f"--output {run} is the folder of another run; give a new one, or the same options")
    model, processor = open_checkpoint(options.checkpoint)
    if model.temporal_head is None:
        raise InputError(f"{options.checkpoint} has no temporal head; python -m training.temporal_head gives it one")
    recordings = labelled_recordings(options.data, processor.action_units)
    others = labelled_recordings(options.test, processor.action_units) if options.test else []
    folds = folds_of(recordings, others, options.validation_share, options.seed)
    (run / "folds").mkdir(parents=True, exist_ok=True)
    write_json(run / "settings.json", settings)
    for number, fold in enumerate(folds, 1):
        path = run / "folds" / f"{fold.name}.json"
        if not path.exists():
            sys.stderr.write(f"fold {number}/{len(folds)}, {fold.name}\n")
            write_json(path, run_fold(fold, model, processor, options))
    found = {
        name: each for fold in folds for name, each in read_json(run / "folds" / f"{fold.name}.json")["found"].items()
    }
    tested, how = others or recordings, f"after {options.data}" if others else "each subject left out"
    as_it_is = score_set(options.test or options.data, model, processor, tested)
    learned = describe_set(f"{options.test or options.data}, {how}", tested)
    record = {
        "kind": "spotting",
        "command": shlex.join(["python", "-m", "training.spotting_folds", *sys.argv[1:]]),
        "seed": options.seed,
        "iou": IOU,
        "sets": [learned | {"methods": {"aullm predict, gone on learning": pooled(tested, found)}}, as_it_is],
    }
    write_json(run / "spotting.json", record)


if __name__ == "__main__":
    run_command(main)
