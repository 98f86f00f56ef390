"""Stale locks of a stack: whether the owner of a lock can still be running, by the engine's error message."""

from __future__ import annotations

import os
import re
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from pulumi.automation import ConcurrentUpdateError

from tools.platform.pulumi.stack import unlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi.automation import Stack

    Result = TypeVar("Result")

OWNER = re.compile(r"created by \S*@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")
STALE_AFTER = timedelta(minutes=30)
"""No operation takes longer; CI jobs have a shorter timeout."""


def without_stale_lock(stack: Stack, operation: Callable[[], Result]) -> Result:
    """Run an operation on the stack; a lock that a killed engine left is removed first.

    Raises:
        ConcurrentUpdateError: another command is updating the stack.
    """
    try:
        return operation()
    except ConcurrentUpdateError as error:
        if not are_stale(str(error), now=datetime.now(UTC)):
            raise
        unlock(stack)
        return operation()


def are_stale(message: str, *, now: datetime) -> bool:
    """Return whether every lock owner in the message has ended; False where the message names none."""
    owners = list(OWNER.finditer(message))
    return bool(owners) and all(_has_ended(owner, now) for owner in owners)


def _has_ended(owner: re.Match[str], now: datetime) -> bool:
    if owner["host"] == socket.gethostname():
        return not _is_running(int(owner["pid"]))
    return now - datetime.fromisoformat(owner["time"]) > STALE_AFTER


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
