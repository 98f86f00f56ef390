"""The load generator, with a small API server."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.bench.generator import Batch, NotFinalError, create, followed
from tests.bench.scenarios import Channel, Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class FakeApi:
    """Stores notifications and sends their events; a watch ends after `patience` events, or at a failure."""

    def __init__(self, *, ends: bool = True, takes: float = 0.0, patience: int = 1_000_000) -> None:
        self.watched_from: list[int] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self.created: list[tuple[float, str]] = []
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.failure: Exception | None = None
        self._ends, self._takes, self._patience, self._version = ends, takes, patience, 1

    async def create(self, namespace: str, body: bytes) -> None:
        metadata = orjson.loads(body)["metadata"]
        assert metadata["namespace"] == namespace
        self.created.append((time.perf_counter(), metadata["name"]))
        await asyncio.sleep(self._takes)
        self.send("ADDED", metadata["name"], "Pending")
        if self._ends:
            self.send("MODIFIED", metadata["name"], "Sent")

    def send(self, kind: str, name: str, phase: str) -> None:
        self._version += 1
        meta = {"name": name, "resourceVersion": str(self._version)}
        self.stored[name] = {"metadata": meta, "status": {"phase": phase}}
        self.events.put_nowait({"type": kind, "object": self.stored[name]})

    async def version(self, _namespace: str) -> str:
        return str(self._version)

    async def all(self, _namespace: str) -> list[dict[str, Any]]:
        return list(self.stored.values())

    async def watch(self, _namespace: str, version: str) -> AsyncIterator[dict[str, Any]]:
        self.watched_from.append(int(version))
        for _ in range(self._patience):
            if self.failure:
                raise self.failure
            yield await self.events.get()


async def run(fake_api: Any, batch: Batch, *, within: float = 5.0) -> None:
    async with followed(fake_api, "ns", batch) as follower:
        await create(fake_api, "ns", batch)
        await follower.until_final(within)


async def test_burst_creates_each_notification_once_and_waits_for_all() -> None:
    fake_api, batch = FakeApi(takes=0.001), Batch(load=Load(50), first=100)
    await run(fake_api, batch)
    names = [name for _, name in fake_api.created]
    assert (len(names), set(names)) == (50, set(batch.bodies("ns")))
    assert batch.final.keys() == batch.created.keys() == set(names)
    assert batch.phases == {"Sent": 50}
    assert all(0.001 <= seconds <= batch.seconds for seconds in batch.latencies)


async def test_ended_watch_is_resumed_from_its_last_version() -> None:
    fake_api, batch = FakeApi(patience=7), Batch(load=Load(20), first=0)
    await run(fake_api, batch)
    assert len(batch.final) == 20
    assert fake_api.watched_from == [1, 8, 15, 22, 29, 36]


async def test_final_notifications_are_listed_after_an_expired_watch() -> None:
    fake_api, batch = FakeApi(ends=False), Batch(load=Load(1), first=0)
    fake_api.send("MODIFIED", next(iter(batch.bodies("ns"))), "Sent")
    fake_api.events.get_nowait()
    fake_api.events.put_nowait({"type": "ERROR", "object": {"code": 410}})
    await run(fake_api, batch)
    assert batch.phases == {"Sent": 1}
    assert fake_api.watched_from == [2, 2]


async def test_pace_is_kept_with_slow_creations() -> None:
    fake_api, batch = FakeApi(takes=0.2), Batch(load=Load(10, rate=50.0), first=0)
    began = time.perf_counter()
    await run(fake_api, batch)
    came = [at - began for at, _ in fake_api.created]
    assert all(seen >= number * 0.02 - 0.001 for number, seen in enumerate(came))
    assert came[-1] < 5 * 0.2


async def test_notifications_that_are_not_final_are_reported() -> None:
    with pytest.raises(NotFinalError, match=r"3 of 3 are not final after 0\.05 s, such as"):
        await run(FakeApi(ends=False), Batch(load=Load(3), first=0), within=0.05)


async def test_failed_watch_is_reported_immediately() -> None:
    fake_api = FakeApi()
    fake_api.failure = ConnectionError("refused")
    with pytest.raises(NotFinalError, match=r"the watch failed: ConnectionError\('refused'\)"):
        await run(fake_api, Batch(load=Load(3), first=0), within=60.0)


def test_receiver_replaces_channels() -> None:
    receiver: Any = SimpleNamespace(ref={"name": "r-0", "namespace": "home"})
    (body,) = Batch(load=Load(1, Channel.RECEIVER), first=7, receiver=receiver).bodies("ns").values()
    spec = orjson.loads(body)["spec"]
    assert (spec["receiverRefs"], spec["subject"]) == ([receiver.ref], "bench-7-")
    assert spec.keys().isdisjoint({"channels", "recipients"})


async def test_first_final_event_counts_and_foreign_objects_do_not() -> None:
    fake_api, batch = FakeApi(ends=False), Batch(load=Load(1), first=0)
    (name,) = batch.bodies("ns")
    events = [("MODIFIED", "stranger-1", "Sent"), ("MODIFIED", name, "Sending"), ("DELETED", name, "Sent")]
    for event in (*events, ("MODIFIED", name, "Failed"), ("MODIFIED", name, "Failed")):
        fake_api.send(*event)
    await run(fake_api, batch)
    assert (batch.phases, list(batch.final)) == ({"Failed": 1}, [name])
