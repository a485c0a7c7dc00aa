# Pannier's commands. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
# The locks are complete, so nothing is left to resolve (--no-deps); asked to, an older pip looks past them at the newest
# release of a package that is wanted with an extra, and refuses it for want of a hash.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
# Two workers suit the smallest machine this is developed on; each runs an embedded PostgreSQL of its own.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n > 2 ? 2 : n)))
# More words for the command: `make run ARGS="--port 8080"`, `make test ARGS="-k money"`.
ARGS ?=
# How many requests `make fuzz` makes of every operation.
EXAMPLES ?= 200

# A stamp carries the directory's name, because a virtual environment does not survive being moved or copied.
HERE := $(shell pwd | cksum | cut -d' ' -f1)
VENV_STAMP := $(VENV)/.pannier-venv-$(HERE)
RUN_STAMP := $(VENV)/.pannier-run-$(HERE)
DEV_STAMP := $(VENV)/.pannier-dev-$(HERE)
PROJECT := pyproject.toml requirements.lock requirements-build.lock

.PHONY: help install install-dev run test test-oldest fuzz lint typecheck imports format bench soak build lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(RUN_STAMP) ## Make the virtual environment with what a shop needs, at the locked versions

install-dev: $(DEV_STAMP) ## The same with what tests and checks need

run: $(RUN_STAMP) ## Start a shop with a demo catalogue on port 8000 (ARGS="--port 8080")
	@exec $(BIN)/pannier serve --demo $(ARGS)

test: lint ## Check everything, then run every test (ARGS="-k money" runs some)
	@bash tools/system_packages.sh chromium redis-server pgbouncer pango
	@echo "== tests ($(WORKERS) workers)"
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)
	@$(MAKE) test-oldest

test-oldest: $(DEV_STAMP) ## The tests that go through a database, on Debian's PostgreSQL 15 (part of `test`)
	@if bash tools/system_packages.sh postgresql-15 >/dev/null 2>&1; then \
		echo "== tests on PostgreSQL 15 ($(WORKERS) workers)"; \
		$(BIN)/python -m pytest -n $(WORKERS) --oldest-postgresql $(ARGS); \
	else \
		echo "== tests on PostgreSQL 15 left out: it is not here (apt-get install postgresql-15, then make test-oldest)"; \
	fi

fuzz: $(DEV_STAMP) ## Compare the server with its OpenAPI document at length (EXAMPLES=200 per operation and kind)
	@PANNIER_TEST_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -s tests/contracts/test_openapi.py $(ARGS)

lint: $(DEV_STAMP) typecheck imports ## Ruff, mypy and import-linter
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted; 'make format' does it."; exit 1; }

typecheck: $(DEV_STAMP) # part of lint
	@echo "== mypy"
	@$(BIN)/mypy

imports: $(DEV_STAMP) # part of lint
	@echo "== import-linter"
	@$(BIN)/lint-imports --no-logo

format: $(DEV_STAMP) ## Format the code and mend what ruff can mend by itself
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: $(DEV_STAMP) ## Measure this machine: plain SQL against the same work over HTTP
	@bash tools/system_packages.sh wrk
	@$(BIN)/python -m bench $(ARGS)

soak: $(DEV_STAMP) ## Shop while everything breaks, then simulate completions; the books are checked (ARGS="--minutes 30")
	@$(BIN)/python -m soak $(ARGS)
	@$(if $(ARGS),,$(BIN)/python -m soak --simulate)

build: $(DEV_STAMP) ## Make the wheel and the source archive in dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

lock: $(DEV_STAMP) ## Work out the locked versions anew from pyproject.toml (UPGRADE=1 takes newer ones)
	@UV=$(BIN)/uv bash tools/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## Remove the virtual environment, caches and build results; a shop's data stays
	@rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV_STAMP):
	@PYTHON=$(PYTHON) bash tools/system_packages.sh python
	@python=$$(command -v $(PYTHON) || command -v python3); \
	echo "Making $(VENV) with $$($$python --version)"; $$python -m venv --clear $(VENV)
	@touch $@

$(RUN_STAMP): $(VENV_STAMP) $(PROJECT)
	@echo "Installing the locked packages"
	@$(PIP) install --no-deps --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(DEV_STAMP): $(VENV_STAMP) $(PROJECT) requirements-dev.lock
	@echo "Installing the locked packages, with those for tests and checks"
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@ $(RUN_STAMP)
