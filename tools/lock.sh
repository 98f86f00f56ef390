#!/bin/sh
# Pins the newest versions that pyproject.toml allows, for this repository, the operator's image and the policy pack.
set -eu

compile() {
  uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
    --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --extra infra --group dev --output-file requirements.lock
compile pyproject.toml --output-file operator/requirements.lock
compile infra/policy_pack/requirements.in --output-file infra/policy_pack/requirements.lock
# Only the extra itself: requirements.lock pins its dependencies.
python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["eks"], sep="\n")' |
  compile - --no-deps --output-file requirements-eks.lock
