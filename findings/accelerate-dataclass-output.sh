#!/usr/bin/env bash
# accelerate 1.15.0 gives a model's outputs back in float32 under mixed precision, but not those in a plain dataclass:
# a model prepared with mixed_precision="bf16" that returns a tensor, a tuple, a dict or an OrderedDict gives
# float32, the same model returning a @dataclass of tensors gives bfloat16, so its loss is computed with 8 bits.
# One would guess that the kind of container does not matter; nothing warns.
# Source: https://pypi.org/project/accelerate/1.15.0/, accelerate/utils/operations.py (`convert_to_fp32`)
# Seen: tensor, tuple, dict and OrderedDict float32, dataclass bfloat16.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6 torch==2.13.0 accelerate==1.15.0
cat > "$work/outputs.py" <<'PYTHON'
from collections import OrderedDict
from dataclasses import dataclass

import torch
from accelerate import Accelerator


@dataclass
class Scores:
    logits: torch.Tensor


class Model(torch.nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)
        self.wrap = wrap

    def forward(self, batch):
        return self.wrap(self.layer(batch))


accelerator = Accelerator(mixed_precision="bf16", cpu=True)
ways = {
    "tensor": (lambda x: x, lambda out: out),
    "tuple": (lambda x: (x,), lambda out: out[0]),
    "dict": (lambda x: {"logits": x}, lambda out: out["logits"]),
    "OrderedDict": (lambda x: OrderedDict(logits=x), lambda out: out["logits"]),
    "dataclass": (Scores, lambda out: out.logits),
}
seen = {}
for name, (wrap, unwrap) in ways.items():
    model = accelerator.prepare(Model(wrap))
    seen[name] = str(unwrap(model(torch.ones(2, 4))).dtype).removeprefix("torch.")
    print(f"{name}: {seen[name]}")
expected = {name: "float32" for name in ways} | {"dataclass": "bfloat16"}
assert seen == expected, f"this has changed: {seen}"
PYTHON
"$python" "$work/outputs.py"
