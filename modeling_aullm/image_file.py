"""Images by PIL: one picture of a frame folder, or one file that is a video, a multi-page TIFF or an animated WebP."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .frame_times import usual_spacing
from .video_stream import DEFAULT_FPS, Frame, VideoError, VideoStream, check_num_frames, check_same_size, check_size

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
_PAGES_AHEAD = 16  # own choice: enough to tell how long pages are shown


def read_image(path: Path) -> np.ndarray:
    """Read one picture of a frame folder.

    Returns:
        Upright RGB pixels, (height, width, 3) uint8.

    Raises:
        VideoError: If it cannot be read, or holds further pictures of its size, which nobody would look at.
    """
    with _reading(path) as image:
        pixels, size = rgb(image), image.size
        num_pictures = getattr(image, "n_frames", 1)
        if num_pictures > 1:
            image.seek(1)
            if image.size == size:
                raise VideoError(
                    f"{path}: holds {num_pictures} pictures, in a folder each is one frame; give the file itself"
                )
        return pixels


def rgb(image: Image.Image) -> np.ndarray:
    """Upright RGB pixels of a PIL image, (height, width, 3) uint8."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16-bit grey: PIL's own conversion would clip it at 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=-1)
    return np.asarray(image.convert("RGB"))


def is_image_file(path: Path) -> bool:
    """Whether a file is a TIFF or WebP, of which FFmpeg reads one picture at most."""
    with path.open("rb") as file:
        start = file.read(12)
    return start[:4] in _TIFF_STARTS or (start[:4] == b"RIFF" and start[8:] == b"WEBP")


def open_image_file(path: Path, fps: float | None) -> VideoStream:
    """Open a multi-page TIFF or an animated WebP as a video.

    Args:
        path: Such a file.
        fps: Frames a second, by default as the file says how long each picture is shown, or else `DEFAULT_FPS`.

    Raises:
        VideoError: If it cannot be read, or holds a single picture.
    """
    with _reading(path) as image:
        num_frames = getattr(image, "n_frames", 1)
    check_num_frames(str(path), num_frames)
    frames = _pages(path, num_frames, fps)
    ahead = list(islice(frames, _PAGES_AHEAD))
    lengths = [frame.length for frame in ahead if frame.length]
    rate = 1 / usual_spacing(lengths) if lengths else DEFAULT_FPS
    height, width = ahead[0].image.shape[:2]
    shown = chain(ahead, frames)
    return VideoStream(str(path), shown, fps or rate, num_frames, (width, height), frames.close, bool(lengths))


@contextmanager
def _reading(path: Path) -> Iterator[Image.Image]:
    """An image opened; whatever is wrong with it is told in one line, for there is no end of the kinds of errors."""
    try:
        with Image.open(path) as image:
            check_size(str(path), *image.size)
            yield image
    except VideoError:
        raise
    except Exception as error:
        raise VideoError(f"{path}: cannot be read as an image; remove or replace it") from error


def _pages(path: Path, num_frames: int, fps: float | None) -> Generator[Frame]:
    time, first_size = 0.0, None
    with _reading(path) as image:
        for index in range(num_frames):
            image.seek(index)
            pixels = rgb(image)
            size = (pixels.shape[1], pixels.shape[0])
            first_size = first_size or size
            check_same_size(str(path), index, size, first_size)
            length = 1 / fps if fps else image.info.get("duration", 0) / 1000 or None
            yield Frame(index, index / fps if fps else time, pixels, length=length)
            time += length or 1 / DEFAULT_FPS
