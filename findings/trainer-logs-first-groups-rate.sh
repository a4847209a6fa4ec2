#!/usr/bin/env bash
# transformers 5.24.0's Trainer logs as `learning_rate` that of the optimizer's first parameter group, whatever
# `TrainingArguments.learning_rate` is: given an optimizer whose weights learn at 1e-3, the rate of the arguments, and
# whose bias learns at 1e-1, the very same training is logged as one at 1e-1 or one at 1e-3, by the order in which the
# groups were passed. One would guess that the run's own rate is logged, or all; nothing says which it is.
# Source: https://pypi.org/project/transformers/5.24.0/, transformers/trainer.py (`_get_learning_rate`)
# Seen: bias first: logged 0.1, weights first: logged 0.001; the trained weights are the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6 torch==2.13.0 accelerate==1.15.0 transformers==5.24.0
cat > "$work/rates.py" <<'PYTHON'
import sys

import torch
from transformers import Trainer, TrainingArguments

data = [{"x": torch.tensor([float(i)]), "labels": torch.tensor([2.0 * i])} for i in range(8)]


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, labels):
        return {"loss": (self.layer(x) - labels).square().mean()}


def train(names):
    model = Line()
    rates = {"weight": 1e-3, "bias": 1e-1}
    groups = [{"params": [getattr(model.layer, name)], "lr": rates[name]} for name in names]
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            sys.argv[1], max_steps=2, logging_steps=1, learning_rate=1e-3, lr_scheduler_type="constant",
            use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
        ),
        train_dataset=data,
        optimizers=(torch.optim.SGD(groups), None),
    )
    trainer.train()
    logged = {float(entry["learning_rate"]) for entry in trainer.state.log_history if "learning_rate" in entry}
    return logged, [weight.item() for weight in model.parameters()]


bias_first, one = train(["bias", "weight"])
weights_first, other = train(["weight", "bias"])
print(f"bias first: logged {bias_first}, weights first: logged {weights_first}; the same weights: {one == other}")
assert one == other and bias_first == {0.1} and weights_first == {0.001}, "this has changed"
PYTHON
HF_HUB_OFFLINE=1 "$python" "$work/rates.py" "$work/run" | tail -1
