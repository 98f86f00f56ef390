# One line a verb; each stands in tools/. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up rollback demo down test check unit engine-tests simulate crd-check policy stack-tests long-tests suite-up suite suite-down flake mutations pulumi api-calls bench toolchain lock preview preview-list preview-down preview-reap drift alerts publish diff comment
ENV := @tools/with-env

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

up: ## cluster, image and operator for the stack dev (STACK=name for another)
	$(ENV) python -m tools.platform.commands.up $(STACK)

rollback: ## go back to what the stack ran before (STACK=name ARGS=--dry-run)
	$(ENV) python -m tools.platform.commands.rollback $(STACK) $(ARGS)

demo: ## apply examples/ and follow them until all are final
	$(ENV) python -m tools.platform.commands.demo $(STACK)

down: ## destroy the stack and everything it made
	$(ENV) python -m tools.platform.commands.down $(STACK)

test: ## style, types, contracts, all tests; brings up a disposable stack
	$(ENV) python -m tests.runner.all

check: ## style, types and import contracts
	$(ENV) python -m tools.platform.commands.check

unit: ## the tests that need no cluster
	$(ENV) python -m pytest tests/unit tests/property $(ARGS)

engine-tests: ## what bad input gets, rollback, the component: the real engine, no cluster
	$(ENV) python -m pytest tests/engine -n auto $(ARGS)

simulate: ## the operator in 200,000 simulated schedules (ARGS="--inject cached-reads")
	$(ENV) python -m tests.runner.simulate $(ARGS)

crd-check: ## whether the CRD takes all that it took at the last tag (COMMIT=other)
	$(ENV) python -m tools.platform.commands.crd_check $(COMMIT)

policy: ## hold a stack against the policies (STACK=prod; ARGS=--broken shows that each bites)
	$(ENV) env PYTHONPATH=infra/policy_pack python -m tools.platform.commands.policy $(STACK) $(ARGS)

stack-tests: ## the tests on a disposable stack
	$(ENV) python -m tests.runner.all --only-stack $(ARGS)

long-tests: ## what takes minutes beside the checks: updates under traffic and the like
	$(ENV) python -m tests.runner.all --only-stack --long $(ARGS)

suite-up: ## a disposable stack that stays; with one, put the present code into it (ARGS="--only served")
	$(ENV) python -m tests.runner.suite up $(ARGS)

suite: ## stack tests on it: make suite ARGS="--check retry-02"
	$(ENV) python -m tests.runner.suite run $(ARGS)

suite-down: ## take it away
	$(ENV) python -m tests.runner.suite down $(ARGS)

flake: ## the whole suite again and again: make flake N=20 ARGS="--load"
	$(ENV) python -m tests.runner.flake --rounds $(or $(N),20) $(ARGS)

mutations: ## break the operator in one place at a time and see the checks turn red
	$(ENV) python -m tests.runner.mutations $(ARGS)

preview: ## a stack for a pull request, in the cluster of dev: make preview PR=1 (ARGS="--base other")
	$(ENV) python -m tools.platform.commands.preview up $(PR) $(ARGS)

preview-list: ## the previews: whose, until when, how they are
	$(ENV) python -m tools.platform.commands.preview list

preview-down: ## take one down: make preview-down PR=1
	$(ENV) python -m tools.platform.commands.preview down $(PR)

preview-reap: ## list those that may go; ARGS=--yes takes them down
	$(ENV) python -m tools.platform.commands.preview reap $(ARGS)

drift: ## what was changed behind Pulumi's back; exit code 2 if anything (STACK="staging prod")
	$(ENV) python -m tools.platform.commands.drift $(STACK) $(ARGS)

diff: ## what up would change, as a Markdown comment (STACK="dev staging" ARGS=--policy)
	$(ENV) env PYTHONPATH=infra/policy_pack python -m tools.platform.commands.diff $(STACK) $(ARGS)

comment: ## put Markdown into the pull request as one comment, edited in place: make comment FILES=build/comment.md
	$(ENV) python -m tools.platform.commands.comment $(FILES)

alerts: ## print the alert rules as a file for Prometheus: make alerts STACK=prod
	$(ENV) python -m tools.platform.commands.alerts $(or $(STACK),dev)

publish: ## build the image and push it; prints its name by digest: make publish REPOSITORY=registry/name
	$(ENV) python -m tools.platform.commands.publish $(REPOSITORY)

pulumi: ## the pulumi command line in the right environment: make pulumi ARGS="preview -s dev"
	$(ENV) python -m tools.platform.commands.pulumi $(ARGS)

api-calls: ## count the operator's API calls in the API server's audit log
	$(ENV) python -m tools.platform.commands.api_calls $(STACK)

bench: ## measure the operator beside a naive controller: make bench ARGS="--only burst-1000" (or --full)
	$(ENV) python -m tests.bench $(ARGS)

toolchain: ## get or build every program that the local cluster needs
	@python3 -m tools.localcluster.toolchain

lock: ## pin the newest versions that pyproject.toml allows
	$(ENV) sh tools/lock.sh
