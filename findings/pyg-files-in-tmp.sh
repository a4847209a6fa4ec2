#!/usr/bin/env bash
# PyTorch Geometric (torch-geometric 2.8.1, with torch 2.13.0): making a `MessagePassing` layer writes a Python file
# into the temporary folder and never removes it: one for each class of layer, a second one for classes with
# `edge_update` (GATv2Conv), and all of them anew in every process, under random names.
# Source: https://github.com/pyg-team/pytorch_geometric, module_from_template in torch_geometric/template.py, which
# opens a NamedTemporaryFile(delete=False); its argument `tmp_dirname` is not used.
# One would expect a layer to leave the disk alone, or a cache that the next process finds; importing the package does
# write nothing. Spawned workers, tests and services that start often fill the temporary folder bit by bit.
# Seen: files after the import alone 0; after 1, 2 and 3 processes that make GATv2Conv and GCNConv layers 3, 6 and 9.
# Exits non-zero if torch-geometric behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 torch-geometric==2.8.1
layers="from torch_geometric.nn import GATv2Conv, GCNConv; GATv2Conv(2, 2), GATv2Conv(2, 2), GCNConv(2, 2)"
mkdir "$work/tmp"

files_after() {
  TMPDIR="$work/tmp" "$work/venv/bin/python" -c "$1"
  find "$work/tmp" -name '*.py' | wc -l
}

found=$(files_after "import torch_geometric.nn")
for _ in 1 2 3; do
  found+=" $(files_after "$layers")"
done
find "$work/tmp" -name '*.py' -printf '%f\n' | sort
echo "files after the import and after each of three processes: $found"
test "$found" = "0 3 6 9"
echo "as described: three files a process, none removed"
