"""`AULLMTrainer`: transformers' Trainer with what AULLM++ needs differently."""

from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from modeling_aullm import AULLMForAUDetection, AULLMOutput


class AULLMTrainer(Trainer):
    """Trains LED, encoder, evidence, structure, head and LoRA; the LLM's own weights stay as they are.

    Args:
        positive_weight: Weight of each unit's positives in the loss, shape (units,), from the training subjects.
        led_learning_rate: Of LED's three values (they are logarithms, and move slowly).
        lora_learning_rate: Of LoRA; everything else has `args.learning_rate`.
        **kwargs: As in transformers.
    """

    def __init__(
        self,
        *,
        positive_weight: torch.Tensor,
        led_learning_rate: float,
        lora_learning_rate: float,
        **kwargs: Any,
    ) -> None:
        self.positive_weight = positive_weight
        self.group_rates = {"led": led_learning_rate, "lora": lora_learning_rate}
        super().__init__(**kwargs)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with a group for LED, one for LoRA and the rest, with and without weight decay."""
        if self.optimizer is None:
            own: Any = self.model
            decayed = set(self.get_decay_parameter_names(own))
            groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
            for name, parameter in own.named_parameters():
                if parameter.requires_grad:
                    part = "led" if ".led." in name else "lora" if ".lora_" in name else "rest"
                    groups.setdefault((part, name in decayed and part != "led"), []).append(parameter)
            rates = {**self.group_rates, "rest": self.args.learning_rate}
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, own)
            self.optimizer = optimizer_class(
                [
                    {"params": params, "lr": rates[part], "weight_decay": self.args.weight_decay * decay}
                    for (part, decay), params in groups.items()
                ],
                **options,
            )
        return self.optimizer

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Binary cross-entropy with the training subjects' positive weights, a mean over units and clips."""
        labels = inputs["labels"]
        outputs = model(pixel_values=inputs["pixel_values"])
        loss = nn.functional.binary_cross_entropy_with_logits(
            outputs.logits.float(), labels.float(), pos_weight=self.positive_weight.to(labels.device)
        )
        return (loss, {"loss": loss, "logits": outputs.logits}) if return_outputs else loss


class TokenProbe(nn.Module):
    """A model without its LLM: one linear layer reads both tokens.

    Own choice, for the first part of training: evidence and structure see about twice as many clips in the same time
    before the LLM is asked to read them, as multimodal LLMs are first aligned. The probe is thrown away.
    """

    def __init__(self, model: AULLMForAUDetection) -> None:
        super().__init__()
        self.motion_encoder, self.evidence, self.structure = model.motion_encoder, model.evidence, model.structure
        tokens = 1 if model.structure is None else 2
        self.scale = 1 / model.config.token_rms
        self.head = nn.Linear(tokens * model.config.get_text_config().hidden_size, len(model.config.action_units))

    def forward(self, pixel_values: torch.Tensor) -> AULLMOutput:
        """Logits of clips, as the model's `forward` gives them."""
        x_att, _ = self.motion_encoder(pixel_values)
        tokens = [self.evidence(x_att)[0]]
        if self.structure is not None:
            tokens.append(self.structure(x_att).instruction_token)
        return AULLMOutput(logits=self.head(torch.cat(tokens, -1) * self.scale))


def freeze_llm(model: AULLMForAUDetection, dtype: torch.dtype = torch.float32) -> None:
    """Let only LoRA learn in the LLM: `from_pretrained` leaves every parameter trainable.

    Args:
        model: To be trained.
        dtype: Of the frozen weights; under autocast to bfloat16 they would be converted anew in every step otherwise.
    """
    for name, parameter in model.llm.named_parameters():
        parameter.requires_grad_(".lora_" in name)
        if ".lora_" not in name:
            parameter.data = parameter.data.to(dtype)


def positive_weights(labels: torch.Tensor) -> torch.Tensor:
    """Square root of negatives over positives, shape (units,), from labels (clips, units), at most 5.

    Own choice: the full ratio would push the probabilities of rare units up further, away from a fair 0.5.
    """
    positives = labels.sum(0).clamp(min=1)
    return ((len(labels) - positives) / positives).clamp(min=0.04, max=25).sqrt()


def training_arguments(**kwargs: Any) -> TrainingArguments:
    """TrainingArguments with what this model's batches and outputs need."""
    return TrainingArguments(
        label_names=["labels"], remove_unused_columns=False, report_to="none", save_only_model=True, **kwargs
    )
