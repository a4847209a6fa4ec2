"""Windows of recordings for training: cut at any phase, and changed by what is no matter."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from modeling_aullm.motion_stretch import STEP_SECONDS
from training.errors import InputError
from training.events.motion_records import MotionRecord
from training.events.targets import targets_of

WINDOW_STEPS = 256  # five seconds
_EVENTS_SHARE = 0.5  # of the windows are cut about an event, the others anywhere
_GAIN, _MOST_NOISE = 0.15, 0.03  # standard deviations: of a factor's logarithm, and in pixels of the crop
_ACROSS = [0, 2, 4]  # of the head's motion: what a mirror turns round


class MotionWindows(Dataset):
    """As many windows as asked for, each the same each time.

    Args:
        records: The recordings, each at least a window long; shorter ones are left out.
        action_units: The model's units in their order.
        num_windows: How many.
        seed: Seed of everything.

    Raises:
        InputError: If none is as long as a window.
    """

    def __init__(
        self, records: Sequence[MotionRecord], action_units: Sequence[str], num_windows: int, seed: int
    ) -> None:
        self.records = [record for record in records if len(record.stretch.times) >= WINDOW_STEPS]
        if not self.records:
            raise InputError(f"no recording to train on shows a face for {WINDOW_STEPS * STEP_SECONDS:g} s on end")
        self.targets = [targets_of(record, action_units) for record in self.records]
        self.num_windows, self.seed = num_windows, seed

    def __len__(self) -> int:
        return self.num_windows

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, number])
        chosen = int(rng.integers(len(self.records)))
        record = self.records[chosen]
        latest = len(record.stretch.times) - WINDOW_STEPS
        first = int(rng.integers(0, latest + 1))
        if record.events and rng.random() < _EVENTS_SHARE:
            event = record.events[rng.integers(len(record.events))]
            strongest = (event.onset + event.offset) / 2 if np.isnan(event.apex) else event.apex
            at = int(np.searchsorted(record.stretch.times, strongest))
            first = int(np.clip(at - rng.integers(WINDOW_STEPS), 0, latest))
        behind = first + WINDOW_STEPS
        motion = record.stretch.motion[first:behind].astype(np.float32)
        head = record.stretch.head[first:behind].copy()
        motion, head = _changed(rng, motion, head)
        targets = vars(self.targets[chosen].cut(first, behind))
        return {name: torch.from_numpy(value) for name, value in ({"motion": motion, "head": head} | targets).items()}


def _changed(rng: np.random.Generator, motion: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror, strength and noise of a window, drawn anew."""
    if rng.random() < 0.5:
        motion = np.ascontiguousarray(motion[..., ::-1])
        motion[:, 0] *= -1
        head[:, _ACROSS] *= -1
    motion[:, :2] *= np.float32(np.exp(rng.normal(0, _GAIN)))
    if rng.random() < 0.5:
        deviation = np.float32(rng.uniform(0, _MOST_NOISE))
        motion[:, :2] += deviation * rng.standard_normal(motion[:, :2].shape, np.float32)
    if rng.random() < 0.3:
        motion[:, 2:] *= np.exp(rng.normal(0, 2 * _GAIN, (2, 1, 1))).astype(np.float32)
    return motion, head
