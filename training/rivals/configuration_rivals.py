"""Configuration of the other systems and baselines: which method, which of its parts, and what AULLM++ shares."""

from typing import Any, Literal

from huggingface_hub.dataclasses import strict

from modeling_aullm.configuration_aullm import AULLMConfig

# The parts of each method that an ablation may leave out.
PARTS: dict[str, tuple[str, ...]] = {
    "micro_au_clip": ("pta", "gda", "gdloss", "miaucl"),
    "deft_llm": ("structure", "dynamic_texture", "motion_semantics", "sentences", "decorrelation"),
    "ac4au": ("mean_removal", "subject_loss", "router", "focal"),
    "led_head": (),
    "flow_sssnet": (),
}
EXPERTS = ("structure", "dynamic_texture", "motion_semantics")  # of DEFT-LLM-like, in the order of their tokens


@strict
class RivalConfig(AULLMConfig):
    """What fixes the shape of one of the other systems.

    Units, clips, LED, LoRA and the LLM's record are AULLM++'s options under the same names and with the same defaults,
    so that all methods see the same clips; its prompt, evidence and structure are not read.

    Attributes:
        method: `micro_au_clip`, `deft_llm`, `ac4au`, `led_head` or `flow_sssnet`.
        without: Parts that are left out, see `PARTS`.
        text_size: Width of the text encoder's features (Micro-AU-CLIP-like).
        case_token_ids: What the LLM reads before a clip's tokens (DEFT-LLM-like), as its tokenizer reads it.
        sentence_token_ids: One sentence a unit, as the LLM's tokenizer reads it (DEFT-LLM-like).

    Raises:
        ValueError: If a part is none of the method's, or all experts are left out.
    """

    model_type = "au_rival"

    method: Literal["micro_au_clip", "deft_llm", "ac4au", "led_head", "flow_sssnet"] = "micro_au_clip"
    without: list[str] | None = None
    text_size: int = 576
    case_token_ids: list[int] | None = None
    sentence_token_ids: list[list[int]] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        self.without = list(self.without or [])
        self.structure = "none"
        super().__post_init__(**kwargs)
        check_parts(self.method, self.without)


def check_parts(method: str, without: list[str]) -> None:
    """Check that parts to leave out are a method's.

    Raises:
        ValueError: If one is not, or nothing would be left to see a clip with.
    """
    for part in without:
        if part not in PARTS.get(method, ()):
            known = ", ".join(PARTS.get(method, ())) or "none"
            raise ValueError(f"{method} has no part {part!r} that can be left out; it has {known}")
    if set(EXPERTS) <= set(without):
        raise ValueError(f"without {', '.join(EXPERTS)} nothing is left that sees a clip; leave at least one in")


RivalConfig.register_for_auto_class()
