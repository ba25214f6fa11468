# The set-up and the daily commands. `make help` lists them.
#
# Variables: PYTHON (an interpreter of 3.11 or newer), VENV (where the environment lies),
# ARGS (handed to the demo or to pytest), WORKERS (how many processes run the tests: two, as each
# starts whole plants), BENCH_DIR (where the benches write).

VENV ?= .venv
BENCH_DIR ?= docs/benchmarks
ARGS ?=
WORKERS ?= 2
BIN := $(VENV)/bin
HAZARD := $(BIN)/hazard
export VENV

.DEFAULT_GOAL := help
.PHONY: help setup setup-all packages-all demo test bench lint lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Create .venv with what the product needs to run (no root, 1.2 GB)
	@scripts/install.sh light

packages-all:
	@scripts/install.sh all

setup-all: packages-all ## Create .venv with every extra and tool, fetch all weights and footage (8 GB)
	@"$(HAZARD)" models fetch --all

demo: setup ## Run the demo plant until Ctrl-C (ARGS="--once --json report.json" for one pass)
	@"$(HAZARD)" models fetch
	@exec "$(HAZARD)" demo $(ARGS)

test: setup-all ## Run all tests
	@"$(BIN)/python" -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup-all ## Measure pipeline, reasoning, delivery and dashboard against the alternatives, write docs/benchmarks/
	@mkdir -p "$(BENCH_DIR)"
	@"$(HAZARD)" bench pipeline --json "$(BENCH_DIR)/pipeline.json"
	@"$(HAZARD)" bench reasoning --json "$(BENCH_DIR)/reasoning.json"
	@"$(HAZARD)" bench delivery --json "$(BENCH_DIR)/delivery.json"
	@"$(HAZARD)" bench dashboard --json "$(BENCH_DIR)/dashboard.json"

lint: packages-all ## Check style, types, architecture, docker files and locks
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"
	"$(BIN)/lint-imports"
	"$(BIN)/hadolint" docker/Dockerfile
	"$(BIN)/check-jsonschema" --builtin-schema vendor.compose-spec docker/compose.yaml
	"$(BIN)/python" scripts/check_locks.py

lock: packages-all ## Pin the dependencies of pyproject.toml anew (ARGS=--upgrade for newer ones)
	@scripts/lock.sh $(ARGS)

clean: ## Remove the environment and what was built; fetched weights and data stay
	rm -rf -- "$(VENV)" "$(VENV).lock" dist build .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis
