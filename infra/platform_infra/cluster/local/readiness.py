"""Waits until a node is ready: the node is Ready, accounts exist, service addresses and names work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.docker_client import APIError, execute

if TYPE_CHECKING:
    from docker.models.containers import Container

READY_SECONDS = 90
_SHOWN_BYTES = 4000


def wait_ready(container: Container, *, seconds: int = READY_SECONDS) -> None:
    """Return once every part of the node answers.

    Raises:
        LocalNodeError: a part is not ready in time, or the node stopped; the message names it and shows the end of its log.
    """
    try:
        result = execute(container, ["python3", "-m", "notification_node.ready", str(seconds)])
    except APIError as error:
        # A stopped container runs no commands; the next lines report why it stopped.
        code, output = -1, str(error)
    else:
        code, output = result.code, result.output
    if code == 0:
        return
    container.reload()
    if container.status != "running":
        log = container.logs(tail=30).decode(errors="replace")[-_SHOWN_BYTES:]
        raise LocalNodeError(f"{container.name} stopped during startup:\n{log}")
    raise LocalNodeError(explain_failure(str(container.name), seconds, output))


def explain_failure(name: str, seconds: int, output: str) -> str:
    """Return the result of the node's own readiness check as a message."""
    last = output.strip().splitlines()[-1:] or [""]
    try:
        report = json.loads(last[0])
    except ValueError:
        return f"{name}: the readiness check failed: {output[-_SHOWN_BYTES:]}"
    log = "\n".join(f"    {line}" for line in report["log"])
    return (
        f"{name}: {report['component']} is not ready after {seconds} s: {report['problem']}; "
        f"the end of its log:\n{log}"
    )
