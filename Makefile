# make demo      install into .venv, animate an example photo: outputs/demo.mp4 and its contact sheet outputs/demo.png
# make test      install with the dev tools, then everything that CI runs: check, the tests, the tests in a browser
# make test-browser   the last of them alone; skipped where no Chromium is installed (or named by CHROMIUM=/path)
# make check     lint, format and types only
# make install   the package alone, in .venv
# make clean     remove .venv, outputs and caches

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PACKAGING := pyproject.toml constraints.txt

DEMO_PHOTO := examples/rocket.jpg
DEMO_OBJECT := --click 322,250 --box 298,130,348,406
DEMO_PROMPT := rise

# One thread per process: the test processes share the cores, and small tensors gain nothing from more threads.
TEST_ENV := OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser check install clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

install: $(VENV)/.installed

demo: $(VENV)/.installed
	@mkdir -p outputs
	$(BIN)/fyc animate $(DEMO_PHOTO) $(DEMO_OBJECT) --prompt "$(DEMO_PROMPT)" \
		--out outputs/demo.mp4 --contact-sheet outputs/demo.png --overwrite
	@echo "clip:          outputs/demo.mp4"
	@echo "contact sheet: outputs/demo.png"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(TEST_ENV) $(BIN)/pytest -n 2 --ignore=tests/browser
	$(TEST_ENV) $(BIN)/pytest --reruns 1 tests/browser

# One after the other: they start servers, and look at the clock. A test that fails is tried once more, and counted as a
# rerun: once in some hundred runs a click of the browser went without effect, for a reason that was not found.
test-browser: $(VENV)/.installed-dev
	$(TEST_ENV) $(BIN)/pytest --reruns 1 tests/browser

clean:
	rm -rf $(VENV) outputs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps record a finished installation; a change of the package's requirements makes them stale.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no python3.11 or python3 found; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than 3.11; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(PACKAGING) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(PACKAGING) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed
