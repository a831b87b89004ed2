# Everything runs in .venv, which the first target makes; nothing else on the machine is touched.

VENV := .venv
BIN := $(VENV)/bin
PACKAGE := $(VENV)/.package
READY := $(VENV)/.ready
WORKERS ?= 2

# Tests are collected in a third of the time where their bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check wheel docs bench performance faults clean

help: ## Say what there is to make
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(PACKAGE) ## Run the census of the standard library, and say how to look at the run
	@scripts/build-ui || echo "The demo goes on without it."
	@$(BIN)/python examples/census.py

test: $(READY) ## Run all tests in two processes (WORKERS=4: in four), the fault loops in short
	@echo "One part alone: $(BIN)/python -m pytest tests/shape; the fault loops at full length: make faults"
	@scripts/build-ui || echo "The tests of the page are not run."
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(READY) ## Lint, format, types, the shape of the house; the page's too
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/basedpyright
	@$(BIN)/python -m pytest -q tests/shape
	@scripts/check-ui
	@echo "What ruff can mend by itself:"
	@echo "  $(BIN)/ruff check --fix && $(BIN)/ruff format"

wheel: $(READY) ## Pack the wheel into dist/, with the page in it
	@scripts/build-ui
	@$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist .
	@echo "To have it elsewhere:"
	@echo "  pip install $$(ls -t dist/*.whl | head -1)"

docs: $(READY) ## Build the documentation into build/docs; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "To read it:"
	@echo "  $(BIN)/python -m http.server -d build/docs"

bench: $(READY) ## Measure against Prefect, in an environment of its own (minutes)
	@mkdir -p build
	@$(BIN)/python benchmarks/overhead.py --json build/overhead.json
	@$(BIN)/python benchmarks/cache.py --json build/cache.json
	@echo "The figures as JSON, and the other measurements:"
	@echo "  cat build/overhead.json build/cache.json"
	@echo "  $(BIN)/python benchmarks/million.py"

performance: $(READY) ## Measure every budget, and write docs/performance.md (an hour)
	@$(BIN)/python benchmarks/report.py --measure
	@echo "To read it, and to measure one part anew:"
	@echo "  cat docs/performance.md"
	@echo "  $(BIN)/python benchmarks/report.py --measure runners"

faults: $(READY) ## Kill, crowd and fill the disk at full length (minutes)
	@$(BIN)/python tests/faults/kill_loop.py
	@$(BIN)/python tests/faults/many_processes.py
	@$(BIN)/python -m tests.faults.limit_loop
	@$(BIN)/python -m tests.faults.lease_loop
	@$(BIN)/python -m tests.faults.result_kill_loop --kills 200
	@$(BIN)/python -m tests.faults.process_kill_loop --kills 100
	@$(BIN)/python -m tests.faults.shipping_loop --kills 50
	@$(BIN)/python -m tests.faults.shipping_loop --kills 0 --stops 20 --postgres
	@$(BIN)/python -m tests.faults.schema_loop --seconds 900
	@$(BIN)/python -m tests.faults.schema_loop --seconds 900 --postgres
	@echo "One of them again, longer:"
	@echo "  $(BIN)/python tests/faults/kill_loop.py --kills 1000"

clean: ## Remove what make made here
	rm -rf $(VENV) build dist census-report .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@echo "Runs are kept in the home; to make all again:"
	@echo "  make demo"

# A stamp is newer than pyproject.toml: a second run asks no index for anything.
$(PACKAGE): pyproject.toml scripts/make-venv
	@scripts/make-venv $(VENV)
	@echo "Installing Flowstone into $(VENV) (a minute)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --editable . --group build
	@touch $(PACKAGE)

$(READY): $(PACKAGE)
	@echo "Installing the tools of development into $(VENV), 2 GB there (some minutes)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --editable . --group dev
	@touch $(READY)
