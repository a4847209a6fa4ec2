"""The other systems and baselines as one family of models, which train, save and load as AULLM++ does."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from modeling_aullm.checkpoint_files import check_layers, check_shapes, save_pipeline_code, shapes_in, weight_files
from modeling_aullm.deduction import build_llm
from modeling_aullm.language_model import LanguageModel, difference_from_record
from modeling_aullm.lean_checkpoint import freeze_llm, is_llm_weight, lean_state_dict
from modeling_aullm.motion_encoder import check_clips
from modeling_aullm.read_out import ActionUnitHead

from .ac4au import AC4AU
from .configuration_rivals import RivalConfig
from .deft_llm import DeftLLM
from .led_head import LEDHead
from .micro_au_clip import MicroAUCLIP
from .network import Network, RivalOutput
from .remote_code import make_standalone
from .sssnet import FlowSSSNet

NETWORKS: dict[str, type[Network]] = {
    "micro_au_clip": MicroAUCLIP,
    "deft_llm": DeftLLM,
    "ac4au": AC4AU,
    "led_head": LEDHead,
    "flow_sssnet": FlowSSSNet,
}
HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")


class RivalForAUDetection(PreTrainedModel):
    """One of the other systems, by `config.method`; see the module of each for what is published and what is not.

    A checkpoint with an LLM is lean, as AULLM++'s, unless the LLM's weights are not those on record.
    """

    config: RivalConfig
    config_class = RivalConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    input_modalities = ["video"]  # noqa: RUF012 - as the base class has it
    _supports_sdpa = True
    _supports_attention_backend = True
    _no_split_modules = None

    def __init__(self, config: RivalConfig) -> None:
        super().__init__(config)
        self.network = NETWORKS[config.method](config)
        self.llm, self.head = None, None
        if config.method == "deft_llm":
            self.llm = build_llm(config)
            self.head = ActionUnitHead(config.get_text_config().hidden_size, len(config.action_units), corrects=False)
        self.post_init()

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
        *,
        person: torch.Tensor | None = None,
    ) -> RivalOutput | tuple:
        """Detect the action units of clips.

        Args:
            pixel_values: Grey frames in 0..1, shape (batch, num_frames, image_size, image_size), float32.
            labels: 1 where a unit is active, shape (batch, units). In training the method's own losses come with them.
            return_dict: `False` gives a plain tuple, as everywhere in transformers.
            person: In training, the number of each clip's subject, shape (batch,).

        Raises:
            ValueError: If a tensor has another shape or frames are in half precision.
        """
        check_clips(pixel_values, self.config)
        taught = labels if self.training else None
        llm = {} if self.llm is None else {"llm": self.llm, "head": self.head}
        output = self.network(pixel_values, taught, person, **llm)
        if labels is not None:
            loss = nn.functional.binary_cross_entropy_with_logits(output.logits.float(), labels.float())
            output.loss = loss + sum((output.auxiliary or {}).values())
        return output.to_tuple() if return_dict is False else output

    def get_input_embeddings(self) -> nn.Module:
        """The LLM's embedding table.

        Raises:
            NotImplementedError: If the method has no LLM.
        """
        if self.llm is None:
            raise NotImplementedError(f"{self.config.method} has no language model")
        return self.llm.get_input_embeddings()

    def _init_weights(self, module: nn.Module) -> None:
        """Initialise one module that is not the LLM's, as it would by itself."""
        for name in ("reset_parameters", "_reset_parameters"):
            if hasattr(module, name):
                getattr(module, name)()

    def initialize_weights(self) -> None:
        """Initialise what no checkpoint gave; LoRA starts as no change to the LLM (its B is zero)."""
        super().initialize_weights()
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if ".lora_B." in name:
                    init.zeros_(parameter)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike | None, *args: Any, **kwargs: Any) -> Any:
        """Load a checkpoint with the arguments of any model of transformers. The LLM of a lean one is frozen.

        Raises:
            LanguageModelNotFound: If the LLM of a lean checkpoint is not to be had.
            ValueError: If the checkpoint lacks weights, or has them of other shapes.
        """
        source, config = pretrained_model_name_or_path, kwargs.pop("config", None)
        hub = {name: kwargs[name] for name in HUB_ARGUMENTS if name in kwargs}
        if not isinstance(config, PreTrainedConfig):
            config, kwargs = RivalConfig.from_pretrained(config or source, return_unused_kwargs=True, **kwargs)
            kwargs |= hub
        if source is None:
            return super().from_pretrained(None, *args, config=config, **kwargs)
        check_layers(source, config)
        with torch.device("meta"):
            wanted = {name: tuple(weight.shape) for name, weight in cls(config).state_dict().items()}
        if config.checkpoint == "lean":
            weights = lean_state_dict(source, config, hub)
            check_shapes(source, wanted, {name: tuple(weight.shape) for name, weight in weights.items()})
            kwargs = {name: value for name, value in kwargs.items() if name not in HUB_ARGUMENTS}
            kwargs |= {"state_dict": weights}
        else:
            check_shapes(source, wanted, shapes_in(weight_files(source, hub)))
        lean = config.checkpoint == "lean"
        loaded: Any = super().from_pretrained(None if lean else source, *args, config=config, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.config.name_or_path = model.name_or_path = str(source)
        if lean:
            freeze_llm(model)
        return loaded

    def save_pretrained(
        self, save_directory: str | os.PathLike, *args: Any, whole: bool | None = None, **kwargs: Any
    ) -> None:
        """Save a checkpoint with the code that loads it, here or where this package is not.

        Args:
            save_directory: Folder.
            *args: As in transformers.
            whole: `True` writes the LLM, too. Default: only if its weights are not those on record.
            **kwargs: As in transformers.

        Raises:
            ValueError: If a lean checkpoint is asked for and would lose weights of the LLM.
        """
        weights = kwargs.pop("state_dict", None) or self.state_dict()
        own = {
            name.removeprefix("llm.").replace(".base_layer.", "."): weight
            for name, weight in weights.items()
            if is_llm_weight(name)
        }
        lean = bool(own) and not whole
        if lean:
            record = self.config.llm
            lost = difference_from_record(LanguageModel(**record), own) if record else "this LLM has no recorded source"
            if lost and whole is False:
                raise ValueError(f"{lost}, so only whole=True can save it")
            lean = not lost
        kwargs["state_dict"] = {name: w for name, w in weights.items() if not (lean and is_llm_weight(name))}
        kind, self.config.checkpoint = self.config.checkpoint, "lean" if lean else "whole"
        try:
            super().save_pretrained(save_directory, *args, **kwargs)
        finally:
            self.config.checkpoint = kind
        save_pipeline_code(Path(save_directory), self)
        make_standalone(Path(save_directory))


RivalForAUDetection.register_for_auto_class("AutoModel")
