# A new user's two commands: `make demo` and `make test`. Only Python >= 3.11, make and the package registry are needed.
PYTHON ?= python3
SERVE ?= 1
DRIVE ?= 0
BIN = .venv/bin
AREA ?= data/monaco
DEMO = demo-plan

.PHONY: demo test check bench format clean

# the file is the witness that everything in the constraints is installed; a failed install leaves none
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	touch $@

demo: .venv/installed
	$(BIN)/ripeur demo $(AREA) --out $(DEMO) $(if $(filter 0,$(SERVE)),--no-serve) $(if $(filter 1,$(DRIVE)),--drive)

test: .venv/installed
	sh tests/services.sh
	$(BIN)/python -m pytest -n auto

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/installed
	for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python -m "$$(echo $${bench%.py} | tr / .)" || exit 1; done

clean:
	rm -rf .venv $(DEMO) data/*/.cache
	find optimizer -name '*.nb[ci]' -delete  # compiled kernels, of modules that have been renamed too
