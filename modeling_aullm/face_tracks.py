"""One face that is followed, and what is seen of it from one check to the next."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from .face_alignment import SAME_PLACE, Face, detect_face_near, detect_faces, overlap, same_place
from .face_looks import CHANGED, OTHER_FACE, UNSTEADY_LIGHT, Change, Look, compare, find_cuts, glance, look_at
from .video_stream import Frame

LOOK_BACK_SECONDS = 0.5  # a window: how far back a face is compared with itself
GAP_SECONDS = 2.0  # in which no frame is shown: nothing is known of what was between
STEADY_LIGHT = 1.06  # factor of contrast in a moment: in more, a face is not begun with
# Own choices: factor of contrast from which pictures fade (a still face then seems to raise its brows), and its noise.
FADING, FADING_NOISE = 1.02, 0.003

NO_FACE, CUT, COVERED, LIGHT = "no face", "cut", "covered or changed too far", "light changes"


@dataclass(frozen=True)
class Sighting(Frame):
    """What one frame is to one face.

    Attributes:
        face_id: Which face, from 1; None while none was met, and for ready crops.
        run: Number of the continuous run it belongs to, None where nothing can be stated.
        face: As it was seen at a check nearby; None where nothing can be stated, and for ready crops.
        seen_at: Number of the frame that was checked.
        reason: Why nothing can be stated; None in a run.
    """

    face_id: int | None = None
    run: int | None = None
    face: Face | None = None
    seen_at: int | None = None
    reason: str | None = None


@dataclass
class FaceTrack:
    """One face that is followed; `run` is None while it is lost, for `reason`, since `lost_at` seconds."""

    face_id: int
    face: Face
    seen_at: int = 0
    run: int | None = None
    reason: str = NO_FACE
    lost_at: float = 0.0
    was_cut: bool = False  # since it was lost: then its place means nothing
    looks: deque[Look] = field(default_factory=deque)  # of the last moments; of a lost face, the last ones

    def see(self, face: Face | None, look: Look, frame: int) -> None:
        """Remember where the face is, if it was found in this frame, and how it looks."""
        if face is not None:
            self.face, self.seen_at = face, frame
        self.looks.append(look)
        while look.time - self.looks[0].time > LOOK_BACK_SECONDS:
            self.looks.popleft()

    def begin(self, run: int, face: Face, look: Look, frame: int) -> None:
        """Begin a run."""
        self.run, self.was_cut = run, False
        self.looks.clear()
        self.see(face, look, frame)

    def lose(self, reason: str, time: float) -> None:
        """End the run."""
        self.run, self.reason, self.lost_at, self.was_cut = None, reason, time, reason == CUT

    def compare(self, before: Look, found: Face | None, moment: "Moment") -> tuple[Look, Change]:
        """How it looks now, and what has changed: where it is found, or where it was if that has changed less."""
        look = moment.look_at(found or self.face)
        change = compare(before, look)
        if found is not None and _excess(change) > 1:  # the detector errs at times, over coverings above all
            still = moment.look_at(self.face)
            unmoved = compare(before, still)
            return (still, unmoved) if _excess(unmoved) < _excess(change) else (look, change)
        return look, change

    def is_of(self, face: Face, moment: "Moment") -> bool:
        """Whether a face that is found is this lost one, as it was or, if at its place, covered in part."""
        if self.was_cut or overlap(self.face.box, face.box) < SAME_PLACE:
            return compare(self.looks[-1], moment.look_at(face)).share < OTHER_FACE
        return self.compare(self.looks[-1], face, moment)[1].everywhere < OTHER_FACE

    def sight(self, frame: Frame) -> "Sighting":
        """What a frame is to this face as things stand."""
        if self.run is None:
            return as_sighting(frame, self.face_id, reason=self.reason)
        return as_sighting(frame, self.face_id, self.run, self.face, self.seen_at)


class Moment:
    """The frames from one check, without it, to the next; with those around, which tell cuts from movements."""

    def __init__(
        self, behind: Iterable[Frame], frames: list[Frame], ahead: Iterable[Frame], size: tuple[int, int]
    ) -> None:
        self.size = size
        self.frames = frames
        behind = list(behind)
        self.around = [*behind, *frames, *ahead]
        self.first = len(behind)
        self.checked = replace(frames[-1], picture=frames[-1].image)
        self.index, self.time = frames[-1].index, frames[-1].time
        self._glanced: dict[tuple[float, ...], list[np.ndarray]] = {}
        self._found: dict[tuple[float, ...], Face | None] = {}

    @cached_property
    def faces(self) -> list[Face]:
        """Those of the frame that is checked, largest first."""
        return detect_faces(self.checked.image)

    def find(self, face: Face) -> Face | None:
        """A face that was there at the check before."""
        if face.box not in self._found:
            self._found[face.box] = detect_face_near(self.checked.image, face) or same_place(face, self.faces)
        return self._found[face.box]

    def has_left(self, face: Face) -> bool:
        """Whether a face of the check before is no longer at its place, and no cut explains it."""
        return not self.cuts(face) and self.find(face) is None

    def look_at(self, face: Face) -> Look:
        """Its look at the check."""
        return look_at(self.checked, face)

    def cuts(self, face: Face) -> list[int]:
        """Positions of frames that do not follow the one before, in order."""
        times = [frame.time for frame in self.around]
        cuts = set(find_cuts(self._glances(face), times))
        cuts |= {
            at
            for at, (before, frame) in enumerate(pairwise(self.around), 1)
            if frame.starts_anew or frame.time - before.time - (before.length or math.inf) > GAP_SECONDS
        }
        return sorted(at - self.first for at in cuts if self.first <= at < self.first + len(self.frames))

    def begin_of(self, face: Face) -> int | None:
        """Position of the first frame from which on the face is seen up to the check; None while the light changes."""
        pictures = self._glances(face)
        contrasts = np.array([picture.std() for picture in pictures]) + 1e-6
        last = self.first + len(self.frames) - 1
        change = np.exp(np.abs(np.log(contrasts / contrasts[last])))
        if (change[last:] > STEADY_LIGHT).any() or _is_fade(pictures[last:]):
            return None
        begin = last
        while begin > self.first + max(self.cuts(face), default=0) and change[begin - 1] < UNSTEADY_LIGHT:
            begin -= 1
        while _is_fade(pictures[begin : last + 1]):
            begin += 1
        return begin - self.first

    def _glances(self, face: Face) -> list[np.ndarray]:
        if face.box not in self._glanced:
            self._glanced[face.box] = [glance(frame, face, self.size) for frame in self.around]
        return self._glanced[face.box]


def _excess(change: Change) -> float:
    """How far a change goes beyond what a face is followed through: above 1 it does."""
    return max(change.share / CHANGED, (change.light - 1) / (UNSTEADY_LIGHT - 1))


def _is_fade(pictures: Sequence[np.ndarray]) -> bool:
    """Whether pictures brighten from black, or darken from white, all parts alike: from one to the next, and in all."""
    contrasts = np.array([picture.std() for picture in pictures]) + 1e-6
    shares = contrasts / contrasts[-1]
    if shares[0] * FADING > 1 or (np.diff(shares) < -FADING_NOISE).any():
        return False
    means = np.array([picture.mean() for picture in pictures])
    white = 255 - means
    levels = means / max(means[-1], 1e-6), white / max(white[-1], 1e-6)
    return any(abs(level[0] - shares[0]) < (1 - shares[0]) / 2 for level in levels)


def as_sighting(
    frame: Frame,
    face_id: int | None = None,
    run: int | None = None,
    face: Face | None = None,
    seen_at: int | None = None,
    reason: str | None = None,
) -> Sighting:
    """A frame with what it is to a face, see `Sighting`."""
    of_frame = {name: getattr(frame, name) for name in Frame.__dataclass_fields__}
    return Sighting(**of_frame, face_id=face_id, run=run, face=face, seen_at=seen_at, reason=reason)
