"""Videos and faces for the tests: real photographs, and small files written by PyAV."""

import struct
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import matplotlib.cbook
import numpy as np
from PIL import Image
from skimage import data

FPS = 30


@cache
def astronaut() -> np.ndarray:
    """The upper part of the photograph, (300, 300, 3); the face is 88 pixels wide."""
    return np.ascontiguousarray(data.astronaut()[:300, 100:400])


@cache
def hopper() -> np.ndarray:
    """A second person, (300, 256, 3); the face is 90 pixels wide, and 1.3 times that when enlarged."""
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        photo = np.asarray(image.convert("RGB"))
    return cv2.resize(photo, (256, 300), interpolation=cv2.INTER_AREA)


def two_faces(second_scale: float) -> np.ndarray:
    """Both people side by side, the astronaut left."""
    second = cv2.resize(hopper(), None, fx=second_scale, fy=second_scale, interpolation=cv2.INTER_AREA)
    height = max(300, second.shape[0])
    canvas = np.full((height, 300 + second.shape[1], 3), 128, np.uint8)
    canvas[:300, :300] = astronaut()
    canvas[: second.shape[0], 300:] = second
    return canvas


def face_video(num_frames: int = 10) -> np.ndarray:
    """The astronaut, brightening a little, so that frames can be told apart."""
    return np.stack([np.clip(astronaut().astype(int) + 2 * i, 0, 255).astype(np.uint8) for i in range(num_frames)])


def numbered_video(num_frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Flat frames whose grey value tells their number; a white corner at the top left."""
    values = 20 + 10 * (np.arange(num_frames) % 20)
    video = np.repeat(values.astype(np.uint8), height * width * 3).reshape(num_frames, height, width, 3)
    video[:, :16, :16] = 255
    return video


def frame_number(image: np.ndarray) -> int:
    """The number of one of `numbered_video`'s first 20 frames."""
    return round((float(image[20:, 20:].mean()) - 20) / 10)


def write_video(
    path: Path, frames: np.ndarray, codec: str = "h264", pts: list[int] | None = None, faststart: bool = False
) -> Path:
    """Write (num_frames, height, width, 3) frames; `pts` in milliseconds makes the frame rate variable."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if faststart else {}) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"  # ffv1 loses nothing
        if codec == "h264":
            stream.options = {"crf": "8"}
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, image in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts = index if pts is None else pts[index]
            picture.time_base = Fraction(1, FPS if pts is None else 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def turn_video(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write a display matrix into an MP4's track header, as phones do."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def write_folder(folder: Path, frames: np.ndarray, name: str = "img{}.png") -> Path:
    """Write frames as images, the first as number 1."""
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(frames):
        Image.fromarray(image).save(folder / name.format(index + 1))
    return folder
