"""Every continuous run of a face as head-fixed motion, at fifty steps a second whatever the recording's rate.

Own choice throughout. Frames of a fast camera are averaged within a step, which lowers their noise; between those of a
slow one the motion is interpolated. A run is told in stretches of some seconds, each with its surroundings, so memory
does not grow with the recording.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .face_alignment import FACE_TEMPLATE, Face, detect_same_face, to_grey
from .face_stretches import SHORTEST_RUN_SECONDS, TOO_SHORT
from .face_tracks import CUT, Sighting
from .head_fixed_motion import HeadFixedMotion, MotionStep, View
from .motion_stretch import CROP_SIZE, STEP_SECONDS, MotionStretch
from .temporal_windows import TIME_TOLERANCE, check_held
from .video_stream import VideoStream

OWN_STEPS = 1008  # of a stretch: what is found in them is told
AROUND_STEPS = 120  # to either side: what is found in them is another stretch's
GAP_SECONDS = 0.5  # from one frame to the next: time for a micro-expression that no frame shows
FAR_APART = "frames too far apart"
_SIGHT_SECONDS = 0.1  # how often it is told where the face is
_ASTRAY = 4.0  # pixels of the crop by which the face may slide in it before it is looked up anew
_SETTLING = 0.3  # share by which each sight of the face corrects where it is believed to be: points are whole pixels


@dataclass(frozen=True)
class UnreadStretch:
    """A stretch of which nothing can be stated: its first and last sighting, and why."""

    first: Sighting
    last: Sighting
    reason: str | None


def iter_motion(sightings: Iterable[Sighting], video: VideoStream) -> Iterator[MotionStretch | UnreadStretch]:
    """Go through what was seen of each face.

    Args:
        sightings: From `FaceFollower.follow`.
        video: What they were seen in.

    Yields:
        The stretches of each run, in order for each face, and those of which nothing can be stated. A run ends where
        the next frame is `GAP_SECONDS` away.
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
        if not (isinstance(current, _Run) and current.goes_on_with(sighting)):
            if isinstance(current, _Run):  # one run right behind another: it is told where they part
                is_one = current.number == sighting.run
                yield from current.finish(FAR_APART if is_one else TOO_SHORT)
                faces[sighting.face_id] = UnreadStretch(sighting, sighting, FAR_APART if is_one else CUT)
                continue
            if current is not None:
                yield current
            current = faces[sighting.face_id] = _Run(sighting, video)
        yield from current.push(sighting)
    for current in faces.values():
        yield from _finish(current)


def _finish(current: "_Run | UnreadStretch") -> Iterator[MotionStretch | UnreadStretch]:
    if isinstance(current, UnreadStretch):
        yield current
    else:
        yield from current.finish()


class EvenSteps:
    """The head-fixed motion of a face, at fifty steps a second.

    Args:
        landmarks: (5, 2) of the face in the first frame, in its pixels.
        view: What the pictures that are pushed show of the frames, see `View`.

    Attributes:
        times: Seconds of each step.
        frames: Number of the frame nearest to each.
        steps: What each says.
        tracker: Follows the head.
    """

    def __init__(self, landmarks: np.ndarray, view: View | None = None) -> None:
        self.tracker = HeadFixedMotion(landmarks, view)
        self.times: list[float] = []
        self.frames: list[int] = []
        self.steps: list[MotionStep] = []
        self._gathered: list[tuple[float, int, np.ndarray]] = []
        self._before: tuple[MotionStep, int] | None = None

    def push(self, grey: np.ndarray, time: float, index: int) -> bool:
        """Take the next frame.

        Args:
            grey: (height, width) uint8.
            time: Seconds.
            index: Number of the frame.

        Returns:
            Whether the head was followed up to the frame before this one.

        Raises:
            VideoError: If more frames lie in a step than memory should hold, as where the times are wrong.
        """
        is_full = bool(self._gathered) and time - self._gathered[0][0] >= STEP_SECONDS - 1e-6
        if is_full:
            self.finish()
        self._gathered.append((time, index, grey))
        check_held(len(self._gathered), STEP_SECONDS)
        return is_full

    def finish(self) -> None:
        """Follow the head up to the last frame that was taken."""
        times, indices, pictures = zip(*self._gathered, strict=True)
        self._gathered.clear()
        step = self.tracker.step(_mean(pictures), float(np.mean(times)))
        self._resample(step, indices[len(indices) // 2])

    def forget(self, steps: int) -> None:
        """Keep all but the first so many."""
        for kept in (self.times, self.frames, self.steps):
            del kept[:steps]

    def _resample(self, step: MotionStep, index: int) -> None:
        """Put a step on the even time axis, with those between the one before and it."""
        if self._before is None:
            self._note(step.time, index, step)
        else:
            before, before_index = self._before
            elapsed = max(step.time - before.time, 1e-3)
            head = step.head * np.float32(STEP_SECONDS / elapsed)
            while (time := self.times[-1] + STEP_SECONDS) <= step.time + 1e-6:
                share = np.float32(np.clip((time - before.time) / elapsed, 0, 1))
                motion = before.motion + share * (step.motion - before.motion)
                nearer, nearest = (step, index) if share >= 0.5 else (before, before_index)
                self._note(time, nearest, MotionStep(time, motion, head, nearer.crop))
        self._before = step, index

    def _note(self, time: float, index: int, step: MotionStep) -> None:
        self.times.append(time)
        self.frames.append(index)
        self.steps.append(step)


class _Run:
    """A run under way: its steps, of which the first `told` belong to stretches before."""

    def __init__(self, first: Sighting, video: VideoStream) -> None:
        self.first = self.last = first
        self.number, self.video = first.run, video
        self.told, self.is_told = 0, False
        self.seen: list[tuple[int, Face]] = []
        image = first.image
        face = first.face and detect_same_face(image, first.face)
        view = View.between(first.luma, to_grey(image))
        self.even = EvenSteps(_template(image) if face is None else face.landmarks, view)
        self.shape = face and _moved(face, self.even.tracker.transform)  # the face in the crop, where it hardly moves
        self._looked_for, self._seen_time = -1, -np.inf

    def push(self, sighting: Sighting) -> Iterator[MotionStretch]:
        """Take the next frame."""
        if self.even.push(sighting.luma, sighting.time, sighting.index) and self.shape is not None:
            self._follow(self.last, self.shape)
        self.last = sighting
        if len(self.even.times) >= self.told + OWN_STEPS + AROUND_STEPS:
            yield self._stretch(self.told + OWN_STEPS)

    def goes_on_with(self, sighting: Sighting) -> bool:
        """Whether the next frame of the face is of this run."""
        return self.number == sighting.run and sighting.time - self.last.time < GAP_SECONDS - TIME_TOLERANCE

    def finish(self, reason: str = TOO_SHORT) -> Iterator[MotionStretch | UnreadStretch]:
        """Tell the rest; a run that is too short to be read for this reason."""
        self.even.finish()
        num_steps = len(self.even.times)
        if num_steps < 2 or self.last.time - self.first.time < SHORTEST_RUN_SECONDS - STEP_SECONDS:
            yield UnreadStretch(self.first, self.last, reason)
        else:
            yield self._stretch(num_steps)

    def _follow(self, sighting: Sighting, shape: Face) -> None:
        """Note where the face is, and bring the crop back to it where the two have parted, as after a fast movement."""
        tracker, found, seen_at = self.even.tracker, sighting.face, sighting.seen_at
        if found is not None and seen_at is not None and sighting.index >= seen_at > self._looked_for:
            self._looked_for = seen_at
            shape = _blend(shape, _moved(found, tracker.transform), _SETTLING)
            astray = (shape.landmarks - (FACE_TEMPLATE * CROP_SIZE - 0.5)).mean(axis=0)
            if np.abs(astray).max() > _ASTRAY:
                tracker.anchor(found.landmarks)
                shape = _moved(found, tracker.transform)
        self.shape = shape
        if sighting.time - self._seen_time >= _SIGHT_SECONDS - 1e-6:
            self._seen_time = sighting.time
            self.seen.append((sighting.index, _moved(shape, np.linalg.inv(tracker.transform))))

    def _stretch(self, end: int) -> MotionStretch:
        """The stretch up to a step, with its surroundings; what no later one needs is forgotten."""
        even = self.even
        last = min(len(even.times), end + AROUND_STEPS)
        stretch = MotionStretch(
            face_id=self.first.face_id,
            times=np.array(even.times[:last]),
            frames=np.array(even.frames[:last]),
            motion=np.stack([step.motion for step in even.steps[:last]]),
            head=np.stack([step.head for step in even.steps[:last]]),
            crops=np.stack([step.crop for step in even.steps[:last]]),
            own=(self.told, end),
            seen=tuple(self.seen),
            begins=None if self.is_told else (self.first.index, self.first.time),
            ends=(self.last.index, self.last.time) if end == len(even.times) else None,
            fps=self.video.fps,
            recording=self.video.recording,
        )
        needless = max(0, end - AROUND_STEPS)
        even.forget(needless)
        self.told, self.is_told = end - needless, True
        while len(self.seen) > 1 and self.seen[1][0] < even.frames[0]:
            self.seen.pop(0)
        return stretch


def _moved(face: Face, transform: np.ndarray) -> Face:
    """A face as a (3, 3) similarity moves it; its box stays upright."""
    x, y, width, height = face.box
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    middle = transform[:2] @ (x + width / 2, y + height / 2, 1)
    left, top = middle - scale * np.array([width, height]) / 2
    points = face.landmarks @ transform[:2, :2].T + transform[:2, 2]
    return Face((float(left), float(top), scale * width, scale * height), face.score, points)


def _blend(face: Face, other: Face, share: float) -> Face:
    """A face a part of the way to another."""
    box = tuple(a + share * (b - a) for a, b in zip(face.box, other.box, strict=True))
    return Face(box, other.score, face.landmarks + share * (other.landmarks - face.landmarks))  # type: ignore[arg-type]


def _mean(pictures: Sequence[np.ndarray]) -> np.ndarray:
    if len(pictures) == 1:
        return pictures[0]
    total = pictures[0].astype(np.float32)
    for picture in pictures[1:]:
        cv2.accumulate(np.ascontiguousarray(picture), total)
    return total / np.float32(len(pictures))


def _template(crop: np.ndarray) -> np.ndarray:
    """The landmarks of a ready crop: those of the crop that the model takes."""
    height, width = crop.shape[:2]
    return FACE_TEMPLATE * (width, height) - 0.5
