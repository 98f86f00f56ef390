"""A lock is taken away only where whoever took it cannot be at work."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pulumi.automation import CommandResult, ConcurrentUpdateError

from tools.platform.pulumi import locks
from tools.platform.pulumi.locks import are_dead, past_dead_locks

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE = socket.gethostname()


def told(*owners: tuple[str, int, datetime]) -> str:
    """What the engine says of locks."""
    lines = [
        f"  file:///state/locks/{pid}.json: created by me@{host} (pid {pid}) at {time:%Y-%m-%dT%H:%M:%SZ}"
        for host, pid, time in owners
    ]
    head = f"error: the stack is currently locked by {len(owners)} lock(s). Either wait for the other process(es)"
    return "\n".join([head, *lines])


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    return process.pid


def test_a_lock_of_this_machine_is_dead_when_its_process_is(dead: int) -> None:
    assert are_dead(told((HERE, dead, NOW)), now=NOW)
    assert not are_dead(told((HERE, os.getpid(), NOW - timedelta(days=9))), now=NOW)


def test_a_lock_of_another_machine_is_dead_when_nothing_takes_so_long() -> None:
    assert not are_dead(told(("runner-7", 12, NOW - timedelta(minutes=29))), now=NOW)
    assert are_dead(told(("runner-7", 12, NOW - timedelta(minutes=31))), now=NOW)


def test_one_lock_that_may_live_keeps_all(dead: int) -> None:
    assert not are_dead(told((HERE, dead, NOW), ("runner-7", 12, NOW)), now=NOW)


def test_a_refusal_that_names_no_owner_is_believed() -> None:
    assert not are_dead("[409] Conflict: Another update is currently in progress.", now=NOW)


@pytest.mark.parametrize("lives", [True, False])
def test_a_dead_lock_goes_and_the_work_is_done_a_living_one_is_told(
    monkeypatch: pytest.MonkeyPatch, dead: int, *, lives: bool
) -> None:
    text = told((HERE, os.getpid() if lives else dead, NOW))
    held = [text]
    monkeypatch.setattr(locks, "unlock", lambda _stack: held.clear())

    def work() -> str:
        if held:
            raise ConcurrentUpdateError(CommandResult("", text, 255))
        return "done"

    stack: Any = "pr-1"
    if lives:
        with pytest.raises(ConcurrentUpdateError, match="currently locked"):
            past_dead_locks(stack, work)
        assert held == [text]
    else:
        assert past_dead_locks(stack, work) == "done"
