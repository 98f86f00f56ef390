"""The load generator, with a small API server."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.bench.generator import Batch, Follower, NotFinalError, create
from tests.bench.scenarios import Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class FakeApi:
    """Stores notifications and sends their events; each becomes final when `ends` says so."""

    def __init__(self, *, ends: bool = True, takes: float = 0.0, patience: int = 1_000_000) -> None:
        """End a watch after `patience` events."""
        self.watched_from: list[int] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self._version, self._patience = 1, patience
        self.created: list[tuple[float, dict[str, Any]]] = []
        self.requested = asyncio.Event()
        self._ends, self._takes = ends, takes
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def create(self, namespace: str, body: bytes) -> None:
        obj = orjson.loads(body)
        assert obj["metadata"]["namespace"] == namespace
        self.created.append((time.perf_counter(), obj))
        self.requested.set()
        await asyncio.sleep(self._takes)
        self.send("ADDED", obj["metadata"]["name"], "Pending")
        if self._ends:
            self.send("MODIFIED", obj["metadata"]["name"], "Sent")

    def send(self, kind: str, name: str, phase: str) -> None:
        self._version += 1
        meta = {"name": name, "resourceVersion": str(self._version)}
        obj = {"metadata": meta, "status": {"phase": phase}}
        self.stored[name] = obj
        self._events.put_nowait({"type": kind, "object": obj})

    def forget(self) -> None:
        """Drop the events that the watch has not sent yet, and report that the version is too old."""
        while not self._events.empty():
            self._events.get_nowait()
        self._events.put_nowait({"type": "ERROR", "object": {"code": 410}})

    async def version(self, _namespace: str) -> str:
        return str(self._version)

    async def all(self, _namespace: str) -> list[dict[str, Any]]:
        return list(self.stored.values())

    async def watch(self, _namespace: str, version: str) -> AsyncIterator[dict[str, Any]]:
        self.watched_from.append(int(version))
        for _ in range(self._patience):
            yield await self._events.get()


async def run(fake_api: Any, batch: Batch, *, within: float = 5.0) -> None:
    follower = Follower(fake_api, "ns", [batch])
    following = asyncio.create_task(follower.run("1"))
    try:
        await create(fake_api, "ns", batch)
        await follower.until_final(batch, within)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_burst_creates_each_notification_once_and_waits_for_all() -> None:
    fake_api, batch = FakeApi(takes=0.001), Batch(load=Load(count=50), first=100)
    await run(fake_api, batch)
    names = [obj["metadata"]["name"] for _, obj in fake_api.created]
    assert (len(names), set(names)) == (50, set(batch.names))
    assert batch.final.keys() == batch.created.keys() == set(names)
    assert batch.phases == {"Sent": 50}
    assert all(seconds >= 0.001 for seconds in batch.latencies)


async def test_ended_watch_is_resumed_from_its_last_version() -> None:
    fake_api, batch = FakeApi(patience=7), Batch(load=Load(count=20), first=0)
    await run(fake_api, batch)
    assert len(batch.final) == 20
    assert fake_api.watched_from == [1, 8, 15, 22, 29, 36]


async def test_final_notifications_are_listed_after_an_expired_watch() -> None:
    fake_api, batch = FakeApi(ends=False), Batch(load=Load(count=1), first=0)
    (name,) = batch.names
    fake_api.send("MODIFIED", name, "Sent")
    fake_api.forget()
    await run(fake_api, batch)
    assert batch.phases == {"Sent": 1}
    assert fake_api.watched_from == [1, 2]


async def test_pace_is_kept_with_slow_creations() -> None:
    fake_api, batch = FakeApi(takes=0.2), Batch(load=Load(count=10, rate=50.0), first=0)
    began = time.perf_counter()
    await run(fake_api, batch)
    came = [at - began for at, _ in fake_api.created]
    assert all(seen >= number * 0.02 - 0.001 for number, seen in enumerate(came))
    assert came[-1] < 5 * 0.2


async def test_cancelled_pace_leaves_no_unfinished_creation() -> None:
    fake_api: Any = FakeApi(takes=0.05)
    batch = Batch(load=Load(count=1000, rate=100.0), first=0)
    creating = asyncio.create_task(create(fake_api, "ns", batch))
    await fake_api.requested.wait()
    creating.cancel()
    await asyncio.gather(creating, return_exceptions=True)
    assert 0 < len(batch.created) < 1000
    assert batch.created.keys() == fake_api.stored.keys()


async def test_notifications_that_are_not_final_are_reported() -> None:
    batch = Batch(load=Load(count=3), first=0)
    with pytest.raises(
        NotFinalError, match=r"3 of 3 were not seen final after 0\.05 s.*; 3 of them are not by"
    ):
        await run(FakeApi(ends=False), batch, within=0.05)


async def test_failed_watch_is_reported_immediately() -> None:
    class Refusing(FakeApi):
        async def watch(self, _namespace: str, version: str) -> AsyncIterator[dict[str, Any]]:
            yield await self.refusal(version)

        async def refusal(self, version: str) -> dict[str, Any]:
            raise ConnectionError(f"no watch from {version}")

    batch = Batch(load=Load(count=3), first=0)
    with pytest.raises(NotFinalError, match=r"the watch failed: ConnectionError\('no watch from 1'\)"):
        await run(Refusing(), batch, within=60.0)


async def test_first_final_event_counts_and_foreign_objects_do_not() -> None:
    fake_api, batch = FakeApi(ends=False), Batch(load=Load(count=1), first=0)
    (name,) = batch.names
    for kind, about, phase in (
        ("MODIFIED", "stranger-1", "Sent"),
        ("MODIFIED", name, "Sending"),
        ("DELETED", name, "Sent"),
        ("MODIFIED", name, "Failed"),
        ("MODIFIED", name, "Failed"),
    ):
        fake_api.send(kind, about, phase)
    await run(fake_api, batch)
    assert (batch.phases, list(batch.final)) == ({"Failed": 1}, [name])
