"""How far `head_angles` of five points is off, for `benchmarks.landmarks`."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.landmarks_clips import photographs, turned_in_depth
from modeling_aullm.face_alignment import detect_largest_face
from modeling_aullm.face_landmarks import FaceLandmarker
from modeling_aullm.head_pose import EYE, MOUTH, NOSE, HeadAngles, head_angles

HEADS, LARGEST = 2000, (20.0, 30.0, 30.0)  # degrees of pitch, yaw and roll
SCATTER, DISTANCE = 0.3, 60.0  # centimetres: people's points about the generic face, and detected ones about true ones
IN_PLANE, IN_DEPTH = range(-40, 41, 10), ((0, 0), (15, 0), (-15, 0), (0, 15), (0, -15), (0, 25), (0, -25))


def angles(landmarker: FaceLandmarker) -> dict[str, Any]:
    """Errors in degrees: median and 95 % of absolute ones of pitch, yaw and roll.

    Returns:
        Of made-up heads, seen in perspective, whose points scatter; of MTCNN's points and the mesh on photographs
        turned in the plane, and in depth (by the mesh's own depth). There the truth is the known turn, added to what
        the mesh says of the photograph as it is.
    """
    cases = {"photographs_turned_in_plane": _in_plane(landmarker), "photographs_turned_in_depth": _in_depth(landmarker)}
    table: dict[str, Any] = {"projected_heads": {"mtcnn": _summary(_projected())}}
    for name, pairs in cases.items():
        rows: dict[str, list] = {"mtcnn": [], "mesh": []}
        for image, truth in pairs:
            face = detect_largest_face(image)
            mesh = None if face is None else landmarker.find(image, face.box)
            if face is None or mesh is None:
                continue
            rows["mtcnn"].append(_vector(head_angles(face.landmarks)) - truth)
            rows["mesh"].append(_vector(mesh.angles) - truth)
        table[name] = {way: _summary(np.array(errors)) for way, errors in rows.items()}
    return table


def _projected() -> np.ndarray:
    """Errors on the generic face's points, scattered, turned and projected, (HEADS, 3)."""
    rng = np.random.default_rng(0)
    generic = np.array([EYE * (-1, 1, 1), EYE, NOSE, MOUTH * (-1, 1, 1), MOUTH])
    errors = []
    for _ in range(HEADS):
        truth = rng.uniform(-1, 1, 3) * LARGEST
        rotation = Rotation.from_euler("xyz", truth * (-1, 1, -1), degrees=True).as_matrix()
        points = (generic + rng.normal(0, SCATTER, (5, 3))) @ rotation.T
        seen = points[:, :2] * DISTANCE / (DISTANCE - points[:, 2:]) + rng.normal(0, SCATTER, (5, 2))
        errors.append(_vector(head_angles(seen * (1, -1))) - truth)
    return np.array(errors)


def _in_plane(landmarker: FaceLandmarker) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for photo, upright, landmarks in _upright(landmarker):
        for turn in IN_PLANE:
            centre = tuple(float(value) for value in landmarks[:, :2].mean(0))
            matrix = cv2.getRotationMatrix2D(centre, -turn, 1)  # OpenCV turns the other way
            size = (photo.shape[1], photo.shape[0])
            yield cv2.warpAffine(photo, matrix, size, borderMode=cv2.BORDER_REFLECT), upright + np.array((0, 0, turn))


def _in_depth(landmarker: FaceLandmarker) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for photo, upright, landmarks in _upright(landmarker):
        for pitch, yaw in IN_DEPTH:
            yield turned_in_depth(photo, landmarks, pitch, yaw), upright + np.array((pitch, yaw, 0))


def _upright(landmarker: FaceLandmarker) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Photographs and their mirror images, with the mesh's angles and landmarks."""
    for photo in photographs():
        for image in (photo, np.ascontiguousarray(photo[:, ::-1])):
            face = detect_largest_face(image)
            assert face is not None
            mesh = landmarker.find(image, face.box)
            assert mesh is not None
            yield image, _vector(mesh.angles), mesh.landmarks


def _vector(found: HeadAngles) -> np.ndarray:
    return np.array([found.pitch, found.yaw, found.roll])


def _summary(errors: np.ndarray) -> dict[str, dict[str, float]]:
    rows = zip(("pitch", "yaw", "roll"), np.abs(errors).T, strict=True)
    return {name: {"median": float(np.median(own)), "p95": float(np.percentile(own, 95))} for name, own in rows}
