"""The frame of one reconciliation: what its end gives back and requests, however it ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from atomic_status import Gone, ObjectRef, Unavailable
from atomic_status.testing import MemoryStore
from notification_contract.kinds.choices import AttemptStatus
from notification_domain.key import Key
from notification_domain.model import Attempt, Notification
from notification_domain.routing import Route
from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.controller.membership import NoMembership
from notification_operator.controller.reconciliation import Reconciliation
from notification_operator.controller.request import Request
from notification_operator.endpoints.budget import PARTS_OF_RECEIVERS, ContentBudget, Reservation, cost

if TYPE_CHECKING:
    from notification_domain.routing import Rules

ROUTE = Route(targets=("console",))
META = {"namespace": "shop", "name": "order-1", "creationTimestamp": "2026-01-01T00:00:00Z"}
SPEC = {"type": "simple", "priority": "low", "subject": "s", "body": "b", "channels": ["console"]}
ROOM = 100


def now() -> datetime:
    return datetime.now(UTC)


def success() -> Attempt:
    return Attempt(channel="console", number=1, timestamp=now(), status=AttemptStatus.SUCCESS)


def failed(error: BaseException) -> Attempt:
    raise AssertionError from error


class CountedRules:
    """Rules with one route, and how often they were asked."""

    def __init__(self) -> None:
        self.asked = 0

    def route(self, _notification: Notification, _tracked: Route | None = None) -> Route:
        self.asked += 1
        return ROUTE


class Frame:
    """A notification in memory, its tracker, and the keys that are requested."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.create({"metadata": META, "spec": SPEC, "status": {"phase": "Pending"}})
        stored = self.store.peek(ObjectRef(namespace="shop", name="order-1"))
        self.key = Key(namespace="shop", name="order-1", uid=stored["metadata"]["uid"])
        self.requested: list[Key] = []
        self.budget = ContentBudget(
            cost(ROOM, 1) * (1 + len(PARTS_OF_RECEIVERS)), channels=["console"], on_room=self.requested.append
        )
        self.tracker = AttemptTracker(on_finished=self.requested.append, budget=self.budget)
        self.counted = CountedRules()

    def reconciliation(self) -> Reconciliation:
        rules: Any = self.counted
        current: Rules = rules
        return Reconciliation(
            Request(key=self.key, queued_at=now()),
            store=self.store,
            tracker=self.tracker,
            rules=lambda: current,
            permission=lambda: True,
            clock=now,
            spread=float,
        )

    def start(self, reconciliation: Reconciliation, gate: asyncio.Event | None = None) -> None:
        async def attempt() -> Attempt:
            if gate is not None:
                await gate.wait()
            return success()

        room = reconciliation.lease.reserve("console", 10, 1)
        assert room is not None
        reconciliation.start("console", attempt(), failed=failed, reservation=room)


async def deliver(frame: Frame) -> None:
    """Make an attempt and write it."""
    async with frame.reconciliation() as reconciliation:
        frame.start(reconciliation)
        await reconciliation.wait_for_attempts(5)
        await write(reconciliation)


async def write(reconciliation: Reconciliation) -> None:
    decided = NoMembership(reconciliation).note_decision
    await reconciliation.write(reconciliation.situation(), decided=decided)


async def test_attempt_that_ends_after_the_decision_requests_the_next_one() -> None:
    frame, gate = Frame(), asyncio.Event()
    async with frame.reconciliation() as reconciliation:
        frame.start(reconciliation, gate)
        await write(reconciliation)
        gate.set()
        await reconciliation.wait_for_attempts(5)
        assert frame.requested == []
    assert frame.requested == [frame.key]


async def test_running_attempt_requests_the_next_reconciliation_at_its_end() -> None:
    frame, gate = Frame(), asyncio.Event()
    async with frame.reconciliation() as reconciliation:
        frame.start(reconciliation, gate)
        await write(reconciliation)
    assert frame.requested == []
    gate.set()
    await asyncio.sleep(0.01)
    assert frame.requested == [frame.key]


async def test_written_attempt_requests_nothing() -> None:
    frame = Frame()
    await deliver(frame)
    assert (frame.requested, frame.tracker.tracks(frame.key.uid)) == ([], False)


async def test_failed_reconciliation_requests_nothing_because_it_is_repeated() -> None:
    frame = Frame()
    ref = ObjectRef(namespace="shop", name="order-1")
    frame.store.fail_next("PUT", Unavailable(ref, reason="no answer"))
    with pytest.raises(Unavailable):
        await deliver(frame)
    assert (frame.requested, len(frame.tracker.finished(frame.key.uid))) == ([], 1)


async def test_room_that_a_reconciliation_does_not_use_is_given_back() -> None:
    frame = Frame()
    await kept_room(frame)
    async with frame.reconciliation():
        assert frame.budget.used == cost(ROOM, 1)
    assert frame.budget.used == 0


async def test_room_is_given_back_when_the_read_fails() -> None:
    frame = Frame()
    await kept_room(frame)
    frame.store.delete(ObjectRef(namespace="shop", name="order-1"))
    with pytest.raises(Gone):
        async with frame.reconciliation():
            pass
    assert frame.budget.used == 0


async def kept_room(frame: Frame) -> None:
    """Let another object hold the room until the notification waits for it, and gets it."""
    other = frame.budget.lease(Key(namespace="other", name="other", uid="other"))
    reserved = other.reserve("console", ROOM, 1)
    assert isinstance(reserved, Reservation)
    async with frame.reconciliation() as reconciliation:
        assert reconciliation.lease.reserve("console", ROOM, 1) is None
    reserved.release()
    assert frame.requested == [frame.key]


async def test_route_is_computed_once_even_for_a_write() -> None:
    frame = Frame()
    await deliver(frame)
    assert frame.counted.asked == 1
