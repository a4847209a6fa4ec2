"""`AULLMTrainer`: transformers' Trainer with what AULLM++ needs differently."""

from contextlib import AbstractContextManager
from typing import Any, cast

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy
from torch.utils.data import DataLoader, Dataset, RandomSampler
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from training.learning.counterfactual import consistency_loss, donors_of, relations_of
from training.learning.losses import LOSSES
from training.options import Recipe
from training.rivals.deft_llm import ExpertReader
from training.rivals.modeling_rivals import RivalForAUDetection


class AULLMTrainer(Trainer):
    """L_total = L_main + lambda L_cf, each logged by itself; LED and LoRA have learning rates of their own.

    Args:
        recipe: Loss, CCR and the rates of LED and LoRA; everything else has `args.learning_rate`.
        positive_weight: Weight of each unit's positives in the loss, shape (units,), from the training subjects.
        **kwargs: As in transformers.
    """

    def __init__(self, *, recipe: Recipe, positive_weight: torch.Tensor, **kwargs: Any) -> None:
        self.recipe, self.positive_weight = recipe, positive_weight
        self.parts: dict[str, list[torch.Tensor]] = {}
        super().__init__(**kwargs)
        if self.is_fsdp_enabled:  # FSDP's own way to mixed precision would round the frames, and their motion away
            self.accelerator.state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy()
        self.model_accepts_loss_kwargs = False  # our loss is a mean over clips: accumulated steps are averaged
        own: Any = self.model
        structured = getattr(own, "structure", None) is not None  # CCR turns rules around
        self.ccr_weight = recipe.ccr_weight if structured else 0.0
        self.has_losses_of_its_own = isinstance(own, RivalForAUDetection | ExpertReader)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with a group for LED and its flow, one for LoRA and the rest, with and without weight decay."""
        if self.optimizer is None:
            own: Any = self.model
            decayed = set(self.get_decay_parameter_names(own))
            groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
            for name, parameter in own.named_parameters():
                if parameter.requires_grad:
                    led = ".led." in name or ".flow." in name
                    part = "led" if led else "lora" if ".lora_" in name else "rest"
                    groups.setdefault((part, name in decayed and part != "led"), []).append(parameter)
            rates = {
                "led": self.recipe.led_learning_rate,  # its values are logarithms, and move slowly
                "lora": self.recipe.lora_learning_rate,
                "rest": self.args.learning_rate,
            }
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, own)
            self.optimizer = optimizer_class(
                [
                    {"params": params, "lr": rates[part], "weight_decay": self.args.weight_decay * decay}
                    for (part, decay), params in groups.items()
                ],
                **options,
            )
        return self.optimizer

    def _get_learning_rate(self) -> float:
        """That of everything but LED and LoRA, to be logged; transformers takes the first group's, which is LED's."""
        groups = cast(torch.optim.Optimizer, self.optimizer).param_groups
        return next(group["lr"] for group in groups if group["initial_lr"] == self.args.learning_rate)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> RandomSampler:
        """Whole steps only, from clips in a new order each epoch.

        The rest of an epoch would be one smaller step of one process, but be filled up with clips again by several.
        """
        clips: Any = self.train_dataset
        step = self._train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return RandomSampler(clips, num_samples=len(clips) - len(clips) % step)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """L_main; in training with CCR lambda L_cf, both answers from one pass of the model; and a rival's own."""
        clips, labels = inputs["pixel_values"], inputs["labels"].float()
        counterfactual = model.training and self.ccr_weight > 0
        flips = self._flips(inputs["flipped_units"]) if counterfactual else {}
        own = model.training and self.has_losses_of_its_own
        taught = {"labels": labels, "person": inputs["person"]} if own else {}
        outputs = model(pixel_values=clips, **flips, **taught)
        logits = outputs.logits.float()
        loss = LOSSES[self.recipe.main_loss()](logits, labels, self.positive_weight.to(labels.device))
        if counterfactual:
            self._note("loss_main", loss)
            moved = consistency_loss(logits, outputs.counterfactual_logits.float(), flips["flipped_units"])
            self._note("loss_cf", moved)
            loss = loss + self.ccr_weight * moved
        if own and outputs.auxiliary:
            self._note("loss_main", loss)
            for name, part in outputs.auxiliary.items():
                self._note(name, part)
                loss = loss + part
        return (loss, {"loss": loss, "logits": outputs.logits}) if return_outputs else loss

    def autocast_smart_context_manager(self, cache_enabled: bool | None = True) -> AbstractContextManager:
        """Autocast around a model that FSDP shares out; accelerate sees to all others."""
        own: Any = self.model
        if isinstance(own, FSDPModule):
            return self.accelerator.autocast()
        return super().autocast_smart_context_manager(cache_enabled)

    def _flips(self, flipped: torch.Tensor) -> dict[str, torch.Tensor]:
        if self.recipe.ccr_flip == "donors":
            return {"flipped_units": flipped, "donors": donors_of(len(flipped)).to(flipped.device)}
        if self.recipe.ccr_flip == "nodes":
            return {"flipped_units": flipped}
        own: Any = self.model
        return {
            "flipped_units": torch.zeros_like(flipped),
            "flipped_relations": relations_of(flipped, own.structure.pairs),
        }

    def _note(self, name: str, value: torch.Tensor) -> None:
        self.parts.setdefault(name, []).append(value.detach())

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log as transformers does, and beside the loss the mean of each of its parts since the last time."""
        if "loss" in logs:
            for name, values in self.parts.items():
                mean: Any = self.accelerator.gather(torch.stack(values).mean()[None])
                logs[name] = round(mean.mean().item(), 4)
            self.parts = {}
        super().log(logs, *args, **kwargs)

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """As in transformers, with a loss in which every clip counts once.

        Several processes fill their last batches up with clips they have seen; transformers leaves those out of the
        predictions, and not out of the batches' losses.
        """
        output = super().evaluation_loop(dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix)
        if output.predictions is not None:
            logits, labels = torch.tensor(output.predictions).float(), torch.tensor(output.label_ids).float()
            loss = LOSSES[self.recipe.main_loss()](logits, labels, self.positive_weight.cpu())
            output.metrics[f"{metric_key_prefix}_loss"] = loss.item()
        return output

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Save whatever the memory layout of the weights: safetensors takes contiguous ones only."""
        weights = self.model.state_dict() if state_dict is None else state_dict
        super()._save(output_dir, {name: weight.contiguous() for name, weight in weights.items()})

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Warn of missing weights as transformers does, but not of the LLM's own, which lean checkpoints leave out."""
        missing = load_result.missing_keys
        missing[:] = [name for name in missing if not name.startswith("llm.") or ".lora_" in name]
        super()._issue_warnings_after_load(load_result)
