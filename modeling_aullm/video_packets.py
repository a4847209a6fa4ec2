"""A video file's packets, by PyAV (FFmpeg), the first ones looked at before any is decoded."""

from collections import deque
from collections.abc import Generator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as ContainerStream

from .frame_times import measure_rate
from .video_stream import DEFAULT_FPS, VideoError, check_size

# FFmpeg "plays" any text file as a terminal recording.
_TEXT_DEMUXER = "tty"
# HLS and lists of files to join, DASH: opened, one of a live stream is waited for without end.
_PLAYLISTS, _PLAYLIST_HEAD = (b"#EXTM3U", b"ffconcat"), 1024
_PACKETS_AHEAD = 64  # own choice: two seconds of a webcam show how far its frames are apart


class Packets:
    """The packets of a file's video; whoever made it closes `container`.

    Args:
        path: An existing file.

    Attributes:
        container: The open file.
        stream: Its video.
        rate: Frames a second by the packets' times; by the stream's own timing where the file has no times, as raw
            H.264; None if neither is there.

    Raises:
        VideoError: If the file cannot be opened, or holds no video.
    """

    def __init__(self, path: Path) -> None:
        self.container = _open(path)
        self.stream = stream = _video_stream(path, self.container)
        # PyAV's own `decode` loses a little memory for each file that is not read to its end: it has to be closed.
        self._demuxed: Any = self.container.demux(stream)
        self._error: av.FFmpegError | None = None
        self._ahead: deque[Packet] = deque()
        try:
            self._ahead.extend(islice(self._demuxed, _PACKETS_AHEAD))
        except av.FFmpegError as error:  # told at its place
            self._error = error
        if self.has_times:
            rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
            self.rate = measure_rate(list(self._ahead), rates)
        else:
            framerate = stream.codec_context.framerate
            self.rate = float(framerate) if framerate else None

    @property
    def has_times(self) -> bool:
        """Whether the kind of file carries times; FFmpeg makes some up, of 25 frames a second, where it does not."""
        return not self.container.format.flags & Flags.no_timestamps.value  # type: ignore[operator]

    @property
    def is_joinable(self) -> bool:
        """Whether the clock of this kind of file may be set anew, as where transport streams are joined."""
        return bool(self.container.format.flags & Flags.ts_discont.value)  # type: ignore[operator]

    def decode(self) -> Generator[VideoFrame]:
        """Decode all, once."""
        with closing(self._demuxed):
            while self._ahead:
                yield from self._ahead.popleft().decode()
            if self._error is not None:
                raise self._error
            for packet in self._demuxed:
                yield from packet.decode()

    def all_times(self) -> np.ndarray:
        """Seconds since the first frame at each frame of the file, (num_frames,); once, instead of decoding.

        Of a kind of file without times they are counted by its rate.
        """
        entries = self.stream.index_entries
        if self.has_times and self.stream.frames == len(entries) > 0:  # MP4 and MOV: nothing has to be read for it
            stamps = [entry.timestamp for entry in entries]
            return (np.sort(np.array(stamps)) - min(stamps)) * float(self.stream.time_base or 1)
        stamps, number = [], 0
        with closing(self._demuxed):
            for packet in chain(self._ahead, self._demuxed):
                number += bool(packet.size)
                stamps += [packet.pts] if packet.size and packet.pts is not None else []
        self._ahead.clear()
        if not self.has_times or len(stamps) < number:
            return np.arange(number) / (self.rate or DEFAULT_FPS)
        return (np.sort(np.array(stamps)) - min(stamps, default=0)) * float(self.stream.time_base or 1)

    def decode_from(self, seconds: float) -> Generator[tuple[Packet, list[VideoFrame]]]:
        """Decode from the last key frame before a time on, once, instead of `decode`.

        Args:
            seconds: Since the first frame.

        Yields:
            Each packet, and the pictures that its decoding gave.
        """
        demuxed: Any = chain(self._ahead, self._demuxed)
        with closing(self._demuxed):
            if seconds > 0:
                start = (self.stream.start_time or 0) + int(seconds / (self.stream.time_base or 1))
                self.container.seek(start, stream=self.stream)
                demuxed = self._demuxed = self.container.demux(self.stream)
            for packet in demuxed:
                yield packet, packet.decode()


def _open(path: Path) -> InputContainer:
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty")
    with path.open("rb") as file:
        start = file.read(_PLAYLIST_HEAD)
    if start.startswith(_PLAYLISTS) or b"<MPD" in start:
        raise VideoError(f"{path}: is a list of other files or a live stream, not a video; give a video file")
    try:
        # Absolute: a name with a colon would be taken for a protocol. Tags may be in any encoding, or damaged.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except av.FFmpegError as error:
        raise VideoError(f"{path}: is not a video, or is cut off or damaged ({reason(error)})") from error
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


def reason(error: av.FFmpegError) -> str:
    """What FFmpeg says of an error."""
    return str(error.strerror).lower()
