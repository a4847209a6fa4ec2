"""Frames of strangers: read in bounded memory, with errors that name the file."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from modeling_aullm.video_stream import VideoError, check_size

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_BYTES = 64 << 20  # of a file; a frame of 1080p without compression has six megabytes


class FrameError(ValueError):
    """A frame cannot be read; the message names it, and says why."""


def read_bytes(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        FrameError: If there is none, or it is too large.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FrameError(f"{path.name} has {size:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise FrameError(f"{path.name}: {error.strerror or error}") from error


def decode(content: bytes, name: str) -> np.ndarray:
    """An image's pixels.

    Returns:
        (height, width, 3) uint8 RGB, upright.

    Raises:
        FrameError: If it is no image, cut off, or of an absurd size.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as file:
            check_size(name, *file.size)
            image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I"):  # 16-bit grey: PIL's own conversion would clip it at 255
                return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=-1)
            return np.asarray(image.convert("RGB"))
    except VideoError as error:
        raise FrameError(str(error)) from error
    except Image.DecompressionBombError as error:
        raise FrameError(f"{name}: {error}") from error
    except Exception as error:  # whatever a damaged image makes PIL raise: there is no end of kinds
        raise FrameError(f"{name} is no readable image") from error
