"""Arrays and tensors as videos."""

import sys
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from .numbered_frames import stream_by_number
from .video_stream import VideoError, VideoStream, check_num_frames, check_size

Array = np.ndarray | Any  # of torch's tensors; without torch there are none

_SHAPES = "shape must be (frames, height, width), (frames, height, width, 1 or 3) or (frames, 1 or 3, height, width)"


def is_array(source: object) -> TypeGuard[Array]:
    """Whether this is an array, or a tensor."""
    torch: Any = sys.modules.get("torch")
    return isinstance(source, np.ndarray) or (torch is not None and isinstance(source, torch.Tensor))


def open_array(array: Array, fps: float | None) -> VideoStream:
    """Open an array or tensor that holds all frames of a video, see `open_video`.

    Raises:
        VideoError: If its shape or its values are not those of a video.
    """
    name = f"array {tuple(array.shape)}"
    if array.ndim == 5:
        raise VideoError(f"{name}: is a batch of videos; give one of them")
    if array.ndim not in (3, 4):
        raise VideoError(f"{name}: {_SHAPES}")
    return open_arrays(name, _to_numpy(array), fps)


def open_arrays(name: str, frames: np.ndarray | Sequence[Array], fps: float | None) -> VideoStream:
    """Open an array that holds all frames, or a sequence of one array or tensor a frame, see `open_video`.

    Raises:
        VideoError: If shapes differ or are not those of a frame, or values are not those of pixels.
    """
    check_num_frames(name, len(frames))
    first = tuple(frames[0].shape)
    for index, frame in enumerate(frames):
        if tuple(frame.shape) != first:
            raise VideoError(f"{name}: frame {index} has shape {tuple(frame.shape)}, the first {first}; give one shape")
    height, width = _channels_last(name, _to_numpy(frames[0])).shape[:2]
    check_size(name, width, height)
    for index, frame in enumerate(frames):
        _check_values(name, index, _to_numpy(frame))

    return stream_by_number(name, len(frames), lambda index: _channels_last(name, _to_numpy(frames[index])), fps)


def is_frame_array(array: Array) -> bool:
    """Whether an array may be one frame: (height, width), (height, width, 1 or 3) or (1 or 3, height, width)."""
    return array.ndim == 2 or (array.ndim == 3 and (array.shape[-1] in (1, 3) or array.shape[0] in (1, 3)))


def _to_numpy(array: Array) -> np.ndarray:
    if isinstance(array, np.ndarray):
        return array
    tensor: Any = array.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _channels_last(name: str, frame: np.ndarray) -> np.ndarray:
    """View of a frame as (height, width, 1 or 3)."""
    if frame.ndim == 2:
        return frame[..., None]
    if frame.ndim == 3 and frame.shape[-1] in (1, 3):
        return frame
    if frame.ndim == 3 and frame.shape[0] in (1, 3):
        return np.moveaxis(frame, 0, -1)
    raise VideoError(f"{name}: {_SHAPES}")


def _check_values(name: str, index: int, frame: np.ndarray) -> None:
    """Only whole numbers and float in 0..1 are unmistakable: a float 0..255 video may be a dark 0..1 one."""
    if np.issubdtype(frame.dtype, np.uint8) or np.issubdtype(frame.dtype, np.uint16):
        return
    if not np.issubdtype(frame.dtype, np.floating):
        raise VideoError(f"{name}: values of type {frame.dtype}; give uint8, uint16, or float in 0..1")
    low, high = frame.min(), frame.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise VideoError(f"{name}: frame {index} holds NaN or infinite values; replace them")
    if low < 0 or high > 1:
        raise VideoError(f"{name}: frame {index} has values {low:g} to {high:g}; give uint8, uint16, or float in 0..1")
