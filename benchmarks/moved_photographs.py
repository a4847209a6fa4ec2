"""Photographs of faces moved by known amounts, put through a codec, and how much of the movement is left.

Six patches of a face move at once, each in a direction of its own: over the brows, on the cheeks, at the corners of the
mouth. One amplitude follows the other, in a random order, each twice, with rest in between. What is left of one is the
flow along the true directions against that of the photograph moved without any codec.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import cv2
import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from modeling_aullm.face_alignment import detect_largest_face

AMPLITUDES = (0.07, 0.1, 0.15, 0.22, 0.33, 0.5, 0.75, 1.1, 1.6, 2.4)  # pixels
LEAD, RISE, HOLD, REST = 45, 4, 11, 10  # frames; a codec refines its first pictures for a while
FPS = 50
FLOW: dict[str, Any] = {
    "pyr_scale": 0.5, "levels": 2, "winsize": 21, "iterations": 3, "poly_n": 7, "poly_sigma": 1.5, "flags": 0,
}  # fmt: skip
TRIED = np.exp(np.linspace(np.log(0.03), np.log(6), 120))  # pixels: thresholds tried in the fit


@dataclass(frozen=True)
class Movement:
    """One amplitude, shown for a while: pixels, frame where it begins, the face moved by it, radians of each patch."""

    amplitude: float
    start: int
    moved: np.ndarray
    directions: np.ndarray


@dataclass(frozen=True)
class Scene:
    """Grey frames (num_frames, height, width) uint8, the same at rest, the movements, and each patch's weights."""

    frames: list[np.ndarray]
    rest: np.ndarray
    movements: list[Movement]
    patches: list[np.ndarray]


def make_scene(photograph: np.ndarray, size: tuple[int, int], face_width: int, noise: float, seed: int) -> Scene:
    """Draw a recording of a photograph whose face moves.

    Args:
        photograph: RGB with one face, uint8.
        size: Width and height of the frames.
        face_width: Pixels of the face's box.
        noise: Of the sensor, grey levels.
        seed: Of order, directions and noise.
    """
    rng = np.random.default_rng(seed)
    picture, landmarks = _framed(photograph, size, face_width)
    spline = spline_filter(picture.astype(float), 3)
    y, x = np.mgrid[: size[1], : size[0]].astype(float)
    patches = [
        np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 2 / (0.085 * face_width) ** 2)
        for at in _places(landmarks, face_width)
    ]
    directions = [rng.uniform(0, 2 * np.pi, len(patches)) for _ in AMPLITUDES]

    def moved(number: int, amount: float) -> np.ndarray:
        right = sum(amount * np.cos(angle) * patch for angle, patch in zip(directions[number], patches, strict=True))
        down = sum(amount * np.sin(angle) * patch for angle, patch in zip(directions[number], patches, strict=True))
        return map_coordinates(spline, [y - down, x - right], order=3, prefilter=False, mode="nearest")

    order = np.concatenate([rng.permutation(len(AMPLITUDES)) for _ in range(2)])
    shares = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, RISE + 1) / RISE)
    risen = {number: [moved(number, AMPLITUDES[number] * share) for share in shares] for number in set(order.tolist())}
    clean, movements = [picture] * LEAD, []
    for number in order.tolist():
        rise = risen[number]
        movements.append(Movement(AMPLITUDES[number], len(clean), rise[-1], directions[number]))
        clean += [*rise, *[rise[-1]] * HOLD, *rise[-2::-1], *[picture] * (REST + 1)]
    return Scene([_noisy(each, noise, rng) for each in clean], _grey(picture), movements, patches)


def _framed(photograph: np.ndarray, size: tuple[int, int], face_width: int) -> tuple[np.ndarray, np.ndarray]:
    """The photograph, grey, scaled and put into the middle of a soft background; and the face's five points."""
    face = detect_largest_face(photograph)
    if face is None:
        raise ValueError("no face was found in a photograph")
    scale = face_width / face.box[2]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    grey = cv2.cvtColor(cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=way), cv2.COLOR_RGB2GRAY)
    width, height = min(size[0], grey.shape[1]), min(size[1], grey.shape[0])
    middle = np.array((face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2)) * scale
    left = int(np.clip(middle[0] - width / 2, 0, grey.shape[1] - width))
    top = int(np.clip(middle[1] - height / 2, 0, grey.shape[0] - height))
    coarse = np.random.default_rng(0).uniform(60, 180, (size[1] // 60 + 1, size[0] // 60 + 1)).astype(np.float32)
    frame = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    right, down = (size[0] - width) // 2, (size[1] - height) // 2
    frame[down : down + height, right : right + width] = grey[top : top + height, left : left + width]
    return frame, face.landmarks * scale + (right - left, down - top)


def _places(landmarks: np.ndarray, face_width: float) -> list[np.ndarray]:
    right_eye, left_eye, _, right_mouth, left_mouth = landmarks
    up, aside = np.array((0, -0.22 * face_width)), np.array((0.05 * face_width, 0))
    cheeks = (right_eye + right_mouth) / 2 - aside, (left_eye + left_mouth) / 2 + aside
    return [right_eye + up, left_eye + up, *cheeks, right_mouth, left_mouth]


def _noisy(picture: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """A little soft, as a camera's own processing leaves it."""
    if not noise:
        return _grey(picture)
    grain = cv2.GaussianBlur(rng.standard_normal(picture.shape, np.float32), (0, 0), 0.45)
    return _grey(picture + grain * (noise / grain.std()))


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def encode(frames: Sequence[np.ndarray], codec: str, options: dict[str, str], container: str) -> bytes:
    """Grey frames as a video file, at 50 frames a second.

    Args:
        frames: (height, width) uint8 each.
        codec: FFmpeg's name of the encoder.
        options: Of the encoder.
        container: FFmpeg's name.
    """
    file = BytesIO()
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=FPS, options=options)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = pixels
        stream.bit_rate = int(options.get("b:v", 0))
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="gray").reformat(format=pixels)
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return file.getvalue()


def decode(content: bytes) -> list[np.ndarray]:
    """The brightness of each frame, (height, width) uint8, full range."""
    with av.open(BytesIO(content), "r") as file:
        return [picture.to_ndarray(format="gray") for picture in file.decode(video=0)]


def flows_left(decoded: Sequence[np.ndarray], scene: Scene) -> np.ndarray:
    """What is left of each patch's movement.

    Returns:
        (movements * patches, 2): pixels of the movement, and of what is left of it along its direction.
    """
    found = []
    for movement in scene.movements:
        before = _mean(decoded[movement.start - 8 : movement.start])
        held = decoded[movement.start + RISE + 3 : movement.start + RISE + HOLD]
        left = _flow(before, _mean(held))
        whole = _flow(_mean([scene.rest]), _mean([movement.moved]))
        for angle, patch in zip(movement.directions, scene.patches, strict=True):
            along = (np.cos(angle), np.sin(angle))
            of_left, of_whole = ((flow @ along)[patch > 0.5].mean() for flow in (left, whole))
            found.append((movement.amplitude, movement.amplitude * of_left / max(of_whole, 0.3 * movement.amplitude)))
    return np.array(found)


def _mean(frames: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(frames).astype(np.float32).mean(axis=0)


def _flow(first: np.ndarray, other: np.ndarray) -> np.ndarray:
    return cv2.calcOpticalFlowFarneback(first, other, None, **FLOW)  # type: ignore[call-overload]


def visible_movement(flows: np.ndarray) -> float:
    """Pixels of which half is left: the middle of a smooth threshold fitted to all patches, robust to single ones.

    Args:
        flows: See `flows_left`.
    """
    true, left = flows[:, :1], flows[:, 1:]
    certainty = 1 / (0.04**2 + (0.25 * true) ** 2)
    errors = [
        (certainty * np.minimum((left - true * most / (1 + (TRIED / true) ** 2.5)) ** 2, 4 / certainty)).sum(axis=0)
        for most in (0.8, 0.9, 1.0)
    ]
    return float(TRIED[np.argmin(np.min(errors, axis=0))])


def share_left(flows: np.ndarray, amplitude: float) -> float:
    """Share of a movement of this many pixels that is left: between the amplitudes measured, in proportion."""
    known = np.unique(flows[:, 0])
    shares = [flows[flows[:, 0] == value, 1].mean() / value for value in known]
    return float(np.interp(np.log(amplitude), np.log(known), shares))
