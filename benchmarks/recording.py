"""A made-up long recording: drawn people before a 640x480 camera, by default of 200 frames a second, as H.264."""

import math
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from PIL import Image

from benchmarks.preparation import HEIGHT, WIDTH, person

FPS = 200
PEOPLE, SECONDS_EACH = 2, 2  # drawn and encoded once; a longer recording shows them over and over


def write_recording(path: Path, seconds: float, fps: int = FPS) -> int:
    """Write a recording of at least this length.

    Args:
        path: New MP4 file.
        seconds: Rounded up to whole turns of all people.
        fps: Frames a second of the camera.

    Returns:
        Number of frames.
    """
    turn = path.with_name(f"turn-{path.name}")
    _encode_turn(turn, fps)
    repeats = math.ceil(seconds / (PEOPLE * SECONDS_EACH))
    _repeat(turn, path, repeats)
    turn.unlink()
    return repeats * PEOPLE * SECONDS_EACH * fps


def _encode_turn(path: Path, fps: int) -> None:
    images = [image for index in range(PEOPLE) for image in person(index, SECONDS_EACH * fps)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=fps, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, content in enumerate(images):
            picture = av.VideoFrame.from_ndarray(np.asarray(Image.open(BytesIO(content))), format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _repeat(turn: Path, path: Path, repeats: int) -> None:
    """The packets of a file over and over, without encoding them anew: each turn begins with a key frame."""
    with av.open(str(turn)) as source, av.open(str(path), "w") as target:
        template = source.streams.video[0]
        stream = target.add_stream_from_template(template)
        length = round(PEOPLE * SECONDS_EACH / (template.time_base or 1))
        for number in range(repeats):
            source.seek(0)
            for packet in source.demux(template):
                if packet.pts is None or packet.dts is None:  # the empty one that ends a stream
                    continue
                packet.pts, packet.dts, packet.stream = (
                    packet.pts + length * number,
                    packet.dts + length * number,
                    stream,
                )
                target.mux(packet)
