"""How coarsely a codec has quantised a video, as far as its stream tells.

What is compared between codecs is the step in grey levels of an orthonormal transform, to which each counts in a way of
its own: H.264 and HEVC double it every 6 (ISO/IEC 14496-10, 8.5.8), VP8, VP9 and AV1 look it up (RFC 6386, 14.1; VP9
and AV1 bitstream specifications, `ac_qlookup`, here by its corners, 2 % off at most), MPEG's family has twice its own,
JPEG writes down a table.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as ContainerStream
from PIL import Image

EXPORT = {"export_side_data": "venc_params"}  # a decoder's option: quantisers come with each picture
IN_HEADERS = ("hevc", "av1", "vp8")  # of these no decoder of FFmpeg exports them

_VP9_AC = np.array(
    [(0, 4), (1, 8), (95, 102), (120, 152), (150, 255), (176, 408), (198, 615), (219, 915), (238, 1317), (255, 1828)]
)
_VP8_AC = np.array([(0, 4), (54, 58), (83, 116), (102, 173), (116, 229), (127, 284)])
_WEIGHING = 3  # x264's subme: its presets up to `veryfast` have less
_LOW_FREQUENCIES = 16  # of a JPEG table: what moves by less than a pixel changes these
_HEADER = re.compile(r"\b(\w*init_qp_minus26|slice_qp_delta|base_q_?i(?:n)?de?x)\b.*= (-?\d+)$")
_H264, _MPEG = 1, 2  # AVVideoEncParamsType
_STEPS_A_BIT = 6  # a picture of 10 bits has 12 more, for values four times as large
_logging = threading.Lock()  # FFmpeg's level of logging is one for the process


def quantiser_step(codec: str, quantiser: np.ndarray | float) -> np.ndarray:
    """Grey levels from one step of the quantiser to the next.

    Args:
        codec: FFmpeg's name of the decoder.
        quantiser: As the codec counts it.
    """
    quantiser = np.asarray(quantiser, float)
    if codec in ("h264", "hevc"):
        return 2 ** ((quantiser - 4) / 6)
    if codec in ("vp9", "av1"):
        return np.interp(quantiser, *_VP9_AC.T) / 8
    if codec == "vp8":
        return np.interp(quantiser, *_VP8_AC.T) / 2
    return 2 * quantiser


def picture_quantiser(picture: VideoFrame, box: tuple[int, int, int, int]) -> list[float]:
    """Mean quantiser of the blocks of one decoded picture whose middle lies in a box, as the codec counts it.

    Args:
        picture: Decoded with `EXPORT`.
        box: Left, top, right and bottom in stored pixels, before any turning.

    Returns:
        One value; none where the decoder does not tell.
    """
    data: Any = picture.side_data.get("VIDEO_ENC_PARAMS")
    if data is None:
        return []
    content = bytes(data)  # AVVideoEncParams: count, offset and size of blocks, kind, the picture's own quantiser
    count = int(np.frombuffer(content, np.uint32, 1)[0])
    offset, size = (int(value) for value in np.frombuffer(content, np.uint64, 2, 8))
    kind, base = (int(value) for value in np.frombuffer(content, np.int32, 2, 24))
    base -= _STEPS_A_BIT * (picture.format.components[0].bits - 8) if kind == _H264 else 0
    if not count:
        return [float(base)]
    blocks = np.frombuffer(content, np.uint8, count * size, offset).reshape(count, size)[:, :20].copy().view(np.int32)
    x, y = blocks[:, 0] + blocks[:, 2] / 2, blocks[:, 1] + blocks[:, 3] / 2
    inside = (box[0] <= x) & (x < box[2]) & (box[1] <= y) & (y < box[3])
    quantiser = base + float(blocks[inside if inside.any() else slice(None), 4].mean())
    return [quantiser / 2 if kind == _MPEG else quantiser]  # FFmpeg tells twice MPEG's own


@dataclass(frozen=True)
class Encoder:
    """What an encoder says of itself in the stream, as x264 and x265 do; by default of one that says nothing.

    Attributes:
        is_hurried: Whether it decides without weighing bits against loss.
        looks_ahead: Whether it quantises more finely, block by block, what later pictures refer to: the quantiser in
            the headers is coarser than that of blocks at rest.
    """

    is_hurried: bool = True
    looks_ahead: bool = False


def encoder_of(picture: VideoFrame) -> Encoder:
    """What the encoder says with a picture."""
    message: Any = picture.side_data.get("SEI_UNREGISTERED")
    words = bytes(message) if message is not None else b""
    effort = re.search(rb"subme=(\d+)", words)
    return Encoder(effort is None or int(effort[1]) < _WEIGHING, b" cutree" in words)


def header_quantisers(stream: ContainerStream, packets: Iterable[Packet]) -> list[float]:
    """A quantiser for each slice or picture, as written in the headers of coded pictures: FFmpeg reads them aloud.

    Args:
        stream: The video, of a codec of `IN_HEADERS`.
        packets: Some of its packets, in order.
    """
    with _logging:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.INFO)
        try:
            with av.logging.Capture() as lines:
                reader = BitStreamFilterContext("trace_headers", stream)  # reads the file's own header here
                with suppress(av.FFmpegError):  # what it cannot read, decoders may: it does not know all of VP8
                    for packet in packets:
                        reader.filter(packet)
        finally:
            av.logging.set_level(level)
    return list(_quantisers(line.strip() for _, _, line in lines))


def _quantisers(lines: Iterable[str]) -> Iterator[float]:
    initial = 26
    for line in lines:
        found = _HEADER.search(line)
        if found and found[1].endswith("minus26"):
            initial = 26 + int(found[2])
        elif found:
            yield int(found[2]) + (initial if found[1] == "slice_qp_delta" else 0)


def jpeg_step(content: bytes) -> float | None:
    """Mean step of the low frequencies of a JPEG's grey values; None if it is none.

    Args:
        content: The file, or a packet of Motion JPEG.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            tables: dict[int, list[int]] = getattr(image, "quantization", {})
    except Exception:  # whatever is wrong with it is told where it is decoded
        return None
    return float(np.mean(sorted(tables[0])[:_LOW_FREQUENCIES])) if 0 in tables else None
