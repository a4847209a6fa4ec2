"""Stretches of a video as the model sees them, or of which nothing can be stated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .face_alignment import Face
from .face_tracks import Sighting
from .video_stream import MIN_FRAMES, VideoStream


@dataclass(frozen=True)
class Segment:
    """One stretch of a video as the model sees it.

    Attributes:
        start_frame: First frame.
        end_frame: Last frame, inclusive.
        start_time: Seconds, time of the first frame.
        end_time: Seconds, time of the last frame.
        fps: Frames a second of the video, None if its container does not say.
        face: The face as the segment's first frame shows it, in the video's pixels; None if there is none, or with
            ready crops.
        pixel_values: (num_frames, image_size, image_size) float32 grey in 0..1, None where nothing can be stated.
        face_id: Which face it is about, from 1 in the order they are met; None if about none, or with ready crops.
        reason: Why nothing can be stated, such as "no face"; None where `pixel_values` are there.
        seen: The number of each frame in which the face was looked for, and the face; the first frame among them, the
            last ones maybe behind the end. Empty where `face` is None.
        recording: What is to be told of how the video was recorded, see `VideoStream.recording`.
    """

    start_frame: int
    end_frame: int
    start_time: float
    end_time: float
    fps: float | None
    face: Face | None
    pixel_values: np.ndarray | None
    face_id: int | None = None
    reason: str | None = None
    seen: tuple[tuple[int, Face], ...] = ()
    recording: dict[str, Any] = field(default_factory=dict)


def best_run(sightings: list[Sighting], apex: int | None) -> list[Sighting] | None:
    """The longest run in which a face is seen and continuous, or the one with the apex; None if there is none."""
    runs: dict[tuple, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.run is not None:
            runs.setdefault((sighting.face_id, sighting.run), []).append(sighting)
    usable = [run for run in runs.values() if len(run) >= MIN_FRAMES]
    usable = [run for run in usable if apex is None or run[0].index <= apex <= run[-1].index]
    return max(usable, key=len, default=None)


def unread_segment(stretch: Sequence[Sighting], video: VideoStream, reason: str | None) -> Segment:
    """A stretch, from its first to its last sighting, of which nothing can be stated, for this reason."""
    first, last = stretch[0], stretch[-1]
    times = first.index, last.index, first.time, last.time
    return Segment(*times, video.fps, None, None, first.face_id, reason, recording=video.recording)
