# On a fresh machine with Python 3.11 and make: `make shop` runs the example shop, `make test` runs every test.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

PORT ?= 5000
SANDBOX_PORT ?= 5001
PAYMENTS_PORT ?= 5002
DATA ?= ./instance
RESET ?=
SEED ?= 7
NAMES ?=
CHECKOUTS ?= 2000
JOBS ?= 2

.PHONY: help shop sandbox test busy chaos mutants bench bench-ledger bench-sandbox check format screenshots lock clean
.DEFAULT_GOAL := help

help:
	@echo "make shop      run the example shop with its sandbox (PORT=5000 SANDBOX_PORT=5001 PAYMENTS_PORT=5002 DATA=./instance RESET=1)"
	@echo "make sandbox   run the Omneo sandbox alone (SANDBOX_PORT=5001 DATA=./instance)"
	@echo "make test      run every test, browser tests included, in two processes (JOBS=2)"
	@echo "make busy      run the tests that wait (marked timing) twice, beside six busy loops"
	@echo "make chaos     real processes, databases and kills while Omneo fails, then an audit (SEED=7 CHECKOUTS=2000)"
	@echo "make mutants   take each defence away in turn, and see which test notices"
	@echo "make bench     measure everything against its targets, in about seven minutes, with load by wrk; writes benchmarks/latest.json"
	@echo "make bench-ledger    measure the ledger alone: transitions, deliveries, and a million rows"
	@echo "make bench-sandbox   measure the sandbox, then 64 clients for a last use, 200 rounds of each kind"
	@echo "make check     formatting, lint, types, layers, late imports, names"
	@echo "make format    let ruff format and mend the code"
	@echo "make screenshots  photograph the running shop for the README"
	@echo "make lock      write requirements/dev.txt from pyproject.toml"

$(READY): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

shop: $(READY)
	@exec $(BIN)/python -m example_shop --port $(PORT) --sandbox-port $(SANDBOX_PORT) --payments-port $(PAYMENTS_PORT) \
	  --data "$(DATA)" $(if $(RESET),--reset)

sandbox: $(READY)
	@exec $(BIN)/python -m claimable_benefits.sandbox --port $(SANDBOX_PORT) --data "$(DATA)" --seed demo

test: $(READY)
	$(BIN)/python -m tests.support.chromium
	$(BIN)/python -m tests.support.pgbouncer
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations=20

busy: $(READY)
	$(BIN)/python -m tests.support.chromium
	$(BIN)/python -m tests.support.pgbouncer
	$(BIN)/python -m tests.support.busy -q

chaos: $(READY)
	$(BIN)/python -m chaos --seed $(SEED) --checkouts $(CHECKOUTS) \
		$(if $(TENANT),--tenant $(TENANT)) $(if $(LOST),--lost-answers $(LOST)) $(if $(AMNESIA),--amnesia)

mutants: $(READY)
	$(BIN)/python -m chaos.mutants

bench: $(READY)
	$(BIN)/python -m benchmarks $(NAMES)

bench-ledger: $(READY)
	$(BIN)/python -m benchmarks.measures.ledger

bench-sandbox: $(READY)
	$(BIN)/python -m benchmarks.measures.sandbox
	SANDBOX_ROUNDS=200 $(BIN)/python -m pytest -q --durations=8 tests/sandbox/api/test_concurrency.py

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/meta/test_late_imports.py tests/meta/test_structure.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(READY)
	$(BIN)/python -m tests.support.screenshots docs/images

lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-emit-package flask-claimable-benefits \
	  pyproject.toml -o requirements/dev.txt
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-lock dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
