"""Videos to clips: faces aligned once a clip, grey, `num_frames` frames of `image_size` pixels, as AU-LLM takes them.

Size, grey, number of frames and their sampling: AU-LLM (arXiv 2507.21778) for test clips. Face, alignment and windows
over longer videos: own choice, the papers start from the datasets' crops and annotated clips.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np
from transformers import BatchFeature
from transformers.utils import TensorType

# The name in `transformers` itself is an empty stand-in where torchvision is missing, which is not needed here.
from transformers.video_processing_utils import BaseVideoProcessor

from .clip_cutting import cut_clip, grey, small, until
from .clip_length import check_clip_length
from .face_alignment import check_face, detect_same_face, to_grey
from .face_following import EVENT_CHECK_SECONDS, FaceFollower
from .face_orientation import turned_video_hint
from .face_stretches import TOO_SHORT, iter_stretches
from .face_tracks import NO_FACE, Sighting
from .motion_stretch import MotionStretch
from .motion_stretches import iter_motion
from .read_ahead import read_ahead
from .recording_check import check_recording
from .segments import Segment, best_run, unread_segment
from .temporal_windows import WINDOW_SECONDS, check_window, up_to_a_second
from .video_reading import VideoSource, as_batch, count_frames, open_video, source_name
from .video_stream import Frame, VideoError, VideoStream

_NO_PICTURE = np.zeros((0, 0), np.uint8)


class AULLMVideoProcessorKwargs(TypedDict, total=False):
    """What is saved with the processor; see `AULLMVideoProcessor`."""

    image_size: int
    num_frames: int
    face: str | int
    stabilize: bool


class AULLMVideoProcessor(BaseVideoProcessor):
    """Turns videos into the clips that the model takes.

    Args:
        image_size: Side of the aligned crop in pixels.
        num_frames: Frames a clip.
        face: Which face is read, see `FaceFollower`: `"largest"`; a number, 1 the largest face, 2 the next; `"all"`; or
            `"cropped"` for the datasets' ready crops, where no face is searched and the whole frame is resized.
        stabilize: Take the head's drift within a clip out, see `head_stabilization`. On by default since the
            shipped checkpoint scored better with it on the other synthetic domain.
    """

    model_input_names = ["pixel_values"]  # noqa: RUF012 - as the base class has it
    valid_kwargs = AULLMVideoProcessorKwargs  # type: ignore[assignment]
    turned_hint = staticmethod(turned_video_hint)  # what to do with a source in which no face was found
    check_recording = staticmethod(check_recording)  # what a source can show

    image_size: int
    num_frames: int
    face: str | int
    stabilize: bool

    def __init__(
        self,
        image_size: int = 64,
        num_frames: int = 6,
        face: str | int = "largest",
        stabilize: bool = True,
        **kwargs: Any,
    ) -> None:
        for name, value, smallest in (("image_size", image_size, 16), ("num_frames", num_frames, 2)):
            if not isinstance(value, int) or value < smallest:
                raise ValueError(f"{name} must be an integer of at least {smallest}, got {value!r}")
        check_face(face)
        settings = {"image_size": image_size, "num_frames": num_frames, "face": face, "stabilize": stabilize}
        super().__init__(**(kwargs | settings))

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

    def preprocess(
        self,
        videos: VideoSource | Sequence[VideoSource],
        *,
        onset: int | Sequence[int | None] | None = None,
        apex: int | Sequence[int | None] | None = None,
        offset: int | Sequence[int | None] | None = None,
        fps: float | None = None,
        face: str | int | None = None,
        return_tensors: str | TensorType | None = None,
        num_frames: int | None = None,
        do_sample_frames: bool = True,
    ) -> BatchFeature:
        """Turn whole videos into one clip each; longer videos are for `iter_segments`.

        Args:
            videos: A path, array, tensor or list of one video's images (see `open_video`), a list of such, or an array
                of five dimensions (see `is_batch`).
            onset: First frame to use, from 0 (a folder's images count in their order); one for all or one a video.
            apex: Strongest frame, likewise.
            offset: Last frame to use, likewise. Where it and `onset` are given the clip may be of any length.
            fps: Frames a second, instead of the videos' own times; only how long they are depends on it.
            face: Overrides the processor's `face`.
            return_tensors: `"pt"` or `"np"`.
            num_frames: As transformers' `video-classification` pipeline passes it: the processor's own, or an error.
            do_sample_frames: Likewise; frames are always sampled.

        Returns:
            `pixel_values`: (batch, num_frames, image_size, image_size) float32 grey in 0..1.

        Raises:
            VideoError: If a video cannot be used, is longer than one clip (see `check_clip_length`) or holds no face in
                the frames sampled.
            ValueError: If another number of frames is asked for, or none are to be sampled.
        """
        if num_frames not in (None, self.num_frames) or not do_sample_frames:
            raise ValueError(
                f"num_frames {num_frames}, do_sample_frames {do_sample_frames}: the model takes {self.num_frames} "
                "sampled frames a clip; leave both out"
            )
        sources = as_batch(videos)
        marks = zip(*(_one_each(len(sources), mark) for mark in (onset, apex, offset)), strict=True)
        clips = []
        for source, (first, strongest, last) in zip(sources, marks, strict=True):
            if first is None or last is None:
                check_clip_length(source, first, last, fps)
            segment = self.read_clip(source, onset=first, apex=strongest, offset=last, face=face)
            if segment.pixel_values is None:
                raise VideoError(f"{source_name(source)}: {_why_unread(source, segment)}")
            clips.append(segment.pixel_values)
        return BatchFeature({"pixel_values": np.stack(clips)}, tensor_type=return_tensors)

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


def _why_unread(source: VideoSource, segment: Segment) -> str:
    if segment.reason != NO_FACE:
        return f"no two frames of one face that follow one another can be read ({segment.reason})"
    return "no face found; " + (turned_video_hint(source) or "use face='cropped' for ready crops of faces")


def _one_each(num_videos: int, mark: int | Sequence[int | None] | None) -> list[int | None]:
    marks = list(mark) if isinstance(mark, Sequence) else [mark] * num_videos
    if len(marks) != num_videos:
        raise VideoError(f"got {len(marks)} onset, apex or offset values for {num_videos} videos; give one a video")
    return marks


AULLMVideoProcessor.register_for_auto_class("AutoVideoProcessor")
