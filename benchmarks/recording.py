"""A made-up long recording, as H.264: a drawn face before a 640x480 camera (`moved_faces`).

It sways, blinks, talks and shows an expression now and then.
"""

import math
from io import BytesIO
from itertools import chain
from pathlib import Path

import av
import numpy as np
from PIL import Image

from benchmarks.moved_faces import draw_recording, encode, place
from benchmarks.preparation import person

FPS = 200
FACE_WIDTH, NOISE, QUALITY, SEED = 190, 1.5, 20, 7
TURN_SECONDS = 60.0  # shows two expressions; a longer recording shows it over and over


def write_recording(path: Path, seconds: float, fps: int = FPS, turn_seconds: float = TURN_SECONDS) -> int:
    """Write a recording of at least this length.

    Args:
        path: New MP4 file.
        seconds: Rounded up to whole turns.
        fps: Frames a second of the camera.
        turn_seconds: Of a turn: half of it is drawn, with one expression, and shown forwards, then backwards, so that
            the next one begins as this one ends.

    Returns:
        Number of frames.
    """
    turn = path.with_name(f"turn-{path.name}")
    scene = place(np.asarray(Image.open(BytesIO(person(0, 1)[0]))), FACE_WIDTH)
    frames, _ = draw_recording(scene, SEED, events=1, seconds=turn_seconds / 2, noise=NOISE, fps=fps)
    encode(turn, chain(frames, frames[::-1]), QUALITY, fps)
    repeats = math.ceil(seconds / turn_seconds)
    _repeat(turn, path, repeats, 2 * len(frames) / fps)
    turn.unlink()
    return repeats * 2 * len(frames)


def _repeat(turn: Path, path: Path, repeats: int, seconds: float) -> None:
    """The packets of a file over and over, without encoding them anew: each turn begins with a key frame."""
    with av.open(str(turn)) as source, av.open(str(path), "w") as target:
        template = source.streams.video[0]
        stream = target.add_stream_from_template(template)
        length = round(seconds / (template.time_base or 1))
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
