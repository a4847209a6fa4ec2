"""The model of a recipe: AULLM++ and its ablations, AU-LLM, the other systems and baselines."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig

from modeling_aullm import AULLMConfig, AULLMForAUDetection, AULLMOutput
from modeling_aullm.flips import check_flips
from modeling_aullm.language_model import DEFAULT_LANGUAGE_MODEL, LanguageModel, find_language_model
from modeling_aullm.read_out import TokenReader
from training.errors import InputError
from training.options import UNTRAINED, Recipe
from training.rivals.building import build_rival
from training.rivals.configuration_rivals import PARTS, RivalConfig
from training.rivals.deft_llm import ExpertReader
from training.rivals.modeling_rivals import RivalForAUDetection

WITH_LLM = ("aullm++", "au_llm", "micro_au_clip", "deft_llm")  # an LLM, or it as a text encoder
RIDGE = 1e-3  # of the states' variance


class WithoutLLM(nn.Module):
    """A model without its LLM: the linear reader alone says what it reads in both tokens and the nodes.

    The ablation "no LLM", and (own choice) the first part of training: evidence and structure see about twice as many
    clips in the same time before the LLM is asked to read them, as multimodal LLMs are first aligned.

    Args:
        model: Whose parts are used, and trained, not copied. AU-LLM, which has no reader, gets one for the time.
    """

    def __init__(self, model: AULLMForAUDetection) -> None:
        super().__init__()
        self.config = model.config
        self.motion_encoder, self.evidence, self.structure = model.motion_encoder, model.evidence, model.structure
        self.reader = model.reader or TokenReader(model.config, model.config.get_text_config().hidden_size)

    def forward(
        self,
        pixel_values: torch.Tensor,
        flipped_units: torch.Tensor | None = None,
        flipped_relations: torch.Tensor | None = None,
        donors: torch.Tensor | None = None,
    ) -> AULLMOutput:
        """Logits of clips, with flips counterfactual ones, too, as the model's `forward` gives them."""
        clips = len(pixel_values)
        flips = check_flips(self.config, clips, pixel_values.device, flipped_units, flipped_relations, donors)
        x_att, motion = self.motion_encoder(pixel_values)
        structure = None if self.structure is None else self.structure(x_att, motion, flips)
        token, nodes, _ = structure or (None, None, None)
        content = self.evidence(x_att)[0]
        logits = self.reader(content if flips is None else content.repeat(2, 1), token, nodes)
        return AULLMOutput(logits=logits[:clips], counterfactual_logits=None if flips is None else logits[clips:])


def build_model(recipe: Recipe, action_units: Sequence[str]) -> nn.Module:
    """The model to train.

    Args:
        recipe: Says which.
        action_units: Codes, one logit each.

    Raises:
        InputError: If a checkpoint to go on from detects other units, or the LLM is not to be had.
    """
    settings: dict[str, Any] = {
        "action_units": list(action_units),
        "dropout": recipe.dropout,
        "lora_dropout": recipe.lora_dropout,
    }
    model = _load(recipe, settings) if recipe.model else _from_backbones(recipe, settings)
    return linear_reader(model) if recipe.language_model == "none" else model


def linear_reader(model: Any) -> nn.Module:
    """What reads the tokens of a model before its LLM joins; its parts are the model's own."""
    network: Any = getattr(model, "network", None)
    return ExpertReader(network) if isinstance(model, RivalForAUDetection) else WithoutLLM(model)


def check_model(recipe: Recipe, action_units: Sequence[str]) -> None:
    """Find out before the long work whether a recipe's checkpoint or LLM is to be had; no weights are loaded.

    An LLM of the Hub is downloaded.

    Args:
        recipe: Model and training.
        action_units: Codes of the units to detect.

    Raises:
        InputError: As `build_model`.
    """
    if recipe.method in UNTRAINED:
        return
    if not recipe.model:
        if recipe.method not in WITH_LLM:
            return
        with _found("the LLM is not to be had"):
            find_language_model(LanguageModel(recipe.llm) if recipe.llm else DEFAULT_LANGUAGE_MODEL)
        return
    with _found(f"cannot go on from {recipe.model}"):
        config = _config_of(recipe)
        _check_units(config, recipe.model, action_units)
        if config.checkpoint == "lean" and config.llm:
            find_language_model(LanguageModel(**config.llm))


@contextlib.contextmanager
def _found(otherwise: str) -> Iterator[None]:
    """Turn errors of what is not to be had into one line."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{otherwise}: {' '.join(str(error).split())}") from error


def _check_units(config: AULLMConfig, model: str, action_units: Sequence[str]) -> None:
    if list(config.action_units) != list(action_units):
        raise InputError(
            f"{model} detects {', '.join(config.action_units)}; asked for are "
            f"{', '.join(action_units)}: pass --action_units {' '.join(config.action_units)}"
        )


def _config_of(recipe: Recipe) -> AULLMConfig:
    """The configuration of the checkpoint to go on from.

    Raises:
        InputError: If it is one of another method, or of other parts of it.
    """
    told, _ = PreTrainedConfig.get_config_dict(recipe.model)
    rival = told.get("model_type") == RivalConfig.model_type
    made = told.get("method", "") if rival else "aullm++"
    if made != ("aullm++" if recipe.method == "au_llm" else recipe.method):
        raise InputError(f"{recipe.model} is a checkpoint of {made}, not of {recipe.method}: pass --method {made}")
    config = (RivalConfig if rival else AULLMConfig).from_pretrained(recipe.model)
    if rival and sorted(config.without) != sorted(recipe.without):
        there = f"pass --without {' '.join(config.without)}" if config.without else "leave --without out"
        raise InputError(f"{recipe.model} was trained with other parts of {made}: {there}")
    return config


def _load(recipe: Recipe, settings: dict[str, Any]) -> AULLMForAUDetection | RivalForAUDetection:
    with _found(f"cannot go on from {recipe.model}"):
        _config_of(recipe)
        kind = RivalForAUDetection if recipe.method in PARTS else AULLMForAUDetection
        model = kind.from_pretrained(recipe.model, dropout=recipe.dropout, lora_dropout=recipe.lora_dropout)
    _check_units(model.config, recipe.model, settings["action_units"])
    return model


def _rival(recipe: Recipe, settings: dict[str, Any]) -> RivalForAUDetection:
    motion: Any = "led" if recipe.method == "led_head" else "led_flow"
    method: Any = recipe.method
    config = RivalConfig(**settings, method=method, without=recipe.without, motion=motion)
    with _found("the LLM cannot be used"):
        return build_rival(config, recipe.llm or None)


def _from_backbones(recipe: Recipe, settings: dict[str, Any]) -> AULLMForAUDetection | RivalForAUDetection:
    if recipe.method in PARTS:
        return _rival(recipe, settings)
    if recipe.method == "au_llm":
        config = AULLMConfig.au_llm(**settings)
    else:
        config = AULLMConfig(
            **settings,
            motion=recipe.motion,
            evidence=recipe.evidence,
            structure=recipe.structure,
            anchored=recipe.anchored,
            node_regions=recipe.node_regions,
            read_out=recipe.read_out,
        )
    if not recipe.prompt_text:  # nothing is named in it, then
        tokens = "{instruction}{content}" if recipe.structure == "r_augnn" else "{content}"
        read_out = "correction" if recipe.read_out == "by_name" else recipe.read_out
        config = AULLMConfig(**{**config.to_dict(), "prompt": tokens, "read_out": read_out})
    with _found("the LLM is not to be had"):
        model = AULLMForAUDetection.from_backbones(config, llm=recipe.llm or None)
    if recipe.language_model == "random":
        model.config.llm = None
        model = AULLMForAUDetection(model.config)
    return model


@torch.no_grad()
def align_head(model: Any, reader: nn.Module, clips: torch.utils.data.Dataset) -> None:
    """Set the head so that the LLM's last states say at once, as nearly as they can, what the linear reader said.

    Own choice: the reader has learned from many clips by then, and a random head would have to learn it all anew.
    Ridge regression of the reader's logits on the standardised states, one equation a unit.

    Args:
        model: Whose head is set.
        reader: Trained, of the same evidence and structure.
        clips: Training clips, each with `pixel_values`.
    """
    states: list[torch.Tensor] = []
    hook = model.head.register_forward_hook(lambda _module, inputs, _output: states.append(inputs[0].double().cpu()))
    model.eval(), reader.eval()
    said = []
    for batch in torch.utils.data.DataLoader(clips, batch_size=64):
        pixel_values = batch["pixel_values"].to(model.device)
        model(pixel_values)
        said.append(reader(pixel_values).logits.double().cpu())
    hook.remove()
    seen, wanted = torch.cat(states), torch.cat(said)
    mean, spread = seen.mean(0), seen.std(0).clamp(min=1e-6)
    known, centre = (seen - mean) / spread, wanted.mean(0)
    ridge = RIDGE * len(known) * torch.eye(known.shape[1], dtype=known.dtype)
    weight = torch.linalg.solve(known.T @ known + ridge, known.T @ (wanted - centre)).T / spread
    head: Any = model.head
    head.weight.copy_(weight)
    head.bias.copy_(centre - weight @ mean)


@contextlib.contextmanager
def frozen_llm(model: Any, dtype: torch.dtype) -> Iterator[None]:
    """Let only LoRA learn in the LLM, and hold the LLM's own weights in `dtype`; they come back as they were.

    Args:
        model: To be trained. The LLM of a whole checkpoint, or a random one, is not frozen by loading.
        dtype: Of the frozen weights; under autocast to bfloat16 they would be converted anew in every step otherwise.
    """
    kept = {name: p for name, p in model.llm.named_parameters() if ".lora_" not in name}
    before = {name: parameter.data for name, parameter in kept.items()}
    for parameter in kept.values():
        parameter.requires_grad_(False)
        parameter.data = parameter.data.to(dtype)
    try:
        yield
    finally:
        now = dict(model.llm.named_parameters())
        for name, parameter in kept.items():
            if now[name] is parameter:  # FSDP puts shares of its own in their place
                parameter.data = before[name].to(parameter.device)
