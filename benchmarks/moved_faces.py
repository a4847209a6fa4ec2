"""Photographed faces that are moved in full frames, by other fields than the generator that a checkpoint learned from.

Micro-expressions at known times, and what recordings have beside them: a head that sways, blinks, two seconds of talk,
flicker, noise, H.264. Written independently of `training/synthetic`, so that what finds events there is tried on
movements drawn by another hand; the faces' skin is real, their movement is not.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from modeling_aullm.face_alignment import detect_largest_face
from training.scoring.spotting import Event

WIDTH, HEIGHT, FPS = 640, 480, 50
TALK_SECONDS, MARGIN_SECONDS, APART_SECONDS = 2.0, 0.3, 0.4
AMPLITUDES = (0.4, 1.4)  # pixels of a 64-pixel crop, log-uniform
# A place that moves: anchor; offset, outward and down, in eye distances; direction; radius; share.
Place = tuple[str, tuple[float, float], tuple[float, float], float, float]
PLACES: dict[str, tuple[Place, ...]] = {
    "AU1": (("eye", (-0.22, -0.38), (-0.1, -1), 0.17, 1), ("eye", (-0.2, -0.6), (0, -1), 0.2, 0.5)),
    "AU2": (("eye", (0.22, -0.36), (0.05, -1), 0.2, 1), ("eye", (0.22, -0.55), (0, -1), 0.2, 0.5)),
    "AU4": (("eye", (-0.2, -0.34), (-0.5, 0.9), 0.18, 1), ("eye", (0.02, -0.36), (-0.2, 0.8), 0.18, 0.6)),
    "AU5": (("eye", (0, -0.1), (0, -1), 0.12, 1),),
    "AU6": (("eye", (0.08, 0.32), (-0.1, -1), 0.22, 1), ("eye", (0.32, 0.06), (-1, -0.1), 0.12, 0.5)),
    "AU7": (("eye", (0, 0.11), (0, -1), 0.13, 1),),
    "AU9": (
        ("nose", (0.13, -0.1), (-0.1, -1), 0.13, 1), ("nose", (0.1, -0.3), (0, -1), 0.13, 0.7),
        ("eye", (-0.25, -0.3), (-0.2, 1), 0.15, 0.4),
    ),
    "AU10": (("mouth", (0.17, -0.1), (0.1, -1), 0.13, 1), ("nose", (0.25, 0.12), (0, -1), 0.13, 0.5)),
    "AU12": (("corner", (0, 0), (0.75, -0.65), 0.17, 1), ("corner", (0.15, -0.35), (0.4, -0.9), 0.2, 0.5)),
    "AU14": (("corner", (0, 0), (1, 0), 0.12, 1), ("corner", (0.2, 0), (-0.8, 0), 0.12, 0.5)),
    "AU15": (("corner", (0, 0.02), (0.1, 1), 0.16, 1), ("corner", (0.02, 0.25), (0.1, 1), 0.15, 0.4)),
    "AU17": (("chin", (0, -0.1), (0, -1), 0.22, 1), ("mouth", (0, 0.12), (0, -1), 0.18, 0.6)),
}  # fmt: skip
SHOWN = (
    "AU1 AU2", "AU4", "AU6 AU12", "AU12", "AU14", "AU15 AU17", "AU9 AU10", "AU4 AU7", "AU1 AU4", "AU1 AU2 AU5", "AU17",
    "AU10", "AU2", "AU7", "AU6", "AU9", "AU15", "AU5", "AU1", "AU12 AU14",
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A photograph in the middle of a frame, grey float32, and its face's five points in pixels."""

    picture: np.ndarray
    points: np.ndarray

    @property
    def eyes_apart(self) -> float:
        """Pixels."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))


def read_photographs(folder: str) -> list[np.ndarray]:
    """The pictures of a folder by name, RGB uint8; files that are none are passed over.

    Raises:
        argparse.ArgumentTypeError: If there is no picture, or one without a face.
    """
    pictures = []
    for path in sorted(Path(folder).glob("*")):
        read = cv2.imread(str(path))
        if read is None:
            continue
        pictures.append(cv2.cvtColor(read, cv2.COLOR_BGR2RGB))
        if detect_largest_face(pictures[-1]) is None:
            raise argparse.ArgumentTypeError(f"no face was found in {path}; leave it out")
    if not pictures:
        raise argparse.ArgumentTypeError(f"{folder} is no folder with pictures; name one, with one face in each")
    return pictures


def place(photograph: np.ndarray, face_width: int) -> Scene:
    """Put a photograph into a frame.

    Args:
        photograph: RGB uint8 with one face.
        face_width: Pixels of the face's box.

    Raises:
        ValueError: If no face is found.
    """
    face = detect_largest_face(photograph)
    if face is None:
        raise ValueError("no face was found in a photograph")
    scale = face_width / face.box[2]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grey = cv2.cvtColor(cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=way), cv2.COLOR_RGB2GRAY)
    points = face.landmarks * scale
    shift = np.array((WIDTH, HEIGHT)) / 2 - points.mean(axis=0)
    to_frame = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    picture = cv2.warpAffine(grey.astype(np.float32), to_frame, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    return Scene(picture, points + shift)


def draw_recording(
    scene: Scene, seed: int, *, events: int, seconds: float, noise: float, fps: int = FPS
) -> tuple[np.ndarray, list[Event]]:
    """Move a face.

    Args:
        scene: The face.
        seed: Of everything.
        events: Micro-expressions in it.
        seconds: Length.
        noise: Grey levels of the sensor's.
        fps: Frames a second.

    Returns:
        Frames, (num_frames, HEIGHT, WIDTH) uint8, and the events.
    """
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * fps)) / fps
    begin = rng.uniform(0.5, seconds - TALK_SECONDS - 0.6)
    truth, moved = _expressions(rng, scene, times, (begin, begin + TALK_SECONDS), events)
    moved += _talk(rng, scene, times, begin)
    closed = np.zeros(len(times))
    at = rng.uniform(0.5, 3)
    while at < seconds - 0.5:
        closed = np.maximum(closed, bump(times, at, at + 0.1, at + 0.28))
        at += rng.uniform(1.5, 4.5)
    sway = [slow_course(rng, times) * size for size in (0.1 * scene.eyes_apart, 0.08 * scene.eyes_apart, 0.03, 0.015)]
    light = 1 + 0.015 * np.sin(2 * np.pi * rng.uniform(1, 8) * times) + 0.03 * slow_course(rng, times)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    frames = np.empty((len(times), HEIGHT, WIDTH), np.uint8)
    for number in range(len(times)):
        fields = [course[number] * field for course, field in moved if abs(course[number]) > 1e-4]
        skin: Any = np.sum(fields, axis=0, dtype=np.float32) if fields else np.zeros((2, HEIGHT, WIDTH), np.float32)
        map_x, map_y = head_map(scene, [float(course[number]) for course in sway], x, y)
        map_x, map_y = (
            (mapped - cv2.remap(shift, map_x, map_y, cv2.INTER_LINEAR)).astype(np.float32)
            for mapped, shift in zip((map_x, map_y), skin, strict=True)
        )
        picture = blink(scene, float(closed[number]), x, y)
        seen = cv2.remap(picture, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT) * light[number]
        frames[number] = np.clip(np.rint(seen + rng.normal(0, noise, seen.shape)), 0, 255)
    return frames, truth


def _expressions(
    rng: np.random.Generator, scene: Scene, times: np.ndarray, talk: tuple[float, float], number: int
) -> tuple[list[Event], list[tuple[np.ndarray, np.ndarray]]]:
    truth: list[Event] = []
    moved = []
    pixel = scene.eyes_apart / (0.36 * 64)  # of a 64-pixel crop, in those of the frame
    for _ in range(500):
        if len(truth) == number:
            break
        length = rng.uniform(0.25, 0.5)
        onset = rng.uniform(0.6, times[-1] - MARGIN_SECONDS - length)
        offset, apex = onset + length, onset + length * rng.uniform(0.35, 0.6)
        talks = onset < talk[1] + MARGIN_SECONDS and offset > talk[0] - MARGIN_SECONDS
        if talks or any(onset < e.offset + APART_SECONDS and offset > e.onset - APART_SECONDS for e in truth):
            continue
        units = str(rng.choice(SHOWN)).split()
        amplitude = float(np.exp(rng.uniform(*np.log(AMPLITUDES)))) * pixel
        for unit in units:
            field = unit_field(rng, scene, PLACES[unit]) * np.float32(amplitude * rng.uniform(0.8, 1.2))
            moved.append((bump(times, onset, apex, offset), field))
        truth.append(Event(onset, apex, offset, frozenset(units)))
    return sorted(truth, key=lambda event: event.onset), moved


def unit_field(rng: np.random.Generator, scene: Scene, places: Sequence[Place]) -> np.ndarray:
    """Displacement of a unit, its longest vector one, (2, HEIGHT, WIDTH) float32.

    Args:
        rng: Of its scatter.
        scene: The face.
        places: The unit's.
    """
    right_eye, left_eye, nose, right_corner, left_corner = scene.points
    apart = scene.eyes_apart
    across = (left_eye - right_eye) / apart
    down = np.array([-across[1], across[0]])
    mouth = (right_corner + left_corner) / 2
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    field = np.zeros((2, HEIGHT, WIDTH), np.float32)
    for anchor, offset, direction, radius, share in places:
        for side, eye, corner in ((-1, right_eye, right_corner), (1, left_eye, left_corner)):
            anchors = {"eye": eye, "corner": corner, "nose": nose, "mouth": mouth, "chin": mouth + down * 0.62 * apart}
            at = anchors[anchor] + (across * side * offset[0] + down * offset[1] + rng.normal(0, 0.02, 2)) * apart
            spread = radius * apart * np.exp(rng.normal(0, 0.12))
            weight = share * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 2 / spread**2)
            angle = rng.normal(0, 0.12)
            towards = across * side * direction[0] + down * direction[1]
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            field += weight * (turn @ towards).astype(np.float32)[:, None, None]
    return field / np.sqrt((field**2).sum(axis=0)).max()


def _talk(
    rng: np.random.Generator, scene: Scene, times: np.ndarray, begin: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A jaw that opens and closes, and lips that widen and narrow."""
    mouth, apart = scene.points[3:].mean(axis=0), scene.eyes_apart
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    jaw = np.exp(-(((x - mouth[0]) / (0.45 * apart)) ** 2 + ((y - mouth[1] - 0.35 * apart) / (0.4 * apart)) ** 2))
    jaw = jaw / (1 + np.exp(-np.clip((y - mouth[1]) / (0.03 * apart), -30, 30)))
    lips = np.exp(-(((x - mouth[0]) / (0.35 * apart)) ** 2 + ((y - mouth[1]) / (0.25 * apart)) ** 2))
    opened, at = np.zeros(len(times)), begin
    while at < begin + TALK_SECONDS:
        length = rng.uniform(0.15, 0.3)
        opened += rng.uniform(0.3, 1) * np.exp(-0.5 * ((times - at - length / 2) / (0.28 * length)) ** 2)
        at += length * rng.uniform(0.8, 1.4)
    widened = np.where((times > begin) & (times < begin + TALK_SECONDS), slow_course(rng, times, 4.0), 0)
    wide = lips * (x - mouth[0]) / (0.4 * apart)
    return [
        (opened * 0.09 * apart, np.stack([0 * jaw, jaw]).astype(np.float32)),
        (widened * 0.03 * apart, np.stack([wide, 0 * wide]).astype(np.float32)),
    ]


def head_map(scene: Scene, sway: list[float], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of a frame lies in the photograph.

    Args:
        scene: The face.
        sway: Of the head: right and down in pixels, turn in radians, growth as a share.
        x: Columns of the frame's pixels, (HEIGHT, WIDTH).
        y: Their rows.
    """
    right, down, turn, nearer = sway
    middle = scene.points.mean(axis=0)
    from_x, from_y = x - middle[0] - right, y - middle[1] - down
    cosine, sine, scale = np.cos(turn), np.sin(turn), 1 + nearer
    map_x = (cosine * from_x + sine * from_y) / scale + middle[0]
    map_y = (cosine * from_y - sine * from_x) / scale + middle[1]
    return map_x.astype(np.float32), map_y.astype(np.float32)


def blink(scene: Scene, closed: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The photograph with the skin above the eyes drawn over them.

    Args:
        scene: The face.
        closed: From 0 to 1.
        x: Columns of the frame's pixels, (HEIGHT, WIDTH).
        y: Their rows.
    """
    picture, apart = scene.picture, scene.eyes_apart
    if closed <= 0.01:
        return picture
    half, height = 0.21 * apart, 0.085 * apart
    skin = cv2.remap(picture, x, (y - 2.2 * height).astype(np.float32), cv2.INTER_LINEAR)
    for eye in scene.points[:2]:
        opening = np.sqrt(np.maximum(1 - ((x - eye[0]) / half) ** 2, 0))
        lid = np.minimum(eye[1] - height + 2 * closed * height, eye[1] + height * opening)
        covered = (opening > 0) & (y > eye[1] - 1.1 * height * opening) & (y < lid)
        share = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), 1.0)
        picture = picture * (1 - share) + skin * share
    return picture


def bump(times: np.ndarray, begin: float, peak: float, end: float) -> np.ndarray:
    """A course from 0 at `begin` to 1 at `peak` and back at `end`, smooth; all in seconds."""
    share = np.minimum(np.clip((times - begin) / (peak - begin), 0, 1), np.clip((end - times) / (end - peak), 0, 1))
    return share * share * (3 - 2 * share)


def slow_course(rng: np.random.Generator, times: np.ndarray, most: float = 0.25) -> np.ndarray:
    """A wandering course within about -1 to 1; `most` is its highest frequency."""
    waves = [
        share * np.sin(2 * np.pi * rng.uniform(0.03, most) * times + rng.uniform(0, 2 * np.pi))
        for share in (1.0, 0.5, 0.3)
    ]
    return np.sum(waves, axis=0) / 1.5


def encode(path: Path, frames: Iterable[np.ndarray], crf: int, fps: int = FPS) -> None:
    """Write grey frames as H.264.

    Args:
        path: New MP4 file.
        frames: (HEIGHT, WIDTH) uint8 each.
        crf: Quality.
        fps: Frames a second.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = HEIGHT, WIDTH
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="gray").reformat(format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
