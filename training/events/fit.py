"""Training of the temporal head on windows of recordings, with Accelerate."""

from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from modeling_aullm.temporal_head import TemporalHead
from training.events.motion_records import MotionRecord
from training.events.targets import loss_of
from training.events.windows import MotionWindows

_RARE = -5.0  # logit of the middle to begin with: one step in 150 is one
LEARNING_RATE, _WARMUP, _WEIGHT_DECAY, _CLIP = 1.5e-3, 0.1, 0.01, 1.0
_SHOWN = 20  # steps between figures on the bar


def fit_temporal_head(
    head: TemporalHead,
    records: Sequence[MotionRecord],
    action_units: Sequence[str],
    *,
    steps: int,
    batch_size: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
) -> TemporalHead:
    """Train a temporal head. Half of the precision (bfloat16) is enough, and on newer processors a quarter of the time.

    Args:
        head: To be trained.
        records: The recordings of the training subjects.
        action_units: The model's units in their order.
        steps: Steps of the optimizer.
        batch_size: Windows a step, over all processes.
        seed: Of the windows and their order.
        learning_rate: At its highest.

    Raises:
        InputError: If no recording is as long as a window.
    """
    accelerator = Accelerator()
    windows = MotionWindows(records, action_units, steps * batch_size, seed)
    loader = DataLoader(windows, batch_size=max(1, batch_size // accelerator.num_processes))
    optimizer = torch.optim.AdamW(head.parameters(), lr=learning_rate, weight_decay=_WEIGHT_DECAY)
    model, optimizer, loader = accelerator.prepare(head.train(), optimizer, loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer.optimizer, learning_rate, total_steps=steps, pct_start=_WARMUP
    )
    bar = tqdm(total=steps, desc="temporal head", unit="step", disable=not accelerator.is_main_process)
    mean: dict[str, float] = {}
    for number, batch in enumerate(loader, 1):
        with torch.autocast(accelerator.device.type, dtype=torch.bfloat16):
            scores = model(batch.pop("motion"), batch.pop("head"))
        parts = loss_of(scores, batch)
        accelerator.backward(torch.stack(list(parts.values())).sum())
        accelerator.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        optimizer.zero_grad()
        if number < steps:
            schedule.step()
        mean = {name: 0.95 * mean.get(name, part.item()) + 0.05 * part.item() for name, part in parts.items()}
        if number % _SHOWN == 0:
            bar.set_postfix({name: f"{value:.2f}" for name, value in mean.items()}, refresh=False)
        bar.update()
    bar.close()
    return accelerator.unwrap_model(model, keep_fp32_wrapper=False).eval()


def expect_nothing(head: TemporalHead) -> None:
    """Begin with the belief that there is no event."""
    with torch.no_grad():
        head.scores.bias[0] = _RARE
