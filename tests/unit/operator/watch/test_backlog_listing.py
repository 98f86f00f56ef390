"""The listing of what the work queue dropped: complete, repeated after a failure, and not during a shutdown."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.controller.request import Result
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.watch import notifications
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.watch.notifications import BacklogListing, EventHandler
from notification_runtime.kube.requests import KubeError
from notification_runtime.telemetry.metrics import Metrics
from tests.cases import load, some
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from notification_operator.controller.request import Request

LIMIT = 10
YEAR = timedelta(days=365).total_seconds()


def names(counts: dict[str, int], prefix: str = "") -> list[str]:
    """Return so many names in each namespace."""
    return [f"{namespace}/{prefix}{number}" for namespace, count in counts.items() for number in range(count)]


class Cluster:
    """Open notifications, and an operator whose queue holds so many of them."""

    def __init__(self, counts: dict[str, int], *, limit: int = LIMIT) -> None:
        self.open = set(names(counts))
        self.due: dict[str, float] = {}
        """When some of them are to be delivered, by the time of the loop; others wait for a year, or for five minutes."""
        self.done: list[str] = []
        self.most = 0
        """The largest number of keys that the queue has held."""
        self.listings: list[str | None] = []
        self.failures: list[KubeError] = []
        """Raised by the next listings."""
        self.accepting_work = True
        self.queue = WorkQueue(workers=2, clock=lambda: datetime.now(UTC), max_keys=limit)
        self.handler = EventHandler(
            self.queue,
            attempts=AttemptTracker(on_finished=self.queue.add),
            may_record=lambda _uid: True,
            metrics=Metrics(),
            served=AllNamespaces(),
            leave=lambda _key: None,
        )

    async def pages(self, namespace: str | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
        self.listings.append(namespace)
        if self.failures:
            raise self.failures.pop()
        for text in sorted(self.open):
            if namespace in {None, text.split("/")[0]}:
                yield [self.stored(text)]

    @staticmethod
    def stored(text: str) -> dict[str, Any]:
        namespace, name = text.split("/")
        return {"metadata": {"namespace": namespace, "name": name, "uid": text, "resourceVersion": "1"}}

    async def reconcile(self, request: Request) -> Result:
        self.most = max(self.most, len(self.queue.backlog))
        await asyncio.sleep(0.001)
        wait = self.due.get(request.key.uid, 0.0) - asyncio.get_running_loop().time()
        if request.key.namespace.startswith("later"):
            wait = YEAR
        elif request.key.namespace.startswith("soon"):
            wait = 300.0
        if wait > 0:
            return Result(requeue_after=wait, observed_versions=frozenset({"1"}))
        self.open.discard(request.key.uid)
        self.done.append(request.key.uid)
        return Result(final=True)

    def arrive(self, counts: dict[str, int]) -> None:
        """Create so many notifications in each namespace, whose events come at the same time."""
        for text in names(counts, "new-"):
            self.open.add(text)
            self.handler.handle(None, self.stored(text))

    @asynccontextmanager
    async def working(self, *namespaces: str) -> AsyncIterator[None]:
        listing = BacklogListing(
            self.pages,
            namespaces=namespaces,
            backlog=self.queue.backlog,
            handler=self.handler,
            accepting_work=lambda: self.accepting_work,
        )
        tasks = [
            asyncio.create_task(self.queue.run(self.reconcile, admit=lambda _key: True)),
            asyncio.create_task(listing.run()),
        ]
        await asyncio.sleep(0)
        async for page in self.pages(None):
            self.handler.handle(None, page[0])
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_dropped_notifications_are_all_worked_on_within_the_bound() -> None:
    cluster = Cluster({"a": 95, "b": 5})
    async with cluster.working():
        await until(lambda: not cluster.open)
        await until(lambda: not cluster.queue.keys)
    assert cluster.most <= LIMIT
    assert len(set(cluster.done)) == 100
    assert not cluster.queue.statistics().incomplete


async def test_small_namespace_does_not_wait_for_the_backlog_of_another() -> None:
    cluster = Cluster({"a": 95, "b": 4})
    async with cluster.working():
        await until(lambda: not cluster.open)
    last = max(index for index, text in enumerate(cluster.done) if text.startswith("b"))
    assert last < 2 * LIMIT


async def test_dropped_notifications_are_listed_while_others_wait_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "LISTING_INTERVAL", 0.01)
    cluster = Cluster({"later-a": 4, "later-b": 4, "shop": 15})
    async with cluster.working():
        await until(lambda: len(cluster.open) == 8)
        await until(lambda: not cluster.queue.statistics().incomplete)
    assert cluster.most <= LIMIT
    assert len(set(cluster.done)) == 15


async def test_little_room_is_filled_at_most_once_a_minute() -> None:
    cluster = Cluster({"later-a": 4, "later-b": 4, "shop": 15})
    async with cluster.working():
        await until(lambda: cluster.queue.backlog.has_room and not cluster.queue.running)
        await asyncio.sleep(0.02)
    assert len(cluster.listings) == 1
    assert cluster.queue.statistics().incomplete


async def test_full_queue_requests_no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "LISTING_INTERVAL", 0.001)
    cluster = Cluster({"soon-a": 20, "soon-b": 20})
    async with cluster.working():
        await until(lambda: len(cluster.queue.backlog) == LIMIT and not cluster.queue.running)
        await asyncio.sleep(0.02)
    assert len(cluster.listings) == 1


async def test_places_of_what_waits_for_long_are_listed_for_every_ten_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "LISTING_INTERVAL", 0.001)
    cluster = Cluster({"later-a": 20, "later-b": 20})
    async with cluster.working():
        await until(lambda: len(cluster.queue.backlog) == LIMIT and not cluster.queue.running)
        await asyncio.sleep(0.02)
    assert len(cluster.listings) == 2
    assert cluster.most <= LIMIT


async def test_what_waits_for_long_gives_its_place_to_others_of_its_namespace() -> None:
    cluster = Cluster({"shop": LIMIT})
    cluster.due = dict.fromkeys(cluster.open, YEAR)
    async with cluster.working():
        await until(lambda: not cluster.queue.running and not cluster.queue.statistics().waiting)
        urgent = [f"shop/urgent-{number}" for number in range(15)]
        for text in urgent:
            cluster.open.add(text)
            cluster.handler.handle(None, cluster.stored(text))
            await asyncio.sleep(0.003)
        await until(lambda: set(cluster.done) == set(urgent))
    assert cluster.most <= LIMIT
    assert not cluster.queue.statistics().incomplete


@pytest.mark.parametrize("share", [0.5, 0.7])
@pytest.mark.parametrize("namespaces", some([["shop"], ["bank", "shop"]]))
def test_no_arrival_stays_unlisted_while_half_of_the_limit_waits(namespaces: list[str], share: float) -> None:
    limit = load(20_000)
    arriving = limit * 3 // 4

    async def live() -> None:
        cluster = Cluster({"shop": int(limit * share)}, limit=limit)
        waiting = frozenset(cluster.open)
        cluster.due = dict.fromkeys(waiting, YEAR)
        async with cluster.working():
            await asyncio.sleep(3600.0)
            cluster.arrive({namespace: arriving // len(namespaces) for namespace in namespaces})
            await asyncio.sleep(3600.0)
        assert cluster.open == waiting
        assert cluster.most <= limit
        assert not cluster.queue.statistics().incomplete

    run_virtually(live())


def test_what_gave_its_place_is_delivered_at_its_time() -> None:
    async def live() -> None:
        cluster = Cluster({"shop": 2 * LIMIT})
        hours = {text: 3600.0 * (24 - index) for index, text in enumerate(sorted(cluster.open))}
        cluster.due = hours
        delivered: dict[str, float] = {}
        async with cluster.working():
            while cluster.open:
                await asyncio.sleep(30.0)
                for text in cluster.done:
                    delivered.setdefault(text, asyncio.get_running_loop().time())
                assert asyncio.get_running_loop().time() < 2 * 86_400.0
        assert max(at - hours[text] for text, at in delivered.items()) <= 60.0
        assert cluster.most <= LIMIT
        assert len(cluster.listings) < 24 * 12 + 24, "one in five minutes at most"

    run_virtually(live())


async def test_listing_that_becomes_due_at_its_cancellation_ends() -> None:
    cluster = Cluster({})
    async with asyncio.timeout(1):
        async with cluster.working():
            cluster.queue.backlog.repeat_listing()
    assert len(cluster.listings) == 1


async def test_failed_listing_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "retry_delay", lambda _failures: 0.001)
    cluster = Cluster({"a": 30})
    async with cluster.working():
        cluster.failures = [KubeError(status=None, reason="away"), KubeError(status=503, reason="away")]
        await until(lambda: not cluster.open)
    assert not cluster.failures


async def test_refused_namespace_does_not_keep_the_others_waiting() -> None:
    cluster = Cluster({"b": 30})
    async with cluster.working("a", "b"):
        cluster.failures = [KubeError(status=403, reason="not allowed")]
        await until(lambda: not cluster.open)
    assert cluster.listings[1:3] == ["a", "b"]


async def test_shutdown_adds_nothing() -> None:
    cluster = Cluster({"a": 30})
    async with cluster.working():
        cluster.accepting_work = False
        await until(lambda: not cluster.queue.keys)
    assert len(cluster.done) == LIMIT
