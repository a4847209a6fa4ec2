#!/usr/bin/env bash
# torch 2.13.0's `torch.compile(fullgraph=True)` refuses a function in which a list comprehension names a value by `:=`
# and uses that name for an element: "Read uninitialized cell". The same loop without `:=` is compiled, and without
# `fullgraph` the function falls back to Python in silence, so the refusal is seen by those alone who ask for a full
# graph (or export through Dynamo). Python defines the name before it is read, and the function runs as it is.
# Source: https://pypi.org/project/torch/2.13.0/, torch/_dynamo
# Seen: walrus: Unsupported (Read uninitialized cell); plain: compiled, the same sum.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6 torch==2.13.0
cat > "$work/walrus.py" <<'PYTHON'
import torch


def walrus(x, scales):
    return sum([x * scale for name in ("a", "b", "c") if (scale := scales.get(name)) is not None])


def plain(x, scales):
    found = (scales.get(name) for name in ("a", "b", "c"))
    return sum([x * scale for scale in found if scale is not None])


x, scales = torch.ones(2), {"a": 2.0, "c": 3.0}
assert torch.equal(walrus(x, scales), plain(x, scales))
same = torch.equal(torch.compile(plain, fullgraph=True, backend="eager")(x, scales), plain(x, scales))
try:
    torch.compile(walrus, fullgraph=True, backend="eager")(x, scales)
    said = "compiled"
except torch._dynamo.exc.Unsupported as error:
    said = f"Unsupported ({str(error).splitlines()[0]})"
print(f"walrus: {said}; plain: compiled, the same sum: {same}")
assert same and "uninitialized cell" in said, "this has changed"
PYTHON
"$python" "$work/walrus.py"
