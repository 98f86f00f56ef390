"""Locks of a stack that a killed engine has left."""

from __future__ import annotations

import os
import re
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from pulumi.automation import ConcurrentUpdateError

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
        stack.cancel()
        return operation()


def are_stale(message: str, *, now: datetime) -> bool:
    """Return whether every lock owner in the message has ended; False where the message names none."""
    owners = list(OWNER.finditer(message))
    return bool(owners) and all(_has_ended(owner, now) for owner in owners)


def _has_ended(owner: re.Match[str], now: datetime) -> bool:
    if owner["host"] != socket.gethostname():
        return now - datetime.fromisoformat(owner["time"]) > STALE_AFTER
    try:
        os.kill(int(owner["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
