"""Batch norm over the clips of all processes, on any device: torch's own `SyncBatchNorm` refuses a CPU.

Without it two processes would normalise by half a batch each, and training would depend on how many there are.
"""

from typing import Any

import torch
from torch import distributed, nn


class SumOverProcesses(torch.autograd.Function):
    """The sum of every process's tensor, in all of them; so with its gradient.

    Own: torch's differentiable `all_reduce` moved between its releases, and warns where it was.
    """

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        """Sum tensors of any one shape."""
        total = values.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        """A value counts in the loss of every process, so its gradients are summed, too."""
        return SumOverProcesses.forward(ctx, gradients[0])


class SynchronizedBatchNorm3d(nn.BatchNorm3d):
    """`nn.BatchNorm3d` whose training statistics are those of the whole batch, whichever process holds its clips."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise (batch, channels, ...); the processes may hold batches of different sizes."""
        if not (self.training and distributed.is_available() and distributed.is_initialized()):
            return super().forward(input)
        clips, dims = input.float(), (0, *range(2, input.ndim))
        shape = (1, -1, *(1 for _ in dims[1:]))
        count = clips.new_full((1,), clips[:, 0].numel())
        total, sums = SumOverProcesses.apply(torch.cat([count, clips.sum(dims)])).split([1, self.num_features])
        mean = sums / total
        centred = clips - mean.view(shape)  # squares without this would lose a still clip's variance to rounding
        variance = SumOverProcesses.apply(centred.square().sum(dims)) / total
        self._keep(mean.detach(), (variance * total / (total - 1)).detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(shape) + self.bias.view(shape)).to(input.dtype)

    def _keep(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)


class SynchronizedBatchNorm2d(SynchronizedBatchNorm3d):
    """The same of `nn.BatchNorm2d`."""

    _check_input_dim = nn.BatchNorm2d._check_input_dim


SYNCHRONIZED: dict[type[nn.Module], type[SynchronizedBatchNorm3d]] = {
    nn.BatchNorm2d: SynchronizedBatchNorm2d,
    nn.BatchNorm3d: SynchronizedBatchNorm3d,
}


def synchronize_batch_norm(model: nn.Module) -> None:
    """Replace every batch norm of a model's pictures or clips; parameters and statistics stay the same tensors."""
    for parent in list(model.modules()):
        child: Any
        for name, child in list(parent.named_children()):
            if type(child) in SYNCHRONIZED:
                synchronized = SYNCHRONIZED[type(child)](child.num_features, child.eps, child.momentum)
                synchronized.weight, synchronized.bias = child.weight, child.bias
                synchronized._buffers = child._buffers
                setattr(parent, name, synchronized.train(child.training))
