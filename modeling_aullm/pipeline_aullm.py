"""The pipeline `"action-unit-detection"`: a video of any length in, action units out."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from transformers.pipelines.base import ChunkPipeline
from transformers.utils import ModelOutput

from .processing_aullm import AULLMProcessor, Thresholds
from .video_processing_aullm import Segment
from .video_reading import VideoSource, is_batch
from .video_stream import VideoError

DEFAULT_BATCH_SIZE = 16  # segments a forward pass

_PREPROCESS_NAMES = ("window", "stride", "fps", "face", "onset", "apex", "offset", "segments_per_batch")


class ActionUnitDetectionPipeline(ChunkPipeline):
    """Detects action units in videos, segment by segment.

    A video up to a second long gives one dict `{"AU12": {"probability": 0.91, "active": True}, ...}`, and so does one
    whose `onset`, `apex` or `offset` is given. A longer video, or any with `window` given, gives a list of segments
    `{"start_frame", "end_frame", "start_time", "end_time", "face", "action_units"}` in order; where no face was found,
    `face` and `action_units` are None. A list of videos gives a list of these.

    Keyword arguments, here or in the call: `window`, `stride`, `fps`, `face` (see `AULLMVideoProcessor.iter_segments`),
    `onset`, `apex`, `offset` (see `AULLMVideoProcessor.preprocess`), `thresholds` (see
    `AULLMProcessor.post_process_action_units`) and `batch_size`, in segments.

    Raises:
        VideoError: If a video cannot be used, or no segment of it shows a face.
    """

    _load_processor = True  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_video_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]
    _load_tokenizer = False  # type: ignore[assignment]

    processor: AULLMProcessor

    def __call__(  # type: ignore[override]
        self, inputs: VideoSource | list[VideoSource], batch_size: int | None = None, **kwargs: Any
    ) -> Any:
        """Detect the action units of one video or of a list of videos."""
        if is_batch(inputs):
            inputs = list(inputs)  # type: ignore[arg-type]
        elif isinstance(inputs, list):  # the base class would take a list of images for a list of inputs
            inputs = tuple(inputs)  # type: ignore[arg-type]
        segments_per_batch = batch_size or self._batch_size or DEFAULT_BATCH_SIZE
        # The base class batches across chunks by padding, which needs a tokenizer: batches are made in preprocess.
        return super().__call__(inputs, batch_size=1, segments_per_batch=segments_per_batch, **kwargs)

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict, dict, dict]:
        unknown = set(kwargs) - {*_PREPROCESS_NAMES, "thresholds"}
        if unknown:
            raise TypeError(f"unknown argument {', '.join(sorted(unknown))}")
        preprocess = {name: kwargs[name] for name in _PREPROCESS_NAMES if name in kwargs}
        return preprocess, {}, {name: kwargs[name] for name in ("thresholds",) if name in kwargs}

    def preprocess(  # type: ignore[override]
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
        segments_per_batch: int = DEFAULT_BATCH_SIZE,
    ) -> Iterator[dict[str, Any]]:
        """Read a video and yield batches of segments."""
        video_processor = self.processor.video_processor
        if (onset, apex, offset) != (None, None, None):
            segment = video_processor.read_clip(source, onset=onset, apex=apex, offset=offset, fps=fps, face=face)
            yield {**_stack([segment]), "one_clip": True, "is_last": True}
            return
        batch: list[Segment] = []
        for segment in video_processor.iter_segments(source, window=window, stride=stride, fps=fps, face=face):
            if len(batch) == segments_per_batch:
                yield {**_stack(batch), "one_clip": False, "is_last": False}
                batch = []
            batch.append(segment)
        first_batch = not batch or batch[0].start_frame == 0
        yield {**_stack(batch), "one_clip": window is None and first_batch and len(batch) == 1, "is_last": True}

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        pixel_values = model_inputs.pop("pixel_values")
        logits = None if pixel_values is None else self.model(pixel_values=pixel_values).logits
        return {"logits": logits, **model_inputs}

    def postprocess(  # type: ignore[override]
        self, model_outputs: list[dict[str, Any]], thresholds: Thresholds | None = None
    ) -> Any:
        """Turn the logits of a video's batches into its result."""
        logits = [output["logits"] for output in model_outputs if output["logits"] is not None]
        if not logits:
            raise VideoError("no face found in any segment of the video; use face='cropped' for ready crops of faces")
        found = self.processor.post_process_action_units(ModelOutput(logits=torch.cat(logits)), thresholds)
        if model_outputs[-1]["one_clip"]:
            return found[0]
        remaining = iter(found)
        segments = [segment for output in model_outputs for segment in output["segments"]]
        return [_describe(segment, None if segment.pixel_values is None else next(remaining)) for segment in segments]


def _stack(segments: list[Segment]) -> dict[str, Any]:
    """The clips of those segments that show a face, (batch, num_frames, image_size, image_size)."""
    clips = [segment.pixel_values for segment in segments if segment.pixel_values is not None]
    return {"pixel_values": torch.from_numpy(np.stack(clips)) if clips else None, "segments": segments}


def _describe(segment: Segment, action_units: dict | None) -> dict[str, Any]:
    face = segment.face and {"box": segment.face.box, "score": segment.face.score}
    return {
        "start_frame": segment.start_frame,
        "end_frame": segment.end_frame,
        "start_time": segment.start_time,
        "end_time": segment.end_time,
        "face": face,
        "action_units": action_units,
    }
