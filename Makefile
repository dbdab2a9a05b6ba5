# Everything a checkout needs: Python 3.11 or newer with venv, make, and a package index.
# PYTHON names the interpreter that the environment is made from: make run PYTHON=python3.13

PYTHON ?= python3
EFFORT ?= 25
KILLS ?= 200
MINUTES ?= 30
LAWS := tests/test_criteria_laws.py tests/test_diagnostics.py tests/test_membership_law.py tests/test_matching_law.py \
	tests/test_clock_law.py tests/test_clock_skew.py tests/test_retention.py tests/test_stream_law.py tests/test_bulk_laws.py \
	tests/test_batch_law.py tests/test_cost.py tests/test_rates.py tests/test_hostile.py tests/test_fuzzing.py
VENV := .venv
BIN := $(VENV)/bin
# A test that starts the program would compile all of it anew each time: a fifth of what the start costs.
unexport PYTHONDONTWRITEBYTECODE
MAKEFLAGS += --no-builtin-rules --no-print-directory --warn-undefined-variables

POSTGRESQL_REPORT := .pytest_cache/postgresql.txt
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL_MUSTER := $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--upgrade --custom-compile-command 'make lock' pyproject.toml --group build

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-sqlite test-postgresql prove torture hostile planted clients docs lint audit sbom lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.run ## serve with demo data at http://127.0.0.1:8000; Ctrl-C ends it
	@$(BIN)/muster migrate
	@exec $(BIN)/muster serve --demo

# One core each. SQLite's tests report as they go, PostgreSQL's when both are done, so that the two accounts do not mix.
test: $(VENV)/.test ## run the whole suite on SQLite and on PostgreSQL
	@$(MAKE) --keep-going --jobs=2 test-sqlite test-postgresql; status=$$?; cat $(POSTGRESQL_REPORT); exit $$status

test-sqlite: $(VENV)/.test
	@$(BIN)/pytest --engine sqlite -o cache_dir=.pytest_cache/sqlite

test-postgresql: $(VENV)/.test
	@mkdir -p $(dir $(POSTGRESQL_REPORT))
	@$(BIN)/pytest --engine postgresql -o cache_dir=.pytest_cache/postgresql >$(POSTGRESQL_REPORT) 2>&1

prove: $(VENV)/.test ## try the laws much harder: EFFORT=25 times as many examples, on both engines
	@for engine in sqlite postgresql; do \
	  MUSTER_TEST_EFFORT=$(EFFORT) $(BIN)/pytest --engine $$engine -o cache_dir=.pytest_cache/prove $(LAWS) || exit 1; \
	done

torture: $(VENV)/.test ## kill servers at random moments, KILLS=200 times on each engine, and look for what is lost or wrong
	@for engine in sqlite postgresql; do \
	  MUSTER_TORTURE_KILLS=$(KILLS) $(BIN)/pytest --engine $$engine -o cache_dir=.pytest_cache/torture \
	    -o log_cli=true -o log_cli_level=25 -o log_cli_format='%(asctime)s %(message)s' tests/test_torture.py || exit 1; \
	done

hostile: $(VENV)/.test ## send a server large operations for MINUTES=30 on each engine, and fail where its event loop stands still
	@for engine in sqlite postgresql; do \
	  MUSTER_HOSTILE_MINUTES=$(MINUTES) $(BIN)/pytest --engine $$engine -o cache_dir=.pytest_cache/hostile \
	    -o log_cli=true -o log_cli_level=25 -o log_cli_format='%(asctime)s %(message)s' tests/test_stalls.py || exit 1; \
	done

planted: $(VENV)/.test ## plant faults in a copy of the tree, one at a time, and see that a test notices each
	@$(BIN)/python -m tests.planted

clients: $(VENV)/.test ## run Apollo, urql, Relay, code generators, reference clients and the public audit against real servers
	@$(BIN)/python -m tests.clients.run

docs: $(VENV)/.docs ## build the documentation into site/, and fail on a broken link
	@$(BIN)/zensical build --strict --clean

lint: $(VENV)/.test ## check style, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# With --strict, a package whose advisories cannot be read is a failure: otherwise an audit without a network would find nothing.
audit: $(VENV)/.audit ## look for known vulnerabilities of everything in requirements.lock; needs the package index's advisories
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off --requirement requirements.lock || \
	  { echo "The audit failed. If it says that packages were not found, no advisories could be read:" \
	    "run make audit on a machine that reaches the public package index." >&2; exit 1; }

sbom: $(VENV)/.audit ## write muster.cdx.json, a bill of materials (CycloneDX) of everything in requirements.lock
	@$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON -o muster.cdx.json requirements.lock

lock: $(VENV)/pyvenv.cfg ## renew requirements.lock and those for tests, documentation and audits
	@$(PIP_INSTALL) uv
	$(LOCK) --output-file requirements.lock >/dev/null
	$(LOCK) --extra test --constraints requirements.lock --output-file requirements-test.lock >/dev/null
	$(LOCK) --extra docs --constraints requirements-test.lock --output-file requirements-docs.lock >/dev/null
	$(LOCK) --extra audit --constraints requirements-test.lock --output-file requirements-audit.lock >/dev/null

clean: ## remove the environment and every cache; databases stay
	rm -rf $(VENV) build site muster.cdx.json .cache *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit("Muster needs Python 3.11 or newer: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL_MUSTER)
	@touch $@

$(VENV)/.test: requirements-test.lock pyproject.toml $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes --requirement requirements-test.lock
	$(INSTALL_MUSTER)
	@touch $@

$(VENV)/.docs: requirements-docs.lock pyproject.toml $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes --requirement requirements-docs.lock
	@touch $@

$(VENV)/.audit: requirements-audit.lock pyproject.toml $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes --requirement requirements-audit.lock
	@touch $@
