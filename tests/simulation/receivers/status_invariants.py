"""The invariants of the status of receivers (DD-CATALOG-001)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from notification_domain.receivers.status import ReceiverStatus
from tests.simulation.violations import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.receivers.status_store import StatusReconciliation

INTERVAL: Final = 30.0
"""Seconds between two writes of one process that bring no transition."""
SHORTEST: Final = 1.0
"""Seconds between any two writes of one process."""
MAX_AGE: Final = timedelta(minutes=10)
OWNED: Final = ("Ready", "ResolvedRefs")
"""The conditions that only the owner of a receiver writes."""
SLACK: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    at: float
    facts: tuple[object, ...]
    answer: object
    """The result of a test message: it is written as soon as it is known."""
    changes: int
    """How often the shards of the process had changed."""
    by: StatusReconciliation


class ReceiverStatusInvariants:
    """Observes every write of the status of a receiver.

    Args:
        changes: returns how often the shards of a process have changed.
    """

    def __init__(self, *, changes: Callable[[str], int]) -> None:
        self._changes = changes
        self._latest: dict[tuple[str, str], _Written] = {}
        """By process and uid."""
        self.writes = 0

    def write(self, before: dict[str, Any], after: dict[str, Any], by: StatusReconciliation) -> None:
        """Check a status write."""
        self.writes += 1
        old, new = ReceiverStatus.parse(before), ReceiverStatus.parse(after)
        subject = f"receiver {by.place}"
        self._entries(old, new, by, subject)
        if not by.owner:
            for owned in OWNED:
                same = old.condition(owned) == new.condition(owned)
                require(same, f"{subject}: {by.who} writes {owned} although it does not own the receiver")
            require(
                (old.observed_generation, old.secret_version, old.last_test)
                == (new.observed_generation, new.secret_version, new.last_test),
                f"{subject}: {by.who} writes what belongs to the owner",
            )
        self._pace(after, new, by, subject)

    def _entries(
        self, old: ReceiverStatus, new: ReceiverStatus, by: StatusReconciliation, subject: str
    ) -> None:
        """Check that a process writes its own entry, and drops none but old ones."""
        was, is_ = ({each.name: each for each in status.replicas} for status in (old, new))
        for name in (was.keys() | is_.keys()) - {by.replica}:
            entry = was.get(name)
            require(entry is not None, f"{subject}: {by.who} adds the entry of {name}")
            assert entry is not None
            if name in is_:
                require(is_[name].raw == entry.raw, f"{subject}: {by.who} changes the entry of {name}")
            elif entry.updated is not None:
                age = abs(by.now - entry.updated)
                require(age > MAX_AGE, f"{subject}: {by.who} drops the entry of {name}, {age} old")

    def _pace(
        self, after: dict[str, Any], new: ReceiverStatus, by: StatusReconciliation, subject: str
    ) -> None:
        """Check that a process does not write too often."""
        facts = (
            *by.view,
            by.owner,
            *(
                (each.status, each.reason, each.observed_generation)
                for each in map(new.condition, OWNED)
                if each and by.owner
            ),
            new.secret_version if by.owner else "",
        )
        at, key = asyncio.get_running_loop().time(), (by.who, after["metadata"]["uid"])
        last = self._latest.get(key)
        written = self._latest[key] = _Written(
            at=at, facts=facts, answer=new.last_test, changes=self._changes(by.who), by=by
        )
        if last is None or not last.by.acknowledged or last.answer != written.answer:
            return
        if (last.changes, last.by.owner) != (written.changes, by.owner):
            return
        gap = at - last.at
        require(gap >= SHORTEST - SLACK, f"{subject}: {by.who} writes twice within {gap:.2f} s")
        require(
            last.facts != facts or gap >= INTERVAL - SLACK,
            f"{subject}: {by.who} writes again after {gap:.2f} s without a transition",
        )

    def reconciled(self, done: StatusReconciliation) -> None:
        """Check a finished reconciliation."""
        subject = f"a reconciliation of receiver {done.place}"
        require(done.reads <= 1 + done.conflicts, f"{subject} read {done.reads} times")
        require(done.writes <= 1, f"{subject} wrote {done.writes} times")
        # Whether the next write brings a transition depends on what became of this one.
        self._latest.pop((done.who, done.unanswered), None)
