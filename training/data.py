"""Clips for training and evaluation: where they come from, how they are split by subject and sampled."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from datasets import Dataset, DatasetDict, concatenate_datasets, load_dataset, load_from_disk
from tqdm.auto import tqdm

from hub.synthetic import synthetic_corpus
from modeling_aullm.head_stabilization import stabilize_crops

COLUMNS = ("dataset", "subject", "frames", "action_units", "onset", "apex")
cv2.setNumThreads(1)  # frames are small: OpenCV's threads would only get in the way of the loader's processes
MAX_FRAMES = 16  # kept of a synthetic clip: more than twice what the model samples, and memory stays bounded


class Clip(NamedTuple):
    """A clip in memory: uint8 grey frames (frames, size, size), labels (units,), onset and apex frame (-1: none)."""

    frames: np.ndarray
    labels: np.ndarray
    onset: int
    apex: int


def load_data(name: str, *, subjects: int, clips_per_subject: int, seed: int) -> Dataset:
    """Load a dataset by name.

    Args:
        name: `synthetic:A` or `synthetic:B` for the generator's domains, a folder saved by `datasets`, or a Hub id.
        subjects: Of a synthetic domain.
        clips_per_subject: Of a synthetic domain.
        seed: Of a synthetic domain.

    Raises:
        ValueError: If the dataset lacks a column that is needed.
    """
    if name.startswith("synthetic:"):
        domain: Any = name.removeprefix("synthetic:")
        return synthetic_corpus(
            domain,
            num_subjects=subjects,
            clips_per_subject=clips_per_subject,
            seed=seed,
            max_frames=MAX_FRAMES,
            num_proc=os.cpu_count(),
        )
    data = load_from_disk(name) if Path(name).is_dir() else load_dataset(name)
    if isinstance(data, DatasetDict):
        data = concatenate_datasets(list(data.values()))
    missing = [column for column in COLUMNS if column not in data.column_names]
    if missing:
        raise ValueError(f"{name} lacks the columns {', '.join(missing)}; it has {', '.join(data.column_names)}")
    return data


def split_by_subject(data: Dataset, shares: dict[str, float], seed: int) -> dict[str, Dataset]:
    """Split clips so that no subject stands on two sides.

    Args:
        data: With the columns `dataset` and `subject`, which together name a person.
        shares: Name of each part and its share of the subjects; the first part takes what rounding leaves.
        seed: Of the draw.

    Raises:
        ValueError: If there are fewer subjects than parts.
    """
    people = np.array([f"{a}/{b}" for a, b in zip(data["dataset"], data["subject"], strict=True)])
    names = np.unique(people)
    if len(names) < len(shares):
        raise ValueError(f"{len(names)} subject(s) cannot be split into {', '.join(shares)}: one each is needed")
    order = np.random.default_rng(seed).permutation(names)
    sizes = {part: max(1, round(share * len(names))) for part, share in list(shares.items())[1:]}
    parts, start = {}, 0
    for part, size in sizes.items():
        parts[part] = data.select(np.flatnonzero(np.isin(people, order[start : start + size])))
        start += size
    parts[next(iter(shares))] = data.select(np.flatnonzero(np.isin(people, order[start:])))
    return parts


def clips_in_memory(data: Dataset, action_units: list[str], image_size: int) -> list[Clip]:
    """Read every clip once, at the model's size and with its units as a 0/1 vector."""
    clips = []
    for row in tqdm(data.with_format("numpy"), desc="reading clips", leave=False):
        frames = row["frames"].astype(np.uint8)  # the numpy format widens integers
        if frames.shape[1] != image_size:
            frames = np.stack([cv2.resize(f, (image_size, image_size), interpolation=cv2.INTER_AREA) for f in frames])
        labels = np.isin(action_units, row["action_units"]).astype(np.float32)
        clips.append(Clip(frames, labels, int(row["onset"]), int(row["apex"])))
    return clips


class ClipDataset(torch.utils.data.Dataset):
    """Clips as the model takes them: sampled to `num_frames`; in training with jitter and augmentation.

    Otherwise the head's drift is taken out, as the processor does it. In training it stays in (own choice): what is
    left of it behind the processor must not be taken for a unit.
    """

    def __init__(self, clips: list[Clip], num_frames: int, *, training: bool = False) -> None:
        self.clips, self.num_frames, self.training = clips, num_frames, training

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """One clip: `pixel_values` (num_frames, size, size), grey 0..1, and `labels` (units,)."""
        clip = self.clips[index]
        first, last = 0, len(clip.frames) - 1
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        if self.training:
            first, last = jittered_range(clip, rng)
        frames = clip.frames[np.round(np.linspace(first, last, self.num_frames)).astype(int)].astype(np.float32) / 255
        if self.training:
            frames = augment(frames, rng)
        else:
            frames = stabilize_crops(frames)
        return {"pixel_values": torch.from_numpy(np.ascontiguousarray(frames)), "labels": torch.from_numpy(clip.labels)}


def jittered_range(clip: Clip, rng: np.random.Generator) -> tuple[int, int]:
    """First and last frame of a clip for one training step: temporal jitter.

    AU-LLM draws the end from [num_frames, n - 1) and always starts at 0. Own choice: both ends move, and the rise
    from onset to apex is always inside, for a clip cut before its apex would carry a label of what it does not show.
    """
    n = len(clip.frames)
    if rng.random() < 0.5 or n < 8:
        return 0, n - 1
    if clip.apex < 0:
        return int(rng.integers(0, n // 3)), int(rng.integers(2 * n // 3, n))
    return int(rng.integers(0, min(clip.onset, n // 2) + 1)), int(rng.integers(max(clip.apex, n // 2), n))


def augment(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change a clip without touching its motion: one transform for all its frames (own choice).

    Mirroring, a small similarity (the crop's misalignment), a change of tone, sensor noise.

    Args:
        frames: Grey 0..1, (frames, size, size).
        rng: Source of the draws.
    """
    size = frames.shape[-1]
    if rng.random() < 0.5:
        frames = frames[:, :, ::-1]
    if rng.random() < 0.7:
        turn: np.ndarray = cv2.getRotationMatrix2D((size / 2, size / 2), rng.normal(0, 3), np.exp(rng.normal(0, 0.04)))
        turn[:, 2] += rng.normal(0, 0.02 * size, 2)
        frames = np.stack(
            [
                cv2.warpAffine(f, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
                for f in frames
            ]
        )
    if rng.random() < 0.7:
        frames = np.clip(frames, 0, 1) ** np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(-0.05, 0.15))
    if rng.random() < 0.5:
        frames = frames + rng.standard_normal(frames.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.008))
    return np.clip(frames, 0, 1).astype(np.float32)
