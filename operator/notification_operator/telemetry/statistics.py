"""Snapshots that the parts of the operator report about themselves, for gauges, probes, shutdown and tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """The work queue, counted in keys."""

    waiting: int = 0
    """Keys that wait for a worker."""
    oldest_seconds: float = 0.0
    """Age of the oldest of these; 0 if there is none."""
    parked: int = 0
    """Keys that wait until a reconciliation is admitted."""
    running: int = 0
    """Keys that are being reconciled."""
    delayed: int = 0
    """Keys that are scheduled for a later time."""
    stalled: int = 0
    """Keys whose status the API server refuses; each waits for a change of its object."""
    incomplete: bool = False
    """Whether keys were dropped because there were too many, and not listed again since."""
    most_failures: int = 0
    """Consecutive failed reconciliations of the key that has most of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStatistics:
    """The attempt tracker."""

    objects: int = 0
    """Objects with attempts that are running or not yet recorded."""
    running: int = 0
    """Attempts that are running."""
    unrecorded: int = 0
    """Finished attempts that no status write is known to hold."""
    waiting: int = 0
    """Attempts that are due and wait for room in the budget of their channel."""
    held_bytes: int = 0
    """Bytes of content that attempts hold or that are reserved for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatistics:
    """The event loop."""

    gap_seconds: float = 0.0
    """The longest time in the last minute in which it ran nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectorStatistics:
    """The leader election of this replica, by shard number."""

    shards: int = 1
    """How many shards there are."""
    working: frozenset[int] = frozenset({0})
    """Shards whose notifications this replica works on."""
    owned: frozenset[int] = frozenset({0})
    """The same, and the shards that this replica is about to release."""
    released: frozenset[int] = frozenset()
    """Shards that this replica released last after nothing of them was running."""
