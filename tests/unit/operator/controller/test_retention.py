"""The retention sweeper over HTTP: expired notifications are deleted at a bounded rate, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from prometheus_client import CollectorRegistry, Counter

from notification_contract.settings import Retention
from notification_operator.controller import retention
from notification_operator.controller.retention import RetentionSweeper
from notification_operator.kube import objects as kube_objects
from notification_operator.kube import pagination as listing
from notification_operator.kube.objects import KubeObjects
from notification_operator.kube.requests import call
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.wiring import RESOURCE
from tests.unit.operator.kube_api import refusal, until
from tests.unit.operator.notifications_api import NotificationsApi, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
YESTERDAY = "2026-11-23T11:00:00.000000Z"
FINAL = ("Sent", "PartiallySent", "Failed")
OPEN = ("Pending", "Sending", "Retrying")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two objects, so that a sweep has several."""
    monkeypatch.setattr(listing, "PAGE", 2)
    monkeypatch.setattr(retention, "PAGE_PAUSE", 0.001)


@pytest.fixture
async def api() -> AsyncIterator[NotificationsApi]:
    async with running(NotificationsApi()) as server:
        yield server


class SweeperFixture:
    """A sweeper on a server, and the ownership that it asks."""

    def __init__(self, *, rate: float = 1000, interval: float = 0.02, namespaces: Sequence[str] = ()) -> None:
        self.settings = Retention(deletes_per_second=rate, interval_seconds=interval)
        self.namespaces = namespaces
        self.active = True
        self.foreign: set[str] = set()
        self.now = NOW
        self.registry = CollectorRegistry()
        self.deleted = Counter("deleted", "Deleted.", registry=self.registry)

    @contextlib.asynccontextmanager
    async def at(self, api: NotificationsApi) -> AsyncIterator[None]:
        async with ApiClient(Configuration(host=api.url)) as client:
            sweeper = RetentionSweeper(
                KubeObjects(client, RESOURCE),
                self.settings,
                namespaces=self.namespaces,
                served=AllNamespaces(),
                ownership=self,
                deleted=self.deleted,
                clock=lambda: self.now,
            )
            task = asyncio.create_task(sweeper.run())
            try:
                yield
                assert not task.done()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def may_start(self, uid: str) -> bool:
        return uid not in self.foreign

    @property
    def count(self) -> float | None:
        return self.registry.get_sample_value("deleted_total")


async def sweeps(api: NotificationsApi, more: int = 2) -> None:
    """Wait until some more sweeps have begun, so that one has ended meanwhile."""
    seen = sum("continue" not in query for query in api.lists)
    await until(lambda: sum("continue" not in query for query in api.lists) > seen + more)


def names(api: NotificationsApi) -> Iterator[str]:
    return (name for _, name in api.objects)


async def test_expired_notifications_of_all_namespaces_are_deleted(api: NotificationsApi) -> None:
    for number in range(5):
        api.put(f"old-{number}", FINAL[number % 3], namespace=f"team-{number % 2}")
        api.put(f"young-{number}", FINAL[number % 3], completed=YESTERDAY)
        api.put(f"open-{number}", OPEN[number % 3])
    fixture = SweeperFixture()
    async with fixture.at(api):
        await until(lambda: fixture.count == 5)
        await sweeps(api)
    assert sorted(name for name, _ in api.deleted) == [f"old-{number}" for number in range(5)]
    assert len(api.objects) == 10


async def test_notification_that_expires_later_is_deleted_by_a_later_sweep(api: NotificationsApi) -> None:
    api.put("one", days=1, completed=YESTERDAY)
    fixture = SweeperFixture()
    fixture.now = datetime(2026, 11, 24, 10, 59, 59, tzinfo=UTC)
    async with fixture.at(api):
        await sweeps(api)
        assert api.deleted == []
        fixture.now = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
        await until(lambda: api.deleted)


async def test_sweep_lists_page_by_page(api: NotificationsApi) -> None:
    for number in range(5):
        api.put(f"young-{number}", completed=YESTERDAY)
    async with SweeperFixture(interval=0.5).at(api):
        await until(lambda: len(api.lists) == 3)
    assert api.lists == [{"limit": "2"}, {"limit": "2", "continue": "2"}, {"limit": "2", "continue": "4"}]


async def test_object_changed_after_it_was_listed_is_not_deleted(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put("changing")
    api.put("old")

    async def change_first(client: ApiClient, method: str, path: str, **more: Any) -> Any:
        if path.endswith("changing") and not api.deleted:
            api.put("changing", completed=YESTERDAY)
        return await call(client, method, path, **more)

    monkeypatch.setattr(kube_objects, "call", change_first)
    fixture = SweeperFixture()
    async with fixture.at(api):
        await until(lambda: fixture.count == 1)
        await sweeps(api)
    assert list(names(api)) == ["changing"]


async def test_foreign_notification_is_not_deleted(api: NotificationsApi) -> None:
    api.put("ours")
    api.put("theirs")
    fixture = SweeperFixture()
    fixture.foreign = {"uid-theirs"}
    async with fixture.at(api):
        await until(lambda: fixture.count == 1)
        await sweeps(api)
    assert list(names(api)) == ["theirs"]


async def test_standby_lists_nothing(api: NotificationsApi) -> None:
    api.put("old")
    fixture = SweeperFixture()
    fixture.active = False
    async with fixture.at(api):
        await asyncio.sleep(0.1)
        assert api.requests == []
        fixture.active = True
        await until(lambda: fixture.count == 1)


async def test_operator_of_some_namespaces_lists_only_these(api: NotificationsApi) -> None:
    for namespace in ("a", "b", "c"):
        api.put(f"in-{namespace}", namespace=namespace)
    fixture = SweeperFixture(namespaces=("a", "c"))
    async with fixture.at(api):
        await until(lambda: fixture.count == 2)
        await sweeps(api)
    assert list(names(api)) == ["in-b"]
    assert all("/namespaces/" in path for _, path, _ in api.requests)


async def test_deletions_keep_the_configured_rate(api: NotificationsApi) -> None:
    for number in range(6):
        api.put(f"old-{number}")
    fixture = SweeperFixture(rate=25)
    async with fixture.at(api):
        await until(lambda: fixture.count == 6)
    times = [when for _, when in api.deleted]
    assert times[-1] - times[0] >= 5 * 0.04 - 0.02
    assert all(later > earlier for earlier, later in pairwise(times))


async def test_further_batches_do_not_wait_for_the_next_interval(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(10):
        api.put(f"old-{number}")
    fixture = SweeperFixture()
    fixture.settings = Retention(deletes_per_second=1000, interval_seconds=0.5)
    began = asyncio.get_running_loop().time()
    async with fixture.at(api):
        await until(lambda: fixture.count == 10)
    assert api.deleted[-1][1] - began < 0.5


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_refused_request_is_retried_with_the_next_sweep(api: NotificationsApi, method: str) -> None:
    api.put("old")
    api.refuse[method] = refusal(403, "not allowed")
    fixture = SweeperFixture()
    async with fixture.at(api):
        await until(lambda: sum(done == method for done, _, _ in api.requests) >= 2)
        del api.refuse[method]
        await until(lambda: fixture.count == 1)
