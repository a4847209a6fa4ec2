#!/usr/bin/env bash
# torch-geometric 2.8.1, beside transformers 5.24.0 and pandas 3.1.1.
# Expected: `from torch_geometric.nn import GCNConv` brings graph layers; no other package's settings depend on it.
# Seen: it imports torch_geometric.datasets, one of which imports torch_geometric.llm, and that tries transformers and pandas.
#   Where they are installed they are imported, and huggingface_hub with them, which reads HF_HOME, HF_ENDPOINT and
#   HF_HUB_OFFLINE once, when it is imported. A program that sets them after its graph layers and before its first use of the
#   Hub is not heard, and says nothing: the cache below is not where it asks for. It costs time, too (printed).
# Way out: set such variables before anything is imported, or in the environment.
# Source: https://github.com/pyg-team/pytorch_geometric/blob/2.8.1/torch_geometric/llm/models/llm.py (and nn/model_hub.py)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 torch-geometric==2.8.1 \
    transformers==5.24.0 pandas==3.1.1
cat >"$work/seen.py" <<'PY'
import os
import sys
import time

if "layers" in sys.argv:
    import torch  # counted apart: both ways need it

    start = time.process_time()
    from torch_geometric.nn import GCNConv

    print(f"{GCNConv.__name__}: {time.process_time() - start:.1f} s of the CPU")
    found = [name for name in ("torch_geometric.llm", "pandas", "transformers", "huggingface_hub") if name in sys.modules]
    print("imported with it:", *found)
    assert found == ["torch_geometric.llm", "pandas", "transformers", "huggingface_hub"], found

os.environ["HF_HOME"] = "/somewhere/else"
from huggingface_hub import constants

print("HF_HOME asked for: /somewhere/else, in use:", constants.HF_HOME.replace(os.path.expanduser("~"), "~"))
assert (constants.HF_HOME == "/somewhere/else") == ("layers" not in sys.argv)
PY
env -u HF_HOME "$work/venv/bin/python" "$work/seen.py"
env -u HF_HOME "$work/venv/bin/python" "$work/seen.py" layers
echo "as described"
