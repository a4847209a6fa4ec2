"""What is asked about: labelled clips and drawn recordings, what was coded of them beside what a model finds."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from modeling_aullm.asking import Asking, question_words
from modeling_aullm.findings import Expression, Findings, UnitFinding, of_events, of_units
from modeling_aullm.stretch_reading import read_stretch
from training.data.clips import load_clips
from training.events.finding import in_full
from training.events.motion_records import MotionRecord, drawn_records
from training.learning.augmentation import ClipDataset
from training.options import DataOptions
from training.questions.labelled import labelled_expression

CLIPS_EACH = 2  # of a person that is made up
FIRST = 200_000  # of the people in recordings: far behind those of training, validation and spotting
Seen = tuple[Findings, Asking]  # what was coded, and the model with what it found
Look = Callable[[torch.Tensor], Asking]


def looking(model: Any, processor: Any) -> Look:
    """How a model sees a clip, (num_frames, image_size, image_size), to be asked about it."""
    units, words = list(processor.action_units), question_words(model)
    thresholds = dict(zip(units, processor.thresholds, strict=True))

    def look(clip: torch.Tensor) -> Asking:
        with torch.inference_mode():
            output = model(pixel_values=clip[None])
        (decided,) = processor.post_process_action_units(output)
        return Asking(model, Findings([of_units(decided, thresholds)], False, units), [clip], words)

    return look


def look_at_clips(model: Any, processor: Any, data: str, most: int, seed: int) -> list[Seen]:
    """Look at labelled clips.

    Args:
        model: With an adapter for answers.
        processor: Of the same checkpoint.
        data: Labelled clips: synthetic data, a folder or a Hub id.
        most: Clips, drawn of all that are there; of synthetic data so many are made.
        seed: Of people and clips.
    """
    units, look = list(processor.action_units), looking(model, processor)
    which = DataOptions(ignore_other_units=True)
    if data.startswith("synthetic:"):
        which = DataOptions(max_subjects=-(-most // CLIPS_EACH), clips_per_subject=CLIPS_EACH, data_seed=1000 + seed)
    clips = load_clips(data, which, units, num_proc=os.cpu_count() or 1).clips
    drawn = [clips[int(row)] for row in np.random.default_rng(seed).permutation(len(clips))[:most]]
    sampled, seen = ClipDataset(drawn, model.config.num_frames), []
    for row, clip in enumerate(tqdm(drawn, desc=f"{data}, read", unit="clip", dynamic_ncols=True)):
        true = Findings([labelled_expression(clip, units)], False, units)
        seen.append((true, look(sampled[row]["pixel_values"])))
    return seen


def look_at_recordings(model: Any, processor: Any, count: int, seconds: float, seed: int) -> list[Seen]:
    """Look at recordings that are drawn in the other domain.

    Args:
        model: As in `look_at_clips`.
        processor: As there.
        count: Recordings.
        seconds: Length of each.
        seed: Of all that is drawn.
    """
    records = drawn_records("B", range(FIRST, FIRST + count), seconds=seconds, seed=seed, num_proc=2, with_crops=True)
    words, units = question_words(model), list(processor.action_units)
    limits = dict.fromkeys(units, processor.sensitivity("normal")["unit_probability"])
    seen = []
    for record in tqdm(records, desc="recordings, read", unit="recording", dynamic_ncols=True):
        stretch = in_full(record)
        reading = read_stretch(model, stretch)
        events = processor.post_process_events(reading, stretch)
        clips = {proposal.onset: torch.from_numpy(proposal.pixel_values) for proposal in reading.proposals}
        asking = Asking(model, of_events(events, limits), [clips[event["onset_time"]] for event in events], words)
        seen.append((_coded(record, units), asking))
    return seen


def _coded(record: MotionRecord, units: list[str]) -> Findings:
    """The events that were drawn."""
    expressions = [
        Expression({code: UnitFinding(code, float(code in event.units), 0.5) for code in units},
                   event.onset, event.apex, event.offset)
        for event in sorted(record.events, key=lambda event: event.onset)
    ]  # fmt: skip
    return Findings(expressions, True, units)
