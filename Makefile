# The chores of this repository: people, hooks and CI call the same targets.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
export PYTHONPATH := $(CURDIR)
export DO_NOT_TRACK := 1

.PHONY: all install demo test check types lint contracts fmt docs lock trial sweep bench \
	bench-pipeline bench-registry bench-gate bench-loop bench-plans bench-scoring bench-serving soak pythons clean

all: check test

install: .venv/.installed

# python -m venv and pip exist wherever Python does; uv then installs the hash-locked set in seconds.
.venv/.installed: requirements-uv.txt requirements-dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Tenure and what it is locked to into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip sync --quiet --allow-empty-requirements --require-hashes requirements-dev.txt requirements-uv.txt
	@VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip check --quiet
	@touch $@

demo: install
	@$(BIN)/python -m examples.demo $(if $(KEEP),--keep)

# Those that start servers and runners, or kill them, wait much of their time; the others mostly
# compute: side by side they take little longer than the longest of the three.
STARTED := tests/acceptance tests/contracts tests/docs tests/deployments tests/unit/trial
KILLED := tests/faults tests/flows tests/tasks

test: install
	@mkdir -p build
	@$(BIN)/python -m pytest --durations=20 $(STARTED) >build/started.txt 2>&1 & started=$$!; \
	$(BIN)/python -m pytest --durations=20 $(KILLED) >build/killed.txt 2>&1 & killed=$$!; \
	trap "kill -INT $$started $$killed 2>/dev/null" INT TERM; \
	$(BIN)/python -m pytest --durations=20 $(addprefix --ignore=,$(STARTED) $(KILLED)); code=$$?; \
	echo "The tests that ran beside these (live in build/killed.txt and build/started.txt):"; \
	wait $$killed || code=$$?; cat build/killed.txt; \
	wait $$started || code=$$?; cat build/started.txt; exit $$code

check: lint types contracts

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: install
	@$(BIN)/pyright

contracts: install
	@$(BIN)/lint-imports

fmt: install
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: install
	@for set in requirements requirements-dev requirements-uv; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header $$set.in -o $$set.txt; done

docs: install
	@$(BIN)/python -m docs.generate

# Kills registry, rollouts and retirement at each statement, write, fsync and rename; the suite samples.
sweep: install
	@$(BIN)/python -m tests.faults.registry_kills
	@$(BIN)/python -m tests.faults.rollout_kills
	@$(BIN)/python -m tests.faults.retirement_kills

trial: install
	@$(BIN)/python -m benchmarks.trial

bench-gate: install
	@$(BIN)/python -m benchmarks.gate

bench-pipeline: install
	@$(BIN)/python -m benchmarks.pipeline

bench-registry: install
	@$(BIN)/python -m benchmarks.registry

bench-loop: install
	@$(BIN)/python -m benchmarks.loop

bench-plans: install
	@$(BIN)/python -m benchmarks.plans

bench-scoring: install
	@$(BIN)/python -m benchmarks.scoring

bench-serving: install
	@$(BIN)/python -m benchmarks.serving

# Ten minutes of load, swaps, killed workers and a full disk; the suite plays a short one.
soak: install
	@$(BIN)/python -m benchmarks.soak

bench: bench-gate bench-registry bench-pipeline bench-loop

# The suite on every Python that there is, each in an environment of its own.
pythons:
	@for version in 3.11 3.12 3.13; do \
	  command -v python$$version >/dev/null || { echo "python$$version is not there"; continue; }; \
	  rm -rf build/python$$version && git clone --quiet . build/python$$version \
	    && $(MAKE) --no-print-directory -C build/python$$version test PYTHON=python$$version || exit 1; \
	done

clean:
	rm -rf .venv
