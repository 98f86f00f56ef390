#!/bin/sh
# Locks the newest versions that pyproject.toml allows in uv.lock, and exports them, with hashes, for the environments:
# this repository, the operator's image, the policy pack and the EKS extra.
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
fi

export_lock requirements.lock --extra infra --extra apprise
export_lock operator/requirements.lock --no-default-groups
export_lock infra/policy_pack/requirements.lock --only-group policy
export_lock eks.lock --no-default-groups --extra eks
# Only the extra itself: requirements.lock pins its dependencies.
awk 'NR == 1 || /^[^ ]/ { keep = NR == 1 || /^pulumi-aws==/ } keep' "$exports/eks.lock" >"$exports/requirements-eks.lock"

for name in requirements.lock operator/requirements.lock infra/policy_pack/requirements.lock requirements-eks.lock; do
  if [ "${1-}" != --check ]; then
    cp "$exports/$name" "$name"
  elif ! cmp -s "$exports/$name" "$name"; then
    echo "lock: $name does not match uv.lock; run make lock" >&2
    exit 1
  fi
done
