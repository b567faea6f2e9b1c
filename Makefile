# make reproduce   the paper's experiments, figures and report, in results/
# make test        all tests
# make lint        ruff and the type checker
# make bench       the benchmarks
# make docs        the site, in docs/_build/html; every example and notebook is executed
# make notebooks   the notebooks as .ipynb, executed, in docs/_build/notebooks
# Each sets up its own virtual environment in .venv (PYTHON=python3.12 chooses the interpreter).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: reproduce test lint bench docs notebooks clean

reproduce: $(READY)
	$(BIN)/feature-collapse reproduce all

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/bench_sgd_step.py
	$(BIN)/python benchmarks/bench_reproduce.py

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html

notebooks: $(VENV)/.docs
	$(BIN)/python docs/_ext/write_notebooks.py docs/_build/notebooks

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

# torch first and alone: its pinned version decides which build is taken, and nothing may replace it
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,sweep,export,explore]'
	touch $@

clean:
	rm -rf $(VENV) build dist src/*.egg-info docs/_build docs/auto_gallery docs/reference
