"""Videos to clips: faces aligned once a clip, grey, `num_frames` frames of `image_size` pixels, as AU-LLM takes them.

Size, grey, number of frames and their sampling: AU-LLM (arXiv 2507.21778) for test clips. Face, alignment and windows
over longer videos: own choice, the papers start from the datasets' crops and annotated clips.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np
from PIL import Image
from transformers import BatchFeature
from transformers.utils import TensorType

# The name in `transformers` itself is an empty stand-in where torchvision is missing, which is not needed here.
from transformers.video_processing_utils import BaseVideoProcessor

from .face_alignment import Face, FaceFinder, align, alignment_transform, check_face, to_grey, whole_frame_transform
from .head_stabilization import stabilize_transforms
from .temporal_windows import check_window, iter_windows
from .video_reading import VideoSource, count_frames, open_video, source_name
from .video_stream import Frame, VideoError


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
        face: `"largest"`; a number, 0 the largest face, 1 the next; or `"cropped"` for the datasets' ready crops, where
            no face is searched and the whole frame is resized.
        stabilize: Take the head's drift within a clip out, see `head_stabilization`. On by default since the
            shipped checkpoint scored better with it on the other synthetic domain.
    """

    model_input_names = ["pixel_values"]  # noqa: RUF012 - as the base class has it
    valid_kwargs = AULLMVideoProcessorKwargs  # type: ignore[assignment]

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
        settings: dict[str, Any] = {
            "image_size": image_size,
            "num_frames": num_frames,
            "face": face,
            "stabilize": stabilize,
        }
        super().__init__(**settings, **kwargs)

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
        face: str | int | None = None,
        return_tensors: str | TensorType | None = None,
    ) -> BatchFeature:
        """Turn whole videos into one clip each.

        Args:
            videos: A path, array, tensor or list of PIL images (see `open_video`), or a list of such.
            onset: First frame to use, from 0 (a folder's images count in their order); one for all or one a video.
            apex: Strongest frame, likewise.
            offset: Last frame to use, likewise.
            face: Overrides the processor's `face`.
            return_tensors: `"pt"` or `"np"`.

        Returns:
            `pixel_values`: (batch, num_frames, image_size, image_size) float32 grey in 0..1.

        Raises:
            VideoError: If a video cannot be used or holds no face in the frames sampled.
        """
        sources = _as_batch(videos)
        marks = zip(*(_one_each(len(sources), mark) for mark in (onset, apex, offset)), strict=True)
        clips = []
        for source, (first, strongest, last) in zip(sources, marks, strict=True):
            segment = self.read_clip(source, onset=first, apex=strongest, offset=last, face=face)
            if segment.pixel_values is None:
                raise VideoError(f"{source_name(source)}: no face found; use face='cropped' for ready crops of faces")
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

        The video is read twice, to count its frames and to keep only those sampled: a clip may be long.

        Args:
            source: See `open_video`.
            onset: First frame to use, from 0.
            apex: Strongest frame, see `sample_frame_indices`.
            offset: Last frame to use.
            fps: Overrides the source's frame rate, which only the segment's times depend on.
            face: Overrides the processor's `face`.

        Returns:
            The segment; where no sampled frame shows the face, `face` and `pixel_values` are None.

        Raises:
            VideoError: If the source cannot be used, or onset, apex and offset do not fit it.
        """
        finder = FaceFinder(self.face if face is None else face)
        indices = self.sample_frame_indices(count_frames(source), onset, apex, offset)
        with open_video(source, fps) as stream:
            kept = {frame.index: _grey(frame) for frame in _until(stream, indices[-1]) if frame.index in indices}
        return self._segment([kept[index] for index in indices], stream.fps, finder)

    def iter_segments(
        self,
        source: VideoSource,
        *,
        window: float | None = None,
        stride: float | None = None,
        fps: float | None = None,
        face: str | int | None = None,
    ) -> Iterator[Segment]:
        """Go through a video of any length once, in memory that does not grow with it.

        Args:
            source: See `open_video`.
            window: Seconds a segment. None: a video up to one second is one segment, a longer one is cut into windows
                of half a second every quarter of a second (see `temporal_windows`).
            stride: Seconds from one segment to the next, by default half a window.
            fps: Overrides the source's frame rate.
            face: Overrides the processor's `face`.

        Yields:
            The segments in order; where no sampled frame shows the face, `face` and `pixel_values` are None.

        Raises:
            VideoError: If the source cannot be used.
        """
        ranks = list(range(6)) if face == "all" else [self.face if face is None else face]
        finders = [FaceFinder(rank) for rank in ranks]
        with open_video(source, fps) as stream:
            check_window(stream.source, window, stride, stream.fps)
            for frames in iter_windows(map(_small, stream), window, stride):
                sampled = self.sample_frame_indices(len(frames))
                kept = [_grey(frames[index]) for index in sampled]
                del frames  # let the window go before the next one is read
                for number, finder in enumerate(finders, 1):
                    segment = self._segment(kept, stream.fps, finder)
                    if segment.pixel_values is not None or number == 1:
                        yield replace(segment, face_id=segment.face and number)
                    if segment.pixel_values is None:
                        break

    def _segment(self, sampled: list[Frame], fps: float | None, finder: FaceFinder) -> Segment:
        """The segment of some sampled frames, from the first to the last."""
        first, last = sampled[0], sampled[-1]
        found = finder.find([(frame.index, frame.image) for frame in sampled])
        clip = self._clip(sampled, found, finder.face)
        times = first.index, last.index, first.time, last.time
        return Segment(*times, fps, found, clip, found and 1, "no face" if clip is None else None)

    def _clip(self, sampled: list[Frame], found: Face | None, face: str | int) -> np.ndarray | None:
        """Crop the sampled frames, all by one transform (unless `stabilize`d)."""
        if found is not None:
            transform = alignment_transform(found.landmarks, self.image_size)
        elif face == "cropped":
            height, width = sampled[0].image.shape[:2]
            transform = whole_frame_transform(width, height, self.image_size)
        else:
            return None
        crops = np.stack([align(frame.image, transform, self.image_size) for frame in sampled])
        if not self.stabilize:
            return crops
        moved = zip(sampled[1:], stabilize_transforms(crops, transform)[1:], strict=True)
        return np.stack([crops[0], *(align(frame.image, corrected, self.image_size) for frame, corrected in moved)])


def _as_batch(videos: VideoSource | Sequence[VideoSource]) -> list:
    is_batch = isinstance(videos, list | tuple) and not all(isinstance(video, Image.Image) for video in videos)
    return list(videos) if is_batch else [videos]  # type: ignore[arg-type]


def _one_each(num_videos: int, mark: int | Sequence[int | None] | None) -> list[int | None]:
    marks = list(mark) if isinstance(mark, Sequence) else [mark] * num_videos
    if len(marks) != num_videos:
        raise VideoError(f"got {len(marks)} onset, apex or offset values for {num_videos} videos; give one a video")
    return marks


def _grey(frame: Frame) -> Frame:
    return replace(frame, picture=to_grey(frame.image))


def _small(frame: Frame) -> Frame:
    """The frame in as little memory as a whole window can have: grey, or not yet converted from what was decoded."""
    return frame if callable(frame.picture) else _grey(frame)


def _until(stream: Iterator[Frame], last: int) -> Iterator[Frame]:
    for frame in stream:
        yield frame
        if frame.index == last:
            return


AULLMVideoProcessor.register_for_auto_class("AutoVideoProcessor")
