# `make help` explains each of these. Nothing is installed outside of this directory, except that `make test` asks apt
# for bubblewrap and chromium where it may.

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench clean schema system-packages
.DELETE_ON_ERROR:

# The lock file was made for Python 3.11; newer ones work too.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
BIN := .venv/bin
# Test processes beside each other; each has its own databases.
WORKERS ?= 2
HOME_DIR ?= .var
ARGS ?=

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed node_modules/.installed ## Install everything into .venv and node_modules (again only when a lock file changed)

run: setup ## Start Countersign with its demonstration on .var and print its address (more options: ARGS="--port 8080")
	$(BIN)/countersign up --home $(HOME_DIR) --demo $(ARGS)

test: setup system-packages ## Run every check and every test
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: setup ## Run the checks that need no services: style, types, who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --project pyproject.toml
	$(BIN)/lint-imports

bench: setup ## Run every measurement and write docs/benchmarks.md
	$(BIN)/python -m bench

schema: setup ## Write schema.sql again from the migrations
	$(BIN)/python -m tests.schema_text > schema.new && mv schema.new schema.sql

clean: ## Remove what was installed and built; the data in .var stays
	rm -rf .venv node_modules src/countersign/web/static/vendor dist build schema.new
	rm -rf .pytest_cache .ruff_cache .hypothesis .schemathesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

system-packages:
	@sh .ci/system-packages

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is not. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv \
		|| { rm -rf .venv; echo "This Python cannot make virtual environments: install its venv module (Debian: python3-venv)." >&2; exit 1; }

# --no-deps: the lock file names every package. pip checks the hash of each.
.venv/.installed: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.installed: package.json package-lock.json src/countersign/web/vendor.mjs
	@node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null \
		|| { echo "Node.js 20 or newer is needed for the libraries of the pages." >&2; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	npm run --silent vendor
	@touch $@
