"""The node's container from the outside: the damage that only its owner can do."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import docker

from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

KILL = """
found=1
for process in /proc/[0-9]*; do
  if grep -q "pod$1" "$process/cgroup" 2>/dev/null && grep -q python "$process/comm"; then
    kill -KILL "${process#/proc/}" && found=0
  fi
done
exit $found
"""

COUNTED = """
printed=$(mktemp)
( %s
) > "$printed" 2>&1
code=$?
wc -c < "$printed"; cat "$printed"; rm "$printed"
exit $code
"""
"""Says first how many bytes a script prints: now and then Docker loses some of them (docker-py issue 2042)."""


class Node:
    """A node, by the name of its container."""

    def __init__(self, container: str) -> None:
        self.container = container
        self._client = docker.from_env()

    def run(self, script: str, *arguments: str) -> str:
        """Run a shell script in the node and return what it prints.

        It runs again when that was lost on the way, so it must be one that may run twice.
        """
        printed: str = eventually(
            lambda: self._printed(script, *arguments), lambda found: found is not None, within=10
        )
        return printed

    def kill_pod(self, uid: str) -> None:
        """Kill a pod's Python processes with SIGKILL."""
        code, _ = self._exec(KILL, uid)
        assert code == 0, f"no process of pod {uid} found"

    def _printed(self, script: str, *arguments: str) -> Any:
        """Return what a script prints, or None when not all of it came."""
        code, output = self._exec(COUNTED % script, *arguments)
        assert code == 0, f"{script} failed in {self.container}: {output.decode()}"
        count, _, printed = output.partition(b"\n")
        return printed.decode() if count == b"%d" % len(printed) else None

    def _exec(self, script: str, *arguments: str) -> tuple[int, bytes]:
        command = ["sh", "-c", script, "node", *arguments]
        code, output = self._client.containers.get(self.container).exec_run(command)
        assert isinstance(code, int)
        assert isinstance(output, bytes)
        return code, output

    @contextmanager
    def read_only_volume(self, uid: str, volume: str) -> Iterator[None]:
        """Make a pod's emptyDir volume read-only for a while."""
        path = f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir/{volume}"
        mode = self.run('stat -c %a "$1"', path).strip()
        self.run('chmod 0555 "$1"', path)
        try:
            yield
        finally:
            self.run('chmod "$2" "$1"', path, mode)

    def audited(self, word: str) -> list[dict[str, Any]]:
        """Return the records of the API server's audit log that hold a word, oldest first."""
        lines = self.run('grep -hF -- "$1" /var/log/kubernetes/audit*.log || true', word).splitlines()
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return sorted(records, key=lambda record: str(record["requestReceivedTimestamp"]))
