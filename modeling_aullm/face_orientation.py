"""Videos that lie on their side: phones and cameras turned without a note of it in the file."""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from .face_alignment import detect_largest_face
from .video_reading import VideoSource, open_video

_FRAMES_BETWEEN = 15  # of those that are turned to see whether the video lies on its side
# Quarter turns counter-clockwise that set the face upright, what is wrong without them, and FFmpeg's filter.
_TURNS = (
    (1, "the face lies on its side; turn the video by 90 degrees counter-clockwise first", "transpose=2"),
    (3, "the face lies on its side; turn the video by 90 degrees clockwise first", "transpose=1"),
    (2, "the face stands on its head; turn the video by 180 degrees first", "hflip,vflip"),
)


def turned_face_hint(images: Iterable[np.ndarray]) -> str | None:
    """What to do where no face was found upright, if one is found once the picture is turned.

    Args:
        images: A few frames of the video, (height, width, 3) RGB or (height, width) grey, uint8.

    Returns:
        What is wrong and how to turn the video, for the end of an error's line; None if no turn shows a face, or one
        is found upright: the detector finds some faces that lie on their side, too.
    """
    images = list(images)
    if any(detect_largest_face(image) is not None for image in images):
        return None
    for image in images:
        for turns, text, command in _TURNS:
            if detect_largest_face(np.ascontiguousarray(np.rot90(image, turns))) is not None:
                return f"{text} (ffmpeg -i IN -vf {command} OUT)"
    return None


def turned_video_hint(source: VideoSource) -> str | None:
    """The same of a source, see `video_reading.open_video`.

    Raises:
        VideoError: If it cannot be used.
    """
    with open_video(source) as stream:
        return turned_face_hint(frame.image for frame in islice(stream, 0, 2 * _FRAMES_BETWEEN + 1, _FRAMES_BETWEEN))
