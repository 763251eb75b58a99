# `make demo` and `make test` do all of their own set-up, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint bench clean

demo: $(INSTALLED)
	$(BIN)/idsweep run digits

# Each with one thread. What starts Ray comes last, and more at a time, as it waits for processes.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not ray' --numprocesses 2 --dist loadfile
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m ray --numprocesses 3 --dist loadfile tests/ray tests/nodes tests/recovery

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[test,dev,bench]'
	$(BIN)/python benchmarks/neighbors.py
	$(BIN)/python benchmarks/estimators_against_peers.py
	$(BIN)/python benchmarks/sweep_against_loop.py
	$(BIN)/python benchmarks/wide_layers.py
	$(BIN)/python benchmarks/profile_resnet50.py --original-images 60
	$(BIN)/python benchmarks/tiles_on_actors.py
	$(BIN)/python benchmarks/measuring_overhead.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "idsweep needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "installing into $(VENV): torch and what it needs are about 5 GB"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[test,dev]'
	@touch $@
