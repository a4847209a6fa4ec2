#!/usr/bin/env bash
# A process that Python's `subprocess` starts on Linux finds its parent's memory in its own peak: `getrusage(RUSAGE_SELF)`
# gives as `ru_maxrss` what the parent held when it started the child, however little the child takes. CPython starts
# children by vfork, so until exec the child's memory is the parent's, and Linux carries the peak over exec. A benchmark
# that reads the peak of its children so reads its own; VmHWM in /proc/self/status begins anew at exec and tells the child's.
# Source: https://pypi.org/project/numpy/2.4.6/ (the parent's memory); CPython's Modules/_posixsubprocess.c; Linux's fs/exec.c
# Seen (CPython 3.11.7, Linux 6.18): child of a small parent: ru_maxrss 25 MB, VmHWM 8 MB; of one that holds 400 MB more:
#       ru_maxrss 426 MB, VmHWM 8 MB
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6
cat > "$work/parent.py" <<'PYTHON'
import subprocess
import sys

import numpy as np

CHILD = """
import resource
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, int(peak.split()[1]) // 1024)
"""


def child():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    return [int(megabytes) for megabytes in done.stdout.split()]


small = child()
held = np.ones(400 * 2**20, np.uint8)
large = child()
print(f"child of a small parent: ru_maxrss {small[0]} MB, VmHWM {small[1]} MB; ", end="")
print(f"of one that holds {held.nbytes >> 20} MB more: ru_maxrss {large[0]} MB, VmHWM {large[1]} MB")
assert large[0] - small[0] > 350 and abs(large[1] - small[1]) < 20, "this has changed"
PYTHON
"$python" "$work/parent.py"
