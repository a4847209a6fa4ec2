"""Videos to clips as transformers' video processors make them: faces aligned once a clip, grey, `num_frames` frames."""

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from transformers import BatchFeature
from transformers.utils import TensorType

# The name in `transformers` itself is an empty stand-in where torchvision is missing, which is not needed here.
from transformers.video_processing_utils import BaseVideoProcessor

from .clip_length import check_clip_length
from .clip_reading import ClipReader
from .face_orientation import turned_video_hint
from .face_tracks import NO_FACE
from .segments import Segment
from .video_reading import VideoSource, as_batch, source_name
from .video_stream import VideoError


class AULLMVideoProcessorKwargs(TypedDict, total=False):
    """What is saved with the processor; see `AULLMVideoProcessor`."""

    image_size: int
    num_frames: int
    face: str | int
    stabilize: bool


class AULLMVideoProcessor(ClipReader, BaseVideoProcessor):
    """Turns videos into the clips that the model takes; arguments and errors are those of `ClipReader`."""

    model_input_names = ["pixel_values"]  # noqa: RUF012 - as the base class has it
    valid_kwargs = AULLMVideoProcessorKwargs  # type: ignore[assignment]

    def __init__(
        self,
        image_size: int = 64,
        num_frames: int = 6,
        face: str | int = "largest",
        stabilize: bool = True,
        **kwargs: Any,
    ) -> None:
        settings: dict[str, Any] = {
            "image_size": image_size, "num_frames": num_frames, "face": face, "stabilize": stabilize,
        }  # fmt: skip
        BaseVideoProcessor.__init__(self, **(kwargs | settings))
        ClipReader.__init__(self, **settings)

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
