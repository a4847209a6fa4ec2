"""Every continuous run of a face as head-fixed motion, at fifty steps a second whatever the recording's rate.

Own choice throughout. Frames of a fast camera are averaged within a step, which lowers their noise; between those of a
slow one the motion is interpolated. A run is told in stretches of some seconds, each with its surroundings, so memory
does not grow with the recording.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from .face_alignment import FACE_TEMPLATE, Face, detect_same_face, to_grey
from .face_stretches import SHORTEST_RUN_SECONDS, TOO_SHORT
from .face_tracks import CUT, Sighting
from .head_fixed_motion import CROP_SIZE, HeadFixedMotion, MotionStep

STEP_SECONDS = 0.02
OWN_STEPS = 500  # of a stretch: what is found in them is told
AROUND_STEPS = 120  # to either side: what is found in them is another stretch's
_ASTRAY = 4.0  # pixels of the crop by which the face may slide in it before it is looked up anew
_SETTLING = 0.3  # share by which each sight of the face corrects where it is believed to be: points are whole pixels


@dataclass(frozen=True)
class MotionStretch:
    """A part of a continuous run of one face.

    Attributes:
        face_id: Which face, from 1; None for ready crops.
        times: Seconds of each step, (steps,).
        frames: Number of the frame nearest to each step, (steps,).
        motion: (steps, 4, 16, 16) float32, see `MotionStep`.
        head: (steps, 6) float32, likewise, a step of `STEP_SECONDS`.
        crops: (steps, 64, 64) uint8 grey, head-fixed.
        own: First step that is this stretch's own, and the first one behind them.
        seen: The number of each frame in which the face was looked for, and the face.
    """

    face_id: int | None
    times: np.ndarray
    frames: np.ndarray
    motion: np.ndarray
    head: np.ndarray
    crops: np.ndarray
    own: tuple[int, int]
    seen: tuple[tuple[int, Face], ...]


@dataclass(frozen=True)
class UnreadStretch:
    """A stretch of which nothing can be stated: its first and last sighting, and why."""

    first: Sighting
    last: Sighting
    reason: str | None


def iter_motion(sightings: Iterable[Sighting]) -> Iterator[MotionStretch | UnreadStretch]:
    """Go through what was seen of each face.

    Args:
        sightings: From `FaceFollower.follow`.

    Yields:
        The stretches of each run, in order for each face, and those of which nothing can be stated.
    """
    faces: dict[int | None, _Run | UnreadStretch] = {}
    for sighting in sightings:
        if sighting.face_id is not None and None in faces:
            yield from _finish(faces.pop(None))
        current = faces.get(sighting.face_id)
        if sighting.run is None:
            if isinstance(current, UnreadStretch) and current.reason == sighting.reason:
                faces[sighting.face_id] = UnreadStretch(current.first, sighting, sighting.reason)
                continue
            if current is not None:
                yield from _finish(current)
            faces[sighting.face_id] = UnreadStretch(sighting, sighting, sighting.reason)
            continue
        if not (isinstance(current, _Run) and current.number == sighting.run):
            if current is not None:
                yield from _finish(current)
            if isinstance(current, _Run):  # one run right behind another: it is told where they part
                yield UnreadStretch(sighting, sighting, CUT)
            current = faces[sighting.face_id] = _Run(sighting)
        yield from current.push(sighting)
    for current in faces.values():
        yield from _finish(current)


def _finish(current: "_Run | UnreadStretch") -> Iterator[MotionStretch | UnreadStretch]:
    if isinstance(current, UnreadStretch):
        yield current
    else:
        yield from current.finish()


@dataclass
class _Run:
    """A run under way: its steps, of which the first `told` belong to stretches before."""

    first: Sighting
    last: Sighting = field(init=False)
    told: int = 0
    times: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    steps: list[MotionStep] = field(default_factory=list)
    seen: list[tuple[int, Face]] = field(default_factory=list)
    gathered: list[tuple[float, int, np.ndarray]] = field(default_factory=list)
    before: tuple[MotionStep, int] | None = None
    astray: np.ndarray = field(default_factory=lambda: np.zeros((5, 2)))

    def __post_init__(self) -> None:
        self.number, self.last = self.first.run, self.first
        face = self.first.face and detect_same_face(self.first.image, self.first.face)
        self.is_cropped = face is None
        if face is not None:
            self.seen.append((self.first.index, face))
        self.tracker = HeadFixedMotion(_template(self.first) if face is None else face.landmarks)

    def push(self, sighting: Sighting) -> Iterator[MotionStretch]:
        """Take the next frame."""
        self.last = sighting
        if self.gathered and sighting.time - self.gathered[0][0] >= STEP_SECONDS - 1e-6:
            self._step()
        self.gathered.append((sighting.time, sighting.index, to_grey(sighting.image)))
        if sighting.face is not None and sighting.seen_at is not None and sighting.seen_at > self.seen[-1][0]:
            self.seen.append((sighting.seen_at, sighting.face))
        if len(self.times) >= self.told + OWN_STEPS + AROUND_STEPS:
            yield self._stretch(self.told + OWN_STEPS)

    def finish(self) -> Iterator[MotionStretch | UnreadStretch]:
        """Tell the rest."""
        if self.gathered:
            self._step()
        seconds = self.last.time - self.first.time
        if len(self.times) < 2 or seconds < SHORTEST_RUN_SECONDS - STEP_SECONDS:
            yield UnreadStretch(self.first, self.last, TOO_SHORT)
        elif self.told < len(self.times):
            yield self._stretch(len(self.times))

    def _step(self) -> None:
        times, indices, pictures = zip(*self.gathered, strict=True)
        self.gathered.clear()
        picture = pictures[0] if len(pictures) == 1 else np.mean(pictures, axis=0, dtype=np.float32)
        time, index = float(np.mean(times)), indices[len(indices) // 2]
        self._look_after(index)
        self._resample(self.tracker.step(picture, time), index)

    def _look_after(self, index: int) -> None:
        """Bring the crop back to the face where the two have parted, as after a movement too fast to follow."""
        if self.is_cropped or self.seen[-1][0] > index or self.before is None or self.before[1] >= self.seen[-1][0]:
            return
        points = self.seen[-1][1].landmarks @ self.tracker.transform[:2, :2].T + self.tracker.transform[:2, 2]
        self.astray += _SETTLING * (points - (FACE_TEMPLATE * CROP_SIZE - 0.5) - self.astray)
        if np.abs(self.astray.mean(axis=0)).max() > _ASTRAY:
            self.tracker.anchor(self.seen[-1][1].landmarks)
            self.astray[:] = 0

    def _resample(self, step: MotionStep, index: int) -> None:
        """Put a step on the even time axis, with those between the one before and it."""
        if self.before is None:
            self.times.append(step.time)
            self.frames.append(index)
            self.steps.append(step)
        else:
            before, before_index = self.before
            elapsed = step.time - before.time
            head = step.head * np.float32(STEP_SECONDS / max(elapsed, 1e-3))
            while (time := self.times[-1] + STEP_SECONDS) <= step.time + 1e-6:
                share = np.float32(np.clip((time - before.time) / max(elapsed, 1e-6), 0, 1))
                motion = before.motion + share * (step.motion - before.motion)
                nearer = step if share >= 0.5 else before
                self.times.append(time)
                self.frames.append(index if share >= 0.5 else before_index)
                self.steps.append(MotionStep(time, motion, head, nearer.crop))
        self.before = step, index

    def _stretch(self, end: int) -> MotionStretch:
        """The stretch up to a step, with its surroundings; what no later one needs is forgotten."""
        last = min(len(self.times), end + AROUND_STEPS)
        stretch = MotionStretch(
            face_id=self.first.face_id,
            times=np.array(self.times[:last]),
            frames=np.array(self.frames[:last]),
            motion=np.stack([step.motion for step in self.steps[:last]]),
            head=np.stack([step.head for step in self.steps[:last]]),
            crops=np.stack([step.crop for step in self.steps[:last]]),
            own=(self.told, end),
            seen=tuple(self.seen),
        )
        needless = max(0, end - AROUND_STEPS)
        for kept in (self.times, self.frames, self.steps):
            del kept[:needless]
        self.told = end - needless
        while len(self.seen) > 1 and self.seen[1][0] < self.frames[0]:
            self.seen.pop(0)
        return stretch


def _template(crop: Sighting) -> np.ndarray:
    """The landmarks of a ready crop: those of the crop that the model takes."""
    height, width = crop.image.shape[:2]
    return FACE_TEMPLATE * (width, height) - 0.5
