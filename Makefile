PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Workflows load their module anew for each order, which without bytecode means to compile it.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run up web test test-all check format browser constraints clean

help: ## say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## / — /'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

run: $(READY) ## place a sample order and one that is undone, and watch both
	@$(BIN)/python starter.py

up: $(READY) ## run the Temporal server, all workers and the dashboard until Ctrl-C
	@exec $(BIN)/python worker.py --demonstration

web: $(READY) ## run the HTTP API and the dashboard alone until Ctrl-C
	@exec $(BIN)/python -m web

test: $(READY) browser ## all tests but the long ones, on two cores
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

test-all: $(READY) browser ## all tests, the long ones too
	$(BIN)/python -m pytest -m 'long or not long'

check: $(READY) browser ## format, lint, types, and the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(MAKE) test

browser: ## say what the dashboard's tests lack, if anything
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || echo >&2 \
		"The dashboard's tests will fail: they need Chromium (Debian: apt-get install chromium fonts-nanum)"
	@! command -v fc-list >/dev/null || fc-list :lang=ko | grep -q . || echo >&2 \
		"Pictures of the dashboard will lack Korean letters (Debian: apt-get install fonts-nanum)"

format: $(READY) ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: $(READY) ## pin the newest versions of everything in constraints.txt
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --all-extras --no-emit-index-url --no-annotate --no-header pyproject.toml -o constraints.txt

clean: ## remove the environment and the data folder
	rm -rf $(VENV) .order-saga
