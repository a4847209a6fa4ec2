"""Clips as a model takes them: sampled to its number of frames, in training with jitter, augmentation and CCR's flips.

Own choice throughout, but for the idea of the temporal jitter (AU-LLM). What is changed is changed in one way for all
frames of a clip, for a difference between frames is what the model reads. Two things differ from frame to frame, as
they do in recordings: sensor noise, and what head drift the stabilisation has left. Neither must pass for a unit.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from modeling_aullm.head_stabilization import UPSAMPLING, upsample
from training.data.clips import Clip
from training.learning.counterfactual import draw_flipped_units

cv2.setNumThreads(1)  # frames are small: OpenCV's threads would only get in the way of the loader's processes

NOISE = 0.008  # of 0..1, the most: a sensor's
DRIFT_SHIFT = 0.3 / 64  # of the side, root mean square over the clip, the most
DRIFT_TURN = 0.005  # radians (and in the logarithm of the scale): 0.16 pixels at the edge of a 64-pixel crop
SHORTEST = 8  # frames; a clip below this is not cut
FLIPS = 1  # a stream of draws of its own: augmentation is the same with and without it


class ClipDataset(torch.utils.data.Dataset):
    """Clips sampled to `num_frames`.

    Args:
        clips: To be sampled.
        num_frames: Frames a clip.
        augment: Jitter and augment. Clip `i` in epoch `e` is changed by draws from (seed, e, i) alone, and so are the
            units that CCR flips in it drawn: the same whatever the number of processes and the loader's workers, and
            whatever was drawn before.
        seed: Of the draws.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        num_frames: int,
        *,
        augment: bool = False,
        seed: int = 0,
    ) -> None:
        self.clips, self.num_frames, self.augment, self.seed = clips, num_frames, augment, seed
        numbers = {person: number for number, person in enumerate(sorted({clip.person for clip in clips}))}
        self.persons = [numbers[clip.person] for clip in clips]
        self._epoch = torch.zeros((), dtype=torch.long).share_memory_()  # seen by workers that outlive an epoch

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch; accelerate's data loader calls this."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """One clip: `pixel_values` (num_frames, size, size), grey 0..1, and `labels` (units,), both float32.

        Also `flipped_units`, bool (units,): what CCR turns around in it, and `person`, the number of its subject among
        these clips' in sorted order, which only training looks at.
        """
        clip = self.clips[index]
        draws = (self.seed, int(self._epoch), index)
        rng = np.random.default_rng(draws)
        flipped = draw_flipped_units(len(clip.labels), np.random.default_rng((*draws, FLIPS)))
        first, last = jittered_range(clip, rng) if self.augment else (0, len(clip.frames) - 1)
        frames = clip.frames[np.round(np.linspace(first, last, self.num_frames)).astype(int)]
        pixels = augment(frames, rng) if self.augment else frames.astype(np.float32) / 255
        return {
            "pixel_values": torch.from_numpy(pixels),
            "labels": torch.from_numpy(clip.labels),
            "flipped_units": torch.from_numpy(flipped),
            "person": torch.tensor(self.persons[index]),
        }


def jittered_range(clip: Clip, rng: np.random.Generator) -> tuple[int, int]:
    """First and last frame of a clip for one training step: temporal jitter.

    AU-LLM draws the end from [num_frames, n - 1) and always starts at 0. Own choice: both ends move, and the rise
    from onset to apex is always inside, for a clip cut before its apex would carry a label of what it does not show.
    A clip with units whose apex is not known stays whole.
    """
    n = len(clip.frames)
    if rng.random() < 0.5 or n < SHORTEST or (clip.apex < 0 and clip.labels.any()):
        return 0, n - 1
    if clip.apex < 0:
        return int(rng.integers(0, n // 3)), int(rng.integers(2 * n // 3, n))
    return int(rng.integers(0, min(max(clip.onset, 0), n // 2) + 1)), int(rng.integers(max(clip.apex, n // 2), n))


def augment(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change a clip without touching its motion: tone, mirroring, misalignment, remaining drift, blur, sensor noise.

    Labels stay as they are: they name units without a side, so that a mirrored AU12 is an AU12.

    Args:
        frames: Grey, uint8, (frames, size, size).
        rng: Source of the draws.

    Returns:
        Grey 0..1, float32, of the same shape.
    """
    pixels = tone_curve(frames, rng)[frames] if rng.random() < 0.7 else frames.astype(np.float32) / 255
    if rng.random() < 0.5:
        pixels = pixels[:, :, ::-1]
    pixels = _move(pixels, rng)
    if rng.random() < 0.3:
        sigma = rng.uniform(0.3, 0.9) * frames.shape[-1] / 64
        pixels = np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in pixels])
    if rng.random() < 0.5:
        pixels = pixels + rng.standard_normal(pixels.shape, np.float32) * np.float32(rng.uniform(0, NOISE))
    return np.ascontiguousarray(np.clip(pixels, 0, 1))


def tone_curve(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another camera: grey 0..1, float32, (256,), for every value of a uint8 clip; gamma, gain and contrast."""
    curve = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(-0.05, 0.15))
    middle = curve[int(frames.mean())]
    return np.clip(middle + (curve - middle) * np.exp(rng.normal(0, 0.15)), 0, 1).astype(np.float32)


def drift_path(num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Head drift that the stabilisation may have left: a smooth path which starts from nothing.

    Half a period to a period and a half of random waves, each component with a root mean square of its own, up to
    `DRIFT_SHIFT` or `DRIFT_TURN`. Scale is among them since the stabilisation fits shift and turn only.

    Returns:
        (num_frames, 4): shift right and down in fractions of the side, turn in radians, logarithm of the scale.
    """
    time = np.linspace(0, np.pi, num_frames)[:, None, None]
    waves = np.arange(1, 4)[:, None]
    path = (rng.normal(size=(3, 4)) / waves * np.cos(waves * time + rng.uniform(0, 2 * np.pi, (3, 4)))).sum(1)
    path -= path[0]
    most = np.array([DRIFT_SHIFT, DRIFT_SHIFT, DRIFT_TURN, DRIFT_TURN])
    return path * (rng.uniform(0, most) / (np.sqrt((path**2).mean(0)) + 1e-9))


def _move(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One misalignment for the whole clip, and a path of drift over it, in one resampling."""
    moves = np.zeros((len(pixels), 4))
    misaligned, drifting = rng.random() < 0.7, rng.random() < 0.5
    if misaligned:
        moves += rng.normal(0, (0.02, 0.02, np.deg2rad(3), 0.04))
    if drifting:
        moves += drift_path(len(pixels), rng)
    if not (misaligned or drifting):
        return pixels
    return np.stack([_similarity(frame, *move) for frame, move in zip(pixels, moves, strict=True)])


def _similarity(frame: np.ndarray, right: float, down: float, turn: float, log_scale: float) -> np.ndarray:
    """Move a frame about its centre; by splines, since linear sampling would blur each frame by its own fraction."""
    size, factor = len(frame), np.exp(log_scale)
    centre, cosine, sine = (size - 1) / 2, factor * np.cos(turn), factor * np.sin(turn)
    matrix = np.array(
        [
            [cosine, -sine, centre * (1 - cosine + sine) + right * size],
            [sine, cosine, centre * (1 - cosine - sine) + down * size],
        ]
    )
    matrix[:, :2] /= UPSAMPLING
    return cv2.warpAffine(upsample(frame), matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)
