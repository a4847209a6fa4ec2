"""Images by PIL: one picture of a frame folder, or one file that is a video, a multi-page TIFF or an animated WebP."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from .frame_times import usual_spacing
from .pixel_depth import DEPTHS, PixelDepth
from .video_stream import DEFAULT_FPS, Frame, VideoError, VideoStream, check_num_frames, check_same_size, check_size

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
_BITS, _ORIENTATION, _PLANES, _HIGHEST = 258, 274, 284, (281, 341)  # of tags; the last: (S)MaxSampleValue
_PAGES_AHEAD = 16  # own choice: enough to tell how long pages are shown


def read_image(path: Path) -> np.ndarray:
    """Read one picture of a frame folder.

    Returns:
        Its pixels, see `stored_pixels`.

    Raises:
        VideoError: If it cannot be read, or holds further pictures of its size, which nobody would look at.
    """
    with reading(path) as image:
        pixels, size = stored_pixels(image), image.size
        num_pictures = getattr(image, "n_frames", 1)
        if num_pictures > 1:
            image.seek(1)
            if image.size == size:
                raise VideoError(
                    f"{path}: holds {num_pictures} pictures, in a folder each is one frame; give the file itself"
                )
        return pixels


def stored_pixels(image: Image.Image) -> np.ndarray:
    """Upright pixels of a PIL image with all their bits, see `PixelDepth.rgb`.

    Raises:
        VideoError: If they cannot be read so.
    """
    if not _loses_bits(image):
        image = ImageOps.exif_transpose(image)
        return np.asarray(image if image.mode[0] in "IF" else image.convert("RGB"))  # which would clip them at 255
    path = getattr(image, "filename", "")
    if getattr(image, "tag_v2", {}).get(_PLANES) == 2:  # neither PIL nor OpenCV reads these rightly
        raise VideoError(f"{path}: its colours stand in planes of 16 bits; save it with interleaved pixels")
    is_read, pages = cv2.imreadmulti(path, image.tell(), 1, flags=cv2.IMREAD_UNCHANGED)
    if not is_read:
        raise VideoError(f"{path}: cannot be read as an image; remove or replace it")
    pixels = pages[0] if pages[0].ndim == 2 else pages[0][..., 2::-1]
    place = _orientation(image)
    if image.format == "TIFF" or place == 1:  # OpenCV turns TIFFs itself, whatever the flag says
        return pixels
    pixels = np.swapaxes(pixels, 0, 1) if place > 4 else pixels
    return pixels[:: -1 if place in (3, 4, 7, 8) else 1, :: -1 if place in (2, 3, 6, 7) else 1]


def stated_by(image: Image.Image) -> tuple[int | None, bool]:
    """The bits of a pixel, None if the image does not say fewer than 16, and whether it is to be shown mirrored."""
    tags = getattr(image, "tag_v2", {})
    highest = [_maxval(image), *(2**bits - 1 for bits in tags.get(_BITS, ()))]
    highest += [value for tag in _HIGHEST for value in np.ravel(tags.get(tag, 0))]
    bits = next((bits for bits in DEPTHS[1:-1] if 2**bits - 1 in highest), None)
    return bits, _orientation(image) in (2, 4, 5, 7)


def _loses_bits(image: Image.Image) -> bool:
    """Whether PIL would keep the upper 8 of 16 bits (of colour), or spread them over 16 (PGM) pixel by pixel."""
    tiles = getattr(image, "filename", "") and getattr(image, "tile", ())  # none once it is loaded, and maybe edited
    is_deep = 16 in getattr(image, "tag_v2", {}).get(_BITS, ()) or ";16" in str(tiles)
    return bool(tiles) and (_maxval(image) > 255 or (is_deep and image.mode[:3] == "RGB"))


def _orientation(image: Image.Image) -> int:
    """By EXIF, 1 to 8; `getexif` would load a PNG, and lose bits."""
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return int(getattr(image, "tag_v2", exif).get(_ORIENTATION, 1))


def _maxval(image: Image.Image) -> int:
    """What PGM and PPM state; 0 of what was not read from such a file, or is loaded."""
    tiles = getattr(image, "tile", ())
    return int(tiles[0].args[1]) if tiles and tiles[0].codec_name.startswith("ppm") else 0


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
    with reading(path) as image:
        num_frames, (bits, is_mirrored) = getattr(image, "n_frames", 1), stated_by(image)
    check_num_frames(str(path), num_frames)
    frames = _pages(path, num_frames, fps)
    ahead = list(islice(frames, _PAGES_AHEAD))
    lengths = [frame.length for frame in ahead if frame.length]
    rate = 1 / usual_spacing(lengths) if lengths else DEFAULT_FPS
    height, width = ahead[0].image.shape[:2]
    depth = PixelDepth(
        str(path), ahead[0].image.dtype, lambda: (page.image for page in _pages(path, num_frames, fps)), bits
    )
    shown = (replace(page, picture=depth.rgb(page.image)) for page in chain(ahead, frames))
    size, has_times = (width, height), bool(lengths)
    return VideoStream(
        str(path), shown, fps or rate, num_frames, size, frames.close, has_times, lambda: depth.bits, is_mirrored
    )


@contextmanager
def reading(path: Path) -> Iterator[Image.Image]:
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
    with reading(path) as image:
        for index in range(num_frames):
            image.seek(index)
            pixels = stored_pixels(image)
            size = (pixels.shape[1], pixels.shape[0])
            first_size = first_size or size
            check_same_size(str(path), index, size, first_size)
            length = 1 / fps if fps else image.info.get("duration", 0) / 1000 or None
            yield Frame(index, index / fps if fps else time, pixels, length=length)
            time += length or 1 / DEFAULT_FPS
