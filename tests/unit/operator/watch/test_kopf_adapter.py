"""The watch: kopf follows open notifications only, on a server that selects like an API server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from notification_operator.watch import kopf_adapter as watching
from notification_operator.watch.notifications import OPEN
from notification_runtime.kube import objects
from notification_runtime.kube.objects import RESOURCE, collection, pages
from tests.unit.operator.kube_api import until
from tests.unit.operator.notifications_api import NotificationsApi, running
from tests.unit.operator.watch.kopf_fixture import kopf_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = collection(RESOURCE)


@pytest.fixture
async def api() -> AsyncIterator[NotificationsApi]:
    async with running(NotificationsApi()) as server:
        yield server


def queries(api: NotificationsApi) -> list[dict[str, str]]:
    return [query for _, path, query in api.requests if path == PATH]


async def test_start_lists_open_objects_page_by_page_and_no_final_ones(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "METADATA_PAGE", 2)
    for number in range(5):
        api.put(f"done-{number}", ("Sent", "PartiallySent", "Failed")[number % 3])
        api.put(f"open-{number}", ("Pending", "Sending", "Retrying")[number % 3])
    async with kopf_at(api) as handler:
        await until(lambda: any("watch" in query for query in queries(api)))
        await until(lambda: len(handler.events) == 5)
    assert sorted(handler.events, key=lambda each: each[1]) == [
        (None, f"open-{number}") for number in range(5)
    ]
    assert [query.get("limit") for query in queries(api)] == ["2", "2", "2", None]
    assert {query["fieldSelector"] for query in queries(api)} == {
        "status.phase!=Failed,status.phase!=PartiallySent,status.phase!=Sent,status.phase!=Suppressed"
    }


async def test_listing_and_watch_hold_metadata_only(api: NotificationsApi) -> None:
    api.put("listed", "Pending")
    async with kopf_at(api) as handler:
        await until(lambda: any("watch" in query for query in queries(api)))
        api.put("watched", "Pending")
        await until(lambda: handler.names == ["listed", "watched"])
    assert [sorted(obj) for obj in handler.objects] == [["apiVersion", "kind", "metadata", "spec"]] * 2
    assert [obj["spec"] for obj in handler.objects] == [{}, {}]


async def test_listing_and_watch_tell_the_incident(api: NotificationsApi) -> None:
    api.put("listed", "Pending", incident="disk")
    async with kopf_at(api) as handler:
        await until(lambda: any("watch" in query for query in queries(api)))
        api.put("watched", "Pending")
        api.put("later", "Pending", incident="network")
        await until(lambda: len(handler.names) == 3)
        assert {key.name: key.incident for key in handler.queue.keys if key.incident} == {
            "listed": "disk",
            "later": "network",
        }


async def test_kopf_remembers_nothing_about_an_object() -> None:
    memories = watching.NoMemories()
    await memories.recall({"metadata": {"uid": "u"}}, noticed_by_listing=True)
    assert list(memories.iter_all_memories()) == []


async def test_object_that_becomes_final_leaves_the_watch(api: NotificationsApi) -> None:
    async with kopf_at(api) as handler:
        await until(lambda: any("watch" in query for query in queries(api)))
        api.put("order-1", "Pending")
        await until(lambda: len(handler.names) == 1)
        api.put("order-1", "Sent")
        await until(lambda: handler.names == [])
        api.put("order-1", "Sent", labels={"touched": "yes"})
        api.put("order-2", "Pending")
        await until(lambda: len(handler.names) == 1)
    assert handler.events == [("ADDED", "order-1"), ("DELETED", "order-1"), ("ADDED", "order-2")]
    assert handler.handled_by_kopf == [("ADDED", "order-1"), ("ADDED", "order-2")]


async def test_idle_object_keeps_no_worker_task(api: NotificationsApi) -> None:
    for number in range(200):
        api.put(f"open-{number}", "Sending")
    async with kopf_at(api) as handler:
        await until(lambda: len(handler.events) == 200)
        await until(
            lambda: not [task for task in asyncio.all_tasks(handler.loop) if "worker for" in task.get_name()]
        )


async def test_open_selector_matches_every_phase_that_is_not_final(api: NotificationsApi) -> None:
    for phase in ("Pending", "Sending", "Retrying", "Sent", "PartiallySent", "Failed"):
        api.put(phase.lower(), phase)
    async with ApiClient(Configuration(host=api.url)) as client:
        phases = {obj["status"]["phase"] async for page in pages(client, PATH, OPEN) for obj in page}
    assert phases == {"Pending", "Sending", "Retrying"}
