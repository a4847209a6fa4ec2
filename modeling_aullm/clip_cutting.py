"""Frames to the clip that the model takes: one alignment for all, the head's drift taken out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from .face_alignment import Face, align, alignment_transform, to_grey, whole_frame_transform
from .head_stabilization import stabilize_transforms
from .video_stream import Frame

AnyFrame = TypeVar("AnyFrame", bound=Frame)


def cut_clip(sampled: Sequence[Frame], face: Face | None, image_size: int, *, stabilize: bool) -> np.ndarray:
    """Crop the sampled frames, all by one transform (unless stabilized).

    Args:
        sampled: The frames.
        face: As the first of them shows it; None for ready crops.
        image_size: Side of the crops in pixels.
        stabilize: Take the head's drift out, see `head_stabilization`.

    Returns:
        (num_frames, image_size, image_size) float32 grey in 0..1.
    """
    if face is not None:
        transform = alignment_transform(face.landmarks, image_size)
    else:
        height, width = sampled[0].image.shape[:2]
        transform = whole_frame_transform(width, height, image_size)
    crops = np.stack([align(frame.image, transform, image_size) for frame in sampled])
    if not stabilize:
        return crops
    moved = zip(sampled[1:], stabilize_transforms(crops, transform)[1:], strict=True)
    return np.stack([crops[0], *(align(frame.image, corrected, image_size) for frame, corrected in moved)])


def grey(frame: AnyFrame) -> AnyFrame:
    """The frame with grey pixels."""
    return replace(frame, picture=to_grey(frame.image), brightness=None)


def small(frame: Frame) -> Frame:
    """The frame in as little memory as a whole window can have: grey, or not yet converted from what was decoded."""
    return frame if callable(frame.picture) else grey(frame)


def until(stream: Iterator[Frame], last: int) -> Iterator[Frame]:
    """The frames up to this number."""
    for frame in stream:
        yield frame
        if frame.index == last:
            return
