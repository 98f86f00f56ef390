"""A lock is removed only if its owner has ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation import CommandResult, ConcurrentUpdateError

from tools.platform.pulumi.locks import are_stale, without_stale_lock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE = socket.gethostname()


def message(*owners: tuple[str, int, datetime]) -> str:
    """The engine's message about locks."""
    lines = [
        f"  file:///state/locks/{pid}.json: created by me@{host} (pid {pid}) at {time:%Y-%m-%dT%H:%M:%SZ}"
        for host, pid, time in owners
    ]
    head = f"error: the stack is currently locked by {len(owners)} lock(s). Either wait for the other process(es)"
    return "\n".join([head, *lines])


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    return process.pid


def test_local_lock_is_stale_when_its_process_has_ended(ended: int) -> None:
    assert are_stale(message((HERE, ended, NOW)), now=NOW)
    assert not are_stale(message((HERE, os.getpid(), NOW - timedelta(days=9))), now=NOW)


def test_remote_lock_is_stale_after_the_longest_operation() -> None:
    assert not are_stale(message(("runner-7", 12, NOW - timedelta(minutes=29))), now=NOW)
    assert are_stale(message(("runner-7", 12, NOW - timedelta(minutes=31))), now=NOW)


def test_one_active_lock_keeps_all_locks(ended: int) -> None:
    assert not are_stale(message((HERE, ended, NOW), ("runner-7", 12, NOW)), now=NOW)


def test_conflict_without_an_owner_is_not_stale() -> None:
    assert not are_stale("[409] Conflict: Another update is currently in progress.", now=NOW)


@pytest.mark.parametrize("active", [True, False])
def test_stale_lock_is_removed_and_active_lock_is_an_error(ended: int, *, active: bool) -> None:
    text = message((HERE, os.getpid() if active else ended, NOW))
    held = [text]
    stack: Any = SimpleNamespace(cancel=held.clear)

    def operation() -> str:
        if held:
            raise ConcurrentUpdateError(CommandResult("", text, 255))
        return "done"

    if active:
        with pytest.raises(ConcurrentUpdateError, match="currently locked"):
            without_stale_lock(stack, operation)
        assert held == [text]
    else:
        assert without_stale_lock(stack, operation) == "done"
