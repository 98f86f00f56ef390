"""Locks of a stack: whether whoever took one can still be at work, by what the engine says of it."""

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

    Done = TypeVar("Done")

TOLD = re.compile(r"created by \S*@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")
LONGEST = timedelta(minutes=30)
"""An operation that takes longer has been killed; those of CI are cut off before."""


def past_dead_locks(stack: Stack, do: Callable[[], Done]) -> Done:
    """Do something with the stack, after a killed engine's lock is taken away where there is one.

    Raises:
        ConcurrentUpdateError: somebody is at work.
    """
    try:
        return do()
    except ConcurrentUpdateError as error:
        if not are_dead(str(error), now=datetime.now(UTC)):
            raise
        unlock(stack)
        return do()


def are_dead(told: str, *, now: datetime) -> bool:
    """Tell whether no owner of the locks that the engine names can be at work; False where it names none."""
    owners = list(TOLD.finditer(told))
    return bool(owners) and all(_is_dead(owner, now) for owner in owners)


def _is_dead(owner: re.Match[str], now: datetime) -> bool:
    if owner["host"] == socket.gethostname():
        return not _lives(int(owner["pid"]))
    return now - datetime.fromisoformat(owner["time"]) > LONGEST


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
