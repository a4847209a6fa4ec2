"""Video files, by PyAV (FFmpeg): one picture at a time, upright, with its own time."""

import os
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream as ContainerStream

from .video_stream import MAX_PIXELS, Frame, VideoError, VideoStream, check_same_size, check_size

# FFmpeg "plays" any text file as a terminal recording.
_TEXT_DEMUXER = "tty"
# A container's length is written to its own clock; a file that ends earlier than this is cut off.
_LENGTH_TOLERANCE_FRAMES, _LENGTH_TOLERANCE_SECONDS = 2, 0.1
_LUMA_FIRST = ("yuv", "nv", "gray")  # formats whose first plane is the picture in grey


def open_video_file(path: Path, fps: float | None) -> VideoStream:
    """Open a video file; the first picture is decoded at once, so that an unusable file fails here.

    Args:
        path: An existing file.
        fps: Frames a second to count time by, instead of the container's own times.

    Raises:
        VideoError: If the file is no video, holds no picture, is cut off or has absurd sizes.
    """
    container = _open(path)
    frames = _frames(path, container, fps)
    first = next(frames, None)
    if first is None:
        raise VideoError(f"{path}: no frame could be decoded; is the file complete?")
    stream = _video_stream(path, container)
    rate = stream.average_rate or stream.guessed_rate
    container_fps = float(rate) if rate else None
    num_frames = stream.frames or _estimate_num_frames(container, container_fps)
    height, width = first.image.shape[:2]
    return VideoStream(
        str(path), _prepend(first, frames), fps or container_fps, num_frames, (width, height), frames.close
    )


def count_file_frames(path: Path) -> int:
    """Number of frames that decoding gives; containers' own counts are unreliable.

    Raises:
        VideoError: If the file cannot be decoded to its end.
    """
    return sum(1 for _ in _pictures(path, _open(path)))


def _open(path: Path) -> InputContainer:
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty")
    try:
        # Absolute: a name with a colon would be taken for a protocol. Tags may be in any encoding, or damaged.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except av.FFmpegError as error:
        raise VideoError(f"{path}: is not a video, or is cut off or damaged ({_reason(error)})") from error
    if container.format.name == _TEXT_DEMUXER:
        container.close()
        raise VideoError(f"{path}: is a text file, not a video")
    return container


def _video_stream(path: Path, container: InputContainer) -> ContainerStream:
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise VideoError(f"{path}: has no video stream (sound only?)")
    if streams[0].codec_context is None:
        raise VideoError(f"{path}: its video is of a kind that FFmpeg does not know, or the file is damaged")
    check_size(str(path), streams[0].codec_context.width, streams[0].codec_context.height)
    return streams[0]


def _decode(container: InputContainer, stream: ContainerStream) -> Generator[VideoFrame]:
    # PyAV's own `decode` loses a little memory for each file that is not read to its end: it has to be closed.
    packets: Any = container.demux(stream)
    with closing(packets):
        for packet in packets:
            yield from packet.decode()


def _pictures(path: Path, container: InputContainer) -> Iterator[VideoFrame]:
    """Decode the pictures of a file in the order shown, checking that none is missing or broken; then close it."""
    with container:
        stream = _video_stream(path, container)
        _check_index(path, stream)
        stream.thread_type = "SLICE"  # with threads for whole frames damage is now and then not told
        # A frame's own header may claim another size than the file's: refused before so much is allocated.
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        num_decoded, end, size = 0, 0.0, None
        try:
            for picture in _decode(container, stream):
                if picture.is_corrupt:
                    raise VideoError(f"{path}: damaged or cut off at frame {num_decoded}; cut the video before it")
                if size is None:
                    size = (picture.width, picture.height)
                    check_size(str(path), *size)
                check_same_size(str(path), num_decoded, (picture.width, picture.height), size)
                num_decoded, end = num_decoded + 1, picture.time if picture.pts is not None else end
                yield picture
        except av.FFmpegError as error:
            raise VideoError(f"{path}: cannot be decoded from frame {num_decoded} on ({_reason(error)})") from error
        _check_length(path, container, stream, num_decoded, end)


def _check_index(path: Path, stream: ContainerStream) -> None:
    """MP4 and MOV say where each frame lies: FFmpeg silently ends at the first one that is not there."""
    size = os.path.getsize(path)
    missing = [i for i, entry in enumerate(stream.index_entries) if entry.pos + entry.size > size]
    if stream.frames and missing:
        raise VideoError(f"{path}: cut off at frame {missing[0]} of {stream.frames}; copy or download it again")


def _check_length(path: Path, container: InputContainer, stream: ContainerStream, num_decoded: int, end: float) -> None:
    """Matroska and WebM only say how long the video is."""
    length = _length(container, stream)
    frame_length = float(1 / stream.average_rate) if stream.average_rate else 0.0
    tolerance = max(_LENGTH_TOLERANCE_SECONDS, (1 + _LENGTH_TOLERANCE_FRAMES) * frame_length)
    if length is not None and end < length - tolerance:
        raise VideoError(f"{path}: cut off at frame {num_decoded}, {end:.2f} s of {length:.2f} s; copy it again")


def _length(container: InputContainer, stream: ContainerStream) -> float | None:
    """Seconds of video by the header, None where it does not say (a sound track may be longer)."""
    tag = re.fullmatch(r"(\d{1,9}):(\d{1,9}):(\d{1,9}\.\d+)", stream.metadata.get("DURATION", ""), re.ASCII)
    if tag is not None:
        return 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3])
    alone = len(container.streams) == 1
    return container.duration / av.time_base if container.duration and alone else None


def _estimate_num_frames(container: InputContainer, fps: float | None) -> int | None:
    return round(container.duration / av.time_base * fps) if container.duration and fps else None


def _frames(path: Path, container: InputContainer, fps: float | None) -> Generator[Frame]:
    start: float | None = None
    reformatter = VideoReformatter()  # one for all pictures: to set one up costs as much as to convert
    for index, picture in enumerate(_pictures(path, container)):
        if fps is None and picture.pts is not None:
            start = picture.time if start is None else start
            time = picture.time - start
        else:
            time = index / (fps or 30.0)
        yield Frame(index, time, partial(_upright, picture, reformatter), partial(_brightness, picture))


def _upright(picture: VideoFrame, reformatter: VideoReformatter) -> np.ndarray:
    """RGB pixels, turned as the container says (phones record lying on their side)."""
    image = reformatter.reformat(picture, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(image, round(picture.rotation / 90)))


def _brightness(picture: VideoFrame) -> np.ndarray:
    """Grey pixels, upright: the decoder's own plane of luma where there is one, which costs nothing."""
    if not picture.format.name.startswith(_LUMA_FIRST) or picture.format.components[0].bits != 8:
        image = picture.to_ndarray(format="gray")
    else:
        plane = picture.planes[0]
        image = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: picture.height, : picture.width]
    return np.rot90(image, round(picture.rotation / 90))


def _prepend(first: Frame, frames: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from frames


def _reason(error: av.FFmpegError) -> str:
    return str(error.strerror).lower()
