# One word a command, the same here and in CI. Each makes its own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench soak experiment laboratory loop clean

demo: $(VENV)/.demo
	$(BIN)/ratchet demo

test: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.dev
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

# The first write-up's experiment on its own model: make experiment BASE=path/to/ppo_model.zip
experiment: $(VENV)/.demo
	rm -rf build/experiments
	$(BIN)/ratchet run sb3-finetuning --set base=$(BASE) --root build/experiments
	rm -rf docs/experiments/sb3-finetuning docs/experiments/index.json && mkdir -p docs/experiments/sb3-finetuning
	cp -r build/experiments/sb3-finetuning/report.* build/experiments/sb3-finetuning/figures docs/experiments/sb3-finetuning/
	cp build/experiments/index.json docs/experiments/

# The studies of the laboratory, each to its report; bases are trained once and shared. An hour on two cores.
STUDIES := astral-training extreme-modes test-time-adaptation few-shot forgetting parameter-matched interventions
laboratory: $(VENV)/.demo
	rm -rf build/laboratory
	for study in $(STUDIES); do \
		$(BIN)/ratchet run $$study --root build/laboratory || exit 1; \
		rm -rf docs/experiments/$$study && mkdir -p docs/experiments/$$study; \
		cp -r build/laboratory/$$study/report.* build/laboratory/$$study/figures docs/experiments/$$study/; \
	done
	cp build/laboratory/index.json docs/experiments/laboratory.json

# The fleet's experiments, each to its report: the second write-up's settings, and the best found. Two hours.
LOOPS := parallel-ppo parallel-ppo-best
loop: $(VENV)/.demo
	rm -rf build/loop
	for recipe in $(LOOPS); do \
		$(BIN)/ratchet run $$recipe --root build/loop || exit 1; \
		rm -rf docs/experiments/$$recipe && mkdir -p docs/experiments/$$recipe; \
		cp -r build/loop/$$recipe/report.* build/loop/$$recipe/figures docs/experiments/$$recipe/; \
	done
	cp build/loop/index.json docs/experiments/loop.json

soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m soak tests

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Ratchet needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"

# PyTorch first and pinned: an open range would fetch an accelerator build of several gigabytes.
$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[box2d]'
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	touch $@
