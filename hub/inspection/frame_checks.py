"""What can be seen to be wrong with a clip's frames."""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from modeling_aullm.face_alignment import detect_faces, to_grey
from modeling_aullm.recording_check import RecordingCheck, check_recording
from modeling_aullm.video_stream import VideoError

FLAT = 3.0  # grey levels of standard deviation: less is a blank frame; own choice
JUMP = 20.0  # grey levels of mean difference between two frames: more is a cut, or a frame of another clip; own choice


class FrameChecks(NamedTuple):
    """Checks of one clip.

    Attributes:
        num_frames: Its frames.
        size: Their (height, width).
        face: Whether it has one, in words.
        problems: What looks odd.
        digest: Equal for clips of equal frames.
        recording: What it can show; None where that cannot be told.
    """

    num_frames: int
    size: tuple[int, int]
    face: str
    problems: list[str]
    digest: str
    recording: RecordingCheck | None = None


def check_frames(frames: np.ndarray, landmarks: object, fps: float, *, is_raw: bool) -> FrameChecks:
    """Check a clip's frames.

    Args:
        frames: uint8, (frames, height, width) or (frames, height, width, 3); an array of objects if sizes differ.
        landmarks: Of its face, None where none was looked for.
        fps: Frames a second.
        is_raw: Whether it shows more than a face, in which one can be looked for now.
    """
    if frames.dtype == object or frames.ndim < 3 or not len(frames):
        return FrameChecks(len(frames), (0, 0), "not looked for", ["frames differ in size, or there are none"], "")
    grey = np.stack([to_grey(frame) for frame in frames])
    return FrameChecks(
        num_frames=len(grey),
        size=grey.shape[1:],
        face=_face(frames[0], landmarks, is_raw),
        problems=list(_problems(grey)),
        digest=hashlib.sha256(repr(grey.shape).encode() + grey.tobytes()).hexdigest(),
        recording=_recording(frames, fps, is_raw=is_raw),
    )


def _recording(frames: np.ndarray, fps: float, *, is_raw: bool) -> RecordingCheck | None:
    try:
        return check_recording(frames, fps, "largest" if is_raw else "cropped")
    except VideoError:  # what is wrong is among the problems, or the datasets' own business
        return None


def clips_in_common(digests: dict[str, list[str]]) -> list[str]:
    """Clips of equal digest, joined by `=`."""
    return [" = ".join(clips) for digest, clips in digests.items() if digest and len(clips) > 1]


def _face(first: np.ndarray, landmarks: object, is_raw: bool) -> str:
    if landmarks is not None:
        return "found"
    if not is_raw:
        return "not looked for (ready crops)"
    return "found" if detect_faces(first) else "not found in the first frame"


def _problems(grey: np.ndarray) -> Iterator[str]:
    if len(grey) < 2:
        yield "fewer than two frames"
        return
    if min(frame.std() for frame in grey) < FLAT:
        yield "blank frames"
    steps = [np.abs(after.astype(np.int16) - before).mean() for before, after in pairwise(grey)]
    if max(steps) == 0:
        yield "all frames are equal"
    if max(steps) > JUMP:
        yield "a jump between two frames"
