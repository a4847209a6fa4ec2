"""How well a checkpoint finds the events of recordings, beside other ways to find them, on people it has never seen.

Writes `spotting.json` in the folder of the run, which `python -m training.report` shows. Thresholds are the
checkpoint's own; none sees these recordings. They are drawn, a third of them quiet, or those of a dataset.

    python -m training.spotting --checkpoint CHECKPOINT --output RUN [--data DATA]
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from modeling_aullm.event_reading import StretchReading
from modeling_aullm.face_alignment import align, alignment_transform, detect_largest_face
from training.errors import InputError, run_command
from training.events.checkpoint import open_checkpoint
from training.events.finding import WindowReader, mean_recipe, readings_of, scored, strain_peaks, to_events
from training.events.labelled import LabelledRecording, labelled_recordings
from training.events.motion_records import MotionRecord, drawn_records, record_of
from training.json_files import write_json
from training.options import option, parse_options
from training.scoring.spotting import IOU, match_events, score_recordings
from training.synthetic import DOMAINS, photograph_face
from training.synthetic.recording import synthetic_recording

_FIRST_PERSON = 100_000  # far behind those of training and validation
_PHOTOGRAPH_SIZE = 256
_BINS = np.linspace(0, 1, 11)


@dataclass
class SpottingOptions:
    """Which checkpoint is tried, on what, and where the figures go."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint with a temporal head."})
    output: str = field(metadata={"help": "Folder of the run; made if not there."})
    data: str = option("", "Folder or Hub id of recordings that hub.prepare made, instead of drawn ones.")
    recordings: int = option(60, "Recordings a set.")
    seconds: float = option(20.0, "Length of each.")
    seed: int = option(7, "Seed of people and recordings.")
    num_proc: int = option(2, "Processes that draw.")
    photographs: str = option("", "Folder of photographs with one face each, to be moved as well.")

    def __post_init__(self) -> None:
        if (Path(self.output) / "spotting.json").exists():
            raise InputError(f"{self.output}/spotting.json is there already; give another --output")
        if self.photographs and not Path(self.photographs).is_dir():
            raise InputError(f"--photographs {self.photographs}: no such folder")
        for name in ("recordings", "num_proc"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if not 1 <= self.seconds <= 600:
            raise InputError(f"--seconds must be from 1 to 600, got {self.seconds:g}")


def photograph_records(folder: Path, recordings: int, seconds: float, seed: int) -> list[MotionRecord]:
    """Recordings of photographs, moved as domain B moves its people.

    Raises:
        InputError: If there is no photograph with a face in the folder.
    """
    pictures = [cv2.imread(str(path)) for path in sorted(folder.iterdir())]
    faces = []
    for picture in pictures:
        face = None if picture is None else detect_largest_face(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        if face is not None:
            transform = alignment_transform(face.landmarks, _PHOTOGRAPH_SIZE)
            crop = align(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), transform, _PHOTOGRAPH_SIZE)
            faces.append(photograph_face(np.rint(255 * crop).astype(np.uint8)))
    if not faces:
        raise InputError(f"--photographs {folder}: holds no picture with a face")
    records = []
    for number in range(recordings):
        rng = np.random.default_rng([seed, number, 3])
        drawn = synthetic_recording(rng, faces[number % len(faces)], "B", seconds=seconds)
        records.append(record_of(drawn, with_crops=True))
    return records


def score_set(name: str, model: Any, processor: Any, recordings: Sequence[LabelledRecording]) -> dict[str, Any]:
    """The figures of every method on one set of recordings."""
    parts = [part for recording in recordings for part in recording.parts]
    readings = {id(part): reading for part, reading in zip(parts, readings_of(model, parts), strict=True)}

    def find(record: MotionRecord, sensitivity: str) -> Any:
        return to_events(processor.post_process_events(readings[id(record)], record.stretch, sensitivity))

    def average(record: MotionRecord) -> Any:
        return mean_recipe(readings[id(record)], record, processor.action_units)

    ways: dict[str, dict[str, Any]] = {
        "aullm predict": {name: partial(find, sensitivity=name) for name in processor.sensitivities},
        "windows": {"": WindowReader(model, processor)},
        "MEAN's recipe on the activity": {"": average},
        "flow strain": {"": strain_peaks},
    }
    methods = {
        way: {variant: score_recordings(scored(recordings, each)) for variant, each in variants.items()}
        for way, variants in ways.items()
    }
    return describe_set(name, recordings) | {"methods": methods}


def describe_set(name: str, recordings: Sequence[LabelledRecording]) -> dict[str, Any]:
    """Name and size of a set, as `spotting.json` has them."""
    return {
        "name": name,
        "recordings": len(recordings),
        "minutes": sum(recording.minutes for recording in recordings),
        "events": sum(len(recording.events) for recording in recordings),
        "quiet_minutes": sum(recording.minutes for recording in recordings if not recording.events),
    }


def reliability(records: Sequence[MotionRecord], readings: Sequence[StretchReading]) -> dict[str, Any]:
    """How often what is proposed is true, by the probability that is said."""
    said, is_true = [], []
    for record, reading in zip(records, readings, strict=True):
        found = to_events(
            [
                {"onset_time": p.onset, "apex_time": p.apex, "offset_time": p.offset, "kind": "micro"}
                | {"action_units": {}}
                for p in reading.proposals
            ]
        )
        matched = {second for _, second in match_events(record.events, found)}
        said += [proposal.probability for proposal in reading.proposals]
        is_true += [number in matched for number in range(len(found))]
    which = np.clip(np.digitize(said, _BINS) - 1, 0, len(_BINS) - 2)
    groups = [np.flatnonzero(which == number) for number in range(len(_BINS) - 1)]
    return {
        "bins": _BINS.tolist(),
        "predicted": [float(np.mean(np.array(said)[group])) if len(group) else None for group in groups],
        "observed": [float(np.mean(np.array(is_true)[group])) if len(group) else None for group in groups],
        "counts": [len(group) for group in groups],
    }


def sets_of(options: SpottingOptions, action_units: Sequence[str]) -> dict[str, list[LabelledRecording]]:
    """The recordings that are asked for, by the name of their set."""
    if options.data:
        return {options.data: labelled_recordings(options.data, action_units)}
    people = range(_FIRST_PERSON, _FIRST_PERSON + options.recordings)
    draw = partial(
        drawn_records,
        subjects=people,
        seconds=options.seconds,
        seed=options.seed,
        num_proc=options.num_proc,
        with_crops=True,
    )
    sets = {f"synthetic:{domain} recordings": draw(domain) for domain in DOMAINS}
    if options.photographs:
        folder = Path(options.photographs)
        moved = photograph_records(folder, options.recordings, options.seconds, options.seed)
        sets["photographs moved as synthetic:B"] = moved
    return {name: [LabelledRecording.of_part(record) for record in records] for name, records in sets.items()}


def main() -> None:
    """Draw the recordings, find events in them in every way, and write the figures."""
    (options,) = parse_options(SpottingOptions, description=__doc__)
    model, processor = open_checkpoint(options.checkpoint)
    if model.temporal_head is None:
        raise InputError(f"{options.checkpoint} has no temporal head; python -m training.temporal_head gives it one")
    sets = sets_of(options, processor.action_units)
    unseen = [part for recording in next(iter(sets.values())) for part in recording.parts]
    record = {
        "kind": "spotting",
        "command": shlex.join(["python", "-m", "training.spotting", *sys.argv[1:]]),
        "seed": options.seed,
        "iou": IOU,
        "sets": [score_set(name, model, processor, recordings) for name, recordings in sets.items()],
        "reliability": reliability(unseen, readings_of(model, unseen)),
    }
    Path(options.output).mkdir(parents=True, exist_ok=True)
    write_json(Path(options.output) / "spotting.json", record)


if __name__ == "__main__":
    run_command(main)
