"""A stream of frames cut into windows of time, holding no more than one window of frames."""

import math
from collections import deque
from collections.abc import Iterable, Iterator

from .video_stream import MIN_FRAMES, Frame, VideoError

# Own choices: a micro-expression lasts up to 0.5 s, so one that falls on a window's edge lies whole in the next window.
WINDOW_SECONDS, STRIDE_SECONDS = 0.5, 0.25
WHOLE_CLIP_SECONDS = 1.0  # a video up to this length is one segment unless a window is asked for
MAX_FRAMES = 2000  # of a window, which is held in memory: a second of the fastest cameras in use
_TIME_TOLERANCE = 1e-6  # 0.1 + 0.2 must not open a window one frame late


def check_window(source: str, window: float | None, stride: float | None, fps: float | None) -> None:
    """Check a window and stride given by people, in seconds.

    Raises:
        VideoError: If they are not positive, leave gaps between windows, or a window holds fewer than two frames.
    """
    for name, value in (("window", window), ("stride", stride)):
        if value is not None and not 0 < value < float("inf"):
            raise VideoError(f"{source}: {name} must be a positive number of seconds, got {value}")
    length = window or WINDOW_SECONDS
    if stride is not None and stride > length:
        raise VideoError(f"{source}: a stride of {stride} s leaves gaps between windows of {length} s; lower it")
    if window is not None and fps is not None and window * fps < MIN_FRAMES:
        raise VideoError(f"{source}: a window of {window} s holds fewer than two frames at {fps:g} fps; widen it")


def iter_windows(frames: Iterable[Frame], window: float | None, stride: float | None) -> Iterator[list[Frame]]:
    """Cut a stream into windows `[k * stride, k * stride + window)`, the last one moved back to end with the video.

    Args:
        frames: The frames in order; each is taken once and dropped when no window needs it any more.
        window: Seconds. None: all of a video up to `WHOLE_CLIP_SECONDS` long, windows of `WINDOW_SECONDS` otherwise.
        stride: Seconds from one window to the next, by default half a window.

    Yields:
        The frames of one window, at least two. A gap in a recording's times leaves out windows.

    Raises:
        VideoError: If more than `MAX_FRAMES` lie in a window, as where the frame rate is wrong.
    """
    length = window or WINDOW_SECONDS
    step = stride or length / 2
    opening = WHOLE_CLIP_SECONDS if window is None else length
    held: deque[Frame] = deque()
    num_windows, last_covered = 0, -1
    for frame in frames:
        if frame.time >= opening - _TIME_TOLERANCE:
            opening = length
            while frame.time >= num_windows * step + length - _TIME_TOLERANCE:
                found = _between(held, num_windows * step, num_windows * step + length)
                if not found:  # a gap, over which a damaged time may lead years ahead: its windows are not counted out
                    num_windows = math.floor((frame.time - length + _TIME_TOLERANCE) / step) + 1
                    break
                num_windows += 1
                if len(found) >= MIN_FRAMES:
                    last_covered = found[-1].index
                    yield found
                del found  # or it would keep its frames alive until the next window is full
            while held and held[0].time <= frame.time - length + _TIME_TOLERANCE:
                held.popleft()
        held.append(frame)
        if len(held) > MAX_FRAMES:
            raise VideoError(f"over {MAX_FRAMES} frames in {opening:g} s; give a shorter window, or the true fps")
    if held and last_covered < held[-1].index:
        yield from _last_window(held, num_windows * step, length)


def _between(held: Iterable[Frame], start: float, end: float) -> list[Frame]:
    return [frame for frame in held if start - _TIME_TOLERANCE <= frame.time < end - _TIME_TOLERANCE]


def _last_window(held: deque[Frame], next_start: float, length: float) -> Iterator[list[Frame]]:
    """The frames up to the video's end, where the last frame is shown for as long as the others on average."""
    first, last = held[0], held[-1]
    end = last.time + (last.time - first.time) / max(1, last.index - first.index)
    found = _between(held, min(next_start, end - length), end)
    if len(found) >= MIN_FRAMES:
        yield found
