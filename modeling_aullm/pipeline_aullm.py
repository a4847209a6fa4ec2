"""The pipeline `"action-unit-detection"`: a video of any length in, action units out."""

import logging
import os
from collections.abc import Iterator
from dataclasses import asdict
from types import GeneratorType
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers.pipelines.base import ChunkPipeline
from transformers.utils import ModelOutput

from .face_alignment import Face
from .face_orientation import turned_video_hint
from .face_tracks import NO_FACE
from .post_processing import Thresholds
from .processing_aullm import AULLMProcessor
from .segments import Segment
from .video_reading import VideoSource, is_batch, source_name
from .video_stream import VideoError

logger = logging.getLogger(__name__)

DEFAULT_BATCH_SIZE = 16  # segments a forward pass

_SEGMENT_KEYS = ("start_frame", "end_frame", "start_time", "end_time", "face", "action_units", "reason")
_PREPROCESS_NAMES = ("window", "stride", "fps", "face", "onset", "apex", "offset", "segments_per_batch", "several")
_POSTPROCESS_NAMES = ("thresholds", "sensitivity")


class ActionUnitDetectionPipeline(ChunkPipeline):
    """Finds the expressions of a recording, and detects action units in it, segment by segment.

    A video gives `{"events": [...], "timeline": [...]}`. The events are `{"onset_frame", "apex_frame", "offset_frame",
    "onset_time", "apex_time", "offset_time", "kind", "probability", "face", "action_units"}`, in order of their onsets;
    None where they were not looked for: in a video up to a second long, where `window`, `stride` or a mark is given,
    and by a model without a temporal head. The timeline is a list of segments `{"start_frame", "end_frame",
    "start_time", "end_time", "face", "action_units", "reason"}` in order: one for a video up to a second long and for
    one whose `onset`, `apex` or `offset` is given, several for a longer one or with `window` given. `face` has `id`,
    `box`, `score`, `landmarks` and `angles` (see `head_pose`), as the first frame shows it; the id stays with a face
    through the recording. `action_units` is `{"AU12": {"probability": 0.91, "active": True}, ...}`; where nothing can
    be stated it is None, and `reason` says why in words. A list of videos gives a list of these; of one that cannot be
    used, a timeline of one segment whose `reason` names the video and the fault.

    After `import modeling_aullm` no `trust_remote_code` is needed: this class is used, not a checkpoint's own code.

    Keyword arguments, here or in the call: `window`, `stride`, `fps`, `face` (see `AULLMVideoProcessor.iter_segments`),
    `onset`, `apex`, `offset` (see `AULLMVideoProcessor.preprocess`), `sensitivity` (see
    `AULLMProcessor.post_process_events`), `thresholds` (of segments that are read one by one, see
    `AULLMProcessor.post_process_action_units`) and `batch_size`, in segments.

    Raises:
        VideoError: If a single video cannot be opened or decoded; one without a face is spans with their `reason`, and
            a logged line if its faces lie on their side.
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
        several = isinstance(inputs, list | GeneratorType | Dataset)
        segments_per_batch = batch_size or self._batch_size or DEFAULT_BATCH_SIZE
        # The base class batches across chunks by padding, which needs a tokenizer: batches are made in preprocess.
        kwargs |= {"segments_per_batch": segments_per_batch, "several": several}
        return super().__call__(inputs, batch_size=1, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> None:
        """Save model, processor and the code of all three, so that the folder can be loaded as a pipeline again.

        Args:
            save_directory: Folder.
            **kwargs: As of the model's `save_pretrained`.
        """
        super().save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory)

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict, dict, dict]:
        unknown = set(kwargs) - {*_PREPROCESS_NAMES, *_POSTPROCESS_NAMES}
        if unknown:
            raise TypeError(f"unknown argument {', '.join(sorted(unknown))}")
        if "sensitivity" in kwargs:
            self.processor.sensitivity(kwargs["sensitivity"])  # before the long work
        both = _PREPROCESS_NAMES, _POSTPROCESS_NAMES
        before, after = ({name: kwargs[name] for name in names if name in kwargs} for names in both)
        return before, {}, after

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
        several: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Read a video and yield batches of segments; the last batch tells of a fault, if it is one of several."""
        video_processor = self.processor.video_processor
        is_plain = window is stride is onset is apex is offset is None
        try:
            segments = (
                video_processor.iter_motion(source, fps=fps, face=face)
                if is_plain and getattr(self.model, "temporal_head", None) is not None
                else video_processor.iter_segments(
                    source, window=window, stride=stride, fps=fps, face=face, onset=onset, apex=apex, offset=offset
                )
            )
            batch: list[Segment] = []
            reasons: set[str | None] = set()
            for segment in segments:
                if hasattr(segment, "motion"):
                    reasons.add(None)
                    yield {"stretch": segment, "pixel_values": None, "segments": [], "fault": None, "is_last": False}
                    continue
                if len(batch) == segments_per_batch:
                    yield {**_stack(batch), "fault": None, "is_last": False}
                    batch = []
                batch.append(segment)
                reasons.add(segment.reason)
            if reasons == {NO_FACE} and (hint := turned_video_hint(source)):
                logger.warning("%s: no face found; %s", source_name(source), hint)
            yield {**_stack(batch), "fault": None, "is_last": True}
        except ValueError as error:
            # By name: as remote code, pipeline and processor have modules, and so classes, of their own.
            if type(error).__name__ != VideoError.__name__:
                raise
            name = source_name(source)
            fault = str(error) if name in str(error) else f"{name}: {error}"
            if not several:
                raise VideoError(fault) from error
            yield {**_stack([]), "fault": fault, "is_last": True}

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        pixel_values, stretch = model_inputs.pop("pixel_values"), model_inputs.get("stretch")
        logits = None if pixel_values is None else self.model(pixel_values=pixel_values).logits
        model: Any = self.model
        return {"logits": logits, "reading": stretch and model.read_stretch(stretch), **model_inputs}

    def postprocess(  # type: ignore[override]
        self,
        model_outputs: list[dict[str, Any]],
        thresholds: Thresholds | None = None,
        sensitivity: str = "normal",
    ) -> dict[str, list[dict[str, Any]] | None]:
        """Turn what was read of a video into its events and its timeline."""
        if fault := model_outputs[-1]["fault"]:
            return {"events": None, "timeline": [dict.fromkeys(_SEGMENT_KEYS) | {"reason": fault}]}
        logits = [output["logits"] for output in model_outputs if output["logits"] is not None]
        outputs = ModelOutput(logits=torch.cat(logits)) if logits else None
        remaining = iter(self.processor.post_process_action_units(outputs, thresholds) if outputs else ())
        segments = [segment for output in model_outputs for segment in output["segments"]]
        timeline = [_describe(s, None if s.pixel_values is None else next(remaining)) for s in segments]
        readings = [(output["reading"], output["stretch"]) for output in model_outputs if output["reading"]]
        events: list[dict[str, Any]] = []
        for reading, stretch in readings:
            found = self.processor.post_process_events(reading, stretch, sensitivity)
            windows = self.processor.post_process_timeline(reading, stretch, found)
            events += [event | {"face": _face_at(stretch, event["onset_frame"])} for event in found]
            timeline += [w | {"reason": None, "face": _face_at(stretch, w["start_frame"])} for w in windows]
        return {
            "events": sorted(events, key=lambda event: event["onset_time"]) if readings else None,
            "timeline": sorted(timeline, key=lambda segment: segment["start_frame"]),
        }


def _stack(segments: list[Segment]) -> dict[str, Any]:
    """The clips of those segments that show a face, (batch, num_frames, image_size, image_size)."""
    clips = [segment.pixel_values for segment in segments if segment.pixel_values is not None]
    return {
        "stretch": None, "pixel_values": torch.from_numpy(np.stack(clips)) if clips else None, "segments": segments,
    }  # fmt: skip


def _face_at(stretch: Any, frame: int) -> dict[str, Any] | None:
    return next((_face(face, stretch.face_id) for _, face in stretch.seen_between(frame, frame)), None)


def _describe(segment: Segment, action_units: dict | None) -> dict[str, Any]:
    described = {name: getattr(segment, name) for name in _SEGMENT_KEYS if name not in ("face", "action_units")}
    face = segment.face and _face(segment.face, segment.face_id)
    return described | {"face": face, "action_units": action_units}


def _face(face: Face, face_id: int | None) -> dict[str, Any]:
    return {
        "id": face_id,
        "box": face.box,
        "score": face.score,
        "landmarks": face.landmarks.tolist(),
        "angles": asdict(face.angles),
    }
