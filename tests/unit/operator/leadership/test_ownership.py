"""Ownership: which attempts may start and be recorded, by leadership, routing rules and shutdown."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from structlog.testing import capture_logs

from notification_domain.key import Key, shard_of
from notification_domain.routing import resolve
from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.controller.ownership import Ownership
from notification_operator.controller.request import Request, Result
from notification_operator.controller.workqueue import WorkQueue
from notification_runtime.telemetry.gauges import ElectorStatistics
from notification_runtime.telemetry.metrics import WaitingMessages
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.domain.builders import notification, success, unexpected

if TYPE_CHECKING:
    from notification_domain.model import Attempt

SHARDS = 4
KEYS = {shard_of(f"{number}-0000", SHARDS): Key("shop", "order", f"{number}-0000") for number in range(20)}
"""A key of each shard."""


class Elector:
    """Works on the given shards, and is about to release others."""

    shards = SHARDS

    def __init__(self, *, working: set[int], leaving: set[int]) -> None:
        self.working, self.leaving = working, leaving
        self.acquired = 1
        self.shutting_down = False

    def works_on(self, uid: str) -> bool:
        return shard_of(uid, SHARDS) in self.working

    def acquisitions(self, _uid: str) -> int:
        return self.acquired

    def is_leaving(self, uid: str) -> bool:
        return shard_of(uid, SHARDS) in self.leaving

    def begin_shutdown(self) -> None:
        self.shutting_down = True

    def statistics(self) -> ElectorStatistics:
        working = frozenset(self.working)
        return ElectorStatistics(shards=SHARDS, working=working, owned=working | self.leaving)


class OwnershipFixture:
    """Ownership with the elector of a test."""

    def __init__(
        self, *, working: set[int] | None = None, leaving: set[int] | None = None, alone: bool = False
    ) -> None:
        self.elector = Elector(working=working or set(), leaving=leaving or set())
        self.queue = WorkQueue(workers=4, clock=lambda: datetime.now(UTC))
        self.attempts: AttemptTracker = AttemptTracker(on_finished=self.queue.add)
        self.routing = SimpleNamespace(known=True)
        self.namespaces: dict[str, object] = {"shop": 1}
        """The namespaces that are served, each with what identifies the time since then."""
        elector = None if alone else cast("Any", self.elector)
        self.ownership = Ownership(
            elector,
            self.attempts,
            self.queue,
            known=lambda: self.routing.known,
            served_since=self.namespaces.get,
            waiting=WaitingMessages(),
        )

    async def start_attempt(self, key: Key, *, finishes: bool = True) -> None:
        async def attempt() -> Attempt:
            if not finishes:
                await asyncio.sleep(3600)
            return success("console")

        self.attempts.of(key).start("console", resolve(notification("console")), attempt(), failed=unexpected)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_single_replica_works_on_everything_once_the_rules_are_known() -> None:
    fixture = OwnershipFixture(alone=True)
    ownership = fixture.ownership
    assert ownership.statistics() == ElectorStatistics()
    assert (ownership.owns("any"), ownership.admits(KEYS[0])) == (True, True)
    fixture.routing.known = False
    assert not ownership.admits(KEYS[0])


def test_attempts_and_reconciliations_start_in_working_shards_only() -> None:
    ownership = OwnershipFixture(working={1, 2}).ownership
    assert [ownership.owns(KEYS[shard].uid) for shard in range(SHARDS)] == [False, True, True, False]
    assert [ownership.admits(KEYS[shard]) for shard in range(SHARDS)] == [False, True, True, False]
    assert ownership.statistics().working == {1, 2}


def test_permission_ends_with_the_loss_of_the_shard() -> None:
    fixture = OwnershipFixture(working={1})
    permission = fixture.ownership.permission(KEYS[1])
    assert permission()
    fixture.elector.working = set()
    assert not permission()
    fixture.elector.working, fixture.elector.acquired = {1}, 2
    assert not permission()
    assert fixture.ownership.permission(KEYS[1])()


def test_permission_ends_when_the_namespace_is_not_served_any_more() -> None:
    fixture = OwnershipFixture(alone=True)
    permission = fixture.ownership.permission(KEYS[1])
    fixture.namespaces.clear()
    assert (permission(), fixture.ownership.admits(KEYS[1])) == (False, False)
    fixture.namespaces["shop"] = 2
    assert (permission(), fixture.ownership.admits(KEYS[1])) == (False, True)
    assert fixture.ownership.permission(KEYS[1])()


async def test_attempts_of_a_namespace_that_is_not_served_any_more_are_recorded() -> None:
    fixture = OwnershipFixture(alone=True)
    fixture.namespaces.clear()
    await fixture.start_attempt(KEYS[1])
    assert fixture.ownership.admits(KEYS[1])


def test_permission_ends_with_the_shutdown() -> None:
    fixture = OwnershipFixture(alone=True)
    permission = fixture.ownership.permission(KEYS[1])
    assert permission()
    fixture.ownership.begin_shutdown()
    assert not permission()


async def test_leaving_shard_admits_only_reconciliations_that_record_attempts() -> None:
    fixture = OwnershipFixture(leaving={1})
    assert not fixture.ownership.admits(KEYS[1])
    await fixture.start_attempt(KEYS[1])
    assert fixture.ownership.admits(KEYS[1])
    assert not fixture.ownership.owns(KEYS[1].uid)


def test_attempts_of_a_lost_shard_are_unrecorded_once_it_is_regained() -> None:
    async def run() -> list[tuple[int, float]]:
        fixture, counted = OwnershipFixture(working={1}), []
        await fixture.start_attempt(KEYS[1])
        for working, leaving in (({1}, set()), (set(), {1}), (set(), set()), ({1}, set())):
            fixture.elector.working, fixture.elector.leaving = working, leaving
            fixture.ownership.on_change()
            await asyncio.sleep(10)
            statistics = fixture.attempts.statistics(fixture.ownership.may_record)
            counted.append((statistics.unrecorded, statistics.unrecorded_seconds))
        return counted

    assert run_virtually(run()) == [(1, 10), (1, 20), (0, 0), (1, 40)]


async def test_shard_is_drained_without_reconciliation_attempt_and_record() -> None:
    fixture = OwnershipFixture(leaving={0, 1, 2})
    reconciling, finish = asyncio.Event(), asyncio.Event()

    async def reconcile(_request: Request) -> Result:
        reconciling.set()
        await finish.wait()
        return Result(final=True)

    running = asyncio.create_task(fixture.queue.run(reconcile, admit=lambda _key: True))
    fixture.queue.add(KEYS[0])
    await reconciling.wait()
    await fixture.start_attempt(KEYS[1])
    await fixture.start_attempt(KEYS[2], finishes=False)
    drained = fixture.ownership.drained
    assert [drained(shard) for shard in range(SHARDS)] == [False, False, False, True]
    finish.set()
    await asyncio.sleep(0.01)
    fixture.attempts.forget(KEYS[1].uid)
    fixture.attempts.forget(KEYS[2].uid)
    assert all(drained(shard) for shard in range(SHARDS))
    fixture.attempts.cancel()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_foreign_attempts_are_abandoned_and_recordable_ones_are_not() -> None:
    fixture = OwnershipFixture(working={1}, leaving={2})
    for shard in range(3):
        await fixture.start_attempt(KEYS[shard])
    with capture_logs() as logs:
        fixture.ownership.begin_shutdown()
    assert [line["notifications"] for line in logs] == [1]
    assert set(fixture.attempts.keys) == {KEYS[1], KEYS[2]}


@pytest.mark.parametrize("finishes", [True, False])
async def test_shutdown_waits_for_no_attempt_of_a_lost_lease(finishes: bool) -> None:  # noqa: FBT001
    fixture = OwnershipFixture()
    await fixture.start_attempt(KEYS[0], finishes=finishes)
    with capture_logs() as logs:
        fixture.ownership.begin_shutdown()
    assert [(line["event"], line["notifications"]) for line in logs] == [
        ("abandoned in-flight attempts after losing the shard lease", 1)
    ]
    async with asyncio.timeout(1):
        await fixture.attempts.idle()
    fixture.attempts.cancel()


async def test_shutdown_starts_no_attempts_and_keeps_only_keys_with_attempts() -> None:
    fixture = OwnershipFixture(working={0, 1})
    ownership = fixture.ownership
    await fixture.start_attempt(KEYS[0])
    for shard in (0, 1):
        fixture.queue.add(KEYS[shard])
    assert (ownership.accepting_work, ownership.active) == (True, True)
    ownership.begin_shutdown()
    assert (ownership.accepting_work, ownership.active) == (False, False)
    assert fixture.elector.shutting_down
    assert not ownership.owns(KEYS[0].uid)
    assert ownership.admits(KEYS[0])
    assert fixture.queue.keys == {KEYS[0]}
    fixture.attempts.cancel()
