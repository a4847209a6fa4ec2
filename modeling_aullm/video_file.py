"""Video files, by PyAV (FFmpeg): one picture at a time, upright, in square pixels, with its own time."""

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream as ContainerStream

from .container_end import check_end, check_index
from .frame_times import FrameClock
from .pixel_depth import PixelDepth
from .video_packets import Packets, reason
from .video_stream import DEFAULT_FPS, MAX_PIXELS, Frame, VideoError, VideoStream, check_same_size, check_size

_SQUARE_TOLERANCE = 0.02  # own choice: pixels so nearly square do not change a face, and resizing costs sharpness
DEEP = "rgb48le"
_LUMA_FIRST = ("yuv", "nv", "gray")  # formats whose first plane is the picture in grey


def open_video_file(path: Path, fps: float | None) -> VideoStream:
    """Open a video file; the first picture is decoded at once, so that an unusable file fails here.

    Frames come in square pixels: where the file's are not, pictures are widened, or heightened, never made smaller
    (bilinearly, all alike, so that what moves in them moves alike). Faces are searched and aligned by their shape.

    Args:
        path: An existing file.
        fps: Frames a second to count time by, instead of the frames' own times.

    Raises:
        VideoError: If the file is no video, holds no picture, is cut off or has absurd sizes.
    """
    packets = Packets(path)
    rate = fps or packets.rate
    pictures = _pictures(path, packets)
    first = next(pictures, None)
    if first is None:
        raise VideoError(f"{path}: no frame could be decoded; is the file complete?")
    duration = packets.container.duration
    num_frames = packets.stream.frames or (round(duration / av.time_base * rate) if duration and rate else None)
    width, height = square_size(first, packets.stream)
    height, width = as_shown(np.broadcast_to(0, (height, width)), display_matrix(first)).shape
    dtype, stated = (np.uint16, None) if is_deep(first) else (np.uint8, first.format.components[0].bits)
    depth = PixelDepth(str(path), np.dtype(dtype), lambda: _stored(path), stated)
    frames = _frames(chain([first], pictures), packets, fps, depth)
    size, close, has_times = (width, height), pictures.close, rate is not None
    return VideoStream(
        str(path), frames, rate, num_frames, size, close, has_times, lambda: depth.bits, _is_mirrored(first)
    )


def count_file_frames(path: Path) -> int:
    """Number of frames that decoding gives; containers' own counts are unreliable.

    Raises:
        VideoError: If the file cannot be decoded to its end.
    """
    return sum(1 for _ in _pictures(path, Packets(path)))


def _pictures(path: Path, packets: Packets) -> Generator[VideoFrame]:
    """Decode the pictures of a file in the order shown, checking that none is missing or broken; then close it."""
    with packets.container:
        stream = packets.stream
        check_index(path, stream)
        stream.thread_count = 1  # with several, FFmpeg's H.264 decoder tells of most damage no more
        # A frame's own header may claim another size than the file's: refused before so much is allocated.
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        num_decoded, end, size = 0, 0.0, None
        try:
            for picture in packets.decode():
                if picture.is_corrupt:
                    raise VideoError(f"{path}: damaged or cut off at frame {num_decoded}; cut the video before it")
                if size is None:
                    size = (picture.width, picture.height)
                    check_size(str(path), *size)
                    check_size(str(path), *square_size(picture, stream))
                check_same_size(str(path), num_decoded, (picture.width, picture.height), size)
                num_decoded += 1
                end = picture.time + (_length(picture) or 0.0) if picture.pts is not None else end
                yield picture
        except av.FFmpegError as error:
            raise VideoError(f"{path}: cannot be decoded from frame {num_decoded} on ({reason(error)})") from error
        check_end(path, packets.container, stream, num_decoded, end)


def _frames(pictures: Iterable[VideoFrame], packets: Packets, fps: float | None, depth: PixelDepth) -> Generator[Frame]:
    rate = fps or packets.rate or DEFAULT_FPS
    is_counted = fps is not None or not packets.has_times
    clock = FrameClock(1 / rate, is_counted, packets.is_joinable)
    reformatter = VideoReformatter()  # one for all pictures: to set one up costs as much as to convert
    rotation, matrix = None, np.eye(2)
    for index, picture in enumerate(pictures):
        stated = picture.time if picture.pts is not None and packets.has_times else None
        time, starts_anew = clock.place(stated, _length(picture))
        if picture.rotation != rotation:
            rotation, matrix = picture.rotation, display_matrix(picture)
        shown = partial(upright, picture, reformatter, square_size(picture, packets.stream), depth, matrix)
        length = 1 / rate if is_counted else _length(picture)
        grey = None if is_deep(picture) else partial(brightness, picture, matrix)
        yield Frame(index, time, shown, starts_anew, length, grey)


def is_deep(picture: VideoFrame) -> bool:
    """Whether values of fewer bits may stand in it: a format of 10, 12 or 14 bits says so itself."""
    return picture.format.components[0].bits == 16 and not picture.format.name.startswith("yuv")


def _stored(path: Path) -> Iterator[np.ndarray]:
    for picture in _pictures(path, Packets(path)):
        yield picture.to_ndarray(format=DEEP)


def _length(picture: VideoFrame) -> float | None:
    """Seconds that a picture is shown, None if the file does not say."""
    return float(picture.duration * picture.time_base) if picture.duration and picture.time_base else None


def square_size(picture: VideoFrame, stream: ContainerStream) -> tuple[int, int]:
    """Width and height in square pixels."""
    ratio = float(stream.sample_aspect_ratio or 1)
    if ratio <= 0 or abs(ratio - 1) <= _SQUARE_TOLERANCE:
        return picture.width, picture.height
    if ratio > 1:
        return round(picture.width * ratio), picture.height
    return picture.width, round(picture.height / ratio)


def upright(
    picture: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int], depth: PixelDepth, matrix: np.ndarray
) -> np.ndarray:
    """RGB pixels of a size, turned as the container says (phones record lying on their side)."""
    image = reformatter.reformat(picture, *size, format=DEEP if is_deep(picture) else "rgb24").to_ndarray()
    return np.ascontiguousarray(as_shown(depth.rgb(image), matrix))


def brightness(picture: VideoFrame, matrix: np.ndarray) -> np.ndarray:
    """Grey pixels, upright: the decoder's own plane of luma where there is one, which costs nothing."""
    if not picture.format.name.startswith(_LUMA_FIRST) or picture.format.components[0].bits != 8:
        image = picture.to_ndarray(format="gray")
    else:
        plane: Any = picture.planes[0]
        image = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: picture.height, : picture.width]
    return as_shown(image, matrix)


def as_shown(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Pixels turned and mirrored as a `display_matrix` says."""
    right, down = matrix
    if abs(right[1]) > abs(right[0]):  # a step to the right leads down, or up
        image, right, down = np.swapaxes(image, 0, 1), down, right
    return image[:: -1 if down[1] < 0 else 1, :: -1 if right[0] < 0 else 1]


def _is_mirrored(picture: VideoFrame) -> bool:
    (right_x, right_y), (down_x, down_y) = np.sign(display_matrix(picture)).tolist()
    return right_x * down_y < right_y * down_x


def display_matrix(picture: VideoFrame) -> np.ndarray:
    """Where a step to the right leads, and one down, (2, 2): `picture.rotation` knows no mirror.

    For one picture of many: a picture whose side data were asked for refers to itself, so it stays in memory until
    Python next collects garbage, a thousand pictures later.
    """
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    return np.eye(2, dtype=int) if matrix is None else np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2, :2]
