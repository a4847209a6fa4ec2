"""Whether a file reaches as far as its own container says: FFmpeg takes the end of a file for the end of the video."""

import os
import re
import struct
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.format import Flags
from av.video.stream import VideoStream as ContainerStream

from .video_stream import VideoError

# A container's length is written to its own clock; a file that ends earlier than this is cut off.
_LENGTH_TOLERANCE_FRAMES, _LENGTH_TOLERANCE_SECONDS = 2, 0.1

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067  # Matroska's ids, of the header and of all the rest
_RIFF_SIZES_UNSET = (0, 0xFFFFFFFF)  # a recording that was never finished


def is_whole(path: Path) -> bool | None:
    """Compare a file's size with what Matroska, WebM, AVI and GIF say about it.

    Args:
        path: An existing file.

    Returns:
        None where the container does not say, as a recording that was sent live.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(6)
        if start in (b"GIF87a", b"GIF89a"):
            file.seek(max(0, size - 64))  # some writers leave a few bytes behind it
            return b"\0;" in file.read()  # GIF89a, 27: the trailer, after the end of a block
        if start[:4] == b"RIFF":
            end = _riff_end(file, size)
        elif start[:4] == _EBML.to_bytes(4, "big"):
            end = _matroska_end(file)
        else:
            return None
    return None if end is None else end <= size


def _riff_end(file: BinaryIO, size: int) -> int | None:
    """AVI: one RIFF chunk, or several of them, each of up to a gigabyte (OpenDML)."""
    end = position = 0
    while position < size:
        file.seek(position)
        header = file.read(8)
        if header[:4] != b"RIFF":
            break
        length = struct.unpack("<I", header[4:])[0] if len(header) == 8 else 0
        if length in _RIFF_SIZES_UNSET:
            return None
        end = position + 8 + length
        position = end + length % 2
    return end


def _matroska_end(file: BinaryIO) -> int | None:
    """Where the segment ends (RFC 8794); it follows the header."""
    file.seek(4)
    length = _vint(file)
    if length is None:
        return None
    file.seek(length, 1)
    if file.read(4) != _SEGMENT.to_bytes(4, "big"):
        return None
    length = _vint(file)
    return None if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """A size of variable length: as many leading zero bits as further bytes; all ones is 'unknown'."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    num_more = 8 - first[0].bit_length()
    more = file.read(num_more)
    mask = (1 << 7 * (num_more + 1)) - 1
    value = int.from_bytes(first + more, "big") & mask
    return None if len(more) < num_more or value == mask else value


def check_index(path: Path, stream: ContainerStream) -> None:
    """MP4 and MOV say where each frame lies: FFmpeg silently ends at the first one that is not there.

    Raises:
        VideoError: If a frame lies beyond the file's end.
    """
    size = os.path.getsize(path)
    missing = [i for i, entry in enumerate(stream.index_entries) if entry.pos + entry.size > size]
    if stream.frames and missing:
        raise VideoError(f"{path}: cut off at frame {missing[0]} of {stream.frames}; copy or download it again")


def check_end(path: Path, container: InputContainer, stream: ContainerStream, num_decoded: int, end: float) -> None:
    """Check a file that was decoded to its end, by its size or, where its kind says nothing of that, by its length.

    Args:
        path: The file.
        container: The file, open.
        stream: Its video.
        num_decoded: Number of frames found.
        end: Seconds, when the last one ends.

    Raises:
        VideoError: If the file was cut off.
    """
    whole = is_whole(path)
    if whole is False:
        raise VideoError(f"{path}: cut off at frame {num_decoded}; copy or download it again")
    is_joinable = container.format.flags & Flags.ts_discont.value  # type: ignore[operator]
    if whole or is_joinable:  # of joined streams nobody says how long they are
        return
    length = _stated_length(container, stream)
    frame_length = float(1 / stream.average_rate) if stream.average_rate else 0.0
    tolerance = max(_LENGTH_TOLERANCE_SECONDS, (1 + _LENGTH_TOLERANCE_FRAMES) * frame_length)
    if length is not None and end < length - tolerance:
        raise VideoError(f"{path}: cut off at frame {num_decoded}, {end:.2f} s of {length:.2f} s; copy it again")


def _stated_length(container: InputContainer, stream: ContainerStream) -> float | None:
    """Seconds of video by the header, None where it does not say (a sound track may be longer)."""
    tag = re.fullmatch(r"(\d{1,9}):(\d{1,9}):(\d{1,9}\.\d+)", stream.metadata.get("DURATION", ""), re.ASCII)
    if tag is not None:
        return 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3])
    alone = len(container.streams) == 1
    return container.duration / av.time_base if container.duration and alone else None
