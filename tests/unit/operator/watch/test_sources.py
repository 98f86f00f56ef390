"""The sources of heartbeats, as the watch shows them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from notification_domain.quota import SOURCES, Quota
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.watch.sources import HeartbeatSources
from tests.unit.operator.kube_api import until
from tests.unit.operator.watch.collections_in_memory import Collections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container

    from notification_domain.key import Key

HEARTBEAT = {"type": "heartbeat", "heartbeat": {"every": "1h"}}
EVERYWHERE = f"/apis/{names.API_VERSION}/{names.SOURCE_PLURAL}"
HOME = f"/apis/{names.API_VERSION}/namespaces/home/{names.SOURCE_PLURAL}"


def document(name: str, *, namespace: str = "home", **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "uid": f"uid-{name}", "generation": 1}
    return {"metadata": metadata, "spec": spec or HEARTBEAT}


@contextlib.asynccontextmanager
async def following(
    collections: Collections,
    *,
    everywhere: bool = False,
    served: Container[str] = AllNamespaces(),
    most: int = 9,
) -> AsyncIterator[HeartbeatSources]:
    quota: Quota[Key] = Quota(SOURCES, home="home", per_namespace=most)
    sources = HeartbeatSources(collections, home="home", everywhere=everywhere, served=served, quota=quota)
    task = asyncio.create_task(sources.run())
    await asyncio.sleep(0)
    try:
        yield sources
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def followed(sources: HeartbeatSources) -> set[str]:
    return {each.key.name for each in sources.beats}


async def test_sources_of_heartbeats_are_followed_until_they_are_none() -> None:
    collections = Collections()
    collections.put(HOME, "a", document("a"))
    collections.put(HOME, "b", document("b", type="generic"))
    async with following(collections) as sources:
        await until(lambda: followed(sources) == {"a"})
        collections.put(HOME, "b", document("b"))
        await until(lambda: followed(sources) == {"a", "b"})
        collections.put(HOME, "a", document("a", type="generic"))
        await until(lambda: followed(sources) == {"b"})
        collections.delete(HOME, "b")
        await until(lambda: followed(sources) == set())


async def test_source_that_was_read_replaces_what_the_watch_has_shown() -> None:
    collections = Collections()
    collections.put(HOME, "a", document("a"))
    async with following(collections) as sources:
        await until(lambda: followed(sources) == {"a"})
        sources.take({**document("a"), "status": {"lastBeatTime": "2026-11-29T08:00:00Z"}})
        (beats,) = sources.beats
        assert beats.last is not None


async def test_source_that_was_deleted_after_its_read_does_not_come_back() -> None:
    collections = Collections()
    collections.put(HOME, "a", document("a"))
    async with following(collections) as sources:
        await until(lambda: followed(sources) == {"a"})
        collections.delete(HOME, "a")
        await until(lambda: followed(sources) == set())
        sources.take(document("a"))
        assert followed(sources) == set()


@pytest.mark.parametrize(("served", "expected"), [({"shop"}, {"a", "b"}), ((), {"a"})])
async def test_sources_of_other_namespaces_count_where_they_are_served(
    served: Container[str], expected: set[str]
) -> None:
    collections = Collections()
    collections.put(EVERYWHERE, "a", document("a"))
    collections.put(EVERYWHERE, "b", document("b", namespace="shop"))
    collections.put(EVERYWHERE, "c", document("c", namespace="else", type="generic"))
    async with following(collections, everywhere=True, served=served) as sources:
        await until(lambda: followed(sources) == expected)


async def test_sources_beyond_the_quota_are_followed_when_there_is_room() -> None:
    collections = Collections()
    for name in ("a", "b", "c"):
        collections.put(HOME, name, document(name))
    async with following(collections, most=2) as sources:
        await until(lambda: followed(sources) == {"a", "b"})
        collections.delete(HOME, "a")
        await until(lambda: followed(sources) == {"b"})
        collections.put(HOME, "c", document("c"))
        await until(lambda: followed(sources) == {"b", "c"})
