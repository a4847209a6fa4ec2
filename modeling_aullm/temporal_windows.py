"""Frames that follow one another cut into windows of time, holding no more than one window of frames."""

import math
from collections import deque
from collections.abc import Iterator
from itertools import chain

from .video_stream import MIN_FRAMES, Frame, VideoError

# Own choices: a micro-expression lasts up to 0.5 s, so one that falls on a window's edge lies whole in the next window.
WINDOW_SECONDS, STRIDE_SECONDS = 0.5, 0.25
WHOLE_CLIP_SECONDS = 1.0  # a video up to this length is one segment unless a window is asked for
MAX_FRAMES = 2000  # of a window, which is held in memory: a second of the fastest cameras in use
TIME_TOLERANCE = 1e-6  # 0.1 + 0.2 must not open a window one frame late


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


def check_held(num_frames: int, seconds: float) -> None:
    """Check how many frames are held in memory at once.

    Raises:
        VideoError: If they are more than `MAX_FRAMES`, as where the frame rate is wrong.
    """
    if num_frames > MAX_FRAMES:
        raise VideoError(f"over {MAX_FRAMES} frames in {seconds:g} s; give a shorter window, or the true fps")


class WindowCutter:
    """Cuts frames into windows `[k * stride, k * stride + window)` from the first one's time on.

    The last window is moved back to end with the last frame; fewer frames than a window has make one window.

    Args:
        window: Seconds; infinite for one window of all frames.
        stride: Seconds from one window to the next, by default half a window.
    """

    def __init__(self, window: float, stride: float | None = None) -> None:
        self.length = window
        self.step = stride or window / 2
        self._held: deque[Frame] = deque()
        self._start = 0.0
        self._num_windows, self._last_covered = 0, -1

    def push(self, frame: Frame) -> Iterator[list[Frame]]:
        """Take the next frame, which is dropped when no window needs it any more.

        Yields:
            The frames of each window that ends before this one, at least two. A gap in the times leaves out windows.

        Raises:
            VideoError: If more than `MAX_FRAMES` lie in a window, as where the frame rate is wrong.
        """
        if not self._held and not self._num_windows:
            self._start = frame.time
        time = frame.time - self._start
        while time >= self._next + self.length - TIME_TOLERANCE:
            found = self._between(self._next, self._next + self.length)
            if not found:  # a gap, over which a damaged time may lead years ahead: its windows are not counted out
                self._num_windows = math.floor((time - self.length + TIME_TOLERANCE) / self.step) + 1
                break
            self._num_windows += 1
            if len(found) >= MIN_FRAMES:
                self._last_covered = found[-1].index
                yield found
            del found  # or it would keep its frames alive until the next window is full
        while self._held and self._held[0].time - self._start <= time - self.length + TIME_TOLERANCE:
            self._held.popleft()
        self._held.append(frame)
        check_held(len(self._held), min(self.length, self._held[-1].time - self._held[0].time))

    def finish(self) -> Iterator[list[Frame]]:
        """The window that ends with the last frame, which is shown for as long as the others on average."""
        if not self._held or self._last_covered >= self._held[-1].index:
            return
        first, last = self._held[0], self._held[-1]
        end = last.time - self._start + (last.time - first.time) / max(1, last.index - first.index)
        found = self._between(min(self._next, end - self.length), end)
        if len(found) >= MIN_FRAMES:
            yield found

    @property
    def _next(self) -> float:
        """Where the next window starts, in seconds from the first frame."""
        return self._num_windows * self.step if self._num_windows else 0.0

    def _between(self, start: float, end: float) -> list[Frame]:
        low, high = self._start + start - TIME_TOLERANCE, self._start + end - TIME_TOLERANCE
        return [frame for frame in self._held if low <= frame.time < high]


def up_to_a_second(frames: Iterator[Frame]) -> tuple[Iterator[Frame], bool]:
    """Look whether a video is no longer than `WHOLE_CLIP_SECONDS`.

    Args:
        frames: From its first one on.

    Returns:
        All frames, those looked at included, and whether it is.

    Raises:
        VideoError: If more than `MAX_FRAMES` lie in that time.
    """
    held: list[Frame] = []
    for frame in frames:
        held.append(frame)
        if frame.time >= WHOLE_CLIP_SECONDS - TIME_TOLERANCE:
            return chain(_dropped(held), frames), False
        check_held(len(held), WHOLE_CLIP_SECONDS)
    return iter(held), True


def _dropped(held: list[Frame]) -> Iterator[Frame]:
    """The frames of a list, each forgotten as soon as it is given."""
    held.reverse()
    while held:
        yield held.pop()
