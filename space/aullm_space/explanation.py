"""One moment as pictures: the face as the model sees it, LED's motion frames, the movement magnified."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from . import detector
from .moments import Moment
from .pictures import enlarge
from .request import Request
from .video import frames_at, frames_between, iter_frames

MARGIN = 0.6  # of the face's box, around it: as much as the crop shows, but not the neighbour


@dataclass(frozen=True)
class Pictures:
    """The pictures of a moment; `n` frames.

    Attributes:
        crops: The model's own, (n, image_size, image_size), 0..1.
        motion: LED's output, (n - 1, image_size, image_size), within -1..1.
        sharp: The same frames of the face, sharper, (n, side, side), 0..1.
        magnified: `sharp` with the movement added that LED's matrix takes out, of the same shape.
    """

    crops: np.ndarray
    motion: np.ndarray
    sharp: np.ndarray
    magnified: np.ndarray


def picture_moment(request: Request, moment: Moment) -> Pictures:
    """The pictures of a moment; once the upload is deleted, the model's own small crops stand in for sharp ones."""
    crops = moment.segment.pixel_values
    images = _frames(request, moment)
    sharp = _sharp(np.stack(images), moment) if images else None
    if sharp is None:
        sharp = np.stack([enlarge(crop, detector.SHARP_SIDE) for crop in crops])
    motion, magnified = detector.magnify(crops, sharp)
    return Pictures(crops, motion, sharp, magnified)


def _sharp(images: np.ndarray, moment: Moment) -> np.ndarray | None:
    """The moment's own face, also where there are others; None where it is not found again in every frame."""
    face = moment.segment.face
    if face is None:
        return detector.sharp_processor.read_clip(images, face="cropped").pixel_values
    x, y, width, height = face.box
    margin_x, margin_y = MARGIN * width, MARGIN * height
    rows = slice(max(0, int(y - margin_y)), int(y + height + margin_y))
    columns = slice(max(0, int(x - margin_x)), int(x + width + margin_x))
    clip = detector.sharp_processor.read_clip(images[:, rows, columns].copy(), face="largest")
    # Where the face is not found in one of the frames, the clip is of the others, at other times than the captions'.
    return clip.pixel_values if clip.end_frame - clip.start_frame + 1 == len(images) else None


def _frames(request: Request, moment: Moment) -> list[np.ndarray]:
    """The frames that the model saw, in colour; none if the upload is gone."""
    try:
        return _by_time(request.path, moment) or _by_number(request.path, moment.sampled)
    except (OSError, av.FFmpegError):
        return []


def _by_time(path: Path, moment: Moment) -> list[np.ndarray]:
    """Found without decoding what lies before; none where the times jump."""
    if moment.event is not None:
        return frames_at(path, moment.times)
    segment = moment.segment
    images = frames_between(path, segment.start_time, segment.end_time)
    if len(images) != segment.end_frame - segment.start_frame + 1:
        return []
    return [images[index - segment.start_frame] for index in moment.sampled]


def _by_number(path: Path, numbers: list[int]) -> list[np.ndarray]:
    """Counted from the first frame."""
    kept = {index: image for index, (_, image) in enumerate(iter_frames(path)) if index in numbers}
    return [kept[number] for number in numbers]
