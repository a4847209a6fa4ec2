"""What sharing the static prompt saves, side by side on this machine: `python -m benchmarks.speed`. Linux only.

Same model, same weights, same clips on all sides. *Shared* is the forward of this package: it reads the static text
once a step while it learns, and else once for all calls, in the first, which has a column of its own. *Plain* reads the
whole prompt for every clip; the *floor* is the vision part and the LLM over the clip's own positions alone, without the
text before them. Then AU-LLM as published, on the same LLM. Medians of whole calls; the ways to be compared take turns.
"""

import argparse
import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.measure import device, peak_megabytes, seconds, seconds_of_each, show, write
from modeling_aullm import DEFAULT_CHECKPOINT, AULLMConfig, AULLMForAUDetection
from modeling_aullm.deduction import PromptReader
from training.learning.counterfactual import consistency_loss, donors_of, draw_flipped_units
from training.learning.memory import keep_freed_memory
from training.learning.models import frozen_llm
from training.options import Recipe

Row = dict[str, Any]


def make_clips(model: AULLMForAUDetection, batch: int) -> torch.Tensor:
    """Random clips, (batch, num_frames, image_size, image_size)."""
    config = model.config
    return torch.rand(batch, config.num_frames, config.image_size, config.image_size, device=model.device)


@torch.inference_mode()
def infer(model: AULLMForAUDetection, clips: torch.Tensor, *, share: bool) -> torch.Tensor:
    """Logits."""
    return model(clips, share_prefix=share).logits


@torch.inference_mode()
def floor(model: AULLMForAUDetection, clips: torch.Tensor) -> torch.Tensor:
    """The vision part, and the LLM over as many positions as stand after the prompt's static part."""
    x_att, motion = model.motion_encoder(clips)
    token, _ = model.evidence(x_att)
    if model.structure is not None:
        model.structure(x_att, motion)
    ids = model.config.prompt_token_ids or []
    own = len(ids) - next(position for position, word in enumerate(ids) if word < 0)
    words = token[:, None].expand(-1, own, -1).to(model.llm.dtype)
    return model.llm(inputs_embeds=words, use_cache=False).last_hidden_state


def infer_first(model: AULLMForAUDetection, clips: torch.Tensor) -> torch.Tensor:
    """Logits, of a call that has yet to read the static text."""
    model.prompt_reader = PromptReader()
    return infer(model, clips, share=True)


def step(model: AULLMForAUDetection, clips: torch.Tensor, *, share: bool, ccr: bool = False) -> None:
    """Loss and gradients, as in training with the default recipe; dropout is off, so that they can be compared."""
    model.zero_grad()
    units = len(model.config.action_units or ())
    labels = torch.zeros(len(clips), units, device=clips.device)
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_flipped_units(units, rng) for _ in clips])
    flipped, donors = torch.from_numpy(drawn).to(clips.device), donors_of(len(clips)).to(clips.device)
    flips = {"flipped_units": flipped, "donors": donors} if ccr else {}
    output = model(clips, share_prefix=share, **flips)
    loss = nn.functional.binary_cross_entropy_with_logits(output.logits, labels)
    if ccr:
        moved = consistency_loss(output.logits, output.counterfactual_logits, flipped)
        loss = loss + Recipe().ccr_weight * moved
    loss.backward()


def gradients(model: AULLMForAUDetection, clips: torch.Tensor, *, share: bool) -> dict[str, torch.Tensor]:
    """Of one step, by weight."""
    step(model, clips, share=share)
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def inference_row(model: AULLMForAUDetection, batch: int, repeats: int) -> Row:
    """Seconds of the three ways for one batch size, and how far the logits of the first two are apart."""
    clips = make_clips(model, batch)
    apart = (infer(model, clips, share=True) - infer(model, clips, share=False)).abs().max().item()
    calls = {
        "shared": partial(infer, model, clips, share=True),
        "floor": partial(floor, model, clips),
        "plain": partial(infer, model, clips, share=False),
        "first call": partial(infer_first, model, clips),
    }
    took = seconds_of_each(calls, repeats)
    return {
        "batch": batch,
        **{f"{name} s": value for name, value in took.items()},
        "plain / shared": took["plain"] / took["shared"],
        "shared / floor": took["shared"] / took["floor"],
        "clips / s": batch / took["shared"],
        "logits apart": apart,
    }


def rounding_row(model: AULLMForAUDetection, batch: int) -> Row:
    """How far the logits of either way are from those in double precision: what single precision can be held to."""
    clips = make_clips(model, batch)
    exact = infer(copy.deepcopy(model).double(), clips.double(), share=False)
    off = {name: (infer(model, clips, share=name == "shared") - exact).abs().max() for name in ("shared", "plain")}
    return {"batch": batch} | {f"{name} from double precision": value.item() for name, value in off.items()}


def bfloat16_row(model: AULLMForAUDetection, batch: int, repeats: int) -> Row:
    """`inference_row` of the model turned to bfloat16, and how far single precision is from both ways, on average."""
    clips = make_clips(model, batch)
    exact = infer(model, clips, share=True)
    half: Any = model.to(torch.bfloat16)  # type: ignore[arg-type]
    row = inference_row(half, batch, repeats)
    off = {name: (infer(half, clips, share=name == "shared") - exact).abs().mean() for name in ("shared", "plain")}
    return row | {f"{name} from single precision": value.item() for name, value in off.items()}


def training_row(model: AULLMForAUDetection, batch: int, repeats: int) -> Row:
    """The same of a training step, LoRA on, and what CCR adds to it."""
    clips = make_clips(model, batch)
    ours, theirs = (gradients(model, clips, share=share) for share in (True, False))
    apart = max((ours[name] - theirs[name]).abs().max().item() for name in theirs)
    ways = {"shared": {"share": True}, "plain": {"share": False}, "ccr": {"share": True, "ccr": True}}
    took = seconds_of_each({name: partial(step, model, clips, **how) for name, how in ways.items()}, repeats)
    return {
        "batch": batch,
        "shared s": took["shared"],
        "plain s": took["plain"],
        "with CCR s": took["ccr"],
        "plain / shared": took["plain"] / took["shared"],
        "with CCR / shared": took["ccr"] / took["shared"],
        "gradients apart": apart,
        "largest gradient": max(gradient.abs().max().item() for gradient in theirs.values()),
    }


def make_design(name: str) -> AULLMForAUDetection:
    """AULLM++ as this package builds it, or AU-LLM as published; both on the default LLM."""
    config = AULLMConfig.au_llm() if name == "AU-LLM" else AULLMConfig()
    return AULLMForAUDetection.from_backbones(config).eval().to(device())


def memory_task(name: str, batch: int, train: bool) -> Callable[[], object]:
    """A call of one design, for `peak_megabytes`; the LLM's own weights do not learn."""
    model = make_design(name)
    learn_lora_only(model)
    clips, share = make_clips(model, batch), name != "AU-LLM"
    infer(model, clips[:1], share=share)  # weights come into memory when they are first used
    return partial(step if train else infer, model, clips, share=share)  # type: ignore[operator]


def learn_lora_only(model: AULLMForAUDetection) -> None:
    """Freeze the LLM's own weights."""
    for name, weight in model.llm.named_parameters():
        weight.requires_grad_(".lora_" in name)


def design_row(name: str, batch: int, repeats: int) -> Row:
    """One design: its trained parameters, seconds and memory; AU-LLM reads its whole prompt for every clip."""
    model, share = make_design(name), name != "AU-LLM"
    learn_lora_only(model)
    clips = make_clips(model, batch)
    inference = seconds(partial(infer, model, clips, share=share), repeats)
    return {
        "design": name,
        "trained parameters": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "prompt positions": len(model.config.prompt_token_ids or []),
        "inference s": inference,
        "clips / s": batch / inference,
        "training step s": seconds(partial(step, model, clips, share=share), repeats),
        "inference MB": peak_megabytes(memory_task, name, batch, False),
        "training step MB": peak_megabytes(memory_task, name, batch, True),
    }


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32], help="batch sizes of inference")
    parser.add_argument("--batch", type=int, default=32, help="batch size of everything else")
    parser.add_argument("--repeats", type=int, default=3, help="counted calls of each kind")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/speed.json"), help="where the figures go")
    options = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    model = AULLMForAUDetection.from_pretrained(DEFAULT_CHECKPOINT).eval().to(device())
    tables = {"inference": [inference_row(model, batch, options.repeats) for batch in options.batches]}
    show("Inference", tables["inference"])
    tables["rounding"] = [rounding_row(model, options.batch)]
    show("Rounding of single precision", tables["rounding"])
    with frozen_llm(model, torch.float32):
        tables["training step"] = [training_row(model, options.batch, options.repeats)]
    show("Training step, LoRA on", tables["training step"])
    tables["inference in bfloat16"] = [bfloat16_row(model, options.batch, options.repeats)]
    show("Inference in bfloat16", tables["inference in bfloat16"])
    del model
    tables["designs"] = [design_row(name, options.batch, options.repeats) for name in ("AULLM++", "AU-LLM")]
    show("The design as published, and this one", tables["designs"])
    write(options.out, tables)


if __name__ == "__main__":
    main()
