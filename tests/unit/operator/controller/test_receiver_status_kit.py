"""The kit with its second user, the status of receivers: replicas that write at once lose nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kubernetes.aio.client import ApiClient, Configuration

from atomic_status import KubeStatusStore, ObjectRef, apply
from atomic_status.testing import MemoryStore
from notification_domain.receivers.fold import OwnerFacts, fold
from notification_runtime.kube.objects import RECEIVER_RESOURCE
from tests.unit.operator.atomic_status.object_api import ObjectApi, serving
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.builders import HOME, READY, failing_at, healthy_at, stored_receiver

if TYPE_CHECKING:
    from atomic_status import JsonObject, StatusStore
    from notification_domain.receivers.health import Health

REF = ObjectRef(namespace="shop", name="on-call")
REPLICAS = [f"replica-{number}" for number in range(5)]


async def write(store: StatusStore, replica: str, health: Health, owner: OwnerFacts | None = None) -> None:
    def next_status(obj: JsonObject) -> JsonObject:
        return fold(obj, replica=replica, health=health, owner=owner, now=at(100)).dump()

    await apply(store, REF, next_status, max_attempts=50, retry_delay=0.001)


def names(memory: MemoryStore) -> list[str]:
    status: dict[str, Any] = memory.peek(REF)["status"]
    return [each["name"] for each in status["replicas"]]


async def test_replicas_that_write_at_once_lose_no_entry() -> None:
    api = ObjectApi(RECEIVER_RESOURCE)
    async with serving(api), ApiClient(Configuration(host=api.url)) as client:
        store = KubeStatusStore(client, RECEIVER_RESOURCE, timeout=5)
        api.memory.create(stored_receiver())
        owner = OwnerFacts(home=HOME, readiness=READY)
        writes = [
            write(store, replica, healthy_at(10 + number), owner if number == 2 else None)
            for number, replica in enumerate(REPLICAS)
        ]
        await asyncio.gather(*writes)
        assert names(api.memory) == REPLICAS
        status = api.memory.peek(REF)["status"]
        assert {each["type"] for each in status["conditions"]} == {"Ready", "ResolvedRefs", "Healthy"}
        assert status["lastSuccessTime"] == status["replicas"][-1]["lastSuccessTime"]
        again = len(api.requests)
        await asyncio.gather(*(write(store, name, healthy_at(10 + n)) for n, name in enumerate(REPLICAS)))
        assert {method for method, _ in api.requests[again:]} == {"GET"}


async def test_read_from_a_cache_loses_the_entry_of_another_replica() -> None:
    """The mistake that SP-CACHE-001 forbids, where the version is checked against the cache alone."""
    memory = MemoryStore(stale=True)
    memory.create(stored_receiver())

    class Unchecked(MemoryStore):
        """Writes without a version, as a patch of one field does."""

        async def read(self, ref: ObjectRef) -> JsonObject:
            return await memory.read(ref)

        async def replace_status(self, obj: JsonObject) -> JsonObject:
            memory.write_status(REF, obj["status"])
            return memory.peek(REF)

    await write(Unchecked(), "a", healthy_at(1))
    await write(Unchecked(), "b", healthy_at(2))
    assert names(memory) == ["b"]
    memory.sync()
    await write(Unchecked(), "a", healthy_at(1))
    assert names(memory) == ["a", "b"]


async def test_change_decides_from_its_argument_alone() -> None:
    memory = MemoryStore()
    memory.create(stored_receiver())
    opened = replace(failing_at(50, failures=3), problem="Gone")
    theirs = fold(memory.peek(REF), replica="b", health=opened, owner=None, now=at(99)).dump()
    memory.interfere_next(lambda: memory.write_status(REF, theirs))
    await write(memory, "a", healthy_at(10))
    assert names(memory) == ["a", "b"]
    (healthy,) = memory.peek(REF)["status"]["conditions"]
    assert healthy["reason"] == "Gone"
    assert [verb for verb, _ in memory.calls] == ["GET", "PUT", "GET", "PUT"]
