# Every target forwards to one command. GNU make turns each failure into exit code 2: where the exit code matters, call the
# command itself (docs/ci.md).
.DEFAULT_GOAL := help
.PHONY: help preflight up rollback demo down test check unit repository-tests engine-tests endings api-tests simulate chaos fuzz crd-check policy stack-tests long-tests suite-up suite suite-down flake mutations pulumi api-calls bench toolchain lock generate preview preview-list preview-down preview-reap drift alerts diff
ENV := @tools/with-env
PLATFORM := @tools/notif-platform
RUNNER := $(ENV) python -m tests.runner
# Rooms of tests/unit that `make test` runs.
NOT_OF_THE_PRODUCT := bench harness localcluster repository
# Twice as many as processors: a unit test waits for a time-out or for another process for almost half of the time.
UNIT_WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

up: ## bring up cluster, image and operator of the stack dev (STACK=name for another stack)
	$(PLATFORM) up $(STACK)

preflight: ## check what a cluster permits, before up (STACK=prod; ARGS=--roles prints what is missing as roles)
	$(PLATFORM) preflight $(STACK) $(ARGS)

down: ## destroy the stack and all its resources (STACK=name; ARGS=--yes answers the question)
	$(PLATFORM) down $(STACK) $(ARGS)

rollback: ## roll back to the previous deployment (STACK=name ARGS=--dry-run)
	$(PLATFORM) rollback $(STACK) $(ARGS)

demo: ## apply examples/ and show their progress until all are final
	$(PLATFORM) demo $(STACK)

diff: ## print what up would change, as a Markdown comment (STACK="dev staging" ARGS=--policy)
	$(PLATFORM) diff $(STACK) $(ARGS)

drift: ## report what was changed in the cluster without Pulumi (STACK="staging prod")
	$(PLATFORM) drift $(STACK) $(ARGS)

policy: ## check a stack against the policies (STACK=prod; ARGS=--broken tests the policies)
	$(PLATFORM) policy $(STACK) $(ARGS)

crd-check: ## check that the CRD is compatible with the last tag (COMMIT=other)
	$(PLATFORM) crd-check $(COMMIT)

alerts: ## print the alert rules as a file for Prometheus (STACK=prod)
	$(PLATFORM) alerts $(or $(STACK),dev)

preview: ## create or update the preview of a pull request (PR=1 ARGS="--base other")
	$(PLATFORM) preview up $(PR) $(ARGS)

preview-list: ## list the previews with owner, expiry and health
	$(PLATFORM) preview list $(ARGS)

preview-down: ## take a preview down (PR=1)
	$(PLATFORM) preview down $(PR) $(ARGS)

preview-reap: ## list expired previews (ARGS=--yes takes them down)
	$(PLATFORM) preview reap $(ARGS)

pulumi: ## run the Pulumi command line (ARGS="preview -s dev")
	$(PLATFORM) pulumi $(ARGS)

api-calls: ## count the operator's API calls in the API server's audit log
	$(PLATFORM) api-calls $(STACK)

check: ## run every check of .pre-commit-config.yaml: style, types, contracts, dependencies, spelling, documentation
	$(ENV) pre-commit run --all-files --hook-stage manual $(ARGS)

test: ## run every check and test; starts a disposable stack
	$(RUNNER) all $(ARGS)

# Bytecode is kept, because pytest would compile all tests in each worker otherwise.
unit: ## run the product's unit and property tests, with a twentieth of the random cases
	$(ENV) env -u PYTHONDONTWRITEBYTECODE QUICK_TESTS=1 python -m pytest tests/unit tests/property $(NOT_OF_THE_PRODUCT:%=--ignore=tests/unit/%) -n $(UNIT_WORKERS) --dist worksteal $(ARGS)

repository-tests: ## run the tests of the repository itself: documents, generated files, workflows, packages, toolchain
	$(ENV) python -m pytest tests/unit/repository tests/unit/localcluster -n auto $(ARGS)

engine-tests: ## run the tests with the real Pulumi engine and no cluster
	$(ENV) python -m pytest tests/engine -n auto $(ARGS)

endings: ## end every command by closed outputs and signals at random moments (ARGS="--verb up --moments 2")
	$(ENV) python -m tests.engine.endings $(ARGS)

api-tests: ## run the tests with a real API server and no cluster
	$(ENV) python -m pytest tests/api_server tests/cli $(ARGS)

simulate: ## run the operator in 200,000 simulated schedules (ARGS="--inject cached-reads")
	$(RUNNER) simulate $(ARGS)

chaos: ## let everything around the real operator fail, in 60 scripted scenarios (ARGS="--only outage")
	$(RUNNER) chaos $(ARGS)

fuzz: ## run 100,000 generated notifications through the operator (ARGS="--objects 1000")
	$(RUNNER) fuzz $(ARGS)

stack-tests: ## run the tests on a disposable stack
	$(RUNNER) stack $(ARGS)

long-tests: ## run the tests that take minutes, such as updates under traffic
	$(RUNNER) long $(ARGS)

suite-up: ## bring up a stack that stays, or deploy the current code to it (ARGS="--only shipped")
	$(RUNNER) suite up $(ARGS)

suite: ## run the stack tests on it (ARGS="--check retry-02")
	$(RUNNER) suite run $(ARGS)

suite-down: ## take it down
	$(RUNNER) suite down $(ARGS)

flake: ## run the whole suite repeatedly to find flaky tests (N=20 ARGS=--load)
	$(RUNNER) flake --rounds $(or $(N),20) $(ARGS)

mutations: ## break the operator in one place at a time and verify that checks fail
	$(RUNNER) mutations $(ARGS)

bench: ## measure the operator and a naive controller (ARGS="--only burst-1000" or --full)
	$(ENV) python -m tests.bench $(ARGS)

generate: ## write all generated text (CHECK=1 only checks it)
	$(ENV) python -m tools.generate $(if $(CHECK),--check) $(ARGS)

toolchain: ## download or build every program that the local cluster needs
	@python3 -m tools.localcluster.toolchain $(ARGS)

lock: ## pin the newest versions that pyproject.toml allows
	$(ENV) sh tools/lock.sh
