# make demo    a simulated car on this machine        make test     lint and all tests
# make venv    the set-up alone                       make bench    the table of measured figures

PYTHON ?= python3
BIN := .venv/bin
# On a Raspberry Pi also what drives its pins.
EXTRAS := $(shell grep -qs 'Raspberry Pi' /proc/device-tree/model && echo all,pi || echo all)
# There the camera's library is a package of the system.
VENV_OPTIONS := $(shell grep -qs 'Raspberry Pi' /proc/device-tree/model && echo --system-site-packages)

.DEFAULT_GOAL := help
.PHONY: help venv demo lint test test-keeper unit bench docs pictures test-oldest test-python test-ha-newest test-pi
.PHONY: clean

help:
	@sed -n '1,2s/^# //p' Makefile

# The virtual environment is made anew when what it is made from changes.
venv: .venv/ready

.venv/ready: setup.cfg pyproject.toml
	@deploy/packages.sh $(PYTHON)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv (about a minute the first time)"
	@$(PYTHON) -m venv $(VENV_OPTIONS) .venv
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[$(EXTRAS)]'
	@touch $@

.venv/ready-dev: .venv/ready
	@echo "Adding what the tests need"
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[$(EXTRAS),dev]'
	@touch $@

demo: venv
	@deploy/packages.sh $(PYTHON)
	@exec $(BIN)/smartcar demo $(ARGS)

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	@deploy/packages.sh $(PYTHON) tests
	$(BIN)/pytest $(ARGS)

# The keeper and the bridge, killed, frozen and starved a hundred times in each way: about 25 minutes.
test-keeper: .venv/ready-dev
	SMARTCAR_KEEPER_RUNS=100 $(BIN)/pytest -s tests/motion/keeper/test_keeper.py

unit: .venv/ready-dev
	$(BIN)/pytest --ignore tests/e2e $(ARGS)

# The oldest numpy, OpenCV and onnxruntime that setup.cfg allows; `make unit` has the newest.
test-oldest: .venv-oldest/ready
	.venv-oldest/bin/pytest tests/vision tests/simulator/camera/test_renderer.py tests/models/test_world_model.py $(ARGS)

.venv-oldest/ready: setup.cfg
	@$(PYTHON) -m venv .venv-oldest
	@.venv-oldest/bin/pip install -q --disable-pip-version-check -e '.[all,dev]' 'numpy==1.24.*' \
	    'opencv-python-headless==4.11.*' 'onnxruntime==1.22.0' 'onnx==1.16.*'
	@touch $@

# The same as `make unit` with another Python, in an environment of its own: make test-python PYTHON=python3.13
test-python:
	@set -e; python=$$(tests/python.sh $(PYTHON)); version=$$(tests/python.sh $(PYTHON) version); \
	deploy/packages.sh "$$python"; \
	$(MAKE) -s ".venv-$$version/ready" TESTED="$$python"; \
	exec ".venv-$$version/bin/pytest" --ignore tests/e2e $(ARGS)

.venv-3.%/ready: setup.cfg pyproject.toml
	@echo "Setting up .venv-3.$* for the tests"
	@$(TESTED) -m venv .venv-3.$*
	@.venv-3.$*/bin/pip install -q --disable-pip-version-check -e '.[$(EXTRAS),dev]'
	@touch $@

# A newer Home Assistant than this system's Python can run: needs root and debootstrap.
test-ha-newest: .venv/ready-dev
	tests/e2e/newest_home_assistant.sh

# The demo on the emulated processor of a Raspberry Pi 4, with the system that it runs: needs root, debootstrap and
# qemu-user-static. About seven minutes the first time, half a minute later.
test-pi:
	tests/pi/emulated_pi.sh

bench: .venv/ready-dev
	@deploy/packages.sh $(PYTHON)
	$(BIN)/python -m tests.benchmarks $(ARGS)

docs: .venv/ready
	$(BIN)/smartcar topics --markdown > docs/topics.md

pictures: .venv/ready-dev
	@deploy/packages.sh $(PYTHON) tests
	$(BIN)/python -m tests.e2e.pictures

clean:
	rm -rf .venv .venv-oldest .venv-3.* .venv-ha build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
