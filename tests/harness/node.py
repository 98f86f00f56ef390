"""The node's container from the outside: shell scripts, the audit log, and failures that need the host."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from platform_infra.docker_client import connected
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

KILL = """
status=1
for process in /proc/[0-9]*; do
  grep -q "pod$1" "$process/cgroup" 2>/dev/null || continue
  case "$(readlink "$process/exe")" in
    */python*) kill -KILL "${process#/proc/}" && status=0 ;;
  esac
done
exit $status
"""

COUNTED = """
output=$(mktemp)
( %s
) > "$output" 2>&1
code=$?
wc -c < "$output"; cat "$output"; rm "$output"
exit $code
"""
"""Prints the length of a script's output before the output, because Docker sometimes loses bytes (docker-py issue 2042)."""


class Node:
    """A node, by the name of its container."""

    def __init__(self, container: str) -> None:
        self.container = container

    def run(self, script: str, *arguments: str) -> str:
        """Run a shell script in the node and return its output.

        The script runs again if a part of its output was lost, so it must be idempotent.
        """
        output: str = eventually(
            lambda: self._output(script, *arguments), lambda result: result is not None, within=10
        )
        return output

    def kill_pod(self, uid: str) -> None:
        """Kill a pod's Python processes with SIGKILL."""
        code, _ = self._exec(KILL, uid)
        assert code == 0, f"pod {uid} has no Python process"

    def _output(self, script: str, *arguments: str) -> Any:
        """Return the output of a script, or None if a part of it was lost."""
        code, output = self._exec(COUNTED % script, *arguments)
        assert code == 0, f"{script} failed in {self.container}: {output.decode()}"
        count, _, content = output.partition(b"\n")
        return content.decode() if count == b"%d" % len(content) else None

    def _exec(self, script: str, *arguments: str) -> tuple[int, bytes]:
        command = ["sh", "-c", script, "node", *arguments]
        with connected() as client:
            code, output = client.containers.get(self.container).exec_run(command)
        assert isinstance(code, int)
        assert isinstance(output, bytes)
        return code, output

    @contextmanager
    def read_only_volume(self, uid: str, volume: str) -> Iterator[None]:
        """Make a pod's emptyDir volume read-only during the block."""
        path = f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir/{volume}"
        mode = self.run('stat -c %a "$1"', path).strip()
        self.run('chmod 0555 "$1"', path)
        try:
            yield
        finally:
            self.run('chmod "$2" "$1"', path, mode)

    def audited(self, word: str) -> list[dict[str, Any]]:
        """Return the records of the API server's audit log that contain a word, oldest first."""
        lines = self.run('grep -hF -- "$1" /var/log/kubernetes/audit*.log || true', word).splitlines()
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return sorted(records, key=lambda record: str(record["requestReceivedTimestamp"]))
