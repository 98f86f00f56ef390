"""A registry with users and passwords on the node, which the node's container runtime can pull from."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.localcluster.toolchain import ensure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.node import Node

SERVER = "127.0.0.1:5000"
"""On the node itself, where the container runtime needs no certificate."""
USER, PASSWORD = "robot", "token"
HASH = "$2b$05$abcdefghijklmnopqrstuuTYZ4IKoV/JIXC/uluHFMHMKgj.SMh9C"
"""bcrypt of the password, the only algorithm that the registry accepts."""
FOLDER = "/var/lib/private-registry"
START = """
set -e
[ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" && exit
mkdir -p "$1/data"
echo "$3:$4" >"$1/htpasswd"
cat >"$1/config.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $1/data}}
http: {addr: $2}
auth: {htpasswd: {realm: tests, path: $1/htpasswd}}
END
setsid "$1/docker-registry" serve "$1/config.yml" >"$1/log" 2>&1 &
echo $! >"$1/pid"
for attempt in $(seq 100); do
  grep -q "listening on" "$1/log" && exit
  sleep 0.1
done
cat "$1/log"
exit 1
"""
PUSH = """
set -e
ctr -n k8s.io images tag --force "docker.io/$1" "$2"
ctr -n k8s.io images push --plain-http --user "$3" "$2"
ctr -n k8s.io images rm "$2"
ctr -n k8s.io images pull --plain-http "$2" >/dev/null 2>&1 && echo public || echo private
"""
STOP = """
kill "$(cat "$1/pid")"
rm -rf "$1"
ctr -n k8s.io images ls -q | grep "^$2/" | xargs -r ctr -n k8s.io images rm
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateRegistry:
    """A registry that answers its only user."""

    node: Node

    def push(self, image: str) -> str:
        """Push an image that the node has, and return its name in the registry; the node has it under the first name only."""
        name = f"{SERVER}/operator:1"
        output = self.node.run(PUSH, image, name, f"{USER}:{PASSWORD}")
        assert output.splitlines()[-1] == "private", output
        return name


@contextmanager
def private_registry(node: Node) -> Iterator[PrivateRegistry]:
    """Start the registry, and remove it after the block."""
    program = ensure(["registry"]).program("docker-registry")
    node.run('mkdir -p "$1"', FOLDER)
    subprocess.run(
        ["docker", "cp", str(program.resolve()), f"{node.container}:{FOLDER}/docker-registry"], check=True
    )
    try:
        node.run(START, FOLDER, SERVER, USER, HASH)
        yield PrivateRegistry(node=node)
    finally:
        node.run(STOP, FOLDER, SERVER)
