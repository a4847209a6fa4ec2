"""Toy data, and what each process does in the tests of distributed training: `accelerate launch THIS START OUTPUT`."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from accelerate import PartialState
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType, patch_environment, prepare_multi_gpu_env
from datasets import Array3D, Dataset, Features, List, Value

from modeling_aullm import AULLMConfig, AULLMForAUDetection
from training.data.clips import Clip
from training.data.folds import Fold
from training.learning.fit import fit, predict_clips
from training.learning.sharding import launched_with_fsdp, make_whole
from training.learning.synchronized_batch_norm import SynchronizedBatchNorm2d, SynchronizedBatchNorm3d
from training.options import Recipe
from training.protocols.protocol import start_processes

ROOT = Path(__file__).parents[1]
UNITS = list(AULLMConfig().action_units)
EXACT = {"dropout": 0.0, "lora_dropout": 0.0, "ccr_weight": 0.0}  # nothing is drawn but order and augmentation


def toy_clips(subject, count, frames=8):
    """Clips whose units show: a bright patch appears in the region of the unit."""
    rng = np.random.default_rng(int(subject))
    clips = []
    for k in range(count):
        labels = np.zeros(12, np.float32)
        labels[rng.permutation(12)[:2]] = 1
        pixels = rng.integers(90, 110, (frames, 64, 64)).astype(np.uint8)
        for unit in np.flatnonzero(labels):
            pixels[4:, 5 * unit : 5 * unit + 5, 10:50] += 60
        clips.append(Clip(pixels, labels, 0, 4, "toy", subject, f"{subject}_{k}", f"{subject}_{k}"))
    return clips


def toy_fold():
    """Sixteen clips to learn from; the other parts do not fill a batch of two processes."""
    return Fold("toy", toy_clips("0", 9) + toy_clips("1", 7), toy_clips("8", 7), {"test": toy_clips("9", 5)})


def save_dataset(folder, counts):
    """Toy clips of so many subjects in a folder of `datasets`."""
    clips = [clip for subject, count in enumerate(counts) for clip in toy_clips(str(subject), count)]
    columns = {name: [getattr(clip, name) for clip in clips] for name in ("dataset", "subject", "clip_id", "frames")}
    columns |= {"onset": [0] * len(clips), "apex": [4] * len(clips)}
    columns["action_units"] = [[UNITS[unit] for unit in np.flatnonzero(clip.labels)] for clip in clips]
    kinds = {"frames": Array3D((None, 64, 64), "uint8"), "action_units": List(Value("string"))}
    kinds |= {"onset": Value("int32"), "apex": Value("int32")}
    features = Features({name: kinds.get(name, Value("string")) for name in columns})
    Dataset.from_dict(columns, features=features).save_to_disk(folder)


def launch(*arguments, timeout=600):
    """Run a script or a module in two processes of Accelerate; a failure shows what they wrote."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
    command += map(str, [ROOT / "training/accelerate/two_cpu_processes.yaml", *arguments])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipe) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()  # the launcher then ends its processes; killed, it would leave them behind
            output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def batch_norm_case():
    """Two channels of five clips, far from zero, and what the loss weighs the outputs with."""
    rng = torch.Generator().manual_seed(0)
    return torch.rand(5, 2, 3, 4, 4, generator=rng) + 30, torch.randn(5, 2, 3, 4, 4, generator=rng)


def run_batch_norm(norm, clips, weight):
    """Output, gradients and statistics of two training steps and one look in eval mode."""
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 2.0]))
    clips = clips.clone().requires_grad_()
    norm.train()(clips * 2)
    output = norm(clips)
    (output * weight).sum().backward()
    found = {"output": output, "clips_gradient": clips.grad, "running_mean": norm.running_mean}
    found |= {"running_var": norm.running_var, "batches": norm.num_batches_tracked, "eval": norm.eval()(clips)}
    found |= {"weight_gradient": norm.weight.grad, "bias_gradient": norm.bias.grad}
    return {name: value.detach().numpy().copy() for name, value in found.items()}


def fit_exactly(start, work, **settings):
    """Two steps of evidence and four of the whole model, each in two parts; and a prediction of several batches."""
    recipe = Recipe(
        model=start, evidence_steps=2, max_steps=4, batch_size=8, gradient_accumulation_steps=2, eval_steps=2,
        workers=0, **EXACT, **settings,
    )  # fmt: skip
    fitted = fit(recipe, toy_fold(), UNITS, seed=3, work=work)
    many = predict_clips(fitted.model, toy_clips("5", 131, frames=6), work)  # of one process 64 go through at once
    return fitted.history, fitted.probabilities | {"many": many}


@contextmanager
def fsdp():
    """As launched with `fsdp.yaml`. FSDP runs on CPUs, but accelerate asks for GPUs: it is told that these are some."""
    options = ["--config_file", str(ROOT / "training/accelerate/fsdp.yaml"), "-m", "training.train"]
    launched, _, _ = _validate_launch_command(launch_command_parser().parse_args(options))
    settings = {name: value for name, value in prepare_multi_gpu_env(launched).items() if "FSDP" in name}
    start_state = PartialState.__init__

    def pretend(self, *args, **kwargs):
        start_state(self, *args, **kwargs)
        if self.distributed_type == DistributedType.MULTI_CPU and launched_with_fsdp():
            self.distributed_type = DistributedType.MULTI_GPU

    with patch_environment(**settings), patch.object(PartialState, "__init__", pretend):
        yield


def fit_shared_out(start, work):
    """As `fit_exactly` under FSDP, and the share of the layers' weights that this process held."""
    shares = []

    def note(model, *args):
        layers = list(model.llm.layers.parameters())
        shares.append(sum(weight.to_local().numel() for weight in layers) / sum(weight.numel() for weight in layers))
        return make_whole(model, *args)

    with fsdp(), patch("training.learning.fit.make_whole", note):
        history, arrays = fit_exactly(start, work)
    return history, arrays | {"shares": np.array(shares)}


def fit_with_ccr(start, work):
    """Three steps, more than an epoch, that rest on which units are flipped; gives what each weight has moved, too."""
    settings = {"evidence_steps": 0, "max_steps": 3, "eval_steps": 1, "batch_size": 8, "workers": 0}
    recipe = Recipe(model=start, **settings, **(EXACT | {"ccr_weight": 100.0}))  # other flips: another loss by 7 %
    fitted = fit(recipe, toy_fold(), UNITS, seed=3, work=work)
    before = dict(AULLMForAUDetection.from_pretrained(start).named_parameters())
    learned = [(name, weight) for name, weight in fitted.model.named_parameters() if weight.requires_grad]
    moved = torch.cat([(weight.float() - before[name].float()).flatten() for name, weight in learned])
    return fitted.history, fitted.probabilities | {"moved": moved.detach().numpy()}


def main():
    """All of it, in a process of several."""
    start, output = sys.argv[1], Path(sys.argv[2])
    start_processes()
    rank = torch.distributed.get_rank()
    clips, weight = batch_norm_case()
    own = slice(0, 3) if rank == 0 else slice(3, 5)
    np.savez(output / f"norm{rank}.npz", **run_batch_norm(SynchronizedBatchNorm3d(2), clips[own], weight[own]))
    pictures = clips[own, :, 0], weight[own, :, 0]
    np.savez(output / f"picture_norm{rank}.npz", **run_batch_norm(SynchronizedBatchNorm2d(2), *pictures))
    for name, act in (("exact", fit_exactly), ("ccr", fit_with_ccr), ("fsdp", fit_shared_out)):
        history, arrays = act(start, output / f"work_{name}")
        np.savez(output / f"{name}{rank}.npz", **arrays)
        (output / f"{name}{rank}.json").write_text(json.dumps(history))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
