"""Batch norm over the clips of all processes, on any device: torch's own `SyncBatchNorm` refuses a CPU.

Without it two processes would normalise by half a batch each, and training would depend on how many there are.
"""

import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_reduce


class SynchronizedBatchNorm3d(nn.BatchNorm3d):
    """`nn.BatchNorm3d` whose training statistics are those of the whole batch, whichever process holds its clips."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise (batch, channels, time, height, width); the processes may hold batches of different sizes."""
        if not (self.training and distributed.is_available() and distributed.is_initialized()):
            return super().forward(input)
        clips, dims, shape = input.float(), (0, 2, 3, 4), (1, -1, 1, 1, 1)
        count = clips.new_full((1,), clips[:, 0].numel())
        total, *sums = all_reduce(torch.cat([count, clips.sum(dims)])).split([1, self.num_features])
        mean = sums[0] / total
        variance = all_reduce((clips - mean.view(shape)).square().sum(dims)) / total
        self._keep(mean.detach(), (variance * total / (total - 1)).detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (clips * scale.view(shape) + (self.bias - mean * scale).view(shape)).to(input.dtype)

    def _keep(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)


def synchronize_batch_norm(model: nn.Module) -> None:
    """Replace every `nn.BatchNorm3d` of a model; parameters and statistics stay the same tensors."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm3d:
                synchronized = SynchronizedBatchNorm3d(child.num_features, child.eps, child.momentum)
                synchronized.weight, synchronized.bias = child.weight, child.bias
                synchronized._buffers = child._buffers
                setattr(parent, name, synchronized)
