"""Videos to clips, segments and stretches of motion: all that a model reads of them. NumPy and OpenCV alone.

Size, grey, number of frames and their sampling: AU-LLM (arXiv 2507.21778) for test clips. Face, alignment and windows
over longer videos: own choice, the papers start from the datasets' crops and annotated clips.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from .clip_cutting import cut_clip, grey, small, until
from .face_alignment import check_face, detect_same_face, to_grey
from .face_following import EVENT_CHECK_SECONDS, FaceFollower
from .face_orientation import turned_video_hint
from .face_stretches import TOO_SHORT, iter_stretches
from .face_tracks import Sighting
from .motion_stretch import MotionStretch
from .motion_stretches import iter_motion
from .read_ahead import read_ahead
from .recording_check import check_recording
from .segments import Segment, best_run, unread_segment
from .temporal_windows import WINDOW_SECONDS, check_window, up_to_a_second
from .video_reading import VideoSource, count_frames, open_video
from .video_stream import Frame, VideoError, VideoStream

_NO_PICTURE = np.zeros((0, 0), np.uint8)


class ClipReader:
    """Reads videos for a model.

    Args:
        image_size: Side of the aligned crop in pixels.
        num_frames: Frames a clip.
        face: Which face is read, see `FaceFollower`: `"largest"`; a number, 1 the largest face, 2 the next; `"all"`; or
            `"cropped"` for the datasets' ready crops, where no face is searched and the whole frame is resized.
        stabilize: Take the head's drift within a clip out, see `head_stabilization`. On by default since the
            shipped checkpoint scored better with it on the other synthetic domain.

    Raises:
        ValueError: If a value is none of these.
    """

    turned_hint = staticmethod(turned_video_hint)  # what to do with a source in which no face was found
    check_recording = staticmethod(check_recording)  # what a source can show

    image_size: int
    num_frames: int
    face: str | int
    stabilize: bool

    def __init__(
        self, image_size: int = 64, num_frames: int = 6, face: str | int = "largest", stabilize: bool = True
    ) -> None:
        for name, value, smallest in (("image_size", image_size, 16), ("num_frames", num_frames, 2)):
            if not isinstance(value, int) or value < smallest:
                raise ValueError(f"{name} must be an integer of at least {smallest}, got {value!r}")
        check_face(face)
        self.image_size, self.num_frames, self.face, self.stabilize = image_size, num_frames, face, stabilize

    def sample_frame_indices(
        self, num_frames_in_clip: int, onset: int | None = None, apex: int | None = None, offset: int | None = None
    ) -> list[int]:
        """Frames of a clip that the model sees: evenly spaced from the first to the last, as AU-LLM samples test clips.

        Args:
            num_frames_in_clip: Length of the clip.
            onset: First frame to use, counted from 0 in the clip, by default its first.
            apex: Frame where the expression is strongest. The nearest sample after the first is moved onto it, so that
                the peak is seen while the first sample stays the reference (own choice).
            offset: Last frame to use, by default the clip's last.

        Returns:
            `num_frames` indices in order, repeated where the clip is shorter.

        Raises:
            VideoError: If they do not lie in the order onset, apex, offset within the clip.
        """
        first = 0 if onset is None else onset
        last = num_frames_in_clip - 1 if offset is None else offset
        if not (0 <= first < last < num_frames_in_clip and (apex is None or first <= apex <= last)):
            raise VideoError(
                f"onset {onset}, apex {apex}, offset {offset} must be in this order, onset before offset, within "
                f"frames 0 to {num_frames_in_clip - 1}"
            )
        indices = np.rint(np.linspace(first, last, self.num_frames)).astype(int)
        if apex is not None:
            indices[1 + np.argmin(np.abs(indices[1:] - apex))] = apex
        return indices.tolist()

    def read_clip(
        self,
        source: VideoSource,
        *,
        onset: int | None = None,
        apex: int | None = None,
        offset: int | None = None,
        fps: float | None = None,
        face: str | int | None = None,
    ) -> Segment:
        """Read a whole video, or its stretch from onset to offset, as one segment.

        Of a stretch in which the face is not seen throughout, or with a cut or a covering in it, the longest part in
        which it is, or the one with the apex.

        The video is read twice, to follow the face and to keep only the frames sampled: a clip may be long.

        Args:
            source: See `open_video`.
            onset: First frame to use, from 0.
            apex: Strongest frame, see `sample_frame_indices`.
            offset: Last frame to use.
            fps: Overrides the source's frame rate, which only the segment's times depend on.
            face: Overrides the processor's `face`; not `"all"`.

        Returns:
            The segment; where nothing can be stated, `face` and `pixel_values` are None and `reason` says why.

        Raises:
            VideoError: If the source cannot be used, or onset, apex and offset do not fit it.
            ValueError: If all faces are asked for.
        """
        face = self.face if face is None else face
        if face == "all":
            raise ValueError("a clip is of one face: give face='largest' or its number; iter_segments reads all faces")
        num_frames = count_frames(source)
        self.sample_frame_indices(num_frames, onset, apex, offset)  # before the long work
        first, last = onset or 0, num_frames - 1 if offset is None else offset
        sightings = self._sightings(source, fps, face, range(first, last + 1))
        best = best_run(sightings, apex)
        if best is None:
            reasons = [sighting.reason for sighting in sightings if sighting.reason is not None]
            with open_video(source, fps) as stream:
                return unread_segment(sightings, stream, max(reasons, key=reasons.count, default=TOO_SHORT))
        indices = self.sample_frame_indices(num_frames, best[0].index, apex, best[-1].index)
        faces = {sighting.index: sighting for sighting in best}
        with open_video(source, fps) as stream:
            kept = {frame.index: to_grey(frame.image) for frame in until(stream, indices[-1]) if frame.index in indices}
        sampled = [replace(faces[index], picture=kept[index]) for index in indices]
        return self._segment(sampled, best, stream)

    def _sightings(self, source: VideoSource, fps: float | None, face: str | int, wanted: range) -> list[Sighting]:
        """What some frames are to the face, without their pictures."""
        with open_video(source, fps) as stream:
            frames = (small(frame) for frame in until(stream, wanted[-1]) if frame.index in wanted)
            seen = FaceFollower(face, stream.size).follow(frames)
            return [replace(sighting, picture=_NO_PICTURE, brightness=None) for sighting in seen]

    def read_frames(self, source: VideoSource, fps: float | None = None) -> VideoStream:
        """Go through the frames that segments are cut from: upright, in square pixels, each with its time.

        Args:
            source: See `open_video`.
            fps: Overrides the source's frame rate.

        Raises:
            VideoError: If the source cannot be used.
        """
        return open_video(source, fps)

    def iter_segments(
        self,
        source: VideoSource,
        *,
        window: float | None = None,
        stride: float | None = None,
        fps: float | None = None,
        face: str | int | None = None,
        onset: int | None = None,
        apex: int | None = None,
        offset: int | None = None,
    ) -> Iterator[Segment]:
        """Go through a video of any length once, in memory that does not grow with it.

        Windows hold frames in which one face is seen and continuous: they begin anew behind a cut, a covering or a
        stretch without the face, and nothing is read across these, which come as segments without `pixel_values`.

        Args:
            source: See `open_video`.
            window: Seconds a segment. None: a video up to one second is one segment, a longer one is cut into windows
                of half a second every quarter of a second (see `temporal_windows`).
            stride: Seconds from one segment to the next, by default half a window.
            fps: Overrides the source's frame rate.
            face: Overrides the processor's `face`, see `FaceFollower`.
            onset: First frame of the expression; with any of these three the video is one segment, see `read_clip`.
            apex: Frame of its height.
            offset: Its last frame.

        Yields:
            The segments, of each face in order; where nothing can be stated, `face` and `pixel_values` are None and
            `reason` says why.

        Raises:
            VideoError: If the source cannot be used.
        """
        if not onset == apex == offset is None:
            yield self.read_clip(source, onset=onset, apex=apex, offset=offset, fps=fps, face=face)
            return
        with open_video(source, fps) as stream:
            check_window(stream.source, window, stride, stream.fps)
            frames: Iterator[Frame] = map(small, stream)
            if window is None:
                frames, is_clip = up_to_a_second(frames)
                window = math.inf if is_clip else WINDOW_SECONDS
            yield from self._segments(stream, frames, face, window, stride)

    def iter_motion(
        self, source: VideoSource, *, fps: float | None = None, face: str | int | None = None
    ) -> Iterator[MotionStretch | Segment]:
        """Go through a recording once, for the events in it, in flat memory.

        Args:
            source: See `open_video`.
            fps: Overrides the source's frame rate.
            face: Overrides the processor's `face`, see `FaceFollower`.

        Yields:
            The stretches of each run of a face, for `AULLMForAUDetection.read_stretch`, and segments without
            `pixel_values` where nothing can be stated. A video up to one second is a clip: its segments alone.
        """
        with open_video(source, fps) as stream, closing(read_ahead(stream)) as read:
            frames, is_clip = up_to_a_second(map(small, read))
            if is_clip:
                yield from self._segments(stream, frames, face, math.inf, None)
                return
            follower = FaceFollower(self.face if face is None else face, stream.size, EVENT_CHECK_SECONDS)
            for part in iter_motion(follower.follow(frames), stream):
                if isinstance(part, MotionStretch):
                    yield part
                else:
                    yield unread_segment((part.first, part.last), stream, part.reason)

    def _segments(
        self,
        stream: VideoStream,
        frames: Iterator[Frame],
        face: str | int | None,
        window: float,
        stride: float | None,
    ) -> Iterator[Segment]:
        follower = FaceFollower(self.face if face is None else face, stream.size)
        for stretch in iter_stretches(follower.follow(frames), window, stride):
            if stretch[0].run is None:
                yield unread_segment(stretch, stream, stretch[0].reason)
            else:
                indices = self.sample_frame_indices(len(stretch))
                yield self._segment([grey(stretch[at]) for at in indices], stretch, stream)

    def _segment(self, sampled: list[Sighting], run: Sequence[Sighting], video: VideoStream) -> Segment:
        """The segment of a run, or of a part of it, from the first to the last of some frames sampled."""
        first, last = sampled[0], sampled[-1]
        face = first.face and detect_same_face(first.image, first.face)
        later = {s.seen_at: s.face for s in run if s.face and s.seen_at and s.seen_at > first.index}
        seen = ((first.index, face), *sorted(later.items())) if face else ()
        clip = cut_clip(sampled, face, self.image_size, stabilize=self.stabilize)
        times = first.index, last.index, first.time, last.time
        return Segment(*times, video.fps, face, clip, first.face_id, seen=seen, recording=video.recording)
