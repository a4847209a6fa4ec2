"""Lean checkpoints: what was trained, without the LLM it was trained on, which is put back and stays as it is."""

import contextlib
import copy
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from .checkpoint_files import check_layers, check_shapes, save_pipeline_code, shapes_in, weight_files
from .language_model import LanguageModel, difference_from_record, find_language_model, read_state_dict

logger = logging.getLogger(__name__)

# In checkpoints from before graphs could be exported, in which no submodule may have a Python keyword for its name.
RENAMED = {".global.": ".global_context."}
HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")


class LeanPreTrainedModel(PreTrainedModel):
    """A model on a recorded LLM (`config.llm`, module `llm`), whose checkpoints may leave that LLM out.

    Checkpoints come in two kinds, both loaded by `from_pretrained`: *lean* holds what was trained and the record of
    the LLM it was trained on, *whole* holds the LLM, too. What a save would leave out is frozen on loading: of a lean
    checkpoint, and of a model started from backbones, the LLM's own weights; LoRA and all else learn. All of a whole
    checkpoint may be trained.
    """

    def initialize_weights(self) -> None:
        """Initialise what no checkpoint gave; LoRA starts as no change to the LLM (its B is zero)."""
        super().initialize_weights()
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if ".lora_B." in name:
                    init.zeros_(parameter)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike | None, *args: Any, **kwargs: Any) -> Any:
        """Load a checkpoint, lean or whole, with the arguments of any model of transformers.

        `dtype` is that of the LLM, by default the one it was saved in. The LLM of a lean checkpoint is frozen. A
        `quantization_config` that names no modules to leave out is for the LLM alone, without LoRA.

        Raises:
            LanguageModelNotFound: If a lean checkpoint's LLM is not to be had; the message says where was looked.
            ValueError: If the checkpoint lacks weights, or has them of other shapes: none is ever made up, and no
                memory taken for what its files do not hold.
        """
        config, wants_info = kwargs.pop("config", None), kwargs.pop("output_loading_info", False)
        dtype = kwargs.pop("dtype", kwargs.pop("torch_dtype", "auto"))
        hub = {name: kwargs[name] for name in HUB_ARGUMENTS if name in kwargs}
        source, kind = pretrained_model_name_or_path, cast(type[PreTrainedConfig], cls.config_class)
        if not isinstance(config, PreTrainedConfig):
            path: Any = source if config is None else config
            config, kwargs = kind.from_pretrained(path, return_unused_kwargs=True, **kwargs)
            kwargs |= hub
        lean = source is not None and config.checkpoint == "lean"
        if source is not None:
            check_layers(source, config)
            with torch.device("meta"):
                empty = cls(config)
            wanted = shapes_of(empty.state_dict())
            files = weight_files(source, hub, kwargs.get("variant"))
            weights = lean_state_dict(files, config) if lean else None
            check_shapes(
                source,
                wanted,
                shapes_of(weights or {}) if lean else today(shapes_in(files)),
                any_shape=kwargs.get("ignore_mismatched_sizes", False),
            )
            if quantisation := kwargs.get("quantization_config"):
                kwargs["quantization_config"] = of_the_llm_alone(quantisation, empty)
            if lean:
                kwargs = {name: value for name, value in kwargs.items() if name not in (*HUB_ARGUMENTS, "variant")}
                kwargs["state_dict"] = weights
        if dtype == "auto":
            dtype = getattr(config.text_config, "dtype", None) or dtype
        kwargs |= {"config": config, "dtype": dtype, "output_loading_info": True, "use_safetensors": True}
        if not lean:
            kwargs["key_mapping"] = {re.escape(old): new for old, new in RENAMED.items()}
        loaded: Any = super().from_pretrained(None if lean else source, *args, **kwargs)
        model, info = loaded
        model.config.name_or_path = model.name_or_path = str(source)
        if lean:
            freeze_llm(model)
        return (model, info) if wants_info else model

    def save_pretrained(
        self, save_directory: str | os.PathLike, *args: Any, whole: bool | None = None, **kwargs: Any
    ) -> None:
        """Save a checkpoint with the code that loads it.

        Args:
            save_directory: Folder.
            *args: As in transformers.
            whole: `True` writes the LLM, too; `False` leaves it out (lean). Default: lean if the LLM's weights are
                those on record. They are compared with them (0.3 s for SmolLM2-135M), rounding to another type apart;
                where they were trained, or the recorded ones are not here, the checkpoint is whole, and a warning says
                why.
            **kwargs: As in transformers.

        Raises:
            ValueError: If a lean checkpoint is asked for and would lose weights of the LLM.
        """
        weights = kwargs.pop("state_dict", None) or self.state_dict()
        own = {name: weight for name, weight in weights.items() if is_llm_weight(name)}
        lean = whole is False or (whole is None and bool(own) and bool(self.config.llm))
        if lean and (lost := self._lost_without(own)):
            if whole is False:
                raise ValueError(f"{lost}, so only whole=True can save it")
            logger.warning("%s, so the checkpoint is saved whole, with its LLM.", lost)
            lean = False
        kwargs["state_dict"] = {name: weight for name, weight in weights.items() if not (lean and name in own)}
        kind, self.config.checkpoint = self.config.checkpoint, "lean" if lean else "whole"
        if own:
            self.config.get_text_config().dtype = cast(PreTrainedModel, self.llm).dtype
        try:
            super().save_pretrained(save_directory, *args, **kwargs)
        finally:
            self.config.checkpoint = kind
        save_pipeline_code(Path(save_directory), self)

    def _lost_without(self, own: dict[str, torch.Tensor]) -> str | None:
        """Why a lean checkpoint could not bring the LLM's own weights back; `None` if it can."""
        if not self.config.llm:
            return "this model's LLM has no recorded source (config.llm)"
        bare = {name.removeprefix("llm.").replace(".base_layer.", "."): weight for name, weight in own.items()}
        return difference_from_record(LanguageModel(**self.config.llm), bare)  # LoRA moves what it wraps


def shapes_of(weights: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Shape of each weight by name."""
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def today(weights: dict[str, Any]) -> dict[str, Any]:
    """Weights, or what is said of them, under the names that they have today."""
    named = {}
    for name, weight in weights.items():
        for old, new in RENAMED.items():
            name = name.replace(old, new)
        named[name] = weight
    return named


def is_llm_weight(name: str) -> bool:
    """Whether a weight is the pretrained LLM's own: in it, and not LoRA's."""
    return name.startswith("llm.") and ".lora_" not in name


def freeze_llm(model: Any) -> Any:
    """Let the LLM's own weights learn nothing, and give the model back.

    Nor do the parts learn that only questions have a use for: they have a training of their own (`training.answers`).
    """
    for name, parameter in model.named_parameters():
        if is_llm_weight(name) or ".answers." in name or name.startswith("side_head."):
            parameter.requires_grad_(False)
    return model


def llm_keys(weights: dict[str, torch.Tensor], config: PreTrainedConfig) -> dict[str, torch.Tensor]:
    """The decoder's weights under the names they have in the model; LoRA moves those of the layers it wraps.

    Args:
        weights: As the LLM's own file names them.
        config: The model's.
    """
    targets = config.lora_target_modules if config.lora_rank else []
    renamed = {}
    for name, weight in weights.items():
        module, _, leaf = name.rpartition(".")
        wrapped = module.rsplit(".", 1)[-1] in (targets or [])
        renamed[f"llm.{module}.base_layer.{leaf}" if wrapped else f"llm.{name}"] = weight
    return renamed


def of_the_llm_alone(quantisation: Any, model: PreTrainedModel) -> Any:
    """Quantisation of the LLM alone, without LoRA: all else is small, and motion a small difference of large numbers.

    Args:
        quantisation: A `quantization_config` of transformers; one that names modules to leave out stays as it is.
        model: Whose modules are named.
    """
    kept = [name for name, _ in model.named_children() if name != "llm"] + [r".*\.lora_A", r".*\.lora_B"]
    quantisation = copy.copy(quantisation)
    for name in ("llm_int8_skip_modules", "modules_to_not_convert", "skip_modules"):
        if getattr(quantisation, name, kept) is None:
            setattr(quantisation, name, kept)
    return quantisation


def lean_state_dict(files: Sequence[str], config: PreTrainedConfig) -> dict[str, torch.Tensor]:
    """The trained weights of a lean checkpoint together with the LLM's it was trained on.

    Args:
        files: Its safetensors.
        config: Its configuration.

    Raises:
        LanguageModelNotFound: If the LLM on record is not to be had.
    """
    weights = today({name: weight for file in files for name, weight in load_file(file).items()})
    llm = find_language_model(LanguageModel(**(config.llm or {})))
    return weights | llm_keys(read_state_dict(llm), config)


@contextlib.contextmanager
def without_load_report() -> Iterator[None]:
    """Have transformers not name as missing what is new in a model that begins with an LLM alone."""
    logger = logging.getLogger("transformers.modeling_utils")
    logger.disabled, before = True, logger.disabled
    try:
        yield
    finally:
        logger.disabled = before
