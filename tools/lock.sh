#!/bin/sh
# Locks the newest versions that pyproject.toml allows in uv.lock, and exports them, with hashes, for the environments:
# this repository, the operator's image and the policy pack. Locks those of the examples, too.
#   --export  only writes the exports of the present uv.lock
#   --check   writes nothing; fails if uv.lock does not match pyproject.toml, or an export does not match uv.lock
# Neither option needs the network.
set -eu
cd "$(dirname "$0")/.."

exports=$(mktemp -d)
trap 'rm -rf "$exports"' EXIT

# Usage: export_lock FILE OPTION...
export_lock() {
  file="$exports/$1"
  shift
  mkdir -p "$(dirname "$file")"
  echo "# Exported from uv.lock by \`make lock\`." >"$file"
  uv export --quiet --frozen --no-emit-project --no-header "$@" >>"$file"
}

if [ "${1-}" = --check ]; then
  uv lock --quiet --check --offline || {
    echo "lock: uv.lock does not match pyproject.toml; run make lock" >&2
    exit 1
  }
elif [ "${1-}" != --export ]; then
  uv lock --quiet --upgrade
  example=examples/clusters/eks
  uv pip compile --quiet --upgrade --generate-hashes --no-header --python-version 3.11 -o "$example/requirements.lock" "$example/requirements.txt"
fi

export_lock requirements.lock --extra infra --extra apprise
export_lock operator/requirements.lock --no-default-groups
export_lock infra/policy_pack/requirements.lock --only-group policy

for name in requirements.lock operator/requirements.lock infra/policy_pack/requirements.lock; do
  if [ "${1-}" != --check ]; then
    cp "$exports/$name" "$name"
  elif ! cmp -s "$exports/$name" "$name"; then
    echo "lock: $name does not match uv.lock; run make lock" >&2
    exit 1
  fi
done
