"""Video sources to a stream of frames: files, frame folders, arrays and tensors, lists of images."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from .array_video import Array, is_array, is_frame_array, open_array, open_arrays
from .frame_folder import IMAGE_SUFFIXES, list_frames
from .image_file import is_image_file, open_image_file, read_image, reading, stated_by, stored_pixels
from .numbered_frames import stream_by_number
from .video_file import count_file_frames, open_video_file
from .video_stream import DEFAULT_FPS, Frame, VideoError, VideoStream, check_fps, check_size

__all__ = [
    "DEFAULT_FPS",
    "IMAGE_SUFFIXES",
    "Frame",
    "VideoError",
    "VideoSource",
    "VideoStream",
    "as_batch",
    "count_frames",
    "is_batch",
    "open_video",
    "source_name",
]

VideoSource = str | os.PathLike | Array | Sequence[Image.Image | Array]


def open_video(source: VideoSource, fps: float | None = None) -> VideoStream:
    """Open a video, whatever it is.

    Args:
        source: Path of a video file, a multi-page TIFF or animated WebP among them, or of a folder of images, sorted by
            the numbers in their names (see `list_frames`); array or tensor (num_frames, height, width), (num_frames,
            height, width, 1 or 3) or (num_frames, 1 or 3, height, width), uint8 or float in 0..1, RGB; list of PIL
            images, or of such arrays or tensors of one frame each, all alike.
        fps: Frames a second. By default a file's own times hold, and `DEFAULT_FPS` for every other source.

    Raises:
        VideoError: If the source cannot be used; the message says why.
    """
    if fps is not None:
        check_fps(source_name(source), fps)
    if isinstance(source, str | os.PathLike):
        return _open_path(source, fps)
    if is_array(source):
        return open_array(source, fps)
    if _is_list_of(source, _is_picture):
        return _open_images(source, fps)  # type: ignore[arg-type]
    if _is_list_of(source, is_array) and not is_batch(source):
        return open_arrays(source_name(source), source, fps)  # type: ignore[arg-type]
    raise VideoError(_refusal(source))


def count_frames(source: VideoSource) -> int:
    """Exact number of frames; a file is decoded for it, since containers' own counts are unreliable.

    Raises:
        VideoError: If the source cannot be used.
    """
    if isinstance(source, str | os.PathLike) and Path(source).is_file() and not is_image_file(Path(source)):
        return count_file_frames(Path(source))
    with open_video(source) as stream:
        return stream.num_frames or 0


def is_batch(videos: object) -> bool:
    """Whether these are several videos: a list of anything but the frames of one, or an array of five dimensions.

    A list of PIL images is one video, and so is a list of arrays or tensors (height, width), (height, width, 1 or 3) or
    (1 or 3, height, width).

    Raises:
        VideoError: If a list holds both frames and videos.
    """
    if is_array(videos):
        return videos.ndim == 5
    if not isinstance(videos, list | tuple) or not videos:
        return False
    are_frames = {_is_frame(video) for video in videos}
    if len(are_frames) > 1:
        raise VideoError(f"{source_name(videos)}: holds frames beside videos; give the frames of one video, or videos")
    return not are_frames.pop()


def as_batch(videos: VideoSource | Sequence[VideoSource]) -> list[VideoSource]:
    """The videos as a list, also a single one, see `is_batch`."""
    return list(videos) if is_batch(videos) else [videos]  # type: ignore[arg-type, list-item]


def source_name(source: object) -> str:
    """What people know a source by: its path, or its kind and size."""
    if isinstance(source, str | os.PathLike):
        return str(source)
    if is_array(source):
        return f"array {tuple(source.shape)}"
    if isinstance(source, list | tuple):
        return f"list of {len(source)} images" if all(map(_is_frame, source)) else f"list of {len(source)}"
    return type(source).__name__


def _is_list_of(source: object, is_kind: Callable[[object], bool]) -> bool:
    return isinstance(source, list | tuple) and all(map(is_kind, source))


def _is_picture(item: object) -> bool:
    return isinstance(item, Image.Image)


def _is_frame(item: object) -> bool:
    return _is_picture(item) or (is_array(item) and is_frame_array(item))


def _refusal(source: object) -> str:
    name = source_name(source)
    if isinstance(source, bytes | bytearray | memoryview) or hasattr(source, "read"):
        return f"{name}: a video is not read from memory or an open file; write it to a file and give its path"
    return (
        f"{name}: a video is the path of a file or of a folder of images, an array or tensor, or a list of images; "
        f"got a {type(source).__name__}"
    )


def _open_path(source: str | os.PathLike, fps: float | None) -> VideoStream:
    path = Path(source)
    if path.is_dir():
        paths = list_frames(path)
        with reading(paths[0]) as image:
            stated = stated_by(image)
        return stream_by_number(str(path), len(paths), lambda index: read_image(paths[index]), fps, stated)
    if path.exists():
        return open_image_file(path, fps) if is_image_file(path) else open_video_file(path, fps)
    if "://" in str(source):
        raise VideoError(f"{source}: is a URL; download the video and give the path of the file")
    raise VideoError(f"{path}: no such file or folder")


def _open_images(images: Sequence[Image.Image], fps: float | None) -> VideoStream:
    name = source_name(images)
    for image in images:
        check_size(name, *image.size)
    stated = stated_by(images[0]) if images else (None, False)
    return stream_by_number(name, len(images), lambda index: stored_pixels(images[index]), fps, stated)
