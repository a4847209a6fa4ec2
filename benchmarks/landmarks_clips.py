"""The clips of `benchmarks.landmarks`: whole frames with known units, whose face has to be found first."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import matplotlib.cbook
import numpy as np
from PIL import Image
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation
from skimage.data import astronaut

from modeling_aullm.face_alignment import detect_faces
from modeling_aullm.face_landmarks import FaceLandmarker, five_points
from training.synthetic import draw_face, move_photograph, synthetic_clip
from training.synthetic.emotions import draw_action_units
from training.synthetic.faces import TEMPLATE

FRAMES, FPS = 18, 30.0
ROLL, SCALE, INTENSITY, NOISE = 25.0, (0.8, 1.6), (0.5, 2.0), 1.5
FACE, ROOM = 160, (300, 400)  # pixels: side of a drawn face's crop; height and width of the frame around it


@dataclass(frozen=True)
class KnownClip:
    """A clip and what is known about it.

    Attributes:
        frames: (num_frames, height, width, 3) RGB, uint8.
        action_units: Units shown.
        points: (5, 2) pixels, where the generator took the five points to be.
    """

    frames: np.ndarray
    action_units: list[str]
    points: np.ndarray


def photographs() -> list[np.ndarray]:
    """Eileen Collins and Grace Hopper, each (300, width, 3), face 90 pixels wide."""
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        hopper = np.asarray(image.convert("RGB"))
    return [astronaut()[:300, 100:400], cv2.resize(hopper, (256, 300), interpolation=cv2.INTER_AREA)]


def moved_photographs(count: int, landmarker: FaceLandmarker) -> Iterator[KnownClip]:
    """Photographs turned, scaled and mirrored at random, then moved; clip `i` is drawn from seed `i`.

    The units move from the mean of both detectors' points, so that neither is favoured.
    """
    people = []
    for photo in photographs():
        face = detect_faces(photo)[0]
        mesh = landmarker.find(photo, face.box)
        assert mesh is not None
        people.append((photo, (face.landmarks + five_points(mesh.landmarks)) / 2))
    for index in range(count):
        rng = np.random.default_rng(index)
        photo, points = people[index % len(people)]
        if rng.random() < 0.5:
            photo, points = photo[:, ::-1], (photo.shape[1] - 1 - points[:, 0], points[:, 1])
            points = np.column_stack(points)[[1, 0, 2, 4, 3]]
        scale = rng.uniform(*SCALE)
        matrix = cv2.getRotationMatrix2D(tuple(points.mean(0)), rng.uniform(-ROLL, ROLL), scale)
        size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
        matrix[:, 2] += (scale - 1) * points.mean(0)
        turned = cv2.warpAffine(photo, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        points = points @ matrix[:, :2].T + matrix[:, 2]
        _, units = draw_action_units(rng)
        strength = rng.uniform(*INTENSITY)
        frames = move_photograph(turned, points, units, num_frames=FRAMES, fps=FPS, intensity=strength, seed=index)
        yield KnownClip(noisy(frames, NOISE, rng), units, points)


def drawn_faces(count: int) -> Iterator[KnownClip]:
    """Drawn faces of domain B with all its nuisances, in a room; clip `i` is drawn from seed `i`."""
    for index in range(count):
        rng = np.random.default_rng(index)
        clip = synthetic_clip(rng, draw_face(rng, "B"), "B", size=FACE)
        room = cv2.GaussianBlur(rng.normal(128, 60, ROOM).astype(np.float32), (0, 0), 8)
        grey = np.repeat(np.clip(room, 0, 255).astype(np.uint8)[None], len(clip.frames), axis=0)
        top, left = (ROOM[0] - FACE) // 2, (ROOM[1] - FACE) // 2
        grey[:, top : top + FACE, left : left + FACE] = clip.frames
        points = TEMPLATE * FACE - 0.5 + (left, top)
        yield KnownClip(np.repeat(grey[..., None], 3, axis=-1), clip.action_units, points)


def turned_in_depth(photo: np.ndarray, mesh: np.ndarray, pitch: float, yaw: float) -> np.ndarray:
    """A photograph whose face is turned in depth, by the depth that a mesh gives it; all else is grey.

    Args:
        photo: (height, width, 3) uint8.
        mesh: (478, 3) landmarks of its face.
        pitch: Degrees, positive up.
        yaw: Degrees, positive to the right of the picture.
    """
    rotation = Rotation.from_euler("xyz", (-pitch, -yaw, 0), degrees=True).as_matrix()  # y down, z away
    turned = (mesh - mesh.mean(0)) @ rotation.T + mesh.mean(0)
    triangles = Delaunay(mesh[:, :2]).simplices
    image = np.full_like(photo, 128)
    for corners in triangles[np.argsort(-turned[triangles, 2].mean(1))]:  # the farthest first
        source, target = (points[corners, :2].astype(np.float32) for points in (mesh, turned))
        mask = np.zeros(photo.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, np.rint(target).astype(np.int32), 1)
        x, y, width, height = cv2.boundingRect(np.rint(target).astype(np.int32))
        matrix = cv2.getAffineTransform(source, target - np.array((x, y), np.float32))
        piece = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_LINEAR)
        inside = mask[y : y + height, x : x + width] > 0
        image[y : y + height, x : x + width][inside] = piece[: inside.shape[0], : inside.shape[1]][inside]
    return image


def noisy(frames: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Frames with Gaussian noise in every channel."""
    return np.clip(np.rint(frames + rng.normal(0, deviation, frames.shape)), 0, 255).astype(np.uint8)
