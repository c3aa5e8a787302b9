# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
DEMO_TEXT := recipes/examples/skarvholm.txt
DEMO_QUESTION := Who founded the mussel cooperative?

.PHONY: install demo test test-slow check format bench wheel clean

install: .venv/installed

# What reading and training need. A stamp is written last: an interrupted set-up starts again, a finished one takes no time.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("bigbird-cli needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# And what tests and checks need besides.
.venv/installed: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: .venv/ready
	$(BIN)/bigbird qa $(DEMO_TEXT) --question "$(DEMO_QUESTION)"

# A process a core, with one thread; the tests of a file stay together, as they share what is dear to make.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n logical --dist loadfile

# Ray is large, and few tests want it: it is installed for these alone.
test-slow: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "slow and not gpu" -n logical --dist loadfile

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The short set, about ten minutes; benchmarks/ has a script for every other claim.
bench: install
	$(BIN)/python benchmarks/encoder.py --rounds 1
	$(BIN)/python benchmarks/mixed.py --rounds 1
	$(BIN)/python benchmarks/commands.py --rounds 1
	$(BIN)/python benchmarks/generate.py --rounds 1

wheel: install
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	rm -rf build

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
