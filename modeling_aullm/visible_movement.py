"""The smallest movement of a face's skin that a recording can show, estimated from the recording itself.

A codec that predicts each picture from others sends nothing where the difference is small against its quantiser's step:
below a threshold a movement is not weakened, it is gone. The threshold grows with the step and falls with the face's
detail, since the same movement changes a detailed face more. Sensor noise that comes through the codec carries smaller
movements with it; an encoder in a hurry gives up on differences that a careful one still sends.

    movement = GIVES_UP[codec] (step / detail)^0.71 (1 + 100 noise / step)^-0.67

Own choice of the form; `benchmarks/visible_movement.py` fits the constants to photographs moved by known amounts, and
`docs/recording.md` shows how well it holds on others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .recording_frames import RecordingFrames, Stretch
from .stream_quantiser import Encoder

SMALLEST, LARGEST = 0.1, 3.0  # pixels: below and above nothing was measured
GIVES_UP = {"h264": 0.297, "hevc": 0.432, "vp9": 0.137, "vp8": 0.137, "av1": 0.164, "mpeg4": 0.088, "intra": 0.034}
HURRIED = 1.167  # times as much is given up by H.264 from an encoder in a hurry
LOOKING_AHEAD = 0.432  # of HEVC, whose headers tell a coarser quantiser than blocks at rest have
STEP_OVER_DETAIL, NOISE_SHARE, NOISE_POWER = 0.706, 100.0, -0.675
OTHER_CODEC = "mpeg4"  # MPEG-2, WMV, Flash: of its family
READINGS = 3.0  # a movement stands out that is so many times the scatter of what is read without one
PATCH = 0.03  # of the face's area: what moves together


@dataclass(frozen=True)
class FacePicture:
    """What the face's pixels tell.

    Attributes:
        width: Of the face's box, in pixels.
        crop_scale: Pixels of the model's 64-pixel crop for one of the recording's.
        detail: Root mean square of the gradient along one axis, grey levels a pixel.
        noise: Grey levels, root mean square, that change from frame to frame without moving.
        blur: Pixels: standard deviation of the Gaussian that its sharpest edges look like.
    """

    width: int
    crop_scale: float
    detail: float
    noise: float
    blur: float


def look_at_face(stretches: Sequence[Stretch]) -> FacePicture | None:
    """Measure the face; None where none was found. Values are medians over the stretches."""
    seen = [stretch for stretch in stretches if stretch.face is not None and len(stretch.face) > 2]
    faces = [stretch.face for stretch in seen if stretch.face is not None]
    if not faces:
        return None
    return FacePicture(
        width=int(np.median([face.shape[2] for face in faces])),
        crop_scale=float(np.median([stretch.crop_scale for stretch in seen])),
        detail=float(np.median([_detail(face) for face in faces])),
        noise=float(np.median([_noise(face) for face in faces])),
        blur=float(np.median([_blur(face[0]) for face in faces])),
    )


def smallest_movement(frames: RecordingFrames, face: FacePicture) -> float:
    """Pixels of the recording that skin must move for half of the movement to be seen, `SMALLEST` to `LARGEST`.

    Args:
        frames: The recording.
        face: Its face.
    """
    steps = [step for stretch in frames.stretches for step in stretch.steps]
    step = float(np.exp(np.mean(np.log(steps)))) if steps else None
    codec = "intra" if frames.is_intra else frames.codec or OTHER_CODEC
    return estimate(step, face, codec, frames.stretches[0].encoder)


def estimate(step: float | None, face: FacePicture, codec: str, encoder: Encoder) -> float:
    """The same by what it is made of.

    Args:
        step: Of the quantiser, in grey levels; None where nothing is lost, or nothing tells.
        face: The face.
        codec: As in `GIVES_UP`; others are taken for one of MPEG-4's family.
        encoder: What is known of it.
    """
    detail = max(face.detail, 1e-3)
    scatter = READINGS * np.sqrt(2 / PATCH) * face.noise / (detail * face.width)
    if step is None:
        return float(np.clip(scatter, SMALLEST, LARGEST))
    gives_up = GIVES_UP.get(codec, GIVES_UP[OTHER_CODEC])
    gives_up *= HURRIED if codec == "h264" and encoder.is_hurried else 1
    gives_up *= LOOKING_AHEAD if codec == "hevc" and encoder.looks_ahead else 1
    lost = gives_up * (step / detail) ** STEP_OVER_DETAIL * (1 + NOISE_SHARE * face.noise / step) ** NOISE_POWER
    return float(np.clip(np.hypot(lost, scatter), SMALLEST, LARGEST))


def _detail(face: np.ndarray) -> float:
    grad_y, grad_x = np.gradient(face[:: max(1, len(face) // 8)].astype(np.float32).mean(axis=0))
    return float(np.sqrt((grad_x**2 + grad_y**2).mean() / 2))


def _noise(face: np.ndarray) -> float:
    """By second differences, in which steady movement cancels."""
    parts = [face[first : first + 3].astype(np.float32) for first in range(0, len(face) - 2, max(1, len(face) // 24))]
    return float(np.median([np.sqrt(((a - 2 * b + c) ** 2).mean() / 6) for a, b, c in parts]))


def _blur(picture: np.ndarray) -> float:
    """Zhuo and Sim, "Defocus map estimation from a single image" (2011): by how much blurring again softens edges."""
    image, again = picture.astype(np.float32), 1.0
    first, second = _slope(image), _slope(cv2.GaussianBlur(image, (0, 0), again))
    edges = first >= np.percentile(first, 98)
    ratio = float(np.median(first[edges] / np.maximum(second[edges], 1e-3)))
    return again / np.sqrt(ratio**2 - 1) if ratio > 1.02 else 5.0


def _slope(image: np.ndarray) -> np.ndarray:
    grad_y, grad_x = np.gradient(image)
    return np.hypot(grad_x, grad_y)
