"""Frames of a video for showing it: upright, in colour and in square pixels, as the processor has them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.format import Flags
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

TIME_TOLERANCE = 1e-4  # seconds
LONGEST_FRAME = 0.5  # seconds
SQUARE_TOLERANCE = 0.02  # the processor's own


def count_frames(path: Path) -> int:
    """Frames that can be decoded."""
    return sum(1 for _ in iter_frames(path))


def iter_frames(path: Path, start: float = 0.0) -> Iterator[tuple[float, np.ndarray]]:
    """Decode a video from a time on; what lies between it and the key frame before is not converted.

    Args:
        path: A video that can be read.
        start: Seconds since the first frame.

    Yields:
        Seconds since the video's start and RGB pixels, (height, width, 3) uint8.
    """
    with av.open(str(path.absolute())) as container:
        stream = container.streams.video[0]
        unit, first = stream.time_base or Fraction(1), stream.start_time or 0
        if start > 0:
            container.seek(first + int(start / unit), stream=stream)
        for picture in container.decode(stream):
            time = float(((picture.pts or 0) - first) * unit)
            if time < start - TIME_TOLERANCE:
                continue
            width, height = _square_size(stream)
            pixels = picture.to_ndarray(format="rgb24", width=width, height=height)
            yield time, np.ascontiguousarray(_as_shown(pixels, picture))


def _as_shown(image: np.ndarray, picture: VideoFrame) -> np.ndarray:
    """Pixels turned and mirrored as the container's display matrix says: `picture.rotation` knows no mirror."""
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    right, down = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2, :2]  # where a step leads
    if abs(right[1]) > abs(right[0]):  # a step to the right leads down, or up
        image, right, down = np.swapaxes(image, 0, 1), down, right
    return image[:: -1 if down[1] < 0 else 1, :: -1 if right[0] < 0 else 1]


def _square_size(stream: VideoStream) -> tuple[int, int]:
    """Width and height in square pixels."""
    width, height, ratio = stream.codec_context.width, stream.codec_context.height, stream.sample_aspect_ratio
    if not ratio or abs(ratio - 1) <= SQUARE_TOLERANCE:
        return width, height
    return (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))


def frames_between(path: Path, start: float, end: float) -> list[np.ndarray]:
    """The frames from one time to another, both included.

    Args:
        path: A video that can be read.
        start: Seconds.
        end: Seconds.

    Returns:
        None of a file whose own times need not be those of the processor.
    """
    kept: list[np.ndarray] = []
    if _is_untimed(path):
        return kept
    for time, image in iter_frames(path, start):
        if time > end + TIME_TOLERANCE:
            break
        kept.append(image)
    return kept


def frames_at(path: Path, times: Sequence[float]) -> list[np.ndarray]:
    """The frame nearest to each of some times.

    Args:
        path: A video that can be read.
        times: Seconds, ascending.

    Returns:
        None of a file whose own times need not be those of the processor.
    """
    nearest: dict[int, tuple[float, np.ndarray]] = {}
    if _is_untimed(path):
        return []
    for time, image in iter_frames(path, max(0.0, times[0] - LONGEST_FRAME)):
        for number, wanted in enumerate(times):
            if number not in nearest or abs(time - wanted) < nearest[number][0]:
                nearest[number] = abs(time - wanted), image
        if time > times[-1]:
            break
    return [image for _, (_, image) in sorted(nearest.items(), key=lambda entry: entry[0])]


def _is_untimed(path: Path) -> bool:
    """Whether it is raw video, or streams joined end to end."""
    with av.open(str(path.absolute())) as container:
        flags: Any = container.format.flags
        return bool(flags & (Flags.no_timestamps.value | Flags.ts_discont.value))
