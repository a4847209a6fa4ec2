"""The windows of every continuous run of a face, and the stretches between them of which nothing can be stated."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .face_tracks import CUT, Sighting
from .temporal_windows import WindowCutter
from .video_stream import MIN_FRAMES

# Own choice: less than this between two cuts holds no rest and no movement that could be told from it.
SHORTEST_RUN_SECONDS = 0.2
TOO_SHORT = "too short"


class _Stretches:
    """What was seen of one face and is not yet told: a run under way, or a stretch without one."""

    def __init__(self, window: float, stride: float | None) -> None:
        self.window, self.stride = window, stride
        self.first: Sighting | None = None
        self.last: Sighting | None = None
        self.cutter = WindowCutter(window, stride)

    def push(self, sighting: Sighting) -> Iterator[list[Sighting]]:
        """Take the next frame."""
        if self.last is not None and (sighting.run, sighting.reason) != (self.last.run, self.last.reason):
            if None not in (sighting.run, self.last.run):  # one run right behind another: it is told where they part
                sighting = _unread(sighting, CUT)
            yield from self.finish(is_end=False)
        if self.first is None:
            self.first, self.cutter = sighting, WindowCutter(self.window, self.stride)
        self.last = sighting
        if sighting.run is not None:
            yield from self.cutter.push(sighting)  # type: ignore[misc]

    def finish(self, *, is_end: bool) -> Iterator[list[Sighting]]:
        """Tell the rest of what is under way; `is_end`: because the video ends."""
        first, last, self.first, self.last = self.first, self.last, None, None
        if first is None or last is None:
            return
        num_frames = last.index - first.index + 1
        seconds = (last.time - first.time) * num_frames / max(1, num_frames - 1)
        whole = is_end and first.index == 0 and num_frames >= MIN_FRAMES
        if first.run is None:
            yield [first, last]
        elif whole or (num_frames >= MIN_FRAMES and seconds >= min(SHORTEST_RUN_SECONDS, self.window)):
            yield from self.cutter.finish()  # type: ignore[misc]
        else:
            yield [_unread(first, TOO_SHORT), _unread(last, TOO_SHORT)]


def iter_stretches(sightings: Iterable[Sighting], window: float, stride: float | None) -> Iterator[list[Sighting]]:
    """Cut what was seen of each face into windows that hold one continuous run alone.

    Args:
        sightings: From `FaceFollower.follow`.
        window: Seconds; infinite for one window a run.
        stride: Seconds from one window to the next, by default half a window.

    Yields:
        The frames of a window; or, with `run` None, the first and the last frame of a stretch without a statement.

    Raises:
        VideoError: If more frames lie in a window than memory should hold.
    """
    faces: dict[int | None, _Stretches] = {}
    for sighting in sightings:
        if sighting.face_id not in faces:
            faces[sighting.face_id] = _Stretches(window, stride)
        if sighting.face_id is not None and None in faces:  # the time before any face is over
            yield from faces.pop(None).finish(is_end=False)
        yield from faces[sighting.face_id].push(sighting)
    for stretches in faces.values():
        yield from stretches.finish(is_end=True)


def _unread(sighting: Sighting, reason: str) -> Sighting:
    return replace(sighting, face=None, run=None, seen_at=None, reason=reason)
