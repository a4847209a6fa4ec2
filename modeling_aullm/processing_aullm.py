"""The processor: videos in, clips for the model out; the model's logits in, action units out."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import BatchFeature, ProcessorMixin
from transformers.utils import ModelOutput, TensorType
from transformers.video_processing_utils import BaseVideoProcessor

from .event_reading import StretchReading
from .event_timeline import iter_windows
from .facs import AU_SETS, check_action_units
from .motion_stretch import MotionStretch
from .video_processing_aullm import AULLMVideoProcessor
from .video_reading import VideoSource

DEFAULT_THRESHOLD = 0.5
SENSITIVITIES: dict[str, dict[str, float | None]] = {
    name: {"probability": probability, "unit_probability": 0.5, "false_alarms_per_minute": None}
    for name, probability in (("high", 0.2), ("normal", 0.4), ("low", 0.7))
}

Thresholds = float | Sequence[float] | Mapping[str, float]


class NoTokens:
    """What a Trainer asks of the tokenizer that it takes every processor to have (transformers 5.24)."""

    eos_token_id = bos_token_id = pad_token_id = None
    init_kwargs: ClassVar[dict[str, Any]] = {}


class AULLMProcessor(ProcessorMixin):
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
        self.action_units = list(AU_SETS["cd6me"] if action_units is None else action_units)
        check_action_units(self.action_units)
        self.thresholds = [DEFAULT_THRESHOLD] * len(self.action_units)
        self.thresholds = self._resolve_thresholds(thresholds)
        self.sensitivities = copy.deepcopy(SENSITIVITIES if sensitivities is None else sensitivities)
        _check_sensitivities(self.sensitivities)
        super().__init__(AULLMVideoProcessor() if video_processor is None else video_processor, **kwargs)

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

    def post_process_action_units(
        self, outputs: ModelOutput, thresholds: Thresholds | None = None
    ) -> list[dict[str, dict[str, float | bool]]]:
        """Turn logits into probabilities and decisions.

        Args:
            outputs: Model output whose `logits` are (batch, num_action_units).
            thresholds: Overrides the processor's: one for all, one each, or some by code.

        Returns:
            For each clip a dict from code to `{"probability": float, "active": bool}`, in the order of `action_units`.

        Raises:
            ValueError: If the logits or thresholds do not fit the action units.
        """
        logits = outputs["logits"]
        if logits.ndim != 2 or logits.shape[1] != len(self.action_units):
            raise ValueError(
                f"logits of shape {tuple(logits.shape)} do not fit the {len(self.action_units)} action units of the "
                "processor"
            )
        limits = self._resolve_thresholds(thresholds)
        probabilities = torch.sigmoid(logits.detach().float()).tolist()
        return [
            {
                code: {"probability": probability, "active": probability >= limit}
                for code, probability, limit in zip(self.action_units, row, limits, strict=True)
            }
            for row in probabilities
        ]

    def post_process_events(
        self,
        reading: StretchReading,
        stretch: MotionStretch,
        sensitivity: str = "normal",
        thresholds: Mapping[str, float] | None = None,
    ) -> list[dict[str, Any]]:
        """Turn what the model said of a stretch into events.

        Args:
            reading: From `AULLMForAUDetection.read_stretch`.
            stretch: What it was said of.
            sensitivity: A name among `sensitivities`.
            thresholds: By code: the units that count, and the probability from which each is active; None for all and
                the sensitivity's own.

        Returns:
            In order of their onsets, those events that are sure enough and have an active unit: `{"onset_frame",
            "apex_frame", "offset_frame", "onset_time", "apex_time", "offset_time", "kind", "probability",
            "action_units"}`; times in seconds, `kind` is `micro` or `longer`, `action_units` as
            `post_process_action_units` has them.

        Raises:
            ValueError: If the sensitivity has another name.
        """
        limits = self.sensitivity(sensitivity)
        wanted = dict.fromkeys(self.action_units, limits["unit_probability"]) if thresholds is None else thresholds
        events = []
        for proposal in reading.proposals:
            probabilities = dict(zip(self.action_units, proposal.units.tolist(), strict=True))
            units = {
                code: {"probability": probabilities[code], "active": probabilities[code] >= limit}
                for code, limit in wanted.items()
            }
            if proposal.probability < limits["probability"] or not any(unit["active"] for unit in units.values()):
                continue
            times = {name: getattr(proposal, name) for name in ("onset", "apex", "offset")}
            frames = np.interp(list(times.values()), stretch.times, stretch.frames)
            events.append(
                {f"{name}_frame": round(frame) for name, frame in zip(times, frames.tolist(), strict=True)}
                | {f"{name}_time": time for name, time in times.items()}
                | {"kind": "micro" if proposal.is_micro else "longer", "probability": proposal.probability}
                | {"action_units": units}
            )
        return events

    def post_process_timeline(
        self, reading: StretchReading, stretch: MotionStretch, events: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """The timeline of a stretch, in windows of half a second every quarter, see `event_timeline.iter_windows`.

        Args:
            reading: From `AULLMForAUDetection.read_stretch`.
            stretch: What it was said of.
            events: From `post_process_events`.

        Returns:
            `{"start_frame", "end_frame", "start_time", "end_time", "action_units"}` of each window.
        """
        return list(iter_windows(reading, stretch, events, self.action_units))

    def sensitivity(self, name: str) -> dict[str, Any]:
        """What a sensitivity stands for, see `sensitivities`.

        Raises:
            ValueError: If there is none of this name.
        """
        if name not in self.sensitivities:
            raise ValueError(f"sensitivity must be one of {', '.join(self.sensitivities)}, got {name!r}")
        return self.sensitivities[name]

    def _resolve_thresholds(self, thresholds: Thresholds | None) -> list[float]:
        """One threshold a unit."""
        if thresholds is None:
            return self.thresholds
        if isinstance(thresholds, Mapping):
            unknown = set(thresholds) - set(self.action_units)
            if unknown:
                raise ValueError(
                    f"thresholds for {', '.join(sorted(unknown))}, but the action units are "
                    f"{', '.join(self.action_units)}"
                )
            own = dict(zip(self.action_units, self.thresholds, strict=True))
            values = list({**own, **thresholds}.values())
        elif isinstance(thresholds, Sequence):
            values = list(thresholds)
        else:
            values = [thresholds] * len(self.action_units)
        if len(values) != len(self.action_units):
            raise ValueError(f"got {len(values)} thresholds for {len(self.action_units)} action units")
        if not all(0 <= value <= 1 for value in values):
            raise ValueError(f"thresholds must lie in 0..1, got {values}")
        return values


def _check_sensitivities(sensitivities: Mapping[str, Any]) -> None:
    """Raise ValueError unless each has two probabilities and a rate."""
    for name, limits in sensitivities.items():
        values = limits if isinstance(limits, Mapping) else {}
        shares = [values.get(key) for key in ("probability", "unit_probability")]
        rate = values.get("false_alarms_per_minute")
        fits = all(isinstance(share, float | int) and 0 <= share <= 1 for share in shares)
        if not fits or not (rate is None or (isinstance(rate, float | int) and rate >= 0)):
            raise ValueError(
                f"sensitivities[{name!r}] must be probability and unit_probability, each from 0 to 1, and "
                f"false_alarms_per_minute, a number or None; got {limits!r}"
            )
    if "normal" not in sensitivities:
        raise ValueError(f"sensitivities must hold one that is named normal, got {', '.join(sensitivities) or 'none'}")


AULLMProcessor.register_for_auto_class("AutoProcessor")
