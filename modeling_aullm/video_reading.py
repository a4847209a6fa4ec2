"""Video sources to a stream of frames: files, frame folders, arrays and tensors, lists of PIL images."""

import os
import re
from collections.abc import Callable, Generator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from .video_file import count_file_frames, open_video_file
from .video_stream import Frame, VideoError, VideoStream, check_fps, check_num_frames, check_same_size, check_size

__all__ = [
    "DEFAULT_FPS",
    "Frame",
    "VideoError",
    "VideoSource",
    "VideoStream",
    "count_frames",
    "open_video",
    "source_name",
]

VideoSource = str | os.PathLike | np.ndarray | torch.Tensor | Sequence[Image.Image]

DEFAULT_FPS = 30.0  # own choice, for sources that carry no times: frame folders, arrays, lists of images
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def open_video(source: VideoSource, fps: float | None = None) -> VideoStream:
    """Open a video, whatever it is.

    Args:
        source: Path of a video file or of a folder of images, sorted by the numbers in their names; array or tensor
            (num_frames, height, width), (num_frames, height, width, 1 or 3) or (num_frames, 1 or 3, height, width),
            uint8 or float in 0..1, RGB; list of PIL images.
        fps: Frames a second. By default a file's own times hold, and `DEFAULT_FPS` for every other source.

    Raises:
        VideoError: If the source cannot be used; the message says why.
    """
    if fps is not None:
        check_fps(source_name(source), fps)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.exists():
            raise VideoError(f"{path}: no such file or folder")
        return _open_folder(path, fps or DEFAULT_FPS) if path.is_dir() else open_video_file(path, fps)
    if isinstance(source, np.ndarray | torch.Tensor):
        return _open_array(source, fps or DEFAULT_FPS)
    if _is_image_list(source):
        return _open_images(source, fps or DEFAULT_FPS)
    raise VideoError(
        f"{source_name(source)}: a video is a path, an array, a tensor or a list of PIL images, got a "
        f"{type(source).__name__}"
    )


def count_frames(source: VideoSource) -> int:
    """Exact number of frames; a file is decoded for it, since containers' own counts are unreliable.

    Raises:
        VideoError: If the source cannot be used.
    """
    if isinstance(source, str | os.PathLike) and Path(source).is_file():
        return count_file_frames(Path(source))
    with open_video(source) as stream:
        return stream.num_frames or 0


def _is_image_list(source: object) -> bool:
    return isinstance(source, list | tuple) and all(isinstance(item, Image.Image) for item in source)


def source_name(source: object) -> str:
    """What people know a source by: its path, or its kind and size."""
    if isinstance(source, str | os.PathLike):
        return str(source)
    if isinstance(source, np.ndarray | torch.Tensor):
        return f"array {tuple(source.shape)}"
    return f"list of {len(source)} images" if _is_image_list(source) else "video"  # type: ignore[arg-type]


def _stream(name: str, num_frames: int, image_at: Callable[[int], np.ndarray], fps: float) -> VideoStream:
    """Stream of a source whose frames can be had by number; each is checked when its turn comes."""
    check_num_frames(name, num_frames)
    height, width = image_at(0).shape[:2]

    def frames() -> Generator[Frame]:
        for index in range(num_frames):
            image = image_at(index)
            check_same_size(name, index, (image.shape[1], image.shape[0]), (width, height))
            yield Frame(index, index / fps, image)

    iterator = frames()
    return VideoStream(name, iterator, fps, num_frames, (width, height), iterator.close)


def _open_folder(folder: Path, fps: float) -> VideoStream:
    paths = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."),
        key=lambda path: (_frame_number(path), path.name),
    )
    if not paths:
        raise VideoError(f"{folder}: the folder holds no images ({', '.join(IMAGE_SUFFIXES)})")
    for path, following in pairwise(paths):
        if _frame_number(path) == _frame_number(following):
            raise VideoError(f"{folder}: {path.name} and {following.name} carry the same frame number; remove one")
    return _stream(str(folder), len(paths), lambda index: _read_image(paths[index]), fps)


def _frame_number(path: Path) -> tuple[int, ...]:
    """Every number of a name in turn: SAMM's `006_1_2_05562.jpg` is subject, film, clip and frame."""
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", path.stem))
    if not numbers:
        raise VideoError(f"{path}: no frame number in the name; number the images, such as img001.png")
    return numbers


def _read_image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            check_size(str(path), *image.size)
            return _rgb(image)
    except VideoError:
        raise
    except Exception as error:  # whatever a damaged image makes PIL raise: there is no end of kinds
        raise VideoError(f"{path}: cannot be read as an image; remove or replace it") from error


def _rgb(image: Image.Image) -> np.ndarray:
    """Upright RGB pixels of a PIL image, (height, width, 3) uint8."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16-bit grey: PIL's own conversion would clip it at 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=-1)
    return np.asarray(image.convert("RGB"))


def _open_images(images: Sequence[Image.Image], fps: float) -> VideoStream:
    name = source_name(images)
    for image in images:
        check_size(name, *image.size)
    return _stream(name, len(images), lambda index: _rgb(images[index]), fps)


def _open_array(array: np.ndarray | torch.Tensor, fps: float) -> VideoStream:
    name = source_name(array)
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu()
        array = (array.float() if array.is_floating_point() else array).numpy()
    array = _channels_last(name, array)
    check_num_frames(name, len(array))
    check_size(name, array.shape[2], array.shape[1])
    _check_values(name, array)

    def image_at(index: int) -> np.ndarray:
        image = array[index]
        if image.dtype != np.uint8:
            image = np.round(image * 255.0).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))

    return _stream(name, len(array), image_at, fps)


def _channels_last(name: str, array: np.ndarray) -> np.ndarray:
    """View of an array as (num_frames, height, width, 1 or 3)."""
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4 and array.shape[-1] in (1, 3):
        return array
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return np.moveaxis(array, 1, -1)
    raise VideoError(
        f"{name}: shape must be (frames, height, width), (frames, height, width, 1 or 3) or (frames, 1 or 3, height, "
        "width)"
    )


def _check_values(name: str, array: np.ndarray) -> None:
    """Only uint8 and float in 0..1 are unmistakable: a float 0..255 video may be a dark 0..1 one."""
    if array.dtype == np.uint8:
        return
    if not np.issubdtype(array.dtype, np.floating):
        raise VideoError(f"{name}: values of type {array.dtype}; give uint8, or float in 0..1")
    for index, image in enumerate(array):
        low, high = image.min(), image.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            raise VideoError(f"{name}: frame {index} holds NaN or infinite values; replace them")
        if low < 0 or high > 1:
            raise VideoError(f"{name}: frame {index} has values {low:g} to {high:g}; give uint8, or float in 0..1")
