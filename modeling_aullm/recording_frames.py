"""A few stretches of a recording, spread over it, and what the recording check needs of each of their frames.

Own choice: ten seconds at most, in three stretches, for pumping and flicker take a second or two to be seen and a
recording may change on the way.
"""

import os
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.codec.codec import Codec, Properties
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from .face_alignment import alignment_transform, detect_largest_face, to_grey
from .frame_folder import list_frames
from .image_file import is_image_file
from .pixel_depth import PixelDepth
from .stream_quantiser import (
    EXPORT,
    IN_HEADERS,
    Encoder,
    encoder_of,
    header_quantisers,
    jpeg_step,
    picture_quantiser,
    quantiser_step,
)
from .video_file import DEEP, as_shown, brightness, display_matrix, is_deep, square_size, upright
from .video_packets import Packets, reason
from .video_reading import VideoSource, open_video
from .video_stream import DEFAULT_FPS, MAX_PIXELS, Frame, VideoError, check_num_frames

STRETCHES, MOST_SECONDS, MOST_FRAMES = 3, 10.0, 180  # of all stretches together
CUT = 20.0  # grey levels of mean change from one frame to the next: more is a cut
FACE_TRIES = (0, 8, 16)  # frames of a stretch in which a face is looked for until one is found
BANDS, GLANCE = 24, 64  # bands of rows whose brightness is followed; longer side of a small picture
CROP_SIDE = 64  # pixels of the model's crop, as the papers have it
_COLOURLESS = 3  # grey levels that red, green and blue are apart in a picture without colour: of rounding


@dataclass(frozen=True)
class Stretch:
    """Some frames that follow one another.

    Attributes:
        times: (num_frames,) seconds.
        size: Width and height as shown.
        face: (frames up to a cut, height, width) uint8, brightness inside the face's box; None where none was found.
        crop_scale: Pixels of the model's crop for one of the recording's; None where no face was found.
        bands: (frames up to a cut, BANDS) mean brightness of bands of rows, from top to bottom.
        glances: (num_frames, height, width) float32, the whole picture, at most `GLANCE` pixels long.
        copied: (num_frames - 1,) whether a picture is the one before, bit for bit.
        is_grey: Whether there is no colour in it.
        quantisers: Of the face, one a picture or slice, as the codec counts them; empty where nothing tells.
        steps: The same in grey levels, see `stream_quantiser`.
        encoder: What made the stream, as far as its first picture tells.
    """

    times: np.ndarray
    size: tuple[int, int]
    face: np.ndarray | None
    crop_scale: float | None
    bands: np.ndarray
    glances: np.ndarray
    copied: np.ndarray
    is_grey: bool
    quantisers: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    encoder: Encoder = field(default_factory=Encoder)


@dataclass(frozen=True)
class RecordingFrames:
    """A recording as far as the check reads it.

    Attributes:
        container: FFmpeg's name; `images` for a folder or a file of several, `array` for pictures in memory.
        codec: FFmpeg's name; None where there is none.
        is_intra: Whether each picture is coded by itself.
        size: Width and height as shown.
        fps: Frames a second; None if unknown.
        times: Seconds at each frame of the whole recording, (num_frames,); None where the source tells none.
        stretches: What was decoded.
    """

    container: str
    codec: str | None
    is_intra: bool
    size: tuple[int, int]
    fps: float | None
    times: np.ndarray | None
    stretches: list[Stretch]


def read_recording(source: VideoSource, fps: float | None, *, is_cropped: bool) -> RecordingFrames:
    """Read some stretches of a recording.

    Args:
        source: See `video_reading.open_video`.
        fps: Frames a second instead of the source's own.
        is_cropped: Whether the whole frame is a face.

    Raises:
        VideoError: If it cannot be used.
    """
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if path is not None and path.is_file() and not is_image_file(path):
        return _read_file(path, fps, is_cropped)
    with open_video(source, fps) as stream:
        wanted = _stretches(stream.num_frames or 0, stream.fps or DEFAULT_FPS)
        collectors = [_Collector(is_cropped) for _ in wanted]
        for frame in stream:
            for part, collector in zip(wanted, collectors, strict=True):
                if frame.index in part:
                    collector.take(frame)
    steps = _jpeg_steps(path) if path is not None and path.is_dir() else ()
    return RecordingFrames(
        "array" if path is None else "images",
        "jpeg" if steps else None,
        True,
        (stream.width, stream.height),
        stream.fps,
        np.arange(stream.num_frames or 0) / stream.fps if stream.has_times and stream.fps else None,
        [replace(collector.stretch(), steps=steps) for collector in collectors],
    )


def _jpeg_steps(folder: Path) -> tuple[float, ...]:
    contents = (path.read_bytes() for path in list_frames(folder)[:STRETCHES])
    return tuple(step for step in map(jpeg_step, contents) if step is not None)


def _stretches(num_frames: int, fps: float) -> list[range]:
    """The frames of each stretch; of a short recording all, in one."""
    most = min(MOST_FRAMES, int(MOST_SECONDS * fps))
    if num_frames <= most:
        return [range(num_frames)]
    starts = np.linspace(0, num_frames - most // STRETCHES, STRETCHES).astype(int)
    return [range(start, start + most // STRETCHES) for start in starts]


def _read_file(path: Path, fps: float | None, is_cropped: bool) -> RecordingFrames:
    packets = Packets(path)
    with packets.container as container:
        stream, rate = packets.stream, fps or packets.rate
        codec: Any = Codec(stream.codec_context.name, "r").properties
        try:
            times = packets.all_times()
            parts = _stretches(len(times), rate or DEFAULT_FPS)
            found = [_read_stretch(path, float(times[part.start]), len(part), is_cropped) for part in parts if part]
        except av.FFmpegError as error:
            raise VideoError(f"{path}: cannot be decoded ({reason(error)})") from error
        stretches = [stretch for stretch in found if stretch is not None]
        check_num_frames(str(path), max((len(stretch.times) for stretch in stretches), default=0))
        return RecordingFrames(
            container.format.name.split(",")[0],
            stream.codec.canonical_name,
            bool(codec & Properties.INTRA_ONLY.value),
            stretches[0].size,
            rate,
            times if packets.has_times and fps is None else None,
            stretches,
        )


def _read_stretch(path: Path, start: float, num_frames: int, is_cropped: bool) -> Stretch | None:
    """Decode from the last key frame before a time on; None if there is nothing."""
    packets, collector = Packets(path), _Collector(is_cropped)
    quantisers: list[float] = []
    coded: list[Packet] = []
    first: VideoFrame | None = None
    matrix = np.eye(2)
    with packets.container:
        stream = packets.stream
        codec = stream.codec.canonical_name
        stream.thread_type, stream.thread_count = "FRAME", 2  # with slices, FFmpeg tells of damage no more
        stream.codec_context.options = EXPORT | {"max_pixels": str(MAX_PIXELS)}
        with closing(packets.decode_from(start)) as decoded:
            while collector.num_frames < num_frames and (found := next(decoded, None)):
                coded += [found[0]] if found[0].size else []
                for picture in found[1]:
                    if first is None:
                        first, matrix = picture, display_matrix(picture)
                    collector.take(_frame(picture, packets, _depth(path, first), matrix))
                    if codec in IN_HEADERS:
                        continue
                    if codec != "h264" or picture.key_frame:  # in others skipped blocks only repeat their neighbour's
                        quantisers += picture_quantiser(picture, _stored_box(collector.box, picture, matrix))
        if codec in IN_HEADERS:
            quantisers = header_quantisers(stream, coded)
    if first is None:
        return None
    jpeg = jpeg_step(bytes(coded[0])) if codec == "mjpeg" else None
    steps = [float(quantiser_step(codec, quantiser)) for quantiser in quantisers] if jpeg is None else [jpeg]
    encoder = encoder_of(first) if start == 0 else Encoder()
    return replace(collector.stretch(), quantisers=tuple(quantisers), steps=tuple(steps), encoder=encoder)


class _Collector:
    """Takes the frames of a stretch, and of each keeps what is needed."""

    def __init__(self, is_cropped: bool) -> None:
        self.num_frames = 0
        self.box: tuple[int, int, int, int] | None = None  # left, top, right, bottom in pixels as shown
        self._is_cropped = is_cropped
        self._is_grey = self._is_cut = False
        self._crop_scale: float | None = None
        self._last = np.zeros((0, 0), np.uint8)
        self._times: list[float] = []
        self._faces: list[np.ndarray] = []  # whole pictures until a face is found
        self._bands: list[np.ndarray] = []
        self._glances: list[np.ndarray] = []
        self._copied: list[bool] = []

    def take(self, frame: Frame) -> None:
        """Take the next frame."""
        if self.num_frames == 0 or (self.box is None and self.num_frames in FACE_TRIES):
            self._look(frame)
        luma = np.ascontiguousarray(frame.luma)
        scale = GLANCE / max(luma.shape)
        size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
        glance = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._times:
            self._is_cut |= np.abs(glance - self._glances[-1]).mean() > CUT
            self._copied.append(np.array_equal(glance, self._glances[-1]) and np.array_equal(luma, self._last))
        self._last = luma
        self._times.append(frame.time)
        self._glances.append(glance)
        rows = cv2.reduce(luma, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
        rows = np.repeat(rows, -(-BANDS // len(rows)), axis=0)  # a picture may have fewer rows than bands
        if not self._is_cut:
            self._bands.append(np.array([part.mean() for part in np.array_split(rows, BANDS)]))
        if not self._is_cut and (self.box is not None or self.num_frames <= FACE_TRIES[-1]):
            self._faces.append(self._inside(luma))
        self.num_frames += 1

    def stretch(self) -> Stretch:
        """What was taken."""
        return Stretch(
            np.array(self._times),
            self._last.shape[::-1],
            None if self.box is None else np.stack(self._faces),
            self._crop_scale,
            np.stack(self._bands),
            np.stack(self._glances),
            np.array(self._copied, bool),
            self._is_grey,
        )

    def _look(self, frame: Frame) -> None:
        image = frame.image
        height, width = image.shape[:2]
        some = image[::4, ::4].astype(np.int16)
        apart = np.ptp(some, axis=-1) if image.ndim == 3 else np.zeros(1)
        self._is_grey = bool(np.percentile(apart, 99) <= _COLOURLESS)
        face = None if self._is_cropped else detect_largest_face(image)
        if self._is_cropped:
            self.box = (0, 0, width, height)
            self._crop_scale = CROP_SIDE / width
        elif face is not None:
            x, y, w, h = face.box
            self._crop_scale = float(np.linalg.norm(alignment_transform(face.landmarks, CROP_SIDE)[0, :2]))
            self.box = max(0, round(x)), max(0, round(y)), min(width, round(x + w)), min(height, round(y + h))
            self._faces = [self._inside(picture) for picture in self._faces]

    def _inside(self, luma: np.ndarray) -> np.ndarray:
        if self.box is None:
            return luma
        left, top, right, bottom = self.box
        return luma[top:bottom, left:right].copy()


def _depth(path: Path, picture: VideoFrame) -> PixelDepth:
    """The depth of a stretch, by its first picture."""
    dtype, stated = (np.uint16, None) if is_deep(picture) else (np.uint8, None)
    return PixelDepth(str(path), np.dtype(dtype), lambda: [picture.to_ndarray(format=DEEP)], stated)


def _frame(picture: VideoFrame, packets: Packets, depth: PixelDepth, matrix: np.ndarray) -> Frame:
    """A decoded picture, upright and in square pixels, as `video_file` has them."""
    size = square_size(picture, packets.stream)
    shown = partial(upright, picture, VideoReformatter(), size, depth, matrix)
    is_plain = size == (picture.width, picture.height) and not is_deep(picture)
    grey = partial(brightness, picture, matrix) if is_plain else lambda: to_grey(shown())
    return Frame(0, picture.time if picture.pts is not None else 0.0, shown, brightness=grey)


def _stored_box(
    box: tuple[int, int, int, int] | None, picture: VideoFrame, matrix: np.ndarray
) -> tuple[int, int, int, int]:
    """A box of the picture as shown in the pixels that are stored; all of the picture for None."""
    if box is None:
        return 0, 0, picture.width, picture.height
    unit = 8  # pixels: blocks are no smaller
    rows, columns = np.mgrid[0 : picture.height : unit, 0 : picture.width : unit]
    shown = as_shown(np.stack([columns, rows], axis=-1), matrix)
    left, top, right, bottom = (side // unit for side in box)
    inside = shown[top : bottom + 1, left : right + 1].reshape(-1, 2)
    (x, y), (x2, y2) = inside.min(axis=0), inside.max(axis=0) + unit
    return int(x), int(y), int(x2), int(y2)
