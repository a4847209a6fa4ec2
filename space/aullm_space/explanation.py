"""One moment as pictures: the face as the model sees it, LED's motion frames, the movement magnified."""

from dataclasses import dataclass

import av
import numpy as np

from . import detector
from .analysis import count_faces
from .moments import Moment, Request
from .pictures import enlarge
from .video import frames_between, iter_frames


@dataclass(frozen=True)
class Pictures:
    """The pictures of a moment; `n` frames.

    Attributes:
        crops: The model's own, (n, image_size, image_size), 0..1.
        motion: LED's output, (n - 1, image_size, image_size), within -1..1.
        sharp: The same frames of the face, sharper, (n, side, side), 0..1.
        magnified: `sharp` with the movement added that LED's matrix takes out, of the same shape.
        num_faces: Faces in the first frame.
    """

    crops: np.ndarray
    motion: np.ndarray
    sharp: np.ndarray
    magnified: np.ndarray
    num_faces: int


def picture_moment(request: Request, moment: Moment) -> Pictures:
    """The pictures of a moment; once the upload is deleted, the model's own small crops stand in for sharp ones."""
    crops = moment.segment.pixel_values
    images = _frames(request, moment)
    sharp, num_faces = None, 1
    if images:
        sharp = detector.sharp_processor.read_clip(np.stack(images), face=request.face).pixel_values
        num_faces = 1 if request.face == "cropped" else count_faces(images[0])
    if sharp is None:
        sharp = np.stack([enlarge(crop, detector.SHARP_SIDE) for crop in crops])
    motion, magnified = detector.magnify(crops, sharp)
    return Pictures(crops, motion, sharp, magnified, num_faces)


def _frames(request: Request, moment: Moment) -> list[np.ndarray]:
    """The frames that the model saw, in colour; none if the upload is gone."""
    segment = moment.segment
    count = segment.end_frame - segment.start_frame + 1
    try:
        images = frames_between(request.path, segment.start_time, segment.end_time)
        if len(images) != count:  # times that jump: count from the first frame
            wanted = range(segment.start_frame, segment.end_frame + 1)
            images = [image for index, (_, image) in enumerate(iter_frames(request.path)) if index in wanted]
        return [images[index - segment.start_frame] for index in moment.sampled]
    except (OSError, av.FFmpegError):
        return []
