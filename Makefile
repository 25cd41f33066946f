# Every target sets up .venv by itself where it is missing or stale.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test check bench fuzz setup clean

demo: $(STAMP)
	@$(BIN)/customstudio demo --out runs/demo

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadscope

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m customstudio.evaluation.bench
	$(BIN)/python -m customstudio.generation.bench --plan

fuzz: $(STAMP)
	OMP_NUM_THREADS=1 CUSTOMSTUDIO_FUZZ=$${CUSTOMSTUDIO_FUZZ:-10000} $(BIN)/pytest -q -s tests/submissions/test_fuzz.py

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed"; echo "  where: $$($(PYTHON) --version 2>&1)"; \
	    echo "  fix:   make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@for library in libGL.so.1 libgthread-2.0.so.0; do \
	  $(PYTHON) -c "import ctypes; ctypes.CDLL('$$library')" 2>/dev/null || \
	  { echo "error: the system library $$library is missing (OpenCV needs it)"; \
	    echo "  where: this machine's library path"; \
	    echo "  fix:   apt-get install libgl1 libglib2.0-0"; exit 2; }; done
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setting up .venv (once; some minutes, about 7 GB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[board,cluster,dev,generation]'
	@touch $(STAMP)

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache runs
