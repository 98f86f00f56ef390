"""Is the node of use: node Ready, accounts made, service addresses and names working; else which part is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from docker.errors import APIError

from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.cluster.local.inside import execute

if TYPE_CHECKING:
    from docker.models.containers import Container

READY_SECONDS = 90
_SHOWN_BYTES = 4000


def wait_ready(container: Container, *, seconds: int = READY_SECONDS) -> None:
    """Returns once every part of the node answers.

    Raises:
        LocalNodeError: A part does not in time, or the node ended; the text names it and shows its last log lines.
    """
    try:
        code, output = execute(container, ["python3", "-m", "notification_node.ready", str(seconds)])
    except APIError as error:
        # What has ended takes no command; why it ended is told below.
        code, output = -1, str(error)
    if code == 0:
        return
    container.reload()
    if container.status != "running":
        log = container.logs(tail=30).decode(errors="replace")[-_SHOWN_BYTES:]
        raise LocalNodeError(f"{container.name} ended while it started:\n{log}")
    raise LocalNodeError(_explain(str(container.name), seconds, output))


def _explain(name: str, seconds: int, output: str) -> str:
    """What the node's own check found, in words."""
    last = output.strip().splitlines()[-1:] or [""]
    try:
        found = json.loads(last[0])
    except ValueError:
        return f"{name}: its readiness cannot be asked: {output[-_SHOWN_BYTES:]}"
    log = "\n".join(f"    {line}" for line in found["log"])
    return (
        f"{name}: {found['component']} is not ready after {seconds} s: {found['problem']}; "
        f"the end of its log:\n{log}"
    )
