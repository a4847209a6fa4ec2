"""Flow by regions of the face: what the motion expert of DEFT-LLM-like reads, and what its sentences must agree with.

The regions, the four numbers of each, and the head's motion taken off at the nose are MELLM's (arXiv 2505.07007, its
public code); own choice: their places on the aligned crop, as no landmarks are known, and the flow, which is
`MagnifiedFlow`'s coarse one of the plain change since the first frame.
"""

from collections.abc import Sequence

import torch

from modeling_aullm.facs import ACTION_UNITS
from modeling_aullm.motion_encoder import MagnifiedFlow

from .unit_words import MOVEMENTS

NOSE = (0.50, 0.54, 0.04)  # 5 x 5 pixels of 64
AROUND_SITE = 0.04
CLEAR = 0.15  # MELLM's: below this share of the magnitudes' sum, their resultant has no clear direction
ALIKE = 0.5  # least cosine between the flow and a unit's way: 60 degrees; own choice


def _both(x: float, y: float, half: float) -> list[tuple[float, float, float]]:
    return [(x, y, half), (1 - x, y, half)]


# Middle (right, down) and half side of each region, fractions of the crop: lids, brows, nose wings, mouth corners,
# upper lip, lower lip, chin, cheeks.
REGIONS: list[tuple[float, float, float]] = [
    *(region for y in (0.315, 0.365) for x in (0.265, 0.32, 0.375) for region in _both(x, y, 0.03)),
    *(region for x in (0.43, 0.25) for region in _both(x, 0.22, 0.04)),
    *_both(0.43, 0.55, 0.05),
    *_both(0.365, 0.72, 0.05),
    *((x, y, 0.04) for y in (0.68, 0.77) for x in (0.43, 0.50, 0.57)),
    (0.50, 0.88, 0.06),
    *_both(0.27, 0.52, 0.06),
]


def face_flow(flow: MagnifiedFlow, frames: torch.Tensor) -> torch.Tensor:
    """Where the skin has gone at the moment of strongest motion, less the head: pixels, (batch, 2, height, width).

    Args:
        flow: Least squares.
        frames: Grey 0..1, (batch, num_frames, height, width).
    """
    bounded = flow(frames, (frames[:, 1:] - frames[:, :1]).float())[:, 2:]
    moved = bounded / (1 - bounded.abs()).clamp(min=1e-3)
    moved = moved - _mean(moved, NOSE)[..., None, None]
    strongest = moved.square().sum(1).mean((-2, -1)).argmax(1)
    return moved[torch.arange(len(frames), device=frames.device), :, strongest]


def region_statistics(moved: torch.Tensor) -> torch.Tensor:
    """Mean and greatest magnitude in pixels, cosine and sine of the direction: (batch, 29, 4).

    Args:
        moved: From `face_flow`. The direction is that of the resultant; 0, 0 where there is no clear one.
    """
    size = moved.shape[-1]
    rows = []
    for region in REGIONS:
        inside = _cut(moved, region, size).flatten(2)
        magnitude = inside.square().sum(1).add(1e-12).sqrt()
        resultant, total = inside.sum(2), magnitude.sum(1, keepdim=True)
        length = resultant.square().sum(1, keepdim=True).add(1e-12).sqrt()
        direction = torch.where(length > CLEAR * total, resultant / length, torch.zeros_like(resultant))
        rows.append(torch.cat([magnitude.mean(1, keepdim=True), magnitude.amax(1, keepdim=True), direction], 1))
    return torch.stack(rows, 1)


def moved_their_way(moved: torch.Tensor, action_units: Sequence[str]) -> torch.Tensor:
    """Whether flow says of a unit what its label would: bool (batch, units).

    At one of its sites or more the flow is above the clip's noise and points the unit's way. Own choice of the noise:
    the median magnitude over the whole crop, since most of a face is at rest in a micro-expression.

    Args:
        moved: From `face_flow`.
        action_units: Codes.
    """
    noise = moved.square().sum(1).sqrt().flatten(1).median(1).values
    agrees = []
    for code in action_units:
        right, down = MOVEMENTS[code].direction
        at_sites = []
        for x, y in ACTION_UNITS[code].sites:
            way = moved.new_tensor((right if x <= 0.5 else -right, down))
            here = _mean(moved, (x, y, AROUND_SITE))
            length = here.square().sum(1).sqrt()
            at_sites.append((length > noise) & (here @ (way / way.norm()) > ALIKE * length))
        agrees.append(torch.stack(at_sites).any(0))
    return torch.stack(agrees, 1)


def _cut(moved: torch.Tensor, region: tuple[float, float, float], size: int) -> torch.Tensor:
    x, y, half = region
    (left, right), (top, bottom) = (
        (max(0, int((middle - half) * size)), min(size, int((middle + half) * size) + 1)) for middle in (x, y)
    )
    return moved[..., top:bottom, left:right]


def _mean(moved: torch.Tensor, region: tuple[float, float, float]) -> torch.Tensor:
    return _cut(moved, region, moved.shape[-1]).mean((-2, -1))
