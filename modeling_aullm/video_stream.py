"""A video as a stream of frames, whatever its source, and the checks that every source must pass."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import cv2
import numpy as np

MIN_SIDE, MAX_SIDE, MAX_PIXELS = 16, 8192, 64_000_000  # own choice: below, no face fits; above, one frame fills memory
MIN_FRAMES = 2  # motion needs two
DEFAULT_FPS = 30.0  # own choice, for sources that carry no times: frame folders, arrays, lists of images


class VideoError(ValueError):
    """An input that cannot be used, in one line for people: what was given, what is wrong, what to do."""


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        index: Position in the video, from 0.
        time: Seconds since the first frame; never less than the time of the frame before.
        picture: RGB pixels, (height, width, 3) uint8, or a function that gives them: a file's pictures are decoded all,
            but of a long recording few are looked at.
        starts_anew: Whether the source itself says that this frame does not follow the one before, as where its times
            fall back since parts were joined end to end. A picture held for long is no such break.
        length: Seconds that the source shows it, None if it does not say.
        brightness: Gives grey pixels sooner, (height, width) uint8, see `luma`; None where `picture` is no function.
    """

    index: int
    time: float
    picture: np.ndarray | Callable[[], np.ndarray]
    starts_anew: bool = False
    length: float | None = None
    brightness: Callable[[], np.ndarray] | None = None

    @property
    def image(self) -> np.ndarray:
        """RGB, (height, width, 3) uint8; made anew each time if `picture` is a function."""
        return self.picture() if callable(self.picture) else self.picture

    @property
    def luma(self) -> np.ndarray:
        """Grey pixels for a quick look, (height, width) uint8; of another width where pixels are oblong."""
        if self.brightness is not None:
            return self.brightness()
        return self.image if self.image.ndim == 2 else cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)


class VideoStream:
    """Iterator over the frames of one video and context manager; at most a few frames are in memory at a time.

    Attributes:
        source: What people know the video by, such as its path.
        fps: Frames a second: as given, or as the frames' own times are spaced; None for a file that tells neither.
        num_frames: Exact for folders, arrays and images, an estimate for files, None if unknown.
        width: Pixels, as shown (after the rotation of phone videos, and in square pixels).
        height: Pixels, as shown.
        has_times: Whether the frames' times are the source's own, or follow from a rate that was given; else they are
            counted by a rate that is only assumed.
        is_mirrored: Whether pictures are shown mirrored, as the source asks: sides are swapped against its own pixels.
    """

    def __init__(
        self,
        source: str,
        frames: Iterator[Frame],
        fps: float | None,
        num_frames: int | None,
        size: tuple[int, int],
        close: Callable[[], None],
        has_times: bool,
        bits: Callable[[], int] = lambda: 8,
        is_mirrored: bool = False,
    ) -> None:
        self.source = source
        self.fps = fps
        self.num_frames = num_frames
        self.width, self.height = size
        self.has_times = has_times
        self.is_mirrored = is_mirrored
        self._bits = bits
        self._frames = frames
        self._close = close
        self._num_read = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def bits(self) -> int:
        """Of a pixel's values, 8 to 16: what is shown in 8 bits is scaled from these, alike in all frames."""
        return self._bits()

    @property
    def recording(self) -> dict[str, Any]:
        """What a result tells of the recording: `bits` where they are not 8, `is_mirrored` where it is."""
        told: dict[str, Any] = {"bits": self.bits} if self.bits != 8 else {}
        return told | ({"is_mirrored": True} if self.is_mirrored else {})

    def __iter__(self) -> "VideoStream":
        return self

    def __next__(self) -> Frame:
        """Read the next frame.

        Raises:
            VideoError: If the source cannot be read further, or ends after fewer than two frames.
        """
        frame = next(self._frames, None)
        if frame is None:
            check_num_frames(self.source, self._num_read)
            raise StopIteration
        self._num_read += 1
        return frame

    def __enter__(self) -> "VideoStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()


def check_num_frames(source: str, num_frames: int) -> None:
    """Check that there is anything to compare.

    Raises:
        VideoError: If there are fewer than two frames.
    """
    if num_frames < MIN_FRAMES:
        raise VideoError(f"{source}: has {num_frames} frame(s), motion needs at least {MIN_FRAMES}; give a video")


def check_size(source: str, width: int, height: int) -> None:
    """Check a frame's size, before anything of that size is allocated.

    Raises:
        VideoError: If a side or the area is absurd.
    """
    if not (MIN_SIDE <= min(width, height) and max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise VideoError(
            f"{source}: frames of {width}x{height} pixels; sides must be {MIN_SIDE} to {MAX_SIDE} pixels and a frame "
            f"at most {MAX_PIXELS // 1_000_000} megapixels"
        )


def check_same_size(source: str, index: int, size: tuple[int, int], first_size: tuple[int, int]) -> None:
    """Check that a frame is as large as the first one; sizes are (width, height).

    Raises:
        VideoError: If they differ.
    """
    if size != first_size:
        raise VideoError(
            f"{source}: frame {index} is {size[0]}x{size[1]} pixels, the first is {first_size[0]}x{first_size[1]}; "
            "all frames must be of one size"
        )


def check_fps(source: str, fps: float) -> None:
    """Check a frame rate given by people.

    Raises:
        VideoError: If it is not a positive number.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise VideoError(f"{source}: fps must be a positive number, got {fps}")
