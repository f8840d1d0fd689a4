# What a newcomer needs: `make demo` and `make test`. Both set up what they need; a second run starts at once.

CACHE    := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dbx-otel
UV_HOME  := $(CACHE)/$(subst ==,-,$(shell cat requirements/uv.txt))
UV       := $(UV_HOME)/bin/uv
PYTHON   := .venv/bin/python
NEWEST   := .venv-newest/bin/python
ARGS     ?=
SDK_TESTS := $(addprefix tests/e2e/test_,exit.py identity.py signals.py whose.py stack.py)

export UV_PYTHON_DOWNLOADS := never

.PHONY: help demo test test-sdk test-newest lint format docs stack build-stack bench lock clean

help:
	@echo 'make demo           the main job, on this machine: an app, three people, their traces (ARGS=--once to end by itself)'
	@echo 'make test           all tests, on the oldest and the newest Python here; builds what is missing'
	@echo 'make lint           ruff, mypy, import contracts, generated docs'
	@echo 'make stack          collector, Jaeger, Prometheus and Loki on 127.0.0.1'
	@echo 'make bench          what it costs, beside bare Python, opentelemetry-instrument and ddtrace (ARGS=--quick to try)'
	@echo 'make docs format lock clean'

demo: .venv/ready
	@.venv/bin/dbx-otel demo $(ARGS)

test: .venv/ready build-stack
	$(PYTHON) -m pytest -n 2 --dist loadgroup $(ARGS)
	$(MAKE) test-sdk
	$(MAKE) test-newest

# Whole apps once more, on OpenTelemetry's SDK.
test-sdk: .venv/ready build-stack
	DBX_OTEL_PIPELINE=sdk $(PYTHON) -m pytest -n 2 --dist loadgroup -m 'not light' $(SDK_TESTS) $(ARGS)

# The newest Python that is installed; the same one again where there is no other.
test-newest: .venv-newest/ready
	$(NEWEST) -m pytest -n 2 --dist loadgroup -m 'not stack' tests/unit tests/integration tests/e2e $(ARGS)

lint: .venv/ready
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) scripts/generate-docs --check

format: .venv/ready
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

docs: .venv/ready
	$(PYTHON) scripts/generate-docs

stack: .venv/ready build-stack
	$(PYTHON) scripts/stack $(ARGS)

build-stack: .venv/ready
	$(PYTHON) scripts/build-stack

bench: .venv/ready
	$(PYTHON) -m benchmarks $(ARGS)

lock: $(UV)
	$(UV) pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --upgrade \
	  --extra demo --group dev --group apps pyproject.toml -o requirements/lock.txt

clean:
	rm -rf .venv .venv-newest dist .mypy_cache .ruff_cache .pytest_cache

# Kept by version: another version is another folder.
$(UV):
	"$$(scripts/find-python oldest)" -m venv $(UV_HOME)
	$(UV_HOME)/bin/python -m pip install -q --disable-pip-version-check -r requirements/uv.txt
	@touch $@

# The working environment: the oldest Python that is supported, the project in place.
.venv/ready: $(UV) pyproject.toml requirements/lock.txt src/dbx_otel.pth
	$(UV) venv -q --clear --python "$$(scripts/find-python oldest)" .venv
	$(UV) pip install -q --python $(PYTHON) -r requirements/lock.txt
	$(UV) pip install -q --python $(PYTHON) --no-deps --editable .
	@touch $@

# The other end: the newest Python, the project as users get it, from its wheel. Made anew when anything of it changes.
.venv-newest/ready: $(UV) pyproject.toml requirements/lock.txt $(shell find src examples -name '*.py' -o -name '*.pth')
	$(UV) venv -q --clear --python "$$(scripts/find-python newest)" .venv-newest
	$(UV) pip install -q --python $(NEWEST) -r requirements/lock.txt
	$(UV) pip install -q --python $(NEWEST) --no-deps .
	@touch $@
