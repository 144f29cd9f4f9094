# `make run` starts the platform, `make test` runs every check. To choose a Python: make run PYTHON=python3.13
PYTHON ?= python3
BIN := .venv/bin
# The processes that tests start share the compiled modules.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
# Optional frameworks: make run EXTRAS=xgboost,lightgbm
EXTRAS ?=
TORCH := torch==2.13.0
comma := ,
INSTALLED_EXTRAS = $(patsubst %,.venv/.installed-%,$(subst $(comma), ,$(EXTRAS)))
TESTED_EXTRAS := xgboost lightgbm catboost onnxruntime torch keras dask
PARALLEL := -n auto --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run test test-fast format lock sbom bench bench-peers

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

run: .venv/.installed $(INSTALLED_EXTRAS) ## start the platform on http://127.0.0.1:8000 (Ctrl-C stops it; EXTRAS=xgboost,lightgbm for more frameworks)
	@exec $(BIN)/python manage.py run

test: .venv/.installed-tests .venv/.tests-compiled .venv-conformance/.installed ## run every check and every test (PYTEST_ARGS="-k name" for some)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tests/chromium.py
	$(PYTEST) $(PARALLEL) $(PYTEST_ARGS)

test-fast: .venv/.installed-tests .venv/.tests-compiled ## run the tests that need no browser, no real servers and no protocol clients
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(PYTEST) $(PARALLEL) -m "not stack and not browser and not conformance" $(PYTEST_ARGS)

bench: .venv/.installed ## measure predictions over HTTP and update docs/performance.md (uses wrk if installed)
	$(BIN)/python -m benchmarks.serving

bench-peers: .venv/.installed ## compare with MLflow, MLServer and BentoML, installed into .venv-peers
	$(BIN)/python -m benchmarks.peers

format: .venv/.installed-dev ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: .venv/.installed ## compile the exact requirements, with their hashes, from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --no-header \
		--generate-hashes $(LOCK_ARGS) --output-file requirements.txt --quiet
	$(BIN)/uv pip compile pyproject.toml --group dev --constraint requirements.txt --universal --python-version 3.11 \
		--no-header --generate-hashes $(LOCK_ARGS) --output-file requirements-dev.txt --quiet
	$(BIN)/uv pip compile --group conformance --universal --python-version 3.11 --no-header \
		--generate-hashes $(LOCK_ARGS) --output-file requirements-conformance.txt --quiet
	$(BIN)/uv pip compile --group conformance-older --no-deps --universal --python-version 3.11 --no-header \
		--generate-hashes $(LOCK_ARGS) --output-file requirements-conformance-older.txt --quiet
	@for extra in xgboost lightgbm catboost onnxruntime torch keras dask; do \
		$(BIN)/python -c 'import sys, tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*project["optional-dependencies"][sys.argv[1]], sep="\n")' $$extra | $(BIN)/uv pip compile - \
		--constraint requirements.txt --universal --python-version 3.11 --no-header --generate-hashes \
		--no-emit-package torch $(LOCK_ARGS) --output-file requirements-$$extra.txt --quiet || exit; done

sbom: .venv/.installed ## write the bill of materials of requirements.txt to sbom.cdx.json (CycloneDX)
	$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.txt \
		--pyproject pyproject.toml --output-reproducible --output-file sbom.cdx.json

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is required, and \
	$(PYTHON) is older. Choose another: make run PYTHON=python3.13")'
	@$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt | .venv/bin/python
	@echo "Installing the requirements into .venv (once) ..."
	@.ci/install .venv requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@echo "Installing the test requirements into .venv (once) ..."
	@.ci/install .venv requirements-dev.txt
	@touch $@

# An optional framework. What it shares with requirements.txt has the same version there.
.venv/.installed-%: requirements-%.txt .venv/.installed
	@echo "Installing $* into .venv (once) ..."
	@.ci/install .venv $<
	@touch $@

# PyTorch itself is not in its lock: pip chooses its build, for a GPU or not, by the index that is configured.
.venv/.installed-torch: requirements-torch.txt .venv/.installed
	@echo "Installing torch into .venv (once) ..."
	@.ci/install .venv $<
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-compile $(TORCH)
	@touch $@

# Keras on PyTorch.
.venv/.installed-keras: requirements-keras.txt .venv/.installed-torch
	@echo "Installing keras into .venv (once) ..."
	@.ci/install .venv $<
	@touch $@

# All of them at once: to compile what is installed reads every module again.
.venv/.installed-tests: requirements-dev.txt $(patsubst %,requirements-%.txt,$(TESTED_EXTRAS)) .venv/.installed-torch
	@echo "Installing the test requirements and the tested extras into .venv (once) ..."
	@.ci/install .venv requirements-dev.txt $(patsubst %,--requirement requirements-%.txt,$(TESTED_EXTRAS))
	@touch .venv/.installed-dev $(patsubst %,.venv/.installed-%,$(TESTED_EXTRAS)) $@

# Otherwise all workers of the first run would compile all tests. Later, each compiles what has changed.
.venv/.tests-compiled: .venv/.installed-tests
	-$(PYTEST) --collect-only --quiet -p no:cacheprovider >/dev/null
	@touch $@

# The lock is complete, so there is nothing to resolve. MLServer excludes Python 3.13, but the parts used here run on it.
.venv-conformance/.installed: requirements-conformance.txt requirements-conformance-older.txt | .venv/bin/python
	@echo "Installing the clients of the protocols into .venv-conformance (once) ..."
	@$(BIN)/python -m venv --without-pip .venv-conformance
	@.ci/install .venv-conformance requirements-conformance.txt --no-deps
	@.ci/install .venv-conformance requirements-conformance-older.txt --no-deps --target .venv-conformance/older
	@touch $@
