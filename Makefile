# What most people need. `tools/notif-platform` has every command of a stack, `tools/with-env nox --list` what the repository runs on
# itself, `tools/with-env python -m tests.runner` the tests on a cluster. GNU make turns each failure into exit code 2: where the exit
# code matters, call the command itself (docs/ci.md).
.DEFAULT_GOAL := help
.PHONY: help up down demo check unit test generate lock release chaos fuzz flake mutations endings
ENV := @tools/with-env
PLATFORM := @tools/notif-platform
RUNNER := $(ENV) python -m tests.runner
# Rooms of tests/unit that `make test` runs.
NOT_OF_THE_PRODUCT := bench harness localcluster repository
# Twice as many as processors: a unit test waits for a time-out or for another process for almost half of the time.
UNIT_WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## bring up cluster, image and operator of the stack dev (STACK=name for another stack)
	$(PLATFORM) up $(STACK)

down: ## destroy the stack and all its resources (STACK=name; ARGS=--yes answers the question)
	$(PLATFORM) down $(STACK) $(ARGS)

demo: ## apply examples/ and show their progress until all are final
	$(PLATFORM) demo $(STACK)

check: ## run every check of .pre-commit-config.yaml: style, types, contracts, dependencies, spelling, documentation
	$(ENV) pre-commit run --all-files --hook-stage manual $(ARGS)

unit: ## run the product's quick unit and property tests, with a twentieth of the random cases
	$(ENV) env QUICK_TESTS=1 python -m pytest tests/property tests/unit $(NOT_OF_THE_PRODUCT:%=--ignore=tests/unit/%) -m "not slow" -p no:html -n $(UNIT_WORKERS) --dist worksteal $(ARGS)

test: ## run every check and test; starts a disposable stack
	$(RUNNER) all $(ARGS)

generate: ## write all generated text (CHECK=1 only checks it)
	$(ENV) python -m tools.generate $(if $(CHECK),--check) $(ARGS)

lock: ## pin the newest versions that pyproject.toml allows
	$(ENV) sh tools/lock.sh

release: ## commit and tag a release (VERSION=0.1.0)
	$(PLATFORM) release prepare $(VERSION)

chaos: ## let everything around the real operator fail, in scripted scenarios (ARGS="--only outage")
	$(RUNNER) chaos $(ARGS)

fuzz: ## run 100,000 generated notifications through the operator (ARGS="--objects 1000")
	$(RUNNER) fuzz $(ARGS)

flake: ## run the whole suite repeatedly to find flaky tests (N=20 ARGS=--load)
	$(RUNNER) flake --rounds $(or $(N),20) $(ARGS)

mutations: ## break the operator in one place at a time and verify that checks fail
	$(RUNNER) mutations $(ARGS)

endings: ## end every command by closed outputs and signals at random moments (ARGS="--verb up --moments 2")
	$(ENV) python -m tests.engine.endings $(ARGS)
