"""Frames read in a thread of their own while those before are worked on: FFmpeg leaves Python free meanwhile."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from .video_stream import Frame, VideoStream

_PIXELS = 5_000_000  # own choice: of sixteen frames of 640x480, read at once; twice as many are in memory


def read_ahead(stream: VideoStream) -> Generator[Frame]:
    """The frames of a stream in their order; an error is raised where it was, behind the frames before it.

    Args:
        stream: Not to be closed before this is.
    """
    number = max(1, _PIXELS // (stream.width * stream.height))
    with ThreadPoolExecutor(1, "aullm-read-ahead") as pool:
        reading = pool.submit(_some, stream, number)
        while True:
            frames, error = reading.result()
            is_last = len(frames) < number
            if not is_last:
                reading = pool.submit(_some, stream, number)
            yield from frames
            if error is not None:
                raise error
            if is_last:
                return


def _some(stream: VideoStream, number: int) -> tuple[list[Frame], Exception | None]:
    """The next few, and the error for which they are fewer."""
    frames: list[Frame] = []
    try:
        for frame in islice(stream, number):
            frames.append(frame)
    except Exception as error:
        return frames, error
    return frames, None
