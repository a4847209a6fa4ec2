"""The processor: videos in, clips for the model out; the model's logits in, action units out."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor
from transformers import BatchFeature, ProcessorMixin
from transformers.utils import TensorType
from transformers.video_processing_utils import BaseVideoProcessor

from .findings import Findings, limits_of, of_events, of_units
from .post_processing import PostProcessing
from .source_findings import find
from .video_processing_aullm import AULLMVideoProcessor
from .video_reading import VideoSource


class NoTokens:
    """What a Trainer asks of the tokenizer that it takes every processor to have (transformers 5.24)."""

    eos_token_id = bos_token_id = pad_token_id = None
    init_kwargs: ClassVar[dict[str, Any]] = {}

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: a pipeline saves the tokenizer, too."""


class AULLMProcessor(ProcessorMixin, PostProcessing):
    """Both sides of the model for people who have videos and want action units.

    Args:
        video_processor: Makes the clips, by default with its default settings.
        action_units: Codes such as `AU12` in the order of the model's logits, by default the twelve of CD6ME.
        thresholds: Probability from which each unit counts as active, by default 0.5 each.
        sensitivities: How sure an event has to be to be told, by name, and what that means: `{"normal": {"probability":
            0.4, "unit_probability": 0.5, "false_alarms_per_minute": 0.5}}`, the last measured on validation recordings,
            events that are found and match none; None if nobody has.

    Raises:
        ValueError: If a unit is unknown or stands there twice, or the thresholds or sensitivities do not fit.
    """

    tokenizer = NoTokens()

    def __init__(
        self,
        video_processor: AULLMVideoProcessor | None = None,
        action_units: list[str] | None = None,
        thresholds: list[float] | None = None,
        sensitivities: dict[str, dict[str, float | None]] | None = None,
        **kwargs: Any,
    ) -> None:
        PostProcessing.__init__(self, action_units, thresholds, sensitivities)
        ProcessorMixin.__init__(self, AULLMVideoProcessor() if video_processor is None else video_processor, **kwargs)

    # Without torchvision, transformers' own look-up of video processors ends in empty stand-ins.
    def check_argument_for_proper_class(self, argument_name: str, argument: object) -> type:
        """Check the type of a part; called by the base class."""
        if not isinstance(argument, BaseVideoProcessor):
            raise TypeError(f"{argument_name} must be an AULLMVideoProcessor, got {type(argument).__name__}")
        return BaseVideoProcessor

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: str, processor_dict: dict | None = None, **kwargs: Any
    ) -> list[AULLMVideoProcessor]:
        """Load the parts; called by `from_pretrained`."""
        return [AULLMVideoProcessor.from_pretrained(pretrained_model_name_or_path, **kwargs)]

    def __call__(
        self,
        videos: VideoSource | Sequence[VideoSource],
        *,
        return_tensors: str | TensorType | None = None,
        onset: int | Sequence[int | None] | None = None,
        apex: int | Sequence[int | None] | None = None,
        offset: int | Sequence[int | None] | None = None,
        fps: float | None = None,
        face: str | int | None = None,
    ) -> BatchFeature:
        """Turn whole videos into one clip each, see `AULLMVideoProcessor.preprocess`."""
        return self.video_processor.preprocess(
            videos, onset=onset, apex=apex, offset=offset, fps=fps, face=face, return_tensors=return_tensors
        )

    def find(self, model: Any, video: VideoSource, **options: Any) -> tuple[Findings, list[Tensor]]:
        """Look at a video, to ask the model about it: `model.generate_answer(question, *processor.find(model, video))`.

        Args:
            model: That this is the processor of.
            video: A clip or recording.
            **options: `fps`, `face`, `sensitivity`, see `source_findings.find`, whose errors are raised.
        """
        return find(model, self, video, **options)

    def findings(
        self,
        events: Sequence[Mapping[str, Any]] | None = None,
        action_units: Mapping[str, Mapping[str, Any]] | None = None,
        sensitivity: str = "normal",
        recording: Mapping[str, Any] | None = None,
    ) -> Findings:
        """What was read already, to ask the model about it.

        Args:
            events: From `post_process_events`, of a recording.
            action_units: An entry of `post_process_action_units`, of a clip.
            sensitivity: With which the events were found.
            recording: What it can show, as `RecordingCheck.record` has it.
        """
        limits, is_readable = limits_of(recording or {})
        if events is not None:
            wanted = dict.fromkeys(self.action_units, self.sensitivity(sensitivity)["unit_probability"])
            return of_events(events, wanted, limits, is_readable=is_readable)
        thresholds = dict(zip(self.action_units, self.thresholds, strict=True))
        return Findings([of_units(action_units or {}, thresholds)], False, list(thresholds), limits, is_readable)


AULLMProcessor.register_for_auto_class("AutoProcessor")
