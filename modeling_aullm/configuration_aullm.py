"""Configuration of AULLM++ and, as a preset, of its predecessor AU-LLM."""

import copy
from typing import Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig

from .facs import AU_SETS, RELATION_TYPES, check_action_units, relations_among
from .outputs import AULLMOutput
from .prompt import AU_LLM_PROMPT, case_file_prompt, check_prompt, figure_order_prompt

# How transformers finds the pipeline of a repository's remote code; on a configuration in memory it asks for trust in
# that code, so the installed package, which has registered its own, leaves it out there.
PIPELINES = {
    "action-unit-detection": {
        "impl": "pipeline_aullm.ActionUnitDetectionPipeline",
        "pt": ["AutoModel"],
        "type": "multimodal",
    },
    "action-unit-question-answering": {
        "impl": "pipeline_questions.ActionUnitQuestionAnsweringPipeline",
        "pt": ["AutoModel"],
        "type": "multimodal",
    },
}
# The Auto classes that load the model: in general, and as a Hub page tagged `video-classification` says.
MODEL_CLASSES = ("AutoModel", "AutoModelForVideoClassification")


# What is of one set of units alone, and goes with it.
OF_UNITS = ("relations", "prompt", "prompt_token_ids", "unit_positions", "temporal_head", "id2label", "label2id")


@strict
class AULLMConfig(PreTrainedConfig):
    """Everything that fixes the shape of an AULLM++ model. Strict: a wrong type or value raises when it is made.

    Published values are AU-LLM's (arXiv 2507.21778) and LED's (SCIA 2023); AULLM++ (arXiv 2603.08387) publishes its
    parts but no sizes, so those of evidence and structure are our own choice: small enough for a 15 MB checkpoint.

    Attributes:
        text_config: Configuration of the LLM, any causal language model of transformers.
        llm: Which LLM weights the model stands on: `id`, `revision`, `file` and `sha256`; empty for random weights.
        checkpoint: `whole` when the weights file holds the LLM, `lean` when it holds only what was trained.
        trained_on: Names of the data it was trained on, in order, such as `synthetic:A, seed 3`; None if not on record.
        action_units: Codes of the units to detect, one logit each, in this order. Default: the twelve of CD6ME.
        image_size: Side of the square grey face crop, pixels.
        num_frames: Frames a clip is sampled to.
        led_alpha: Initial magnification of LED.
        led_r1: Initial faster cut-off of LED, per frame.
        led_r2: Initial slower cut-off of LED, per frame.
        led_eps: Added to LED's denominator, in units of grey (0..1) times weight. Published: 1e-8 (AU-LLM) and 1 of
            255 (LED's author). Own choice of the latter: it keeps the sensor noise of dark pixels down.
        motion: What the motion encoder sees: `led`, the magnified change of every pixel (published), or `led_flow`,
            beside it the displacement of the skin that this change means (own choice, see `motion_encoder`).
        dropout: Dropout of the motion encoder and of the evidence.
        evidence: `mge_efp` (AULLM++) or `efp` (AU-LLM).
        evidence_width: Channels of each branch of MGE-EFP after harmonization.
        evidence_mid_channels: Channels of F_mid in MGE-EFP.
        evidence_hidden_size: Width of F_high, and of the hidden layer of MGE-EFP's projection. Default: 256 for EFP
            (published), 192 for MGE-EFP (own choice, for size).
        structure: `r_augnn` (AULLM++) or `none` (AU-LLM, no Instruction Token).
        relations: Edges of the AU relation graph: first unit, second unit, type. Default: `facs.RELATIONS`.
        node_regions: Whether a node sees the motion of its unit's own region at full resolution, too (own choice).
        described_share: Of the units of a clip, in training: these are read by their description alone, without what
            they have learned for themselves, so that what all units share can do without it (own choice).
        node_size: Width of an AU node.
        num_relation_layers: Layers of relational reasoning.
        num_pooling_heads: Heads of the structural attention pooling.
        prompt: Text template with the placeholders `{content}` and, with a structure, `{instruction}`.
        prompt_token_ids: The template as the LLM's tokenizer reads it, placeholders as -1 (content) and -2
            (instruction); `None` before a tokenizer was seen, and then the tokens stand alone, without text.
        unit_positions: Where each unit's name ends in `prompt_token_ids`; `None` if the prompt does not name them all,
            or before a tokenizer was seen: nothing is corrected by name then.
        anchored: Whether a word's embedding stands at each placeholder and the token is added to it. AU-LLM puts its
            token there alone.
        anchor_token_ids: Those words as the LLM's tokenizer reads them, content first; `None` before one was seen.
        token_rms: Root mean square that both tokens start with.
        lora_rank: Rank of LoRA; 0 leaves the LLM without it.
        lora_alpha: Scale of LoRA.
        lora_dropout: Dropout of LoRA.
        lora_target_modules: Linear layers of the LLM that get LoRA.
        read_out: How the LLM decides: `by_name`, it corrects a linear reader of tokens and nodes, each unit found by
            its name in the prompt; `correction`, likewise by a linear head; `last_position`, that head alone (AU-LLM).
        temporal_head: Whether the model finds events in recordings, too, see `temporal_head`.
        side_head: Whether it tells side and intensity of a unit, too, see `side_head`.
        answer_rank: Rank of the LoRA with which questions are answered, see `answer_choice`; 0 for a model that answers
            none.

    Raises:
        ValueError: If a value is outside its range or an action unit, a relation or a placeholder is unknown.
    """

    model_type = "aullm"
    keys_to_ignore_at_inference: ClassVar[list[str]] = [  # a Trainer's predictions are the logits
        name for name in AULLMOutput.__dataclass_fields__ if name not in ("loss", "logits")
    ]
    pipelines: ClassVar[dict] = PIPELINES
    sub_configs: ClassVar[dict] = {"text_config": AutoConfig}

    text_config: dict | PreTrainedConfig | None = None
    llm: dict | None = None
    checkpoint: Literal["whole", "lean"] = "whole"
    trained_on: list[str] | None = None
    action_units: list[str] | None = None
    image_size: int = 64
    num_frames: int = 6
    led_alpha: float = 10.0
    led_r1: float = 0.4
    led_r2: float = 0.05
    led_eps: float = 1 / 255
    motion: Literal["led", "led_flow"] = "led_flow"
    dropout: float = 0.3
    evidence: Literal["mge_efp", "efp"] = "mge_efp"
    evidence_width: int = 32
    evidence_mid_channels: int = 16
    evidence_hidden_size: int | None = None
    structure: Literal["r_augnn", "none"] = "r_augnn"
    relations: list[list[str]] | None = None
    node_regions: bool = True
    described_share: float = 0.1
    node_size: int = 64
    num_relation_layers: int = 2
    num_pooling_heads: int = 4
    prompt: str | None = None
    prompt_token_ids: list[int] | None = None
    unit_positions: list[int] | None = None
    anchored: bool = True
    anchor_token_ids: list[int] | None = None
    token_rms: float = 0.1
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.1
    lora_target_modules: list[str] | None = None
    read_out: Literal["by_name", "correction", "last_position"] = "by_name"
    temporal_head: bool = False
    side_head: bool = False
    answer_rank: int = 0

    def __post_init__(self, **kwargs: Any) -> None:
        if self.action_units is None:
            self.action_units = list(AU_SETS["cd6me"])
        check_action_units(self.action_units)
        if self.relations is None:
            self.relations = [[edge.first, edge.second, edge.type] for edge in relations_among(self.action_units)]
        if self.prompt is None:
            self.prompt = case_file_prompt(self.action_units, self.relations, structure=self.structure != "none")
        if self.evidence_hidden_size is None:
            self.evidence_hidden_size = 192 if self.evidence == "mge_efp" else 256
        if self.lora_target_modules is None:
            self.lora_target_modules = ["q_proj", "v_proj"]
        if not isinstance(self.text_config, PreTrainedConfig):
            self.text_config = AutoConfig.for_model(**({"model_type": "llama"} | (self.text_config or {})))
        self.id2label = dict(enumerate(self.action_units))
        self.label2id = {code: index for index, code in self.id2label.items()}
        self.problem_type = "multi_label_classification"
        self.num_labels = kwargs.pop("num_labels", None) or self.num_labels
        kwargs["custom_pipelines"] = copy.deepcopy(self.pipelines)  # transformers writes classes into it
        super().__post_init__(**kwargs)
        self._check_ranges()
        self._check_relations()
        check_prompt(self.prompt, structure=self.structure != "none")

    def _check_ranges(self) -> None:
        bounds = {
            "image_size": (32, 512), "num_frames": (5, 256), "led_eps": (0.0, 1.0), "dropout": (0.0, 0.9),
            "evidence_width": (1, 4096), "evidence_mid_channels": (1, 4096), "evidence_hidden_size": (1, 65536),
            "node_size": (1, 65536), "num_relation_layers": (1, 16), "num_pooling_heads": (1, 64),
            "lora_rank": (0, 1024), "answer_rank": (0, 1024), "lora_dropout": (0.0, 0.9), "described_share": (0.0, 0.9),
            "token_rms": (1e-6, 1e3),
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be between {low} and {high}, got {getattr(self, name)}")
        for name in ("led_alpha", "led_r1", "led_r2"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0 (LED learns its logarithm), got {getattr(self, name)}")

    def _check_relations(self) -> None:
        for edge in self.relations or []:
            if len(edge) != 3 or edge[2] not in RELATION_TYPES or edge[0] == edge[1]:
                raise ValueError(
                    f"a relation is two different units and one of {', '.join(RELATION_TYPES)}, got {edge}"
                )
            outside = [code for code in edge[:2] if code not in (self.action_units or ())]
            if outside:
                raise ValueError(f"relation {edge} names {outside[0]}, which is not among the model's action units")

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As in transformers; what is overridden is checked like all else.

        Other `action_units` bring the relations among them and their prompt, and leave the temporal head. What was
        saved before there was a read-out by name is read as it was then.

        Raises:
            ValueError: If a value does not fit, `num_labels` the number of units among them.
        """
        if "transformers_version" in config_dict and "read_out" not in config_dict:
            config_dict = config_dict | {"read_out": "last_position", "node_regions": False}
        given = {name: kwargs.pop(name) for name in list(kwargs) if name in OVERRIDABLE}
        if given.get("action_units", config_dict.get("action_units")) != config_dict.get("action_units"):
            config_dict = {name: value for name, value in config_dict.items() if name not in OF_UNITS}
        return super().from_dict(config_dict | given, **kwargs)

    @property
    def num_labels(self) -> int:
        """Logits, one an action unit."""
        return len(self.action_units or ())

    @num_labels.setter
    def num_labels(self, num_labels: int) -> None:
        if num_labels != self.num_labels:
            raise ValueError(
                f"num_labels is the number of action_units, {self.num_labels}, got {num_labels}: name the units instead"
            )

    def to_dict(self) -> dict[str, Any]:
        """As in transformers, with the pipeline, and the model under the name its Hub tag is loaded by, too."""
        settings = super().to_dict() | {"custom_pipelines": copy.deepcopy(PIPELINES)}
        known = settings.get("auto_map") or {}
        for name, other in (MODEL_CLASSES, MODEL_CLASSES[::-1]):
            if name in known:
                known.setdefault(other, known[name])
        return settings

    @classmethod
    def au_llm(cls, **kwargs: Any) -> "AULLMConfig":
        """AU-LLM as published: EFP instead of MGE-EFP, no Instruction Token, its prompt, a bare token, eps of 1e-8.

        The published projection is (10624 + H) / 2 wide; that width is built in with `evidence="efp"`.
        """
        preset: dict[str, Any] = {
            "motion": "led", "evidence": "efp", "structure": "none", "prompt": AU_LLM_PROMPT, "anchored": False,
            "led_eps": 1e-8, "read_out": "last_position",
        }  # fmt: skip
        return cls(**(preset | kwargs))

    @classmethod
    def figure_order(cls, **kwargs: Any) -> "AULLMConfig":
        """AULLM++ with the prompt in the order its paper draws: content, instruction, then the task's text.

        Nothing of this prompt can be shared by a batch, for every position comes after the content token.
        """
        config: Any = cls(**kwargs)
        return cls(**(kwargs | {"prompt": figure_order_prompt(config.action_units, config.relations)}))


OVERRIDABLE = tuple(name for name in AULLMConfig.__annotations__ if name != "text_config")  # of that, parts

AULLMConfig.register_for_auto_class()
