"""Stage 1, first half: LED magnifies the movement, least squares say where to, a small 3D CNN describes it as `x_att`.

LED: Varanka, Peng & Zhao, "Learnable Eulerian Dynamics for Micro-Expression Action Unit Detection", SCIA 2023.
Encoder: AU-LLM, arXiv 2507.21778, section 3.
"""

import math
from typing import Any

import torch
from torch import nn
from transformers import initialization as init

from .configuration_aullm import AULLMConfig

HALF_PRECISION = (torch.float16, torch.bfloat16)
ENCODER_CHANNELS = (32, 64)  # published
SQUEEZE_REDUCTION = 16  # published
FLOW_WINDOWS = (5, 13)  # pixels of the 64 of a face; own choice
FLOW_DAMPING = 1e-4  # squared grey a pixel, a slope of a hundredth of the range; own choice, learned from there


def feature_map_size(image_size: int) -> int:
    """Side of `x_att` for a crop of `image_size` pixels: 64 gives 18."""
    return (image_size - 4) // 3 - 2


def check_clips(pixel_values: torch.Tensor, config: AULLMConfig) -> None:
    """Check clips before they are seen.

    Args:
        pixel_values: Shape (batch, num_frames, image_size, image_size), single precision.
        config: The model's.

    Raises:
        ValueError: If they are not so.
    """
    expected = (config.num_frames, config.image_size, config.image_size)
    if pixel_values.ndim != 4 or tuple(pixel_values.shape[1:]) != expected:
        raise ValueError(
            f"pixel_values must have the shape (batch, {', '.join(map(str, expected))}), "
            f"got {tuple(pixel_values.shape)}; the checkpoint's processor makes it"
        )
    if pixel_values.dtype in HALF_PRECISION:
        raise ValueError(
            f"pixel_values are {pixel_values.dtype}, which rounds the motion in them away; pass them in float32, "
            "whatever the type of the LLM"
        )
    if not pixel_values.dtype.is_floating_point:
        raise ValueError(f"pixel_values are {pixel_values.dtype}; pass grey in 0..1 in float32, as the processor does")


class LearnableEulerianDynamics(nn.Module):
    """LED: a temporal band-pass with three learned values, which magnifies small movement.

    The values are kept as logarithms, so that they stay positive (as published).
    """

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        self.initial = (config.led_alpha, config.led_r1, config.led_r2)
        self.eps = config.led_eps
        self.log_alpha = nn.Parameter(torch.empty(()))
        self.log_r1 = nn.Parameter(torch.empty(()))
        self.log_r2 = nn.Parameter(torch.empty(()))

    def reset_parameters(self) -> None:
        """Set the three values to where the configuration starts them."""
        for parameter, value in zip((self.log_alpha, self.log_r1, self.log_r2), self.initial, strict=True):
            init.constant_(parameter, math.log(value))

    def temporal_weights(self, num_frames: int) -> torch.Tensor:
        """The published matrix W, shape (num_frames, num_frames): row i is the source frame, column j the output.

        W[i, j] = alpha (1 - r1)^(j - i) r1^b(i) - alpha (1 - r2)^(j - i) r2^b(i) for j > i, with b(i) = min(1, i);
        W[i, i] = alpha (r1 - r2); 0 below the diagonal.
        """
        alpha, r1, r2 = (_not_half(value).exp() for value in (self.log_alpha, self.log_r1, self.log_r2))
        frame = torch.arange(num_frames, device=alpha.device)
        lag = frame[None, :] - frame[:, None]
        first = frame[:, None] == 0
        kept = [(1 - r) ** lag.clamp(min=1) * torch.where(first, torch.ones_like(r), r) for r in (r1, r2)]
        weights = torch.where(lag > 0, alpha * (kept[0] - kept[1]), torch.zeros_like(alpha))
        return weights + torch.eye(num_frames, device=alpha.device, dtype=alpha.dtype) * alpha * (r1 - r2)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See what changes.

        out_j = sum_i I_i W[i, j] / (sum_i |I_i| |W[i, j]| + eps), within -1..1; output 0 is dropped, as published.

        Args:
            frames: Grey in 0..1, shape (batch, num_frames, height, width).

        Returns:
            Motion frames, shape (batch, num_frames - 1, height, width), and their numerator, of the same shape: the
            magnified change in units of grey.
        """
        with _without_autocast(frames):
            frames = _not_half(frames)
            weights = self.temporal_weights(frames.shape[1])[:, 1:].to(frames.dtype)
            change = torch.einsum("bihw,ij->bjhw", frames, weights)
            size = torch.einsum("bihw,ij->bjhw", frames.abs(), weights.abs())
            return change / (size + self.eps), change


def _without_autocast(frames: torch.Tensor) -> torch.autocast:
    """Half precision would round away the very differences that are magnified here."""
    return torch.autocast(frames.device.type, enabled=False)


def _not_half(values: torch.Tensor) -> torch.Tensor:
    """In single precision at least; double stays double, which exactness is measured against."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


class MagnifiedFlow(nn.Module):
    """The displacement of the skin that LED's magnified change means, by least squares over fine and coarse windows.

    Where grey changes by c and its slope is g, the skin has moved by v with g . v = -c (Horn & Schunck 1981); over a
    window, v = -(mean g g' + damping)^-1 mean g c (Lucas & Kanade 1981). It is linear in c, so what LED has filtered in
    time and magnified gives a displacement filtered and magnified alike. Own choice: of the change alone nobody can
    tell the direction without the texture that moved, and LED takes the texture out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_damping = nn.Parameter(torch.empty(()))

    def reset_parameters(self) -> None:
        """Start the damping."""
        init.constant_(self.log_damping, math.log(FLOW_DAMPING))

    def forward(self, frames: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """Displacements by the fine window, right and down, then by the coarse one; x pixels as x / (1 + |x|).

        Args:
            frames: Grey 0..1, (batch, num_frames, height, width).
            change: Of LED, (batch, num_frames - 1, height, width).

        Returns:
            Shape (batch, 4, num_frames - 1, height, width), within -1..1.
        """
        with _without_autocast(frames):
            mean = _not_half(frames).mean(1, keepdim=True)
            down, right = _slope(mean, -2), _slope(mean, -1)
            flow = torch.cat([self._least_squares(right, down, change, side) for side in FLOW_WINDOWS], 1)
            return flow / (1 + flow.abs())

    def _least_squares(self, right: torch.Tensor, down: torch.Tensor, change: torch.Tensor, side: int) -> torch.Tensor:
        """Displacements (batch, 2, time, height, width) by windows of `side` pixels, cut off at the edges."""
        means = _running_means(change.shape[-1], side, change)

        def mean(maps: torch.Tensor) -> torch.Tensor:
            return means @ maps @ means.T

        damping = _not_half(self.log_damping).exp()
        xx, xy, yy = mean(right * right) + damping, mean(right * down), mean(down * down) + damping
        x, y = mean(right * change), mean(down * change)
        return torch.stack([xy * y - yy * x, xy * x - xx * y], 1) / (xx * yy - xy * xy)[:, None]


def _slope(picture: torch.Tensor, axis: int) -> torch.Tensor:
    """As `torch.gradient` along one axis, which fixes the batch of a graph that is exported."""
    size = picture.shape[axis]
    inner = (picture.narrow(axis, 2, size - 2) - picture.narrow(axis, 0, size - 2)) / 2
    first = picture.narrow(axis, 1, 1) - picture.narrow(axis, 0, 1)
    last = picture.narrow(axis, size - 1, 1) - picture.narrow(axis, size - 2, 1)
    return torch.cat([first, inner, last], axis)


def _running_means(size: int, side: int, like: torch.Tensor) -> torch.Tensor:
    """Matrix (size, size) that takes means over `side` neighbours, cut off at the ends: faster here than pooling."""
    place = torch.arange(size, device=like.device)
    near = ((place[:, None] - place).abs() <= side // 2).to(like.dtype)
    return near / near.sum(1, keepdim=True)


class SqueezeExcitation(nn.Module):
    """Channel attention per time step: every motion frame weighs its own channels (AU-LLM)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // SQUEEZE_REDUCTION)
        self.excite = nn.Linear(channels // SQUEEZE_REDUCTION, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weigh the channels of x, shape (batch, channels, time, height, width); same shape out."""
        weight = self.excite(self.squeeze(x.mean((3, 4)).transpose(1, 2)).relu()).sigmoid()
        return x * weight.transpose(1, 2)[..., None, None]


class FrameConvolution(nn.Conv3d):
    """A convolution in three dimensions that sees one frame at a time, (frames, channels, height, width).

    In two dimensions it runs faster on a CPU, and faster still with channels last.
    """

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """As `nn.Conv2d`; the kernel is one frame deep."""
        frames = frames.contiguous(memory_format=torch.channels_last)
        return nn.functional.conv2d(frames, self.weight[:, :, 0], self.bias)


class MotionEncoder(nn.Module):
    """LED, with the displacement it means unless `config.motion` is `led`, and the published 3D-conv encoder."""

    def __init__(self, config: AULLMConfig) -> None:
        super().__init__()
        first, second = ENCODER_CHANNELS
        self.led = LearnableEulerianDynamics(config)
        self.flow = MagnifiedFlow() if config.motion == "led_flow" else None
        self.low = nn.Sequential(
            FrameConvolution(1 + 2 * len(FLOW_WINDOWS) if self.flow else 1, first, (1, 5, 5)),
            nn.MaxPool3d((1, 3, 3)),  # before the ReLU: the published order gives the same values on nine times as many
            nn.ReLU(),
            nn.BatchNorm3d(first),
            nn.Dropout3d(config.dropout),
        )
        self.middle = nn.Sequential(nn.Conv3d(first, second, (2, 3, 3)), nn.ReLU(), nn.BatchNorm3d(second))
        self.attention = SqueezeExcitation(second)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the movement.

        Args:
            frames: Grey frames in 0..1, shape (batch, num_frames, image_size, image_size).

        Returns:
            `x_att`, shape (batch, 64, num_frames - 2, s, s) with s = `feature_map_size(image_size)`, and what
            it was seen in, shape (batch, 1 or 5, num_frames - 1, image_size, image_size): the motion frames of LED,
            then the displacements of `MagnifiedFlow`.
        """
        motion, change = self.led(frames)
        seen = motion[:, None]
        if self.flow is not None:
            seen = torch.cat([seen, self.flow(frames, change)], 1)
        seen = seen.to(self.low[0].weight.dtype)
        return self.attention(self.middle(self._low_level(seen))), seen

    def _low_level(self, motion: torch.Tensor) -> torch.Tensor:
        """`low` of motion, (batch, 1 or 5, num_frames - 1, height, width): (batch, 32, num_frames - 1, h, w).

        Pooling sees one frame at a time, too, and everything after it keeps the layout.
        """
        layers: list[Any] = list(self.low)
        convolution, pooling, *rest = layers
        frames = motion.transpose(1, 2).flatten(0, 1)
        maps = nn.functional.max_pool2d(convolution(frames), pooling.kernel_size[1:])
        maps = maps.unflatten(0, (motion.shape[0], motion.shape[2])).transpose(1, 2)
        for layer in rest:
            maps = layer(maps)
        return maps
