# Everything that `make` needs is Python 3.11 or newer; the rest is set up from hashed lock files.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
ARGS ?=
PARALLEL := -n auto --maxprocesses 4 --dist loadfile

.PHONY: run test test-slow test-cluster lint bench serve docs lock clean
.DEFAULT_GOAL := run

run: .venv/ready         ## all eight stages on this machine
	@$(BIN)/assay run $(ARGS)

serve: .venv/ready       ## the newest model on http://127.0.0.1:8080
	@$(BIN)/assay serve $(ARGS)

# threads of tests side by side would wait for each other
test: export OMP_NUM_THREADS := 1
test: lint .venv/tests   ## lint, types, layers, then every test that is done soon
	$(BIN)/python -m pytest -m "not (slow or engine)" $(PARALLEL) $(ARGS)

test-slow: .venv/tests   ## whole runs of real projects, here and on a Dagger engine where one runs
	$(BIN)/python -m pytest -m "slow or engine" $(PARALLEL) $(ARGS)

test-cluster: .venv/tests ## deploys on a real Kubernetes: that of KUBECONFIG, else a small one that is built here (root, Go)
	test -n "$$KUBECONFIG" || tests/cluster/build.sh
	$(BIN)/python -m pytest tests/cluster $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --no-error-summary
	PYTHONPATH=src:ci/src $(BIN)/lint-imports --no-logo

bench: .venv/tests       ## how light the runner is, how fast the data stage and the server are, as JSON
	$(BIN)/python tests/bench/overhead.py
	$(BIN)/python tests/bench/drift.py
	$(BIN)/python tests/bench/serving.py

docs: .venv/ready        ## write those parts of docs/ anew that the code defines
	@PYTHONPATH=ci/src $(BIN)/python docs/generate.py

lock:                    ## lock requirements/*.in anew (needs uv)
	requirements/compile.sh

clean:
	rm -rf .venv .assay

# byte code is compiled here, once: a process that may not write it would compile every import anew
.venv/ready: requirements/dev.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 2; }
	@echo "setting up .venv from requirements/dev.lock (a minute or two, once; 1 GB)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src ci/src
	@touch $@

# what only some projects need, and their tests: DVC and remote data, Great Expectations, boosting libraries
.venv/tests: .venv/ready requirements/fetch.lock requirements/suite.lock requirements/models.lock
	@for lock in fetch suite models; do \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/$$lock.lock; \
	done
	@touch $@
