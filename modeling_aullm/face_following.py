"""Faces followed through a recording by place and look: where each is seen and continuous, and why not elsewhere.

Own choice throughout. Every tenth of a second the face is looked for again and compared with how it looked before;
between those checks each frame is compared with the one before it, so that a cut is found to the frame.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, count

from .face_alignment import SAME_PLACE, Face, check_face, detect_largest_face, detect_roughly, overlap
from .face_looks import AROUND_SECONDS, CHANGED, OTHER_FACE, UNSTEADY_LIGHT, Look, compare
from .face_tracks import COVERED, CUT, LIGHT, NO_FACE, FaceTrack, Moment, Sighting, as_sighting
from .temporal_windows import TIME_TOLERANCE
from .video_stream import Frame

CHECK_SECONDS = 0.1  # the samples of a window of half a second are as far apart
EVENT_CHECK_SECONDS = 0.5  # where `head_fixed_motion` follows the head from frame to frame
COVERED_SECONDS = 10.0  # after which a changed look is how the face looks now, as with glasses put on
PATIENCE_SECONDS = 0.5  # for the face that is followed to come back, before another one is
SURVEY_SECONDS = 1.0  # how often it is looked whether another face is larger
MUCH_LARGER = 1.5  # times the area: from here on another face is the one the recording is about
ROUGHLY = 0.7  # times that: smaller in a quick look, it is not looked at closely
_KNOWN_FACES = 8  # lost faces that a new one is compared with
_AHEAD = 2  # frames at least that are compared with the one that is checked, however far apart they are


class FaceFollower:
    """Follows one face, or all.

    Args:
        face: `"largest"`: the largest one when it is first seen, from then on that one; another one where it is gone or
            is `MUCH_LARGER`. `"all"`: each. A number: that one of them, 1 the largest, when so many are first seen, and
            no other. `"cropped"`: frames are ready crops, nothing is searched or compared.
        size: Width and height of the video in pixels.
        check_seconds: How often it is looked for.

    Raises:
        ValueError: If `face` is none of these.
    """

    def __init__(self, face: str | int, size: tuple[int, int], check_seconds: float = CHECK_SECONDS) -> None:
        check_face(face)
        self.wanted, self.size, self.check_seconds = face, size, check_seconds
        self._tracks: list[FaceTrack] = []  # the one that is followed last
        self._runs = count(1)
        self._behind: deque[Frame] = deque()
        self._queue: list[Frame] = []
        self._surveyed = 0.0

    def follow(self, frames: Iterable[Frame]) -> Iterator[Sighting]:
        """What each frame is to each face that is followed, in order of time for each face."""
        if self.wanted == "cropped":
            run = 0
            for frame in frames:
                run += frame.starts_anew
                yield as_sighting(frame, run=run)
            return
        for frame in frames:
            self._queue.append(frame)
            due = self._due()
            if due < len(self._queue) - _AHEAD and frame.time >= self._queue[due].time + AROUND_SECONDS:
                yield from self._check(due)
        while self._queue:
            yield from self._check(min(self._due(), len(self._queue) - 1))

    def _moment(self, due: int) -> Moment:
        until = self._queue[due].time + AROUND_SECONDS + TIME_TOLERANCE
        ahead = [f for at, f in enumerate(self._queue[due + 1 :]) if at < _AHEAD or f.time <= until]
        return Moment(self._behind, self._queue[: due + 1], ahead, self.size)

    def _due(self, seconds: float | None = None) -> int:
        """Position in the queue of the frame that is checked next, its length if that is still to come."""
        if not self._behind:
            return 0
        time = self._behind[-1].time + (seconds or self.check_seconds) - TIME_TOLERANCE
        return next((at for at, frame in enumerate(self._queue) if frame.time >= time), len(self._queue))

    def _check(self, due: int) -> Iterator[Sighting]:
        moment = self._moment(due)
        if any(track.run is not None and moment.has_left(track.face) for track in self._tracks):
            # A head that moves fast is looked for more often.
            due = min(due, self._due(min(CHECK_SECONDS, self.check_seconds)))
            moment = self._moment(due)
        yield from self._follow_all(moment) if self.wanted == "all" else self._follow_one(moment)
        self._behind.extend(moment.frames)
        while len(self._behind) > 3 and self._behind[0].time < moment.time - AROUND_SECONDS:
            self._behind.popleft()
        del self._queue[: due + 1]

    def _follow_one(self, moment: Moment) -> Iterator[Sighting]:
        current = self._tracks[-1] if self._tracks else None
        if current is None:
            sightings = [as_sighting(frame, reason=NO_FACE) for frame in moment.frames]
        else:
            sightings = self._advance(current, moment)
        other = self._other(current, moment)
        yield from sightings if other is None else self._begin(other, moment, sightings)

    def _follow_all(self, moment: Moment) -> Iterator[Sighting]:
        for track in list(self._tracks):
            yield from self._advance(track, moment)
        unmet = [] if self._tracks else moment.frames
        unknown = [face for face in self._free_faces(moment) if not self._is_lost_one(face, moment)]
        seen = [self._begin(face, moment, []) for face in unknown]
        first = min((sightings[0].index for sightings in seen if sightings), default=math.inf)
        yield from (as_sighting(frame, reason=NO_FACE) for frame in unmet if frame.index < first)
        yield from chain.from_iterable(seen)

    def _advance(self, track: FaceTrack, moment: Moment) -> list[Sighting]:
        """What the frames are to a face that was met before, which goes on, is lost or found again."""
        if track.run is None:
            return self._search(track, moment, 0)
        cuts = moment.cuts(track.face)
        if cuts:
            seen = [track.sight(frame) for frame in moment.frames[: cuts[0]]]
            track.lose(CUT, moment.frames[cuts[0]].time)
            return seen + self._search(track, moment, cuts[0])
        found = moment.find(track.face)
        look, change = track.compare(track.looks[0], found, moment)
        if change.share <= CHANGED and change.light <= UNSTEADY_LIGHT:  # though the detector may have missed it
            track.see(found, look, moment.index)
            return [track.sight(frame) for frame in moment.frames]
        reason = NO_FACE if found is None else COVERED if change.share > CHANGED else LIGHT
        track.lose(reason, moment.time)
        return self._search(track, moment, 0)

    def _search(self, track: FaceTrack, moment: Moment, earliest: int) -> list[Sighting]:
        """What the frames from `earliest` on are to a lost face; it may be found again."""
        begin = len(moment.frames)
        found = self._find_again(track, moment)
        if found is not None:
            face, look, begin = found[0], found[1], max(found[2], earliest)
        missed = [track.sight(frame) for frame in moment.frames[earliest:begin]]
        if found is not None:
            track.begin(next(self._runs), face, look, moment.index)
        return missed + [track.sight(frame) for frame in moment.frames[begin:]]

    def _find_again(self, track: FaceTrack, moment: Moment) -> tuple[Face, Look, int] | None:
        """The lost face, its look and the position from which on it is seen; None if it cannot be read (yet)."""
        if track.reason in (COVERED, LIGHT):
            face = moment.find(track.face)
            if face is not None:
                look = moment.look_at(face)
                ready = self._is_uncovered(track, look) and moment.begin_of(face) is not None
                return (face, look, len(moment.frames) - 1) if ready else None
            if track.reason == COVERED and moment.time - track.lost_at < COVERED_SECONDS:
                return None
        for face in self._free_faces(moment):
            if track.is_of(face, moment):
                begin = moment.begin_of(face)
                track.reason = LIGHT if begin is None else track.reason
                return None if begin is None else (face, moment.look_at(face), begin)
        track.reason = NO_FACE
        return None

    def _is_uncovered(self, track: FaceTrack, look: Look) -> bool:
        if track.reason != COVERED:
            return True
        before = track.looks[-1]
        share = compare(before, look).share
        waited = look.time - track.lost_at > COVERED_SECONDS
        return share <= CHANGED or (share < OTHER_FACE and (waited or look.is_turned(before)))

    def _free_faces(self, moment: Moment) -> list[Face]:
        """Faces of the frame that is checked which are not those of a run."""
        taken = [track.face for track in self._tracks if track.run is not None]
        return [face for face in moment.faces if not any(overlap(face.box, t.box) >= SAME_PLACE for t in taken)]

    def _other(self, current: FaceTrack | None, moment: Moment) -> Face | None:
        """The face that is to be followed instead of the current one."""
        if isinstance(self.wanted, int):
            enough = current is None and len(moment.faces) >= self.wanted
            return moment.faces[self.wanted - 1] if enough else None
        if current is None:
            return moment.faces[0] if moment.faces else None
        if current.run is None:
            return next((face for face in moment.faces if self._may_replace(current, face, moment)), None)
        if moment.time - self._surveyed < SURVEY_SECONDS:
            return None
        self._surveyed = moment.time
        least = MUCH_LARGER * _area(current.face)
        rough = detect_roughly(moment.checked.image, math.sqrt(least))
        if rough is None or _area(rough) < ROUGHLY * least or overlap(rough.box, current.face.box) >= SAME_PLACE:
            return None
        largest = detect_largest_face(moment.checked.image)
        if largest is None or overlap(largest.box, current.face.box) >= SAME_PLACE:
            return None
        return largest if _area(largest) > least else None

    def _may_replace(self, lost: FaceTrack, face: Face, moment: Moment) -> bool:
        """Whether a face that is seen may be followed in place of the one that is lost."""
        waited = moment.time - lost.lost_at
        if lost.was_cut or waited > COVERED_SECONDS:
            return True
        if overlap(lost.face.box, face.box) >= SAME_PLACE:
            return not lost.is_of(face, moment)
        return waited > PATIENCE_SECONDS

    def _is_lost_one(self, face: Face, moment: Moment) -> bool:
        """Whether a face that is seen is one that was lost at this place and is not to be read yet, as if covered."""
        return any(
            overlap(track.face.box, face.box) >= SAME_PLACE and not self._may_replace(track, face, moment)
            for track in self._tracks[-_KNOWN_FACES:]
            if track.run is None
        )

    def _begin(self, face: Face, moment: Moment, sightings: list[Sighting]) -> list[Sighting]:
        """Begin with a face that is new, or was lost; its sightings take the place of those given."""
        begin = moment.begin_of(face)
        if begin is None:
            return sightings
        look = moment.look_at(face)
        lost = [track for track in self._tracks[-_KNOWN_FACES:] if track.run is None and track.is_of(face, moment)]
        track = lost[-1] if lost else FaceTrack(len(self._tracks) + 1, face)
        if self.wanted != "all":
            for other in self._tracks:
                other.lose(NO_FACE, moment.time)
            begin = max(begin, sum(sighting.run is not None for sighting in sightings))
        track.begin(next(self._runs), face, look, moment.index)
        self._tracks = [*(other for other in self._tracks if other is not track), track]
        return sightings[:begin] + [track.sight(frame) for frame in moment.frames[begin:]]


def _area(face: Face) -> float:
    return face.box[2] * face.box[3]
