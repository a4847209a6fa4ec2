"""How long a video may be that is taken as one clip."""

import math
import os
from pathlib import Path

from .video_reading import VideoSource, open_video
from .video_stream import VideoError

# A facial expression lasts up to 4 s (macro-expressions: Matsumoto and Hwang, "Evidence for training the ability to
# read microexpressions of emotion", 2011); a few frames of more than that do not show one movement.
MAX_CLIP_SECONDS = 4.0
MAX_CLIP_FRAMES = 800  # where no times are known: as long at 200 frames a second, the rate of CASME II and SAMM


def check_clip_length(source: VideoSource, onset: int | None, offset: int | None, fps: float | None) -> None:
    """Check that a video, or what is asked for of it, is short enough for one clip.

    No more of a file is decoded than is needed to see it: it may be hours long.

    Args:
        source: See `open_video`.
        onset: First frame to use, None for the first.
        offset: Last frame to use, None for the last.
        fps: Frames a second, see `open_video`.

    Raises:
        VideoError: If it is longer than `MAX_CLIP_SECONDS` or, where neither the source nor `fps` tells times, has more
            than `MAX_CLIP_FRAMES` frames; if the source cannot be used.
    """
    first = onset or 0
    with open_video(source, fps) as stream:
        is_file = isinstance(source, str | os.PathLike) and Path(source).is_file()
        if not is_file:  # its number of frames is exact
            last = (stream.num_frames or 0) - 1 if offset is None else offset
            _check(stream.source, last - first + 1, (last - first) / (stream.fps or math.inf), stream.has_times)
            return
        start = 0.0
        for frame in stream:
            start = frame.time if frame.index <= first else start
            _check(stream.source, frame.index - first + 1, frame.time - start, stream.has_times)
            if frame.index == offset:
                return


def _check(name: str, num_frames: int, seconds: float, has_times: bool) -> None:
    if (has_times and seconds <= MAX_CLIP_SECONDS) or (not has_times and num_frames <= MAX_CLIP_FRAMES):
        return
    limit = f"{MAX_CLIP_SECONDS:g} s" if has_times else f"{MAX_CLIP_FRAMES} frames"
    raise VideoError(
        f"{name}: longer than {limit}, too long for one clip; give onset and offset, or take windows: "
        "video_processor.iter_segments(...), pipeline(..., window=0.5) or aullm predict"
    )
