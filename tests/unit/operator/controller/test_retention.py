"""Deleting what was kept long enough, on a real server: what is due goes, at a bounded rate, and nothing else does."""

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
from notification_operator.app import RESOURCE
from notification_operator.controller import retention
from notification_operator.controller.retention import Due, Keeper
from notification_operator.kube import pagination as listing
from notification_operator.kube.requests import call
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
    """Pages of two objects, so that a walk has several."""
    monkeypatch.setattr(listing, "PAGE", 2)
    monkeypatch.setattr(retention, "PAGE_PAUSE", 0.001)


@pytest.fixture
async def api() -> AsyncIterator[NotificationsApi]:
    async with running(NotificationsApi()) as server:
        yield server


class Bench:
    """A keeper on a server, with what it is told about the rest of the operator."""

    def __init__(self, *, rate: float = 1000, interval: float = 0.02, namespaces: Sequence[str] = ()) -> None:
        self.settings = Retention(deletes_per_second=rate, interval_seconds=interval)
        self.namespaces = namespaces
        self.works = True
        self.not_ours: set[str] = set()
        self.now = NOW
        self.deleted = Counter("deleted", "Deleted.", registry=CollectorRegistry())

    @contextlib.asynccontextmanager
    async def at(self, api: NotificationsApi) -> AsyncIterator[None]:
        async with ApiClient(Configuration(host=api.url)) as client:
            keeper = Keeper(
                client,
                self.settings,
                kind=RESOURCE,
                namespaces=self.namespaces,
                works=lambda: self.works,
                may_delete=self._may_delete,
                deleted=self.deleted,
                clock=lambda: self.now,
            )
            task = asyncio.create_task(keeper.run())
            try:
                yield
                assert not task.done()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _may_delete(self, due: Due) -> bool:
        return due.uid not in self.not_ours

    @property
    def count(self) -> float:
        return self.deleted._value.get()


async def walks(api: NotificationsApi, more: int = 2) -> None:
    """Wait until some more walks have begun, so that one has ended meanwhile."""
    seen = sum("continue" not in query for query in api.lists)
    await until(lambda: sum("continue" not in query for query in api.lists) > seen + more)


def names(api: NotificationsApi) -> Iterator[str]:
    return (name for _, name in api.objects)


async def test_what_is_due_is_deleted_in_all_namespaces_and_the_rest_stays(api: NotificationsApi) -> None:
    for number in range(5):
        api.put(f"old-{number}", FINAL[number % 3], namespace=f"team-{number % 2}")
        api.put(f"young-{number}", FINAL[number % 3], completed=YESTERDAY)
        api.put(f"open-{number}", OPEN[number % 3])
    bench = Bench()
    async with bench.at(api):
        await until(lambda: bench.count == 5)
        await walks(api)
    assert sorted(name for name, _ in api.deleted) == [f"old-{number}" for number in range(5)]
    assert len(api.objects) == 10


async def test_what_is_not_due_yet_is_deleted_by_a_later_walk(api: NotificationsApi) -> None:
    api.put("one", days=1, completed=YESTERDAY)
    bench = Bench()
    bench.now = datetime(2026, 11, 24, 10, 59, 59, tzinfo=UTC)
    async with bench.at(api):
        await walks(api)
        assert api.deleted == []
        bench.now = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
        await until(lambda: api.deleted)


async def test_a_walk_takes_page_after_page(api: NotificationsApi) -> None:
    for number in range(5):
        api.put(f"young-{number}", completed=YESTERDAY)
    async with Bench(interval=0.5).at(api):
        await until(lambda: len(api.lists) == 3)
    assert api.lists == [{"limit": "2"}, {"limit": "2", "continue": "2"}, {"limit": "2", "continue": "4"}]


async def test_an_object_that_changed_after_it_was_found_due_stays(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put("changing")
    api.put("old")

    async def change_first(client: ApiClient, method: str, path: str, **more: Any) -> Any:
        if path.endswith("changing") and not api.deleted:
            api.put("changing", completed=YESTERDAY)
        return await call(client, method, path, **more)

    monkeypatch.setattr(retention, "call", change_first)
    bench = Bench()
    async with bench.at(api):
        await until(lambda: bench.count == 1)
        await walks(api)
    assert list(names(api)) == ["changing"]


async def test_what_is_another_replica_s_or_not_served_stays(api: NotificationsApi) -> None:
    api.put("ours")
    api.put("theirs")
    bench = Bench()
    bench.not_ours = {"uid-theirs"}
    async with bench.at(api):
        await until(lambda: bench.count == 1)
        await walks(api)
    assert list(names(api)) == ["theirs"]


async def test_a_standby_does_not_even_look(api: NotificationsApi) -> None:
    api.put("old")
    bench = Bench()
    bench.works = False
    async with bench.at(api):
        await asyncio.sleep(0.1)
        assert api.requests == []
        bench.works = True
        await until(lambda: bench.count == 1)


async def test_an_operator_of_some_namespaces_looks_into_these_alone(api: NotificationsApi) -> None:
    for namespace in ("a", "b", "c"):
        api.put(f"in-{namespace}", namespace=namespace)
    bench = Bench(namespaces=("a", "c"))
    async with bench.at(api):
        await until(lambda: bench.count == 2)
        await walks(api)
    assert list(names(api)) == ["in-b"]
    assert all("/namespaces/" in path for _, path, _ in api.requests)


async def test_deletions_keep_the_rate_that_is_set(api: NotificationsApi) -> None:
    for number in range(6):
        api.put(f"old-{number}")
    bench = Bench(rate=25)
    async with bench.at(api):
        await until(lambda: bench.count == 6)
    times = [when for _, when in api.deleted]
    assert times[-1] - times[0] >= 5 * 0.04 - 0.02
    assert all(later > earlier for earlier, later in pairwise(times))


async def test_more_than_is_noted_at_once_is_deleted_without_waiting_for_the_next_interval(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(10):
        api.put(f"old-{number}")
    bench = Bench()
    bench.settings = Retention(deletes_per_second=1000, interval_seconds=0.5)
    began = asyncio.get_running_loop().time()
    async with bench.at(api):
        await until(lambda: bench.count == 10)
    assert api.deleted[-1][1] - began < 0.5


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_api_server_that_refuses_is_asked_again_later(api: NotificationsApi, method: str) -> None:
    api.put("old")
    api.refuse[method] = refusal(403, "not allowed")
    bench = Bench()
    async with bench.at(api):
        await until(lambda: sum(done == method for done, _, _ in api.requests) >= 2)
        del api.refuse[method]
        await until(lambda: bench.count == 1)
