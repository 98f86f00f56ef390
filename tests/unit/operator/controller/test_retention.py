"""The retention sweeper over HTTP: expired notifications are deleted at a bounded rate, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from prometheus_client import CollectorRegistry, Counter, Gauge

from notification_contract.settings import Retention
from notification_operator.controller import retention
from notification_operator.controller.retention import RetentionSweeper
from notification_operator.watch.namespaces import AllNamespaces
from notification_runtime.kube import objects as kube_objects
from notification_runtime.kube import objects as listing
from notification_runtime.kube.objects import RESOURCE, KubeObjects
from notification_runtime.kube.requests import KubeError, call, read
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

    def __init__(
        self,
        *,
        rate: float = 1000,
        interval: float = 0.02,
        failed_days: int = 30,
        namespaces: Sequence[str] = (),
    ) -> None:
        self.settings = Retention(deletes_per_second=rate, interval_seconds=interval, failed_days=failed_days)
        self.namespaces = namespaces
        self.active = True
        self.foreign: set[str] = set()
        self.now = NOW
        self.registry = CollectorRegistry()
        self.deleted = Counter("deleted", "Deleted.", registry=self.registry)
        self.failures = Counter("failures", "Failures.", ["reason"], registry=self.registry)
        self.overdue_gauge = Gauge("overdue", "Overdue.", registry=self.registry)

    @contextlib.asynccontextmanager
    async def at(self, api: NotificationsApi) -> AsyncIterator[None]:
        async with ApiClient(Configuration(host=api.url)) as client:
            sweeper = RetentionSweeper(
                settings=self.settings,
                objects=KubeObjects(client, RESOURCE),
                namespaces=self.namespaces,
                served=AllNamespaces(),
                active=lambda: self.active,
                owns=self.may_start,
                deleted=self.deleted,
                failures=self.failures,
                overdue=self.overdue_gauge,
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

    @property
    def overdue(self) -> float | None:
        return self.registry.get_sample_value("overdue")

    def failed(self, reason: str) -> float:
        return self.registry.get_sample_value("failures_total", {"reason": reason}) or 0.0


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
    fixture = SweeperFixture(failed_days=1)
    async with fixture.at(api):
        await until(lambda: fixture.count == 5)
        await sweeps(api)
    assert sorted(name for name, _ in api.deleted) == [f"old-{number}" for number in range(5)]
    assert len(api.objects) == 10


async def test_what_failed_is_kept_longer_than_what_was_delivered(api: NotificationsApi) -> None:
    for phase in FINAL:
        api.put(phase.lower(), phase)
    fixture = SweeperFixture()
    async with fixture.at(api):
        await until(lambda: fixture.count == 1)
        await sweeps(api)
    assert [name for name, _ in api.deleted] == ["sent"]


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
    fixture = SweeperFixture(rate=25, interval=1)
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
    fixture.settings = Retention(deletes_per_second=1000, interval_seconds=2)
    async with fixture.at(api):
        await until(lambda: fixture.count == 10)


async def test_sweep_deletes_all_though_its_listing_outlives_its_version(api: NotificationsApi) -> None:
    for number in range(9):
        api.put(f"old-{number}")
    api.expired_pages = 3
    fixture = SweeperFixture(interval=2)
    async with fixture.at(api):
        await until(lambda: fixture.count == 9)
    assert sum("continue" not in query for query in api.lists) == 1
    assert fixture.failed("unavailable") == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_refused_request_is_retried_with_the_next_sweep(api: NotificationsApi, method: str) -> None:
    api.put("old")
    api.refuse[method] = refusal(403, "not allowed")
    fixture = SweeperFixture()
    async with fixture.at(api):
        await until(lambda: sum(done == method for done, _, _ in api.requests) >= 2)
        del api.refuse[method]
        await until(lambda: fixture.count == 1)


def refuse_some(monkeypatch: pytest.MonkeyPatch, *, method: str, part: str, status: int) -> list[str]:
    """Refuse the requests whose path contains a part; return the list that collects their paths."""
    refused: list[str] = []

    async def refuse(client: ApiClient, verb: str, path: str, **more: Any) -> Any:
        if verb == method and part in path:
            refused.append(path)
            raise KubeError(status=status, reason="refused by the test")
        return await call(client, verb, path, **more)

    async def refuse_page(client: ApiClient, path: str, **more: Any) -> Any:
        if method == "GET" and part in path:
            refused.append(path)
            raise KubeError(status=status, reason="refused by the test")
        return await read(client, path, **more)

    monkeypatch.setattr(kube_objects, "call", refuse)
    monkeypatch.setattr(listing, "read", refuse_page)
    return refused


async def test_refused_deletion_does_not_keep_the_objects_after_it(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(9):
        api.put(f"old-{number}", namespace=f"team-{number % 3}")
    refuse_some(monkeypatch, method="DELETE", part="team-0", status=403)
    fixture = SweeperFixture()
    async with fixture.at(api):
        await until(lambda: fixture.count == 6)
        await sweeps(api, more=6)
        assert [namespace for namespace, _ in api.objects] == ["team-0"] * 3
        await until(lambda: fixture.overdue == 3)
    assert fixture.failed("denied") >= 3


async def test_refused_listing_does_not_keep_the_namespaces_after_it(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for namespace in ("a", "b", "c"):
        api.put(f"in-{namespace}", namespace=namespace)
    refuse_some(monkeypatch, method="GET", part="/namespaces/a/", status=403)
    fixture = SweeperFixture(namespaces=("a", "b", "c"))
    async with fixture.at(api):
        await until(lambda: fixture.count == 2)
    assert list(names(api)) == ["in-a"]
    assert fixture.failed("denied") >= 1


async def test_sweep_ends_early_while_the_api_server_is_unavailable(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        api.put(f"old-{number:02}")
    refused = refuse_some(monkeypatch, method="DELETE", part="old", status=503)
    fixture = SweeperFixture(interval=0.5)
    async with fixture.at(api):
        await until(lambda: len(refused) == retention.MOST_UNAVAILABLE)
        await asyncio.sleep(0.1)
        assert len(refused) == retention.MOST_UNAVAILABLE
        assert (fixture.failed("unavailable"), fixture.overdue) == (retention.MOST_UNAVAILABLE, 20)


async def test_overdue_gauge_returns_to_zero_after_the_sweep(api: NotificationsApi) -> None:
    for number in range(5):
        api.put(f"old-{number}")
        api.put(f"young-{number}", completed=YESTERDAY)
    fixture = SweeperFixture(rate=20, interval=1)
    async with fixture.at(api):
        await until(lambda: fixture.overdue == 5)
        await until(lambda: fixture.overdue == 0)
    assert fixture.count == 5


@pytest.mark.parametrize(("objects", "seconds"), [(20, 0.2), (100, 0.5)])
async def test_rate_follows_the_backlog_within_its_bound(
    api: NotificationsApi, objects: int, seconds: float
) -> None:
    for number in range(objects):
        api.put(f"old-{number}")
    # 20 per second are configured; the interval needs 200 or 1,000, and the bound is ten times the setting.
    fixture = SweeperFixture(rate=20, interval=0.1)
    async with fixture.at(api):
        await until(lambda: fixture.count == objects)
    times = [when for _, when in api.deleted]
    assert seconds * 0.4 <= times[-1] - times[0] <= objects / 20 - 0.2
