# Knowdo: bare `make` prints what there is. Needs Python 3.11 or newer, make and git; everything else it sets up itself.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PATIENTS ?= 10000
# What the tests write stays in memory where 4 GB can be spared for it (a run writes 1 GB): on a disk each commit of SQLite waits to reach it.
SCRATCH ?= $(shell test -w /dev/shm && test "$$(df -k --output=avail /dev/shm | tail -1)" -gt 4194304 && test "$$(awk '/^MemAvailable/ {print $$2}' /proc/meminfo)" -gt 8388608 && echo /dev/shm || echo "$${TMPDIR:-/tmp}")
# One more than cores: a test that waits for a browser or a server leaves a core to another. Each takes up to 1.5 GB.
WORKERS ?= $(shell echo $$(( $$(nproc) + 1 )))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test spark containers nightly lint format bench docs lock clean

help: ## print this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(READY) ## make .venv with everything, from the hash-pinned lock

$(READY): infra/locks/all.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; install one, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments; install its venv package (Debian: python3-venv)" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r infra/locks/all.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## the whole loop on a demo hospital, ending in a card (ONCE=1: then stop; PATIENTS=n)
	@$(BIN)/knowdo demo run --patients $(PATIENTS) $(if $(ONCE),--once,)

# The tests start some hundred processes: with compiled modules kept each costs 0.2 s less, whatever the surroundings say.
test: $(READY) ## every test but the nightly ones; optional real parts are skipped, with the reason, where they are missing
	@temp="$$(mktemp -d -p "$(SCRATCH)" knowdo-test-XXXXXX)"; trap 'rm -rf "$$temp"' EXIT; chmod 1777 "$$temp"; \
		TMPDIR="$$temp" PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "not nightly and not containers" -n $(WORKERS) --dist worksteal

spark: $(READY) ## add Apache Spark to .venv (435 MB; the tests that need it are skipped without it, and without Java)
	@$(BIN)/python -m pip install --quiet --require-hashes -r infra/locks/spark.txt

containers: $(READY) ## build the images and run the compose file, on whatever container engine there is
	@$(BIN)/python -m pytest -m containers tests/containers

nightly: $(READY) ## the long runs, by hand
	@$(BIN)/python -m pytest -m nightly
	@KNOWDO_TEST_REGISTRY_ON=postgresql $(BIN)/python -m pytest -m "not nightly and not containers" -n $(WORKERS) tests/registry

lint: $(READY) ## ruff (lint and format), mypy --strict, the arrows between the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## print each figure beside its floor and its peer
	@$(BIN)/python -m tests.load

docs: $(READY) ## write docs/reference from the code
	@$(BIN)/python -m tests.reference_docs --write

lock: $(READY) ## resolve the locks anew (names, versions, hashes; no addresses)
	@for lock in all:"--extra=postgres --extra=telemetry --extra=registry --extra=learner --extra=ebm --extra=dev" cds:"--extra=postgres --extra=telemetry" full:"--extra=postgres --extra=telemetry --extra=registry --extra=learner"; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			$${lock#*:} pyproject.toml -o infra/locks/$${lock%%:*}.txt >/dev/null; done
	@echo 'hatchling>=1.27' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate - \
		-o infra/locks/build.txt >/dev/null
	@echo 'pyspark>=4.0' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate - \
		-o infra/locks/spark.txt >/dev/null

clean: ## remove .venv, var and caches
	@rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
