#!/usr/bin/env bash
# torch 2.13.0's `torch.export.export` of a module with a submodule under the key "global" of a ModuleDict (any Python
# keyword does) ends in a SyntaxError of code that torch has generated: it writes `self.branches.global(x)`. The module
# runs, is saved and loaded, and is compiled by `torch.compile`; names of digits, such as a Sequential's, are exported.
# Source: https://pypi.org/project/torch/2.13.0/, torch/fx/graph.py
# Seen: forward: runs; torch.compile: runs; export: SyntaxError; export with the key renamed: runs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6 torch==2.13.0
cat > "$work/names.py" <<'PYTHON'
import torch


class Branches(torch.nn.Module):
    def __init__(self, names):
        super().__init__()
        self.branches = torch.nn.ModuleDict({name: torch.nn.Linear(3, 3) for name in names})

    def forward(self, x):
        return sum(branch(x) for branch in self.branches.values())


def attempt(work):
    try:
        work()
        return "runs"
    except SyntaxError:
        return "SyntaxError"


x = torch.ones(2, 3)
branches, renamed = Branches(["local", "global"]), Branches(["local", "global_context"])
seen = {
    "forward": attempt(lambda: branches(x)),
    "torch.compile": attempt(lambda: torch.compile(branches, fullgraph=True, backend="eager")(x)),
    "export": attempt(lambda: torch.export.export(branches, (x,)).module()(x)),
    "export with the key renamed": attempt(lambda: torch.export.export(renamed, (x,)).module()(x)),
}
print("; ".join(f"{name}: {outcome}" for name, outcome in seen.items()))
assert list(seen.values()) == ["runs", "runs", "SyntaxError", "runs"], "this has changed"
PYTHON
"$python" "$work/names.py"
