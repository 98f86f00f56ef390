"""The event handler: what an event enqueues, and what it makes the operator forget (DD-BELL-001)."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.key import Key
from notification_domain.model import Attempt
from notification_domain.routing import Route
from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.controller.request import Request, Result
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.watch.notifications import EventHandler, Listing
from notification_runtime.telemetry.gauges import QueueStatistics
from notification_runtime.telemetry.metrics import Metrics
from tests.unit.operator.domain.builders import unexpected

KEY = Key("shop", "order-1", "uid-1")


def event_object(phase: str | None = "Pending", version: str = "1") -> dict[str, Any]:
    meta = {"namespace": "shop", "name": "order-1", "uid": "uid-1", "resourceVersion": version}
    return {"metadata": meta, "status": {"phase": phase}} if phase else {"metadata": meta}


class HandlerFixture:
    """An event handler, and what it enqueues in and forgets from."""

    def __init__(self, *, served: bool = True, may_record: bool = True, max_keys: int | None = None) -> None:
        self.queue = WorkQueue(workers=1, clock=lambda: datetime.now(UTC), max_keys=max_keys)
        self.attempts: AttemptTracker = AttemptTracker(on_finished=self.queue.add)
        self.metrics = Metrics()
        self._handler = EventHandler(
            self.queue,
            attempts=self.attempts,
            may_record=lambda _uid: may_record,
            metrics=self.metrics,
            served=AllNamespaces() if served else (),
            leave=lambda _key: None,
        )

    def handle(self, event_type: str | None, obj: dict[str, Any]) -> None:
        self._handler.handle(event_type, obj)

    def begin_listing(self) -> Listing[Key]:
        return self._handler.begin_listing(None)

    def start_attempt(self) -> None:
        async def attempt() -> Attempt:
            await asyncio.sleep(3600)
            raise AssertionError

        self.attempts.of(KEY).start("console", Route(targets=("console",)), attempt(), failed=unexpected)

    @property
    def active(self) -> float | None:
        name = "kubernaut_notification_reconciler_active"
        return self.metrics.registry.get_sample_value(name, {"phase": "Sending"})


async def test_open_object_is_enqueued() -> None:
    for event_type in (None, "ADDED", "MODIFIED"):
        for phase in ("Pending", "Sending", "Retrying", None):
            fixture = HandlerFixture()
            fixture.handle(event_type, event_object(phase))
            assert fixture.queue.statistics().waiting == 1


async def test_final_object_is_forgotten_and_leaves_the_queue() -> None:
    for phase in ("Sent", "PartiallySent", "Failed"):
        fixture = HandlerFixture()
        fixture.metrics.enter(KEY.uid, Phase.SENDING)
        fixture.handle("ADDED", event_object())
        fixture.handle("MODIFIED", event_object(phase, "2"))
        assert fixture.queue.statistics() == QueueStatistics()
        assert fixture.active == 0


@pytest.mark.parametrize("event", [("MODIFIED", "Sent"), ("DELETED", "Sending")])
async def test_closed_object_with_unrecorded_attempts_is_reconciled(event: tuple[str, str]) -> None:
    fixture = HandlerFixture()
    fixture.start_attempt()
    fixture.queue.add_after(KEY, 60)
    event_type, phase = event
    fixture.handle(event_type, event_object(phase, "2"))
    statistics = fixture.queue.statistics()
    assert (statistics.waiting, statistics.delayed) == (1, 1)
    assert fixture.attempts.tracks(KEY.uid)
    fixture.attempts.cancel()


async def test_closed_object_with_foreign_attempts_is_forgotten() -> None:
    fixture = HandlerFixture(may_record=False)
    fixture.start_attempt()
    fixture.handle("DELETED", event_object("Sending", "2"))
    assert fixture.queue.keys == frozenset()
    assert not fixture.attempts.tracks(KEY.uid)
    fixture.attempts.cancel()


async def test_deleted_object_is_forgotten_wherever_it_was_known() -> None:
    fixture = HandlerFixture()
    fixture.metrics.enter(KEY.uid, Phase.SENDING)
    fixture.handle("ADDED", event_object())
    fixture.queue.add_after(KEY, 60)
    fixture.handle("DELETED", event_object(version="3"))
    assert fixture.queue.keys == frozenset()
    assert fixture.active == 0


async def test_object_of_an_unserved_namespace_is_not_enqueued() -> None:
    fixture = HandlerFixture(served=False)
    fixture.handle("ADDED", event_object())
    assert fixture.queue.keys == frozenset()


def open_object(namespace: str, number: int) -> dict[str, Any]:
    name = f"order-{number}"
    meta = {"namespace": namespace, "name": name, "uid": f"{namespace}-{number}", "resourceVersion": "1"}
    return {"metadata": meta}


def held(fixture: HandlerFixture) -> dict[str, list[str]]:
    """Return the names in the queue, by namespace."""
    result: dict[str, list[str]] = {}
    for key in fixture.queue.backlog:
        result.setdefault(key.namespace, []).append(key.name)
    return result


async def test_youngest_keys_beyond_the_limit_are_dropped() -> None:
    fixture = HandlerFixture(max_keys=3)
    for number in range(5):
        fixture.handle("ADDED", open_object("a", number))
    assert held(fixture) == {"a": ["order-0", "order-1", "order-2"]}
    assert fixture.queue.statistics().incomplete
    assert fixture.metrics.registry.get_sample_value("kubernaut_notification_queue_dropped_total") == 2


async def test_backlog_of_one_namespace_gives_way_to_the_others() -> None:
    fixture = HandlerFixture(max_keys=4)
    await run_nothing(fixture.queue)
    for number in range(9):
        fixture.handle("ADDED", open_object("a", number))
    for namespace in ("b", "c", "b", "b"):
        fixture.handle("ADDED", open_object(namespace, len(held(fixture).get(namespace, []))))
    assert {namespace: len(names) for namespace, names in held(fixture).items()} == {"a": 2, "b": 1, "c": 1}
    assert held(fixture)["a"] == ["order-0", "order-1"]


async def test_key_with_attempts_is_never_dropped() -> None:
    fixture = HandlerFixture(max_keys=1)
    fixture.handle("ADDED", event_object())
    fixture.start_attempt()
    fixture.handle("ADDED", open_object("b", 0))
    fixture.handle("ADDED", open_object("b", 1))
    assert fixture.queue.keys == {KEY}
    fixture.attempts.cancel()


async def test_listed_objects_are_handled_without_kopf() -> None:
    fixture = HandlerFixture(max_keys=2)
    listing = fixture.begin_listing()
    assert not any(listing.add(open_object("a", number)) for number in range(4))
    listing.complete()
    assert held(fixture) == {"a": ["order-0", "order-1"]}
    assert fixture.queue.statistics().incomplete


async def test_known_key_is_enqueued_whatever_the_backlog() -> None:
    fixture = HandlerFixture(max_keys=1)
    fixture.handle("ADDED", event_object())
    fixture.handle("MODIFIED", event_object(version="2"))
    assert not fixture.queue.statistics().incomplete


async def test_listing_is_due_once_half_of_the_backlog_is_done() -> None:
    fixture = HandlerFixture(max_keys=4)
    await run_nothing(fixture.queue)
    for number in range(5):
        fixture.handle("ADDED", open_object("a", number))
    assert not fixture.queue.backlog.listing_due.is_set()
    for number in range(2):
        fixture.handle("DELETED", open_object("a", number))
    assert fixture.queue.backlog.listing_due.is_set()
    fixture.queue.backlog.begin_listing()
    assert not fixture.queue.statistics().incomplete


async def test_standby_lists_dropped_keys_when_it_takes_over() -> None:
    fixture = HandlerFixture(max_keys=2)
    for number in range(3):
        fixture.handle("ADDED", open_object("a", number))
    for number in range(2):
        fixture.handle("DELETED", open_object("a", number))
    assert not fixture.queue.backlog.listing_due.is_set(), "nothing may be worked on, so nothing is missing"
    fixture.queue.readmit()
    assert fixture.queue.backlog.listing_due.is_set()


async def test_parked_key_gives_way_to_one_that_may_be_worked_on() -> None:
    fixture = HandlerFixture(max_keys=2)
    running = await run_nothing(fixture.queue, admit=lambda key: key.namespace != "foreign")
    for namespace in ("foreign", "foreign2"):
        fixture.handle("ADDED", open_object(namespace, 0))
    await asyncio.sleep(0.01)
    fixture.handle("ADDED", open_object("foreign2", 1))
    fixture.handle("ADDED", open_object("foreign", 1))
    assert sorted(held(fixture)) == ["foreign2"]
    running.cancel()


async def test_key_that_finds_no_room_is_not_listed_in_a_loop() -> None:
    fixture = HandlerFixture(max_keys=2)
    running = await run_nothing(fixture.queue, admit=lambda key: key != KEY)
    fixture.handle("ADDED", event_object())
    fixture.start_attempt()
    fixture.handle("ADDED", open_object("b", 0))
    await asyncio.sleep(0.01)
    for number in (1, 2):
        fixture.handle("ADDED", open_object("b", number))
        assert held(fixture) == {KEY.namespace: [KEY.name], "b": ["order-0"]}
        assert not fixture.queue.backlog.listing_due.is_set(), "there is no room for it yet"
    running.cancel()
    fixture.attempts.cancel()


async def run_nothing(
    queue: WorkQueue, admit: Callable[[Key], bool] = lambda _key: True
) -> asyncio.Task[None]:
    """Let the queue run with reconciliations that never end."""

    async def hang(_request: Request) -> Result:
        await asyncio.sleep(3600)
        raise AssertionError

    task = asyncio.create_task(queue.run(hang, admit=admit))
    await asyncio.sleep(0)
    return task
