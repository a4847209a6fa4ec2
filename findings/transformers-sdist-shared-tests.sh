#!/usr/bin/env bash
# The source distribution of transformers 5.24.0 carries the shared test classes that model authors are told to build on
# (tests/test_modeling_common.py with ModelTesterMixin, tests/test_configuration_common.py), but not the files that these
# import from beside themselves, nor a `tests/__init__.py`: as packed, neither can be imported. One would guess that
# what is packed can be run, or that tests are left out altogether.
# Source: https://pypi.org/project/transformers/5.24.0/ (the .tar.gz)
# Seen: tests/test_modeling_common.py imports tests/exporters/test_export.py, tests/generation/test_utils.py: not packed
#       tests/test_configuration_common.py imports tests/utils/test_configuration_utils.py: not packed
#       tests/__init__.py: not packed
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip download --quiet --no-deps --no-binary :all: transformers==5.24.0 --dest "$work"
cat > "$work/packed.py" <<'PYTHON'
import ast
import sys
import tarfile

with tarfile.open(sys.argv[1]) as archive:
    files = {name.partition("/")[2]: name for name in archive.getnames()}
    seen = {}
    for name in ("tests/test_modeling_common.py", "tests/test_configuration_common.py"):
        tree = ast.parse(archive.extractfile(files[name]).read())
        relative = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1]
        seen[name] = ["tests/" + module.replace(".", "/") + ".py" for module in relative]
for name, imported in seen.items():
    missing = [path for path in imported if path not in files]
    print(f"{name} imports {', '.join(missing)}: not packed")
    assert missing and missing == imported, "this has changed"
assert "tests/__init__.py" not in files, "this has changed"
print("tests/__init__.py: not packed")
PYTHON
"$python" "$work/packed.py" "$work"/transformers-5.24.0.tar.gz
