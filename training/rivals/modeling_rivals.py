"""The other systems and baselines as one family of models, which train, save and load as AULLM++ does."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modeling_aullm.deduction import build_llm
from modeling_aullm.lean_checkpoint import LeanPreTrainedModel
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


class RivalForAUDetection(LeanPreTrainedModel):
    """One of the other systems, by `config.method`; see the module of each for what is published and what is not.

    A checkpoint with an LLM is lean or whole, as AULLM++'s.
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

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint as `LeanPreTrainedModel` does, with the code that loads it where this package is not.

        Args:
            save_directory: Folder.
            *args: As there.
            **kwargs: As there.
        """
        super().save_pretrained(save_directory, *args, **kwargs)
        make_standalone(Path(save_directory))


RivalForAUDetection.register_for_auto_class("AutoModel")
