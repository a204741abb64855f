# `make` lists the targets. Everything that they write is in .venv and .local of this checkout, but for a folder in /tmp
# while the embedded Postgres runs, where it needs one (docs/concepts/runs.md).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help .venv demo up down psql serve test test-quick chaos bench bench-contract bench-drift bench-models bench-peers bench-quality \
  bench-serve bench-sizes lint docs lock pins sbom wheel

PY := .venv/bin/python
STAMP := .venv/made-from-requirements
DOCS_STAMP := .local/docs-venv/made-from-requirements
PORT_OPTION = $(if $(PORT),--port $(PORT))

help: ## list the targets
	@awk -F ':.*## ' '/^[.a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## five real score dates under a real scheduler, and what became of each
	@$(PY) -m local demo $(PORT_OPTION)

up: $(STAMP) ## Airflow in the foreground until Ctrl-C (PORT=8080)
	@$(PY) -m local up $(PORT_OPTION)

down: $(if $(wildcard $(PY)),,$(STAMP)) ## stop what a crash left of this checkout
	@$(PY) -m local down

psql: $(STAMP) ## query the predictions as an analyst (ARGS='-c "SELECT ..."')
	@$(PY) -m local psql $(ARGS)

serve: $(STAMP) ## answer online until Ctrl-C: published scores, and rows scored now (PORT=8090)
	@$(PY) -m pipeline serve $(PORT_OPTION) $(ARGS)

test: $(STAMP) ## the whole test suite (ARGS='-k name'; ARGS=-n0: one process)
	@$(PY) -m pytest $(ARGS)

test-quick: $(STAMP) ## what needs no server, no Airflow and no browser, in under three minutes
	@$(PY) -m pytest --numprocesses=2 -m "not slow and not airflow and not browser" $(ARGS)

chaos: $(STAMP) ## kill, stop, repeat and double tries at N nights (N=200 SEED=1), readers watching
	@$(PY) -m tests.chaos $(if $(N),--trials $(N)) $(if $(SEED),--seed $(SEED))

bench: $(STAMP) ## speed and memory against the floor and pandas (ROWS=1000000)
	@$(PY) -m benchmarks $(if $(ROWS),--rows $(ROWS))

bench-contract: $(STAMP) ## rows a second that the contract checks on one core (ROWS=1000000)
	@$(PY) -m benchmarks.contract $(if $(ROWS),--rows $(ROWS))

bench-drift: $(STAMP) ## nights called unusual without cause, and faults found (ARGS=--tables)
	@$(PY) -m benchmarks.drift $(ARGS)

bench-quality: $(STAMP) ## quality alarms without cause, scores x1.5 found, and estimates that hold
	@$(PY) -m benchmarks.quality

bench-models: $(STAMP) ## a model's process, environment and 500 MB, and how versions compare (ARGS=--quick)
	@$(PY) -m benchmarks.models $(ARGS)

bench-peers: $(STAMP) ## the same night with Polars, Spark and Ray (ROWS=1000000)
	@$(PY) -m benchmarks.peers $(if $(ROWS),--rows $(ROWS))

bench-serve: $(STAMP) ## the online API beside plain FastAPI and beside a night (needs wrk)
	@$(PY) -m benchmarks.serve $(ARGS)

bench-sizes: $(STAMP) ## what a night of each size costs (ROWS="1000000 5000000")
	@$(PY) -m benchmarks.sizes $(ROWS)

lint: $(STAMP) ## style, types, and which room imports which
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/mypy

docs: $(STAMP) $(DOCS_STAMP) ## the documentation site in .local/site; a broken link is an error
	@$(PY) -m docs.generators

COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

lock: ## pin all requirements again, with hashes (needs uv)
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in --constraint requirements.txt -o requirements-dev.txt
	$(COMPILE) docs/requirements.in -o docs/requirements.txt
	echo uv | $(COMPILE) - -o .ci/uv.txt

pins: ## pin the containers' images by digest (needs docker-buildx and the registry)
	@python3 -m deploy.pins

sbom: $(STAMP) ## what production installs, as CycloneDX, in .local/sbom.json
	@mkdir -p .local
	@.venv/bin/cyclonedx-py requirements --output-reproducible --output-file .local/sbom.json requirements.txt

wheel: $(STAMP) ## the package, in dist/
	@$(PY) -m hatchling build --target wheel

.venv: $(STAMP) ## the Python environment, from hashed requirements (PYTHON=python3.12)
	@:

# The first that runs and is new enough; a name on PATH alone proves nothing (version managers put up stand-ins).
CANDIDATES = $(or $(PYTHON),python3.13 python3.12 python3.11 python3)

$(STAMP): requirements-dev.txt
	@python=; for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then \
	    python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer among: $(CANDIDATES). Install one, or name it: make PYTHON=/path/to/python" >&2; \
	  exit 1; fi; \
	if command -v uv > /dev/null; then usable='import sys'; else usable='import pip'; fi; \
	if ! $(PY) -c "$$usable" 2> /dev/null; then \
	  echo "making .venv with $$("$$python" --version), some minutes the first time"; \
	  rm -rf .venv; \
	  if command -v uv > /dev/null; then uv venv --quiet --python "$$python" .venv; \
	  else "$$python" -m venv .venv || { echo "On Debian: apt-get install python3-venv" >&2; exit 1; }; fi; \
	else echo "bringing .venv to requirements-dev.txt"; fi && \
	if command -v uv > /dev/null; then \
	  uv pip sync --quiet --python $(PY) --require-hashes --compile-bytecode requirements-dev.txt; \
	else \
	  $(PY) -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt; \
	fi
	@# The command `scoring`, of this checkout; last, for `uv pip sync` removes what no lock names.
	@if command -v uv > /dev/null; then installer="uv pip install --quiet --python $(PY)"; \
	else installer="$(PY) -m pip install -qq --disable-pip-version-check"; fi; \
	$$installer --no-deps --no-index --no-build-isolation --editable .
	@touch $@

# The site's own environment: nothing of it is installed beside the pipeline.
$(DOCS_STAMP): docs/requirements.txt | $(STAMP)
	@rm -rf .local/docs-venv && mkdir -p .local
	@if command -v uv > /dev/null; then \
	  uv venv --quiet --python $(PY) .local/docs-venv && \
	  uv pip sync --quiet --python .local/docs-venv/bin/python --require-hashes docs/requirements.txt; \
	else \
	  $(PY) -m venv .local/docs-venv && .local/docs-venv/bin/python -m pip install -qq \
	    --disable-pip-version-check --no-deps --require-hashes -r docs/requirements.txt; \
	fi
	@touch $@
