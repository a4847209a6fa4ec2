"""Sources whose frames can be had by number: folders, arrays, lists of images."""

from collections.abc import Callable, Generator

import numpy as np

from .pixel_depth import PixelDepth
from .video_stream import DEFAULT_FPS, Frame, VideoStream, check_num_frames, check_same_size


def stream_by_number(
    name: str,
    num_frames: int,
    pixels_at: Callable[[int], np.ndarray],
    fps: float | None,
    stated: tuple[int | None, bool] = (None, False),
) -> VideoStream:
    """Stream of a source whose frames can be had by number; each is checked when its turn comes.

    Args:
        name: What people know the source by.
        num_frames: How many there are.
        pixels_at: Gives a frame's pixels as stored, see `PixelDepth.rgb`.
        fps: Frames a second; None for `DEFAULT_FPS`.
        stated: Bits of a pixel and whether the frames are mirrored, as the source itself says.

    Raises:
        VideoError: If there are fewer than two frames, or, while they are read, one is of another size.
    """
    check_num_frames(name, num_frames)
    first = pixels_at(0)
    height, width = first.shape[:2]
    rate = fps or DEFAULT_FPS
    depth = PixelDepth(name, first.dtype, lambda: map(pixels_at, range(num_frames)), stated[0])

    def frames() -> Generator[Frame]:
        for index in range(num_frames):
            pixels = pixels_at(index)
            check_same_size(name, index, (pixels.shape[1], pixels.shape[0]), (width, height))
            yield Frame(index, index / rate, depth.rgb(pixels), length=1 / rate)

    shown = frames()
    has_times = fps is not None
    return VideoStream(
        name, shown, rate, num_frames, (width, height), shown.close, has_times, lambda: depth.bits, stated[1]
    )
