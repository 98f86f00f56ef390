"""Failures of the watch: kopf itself on a server that fails, and no failure ends it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from notification_contract.settings import Watch
from notification_operator.watch import supervisor
from notification_operator.watch.namespaces import SelectedNamespaces
from notification_runtime.kube import collection_watch, objects
from tests.cases import some
from tests.unit.operator.kopf_here import NAMESPACES
from tests.unit.operator.kube_api import refusal, until
from tests.unit.operator.notifications_api import NotificationsApi, running
from tests.unit.operator.watch.kopf_fixture import kopf_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.unit.operator.watch.kopf_fixture import RecordingHandler

DISCOVERY = "/apis/kubernaut.ai/v1alpha1"


async def no_notifications(_namespace: str | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
    yield []


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_watch, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(collection_watch, "LONGEST_DELAY", 0.05)


@pytest.fixture
async def api() -> AsyncIterator[NotificationsApi]:
    async with running(NotificationsApi()) as server:
        yield server


async def opened(api: NotificationsApi, handler: RecordingHandler, names: Sequence[str]) -> None:
    """Wait until the watch is open and exactly these objects are in the queue."""
    await until(lambda: api.watches and handler.kopf.supervisor.closed_seconds == 0)
    await until(lambda: handler.names == list(names), f"{names}; the queue has {handler.names}")
    assert not handler.running.done()
    assert handler.kopf.supervisor.error == ""


async def test_crd_that_arrives_after_the_start_is_watched(api: NotificationsApi) -> None:
    api.served = False
    with capture_logs() as logs:
        async with kopf_at(api) as handler:
            await until(lambda: sum(path == DISCOVERY for _, path, _ in api.requests) >= 5)
            watches = handler.kopf.supervisor
            assert watches.error == "waiting for the CRD notificationrequests.kubernaut.ai"
            assert (watches.served.missing, watches.stalled_seconds) == (True, 0.0)
            assert watches.closed_seconds > 0
            api.served = True
            api.put("order-1", "Pending")
            await opened(api, handler, ["order-1"])
    assert [line["log_level"] for line in logs if line["event"] == "CRD not found; waiting for it"] == [
        "warning"
    ]
    assert any(line["event"] == "CRD found" for line in logs)


async def test_crd_without_selectable_fields_is_reported_until_it_is_updated(api: NotificationsApi) -> None:
    api.selectable = False
    api.put("order-1", "Pending")
    with capture_logs() as logs:
        async with kopf_at(api) as handler:
            await until(lambda: handler.kopf.supervisor.error)
            api.selectable = True
            await opened(api, handler, ["order-1"])
    assert "update the NotificationRequest CRD" in next(
        line["hint"] for line in logs if line["event"] == "watch failed; retrying"
    )


async def test_crd_that_is_deleted_and_returns_is_watched_again(api: NotificationsApi) -> None:
    api.put("order-1", "Pending")
    async with kopf_at(api) as handler:
        await opened(api, handler, ["order-1"])
        api.delete_crd()
        await until(lambda: handler.kopf.supervisor.served.missing)
        api.served = True
        api.put("order-2", "Pending")
        await opened(api, handler, ["order-2"])


@pytest.mark.parametrize("status", some([429, 500, 503, 403, 401]))
async def test_watch_survives_refusals_of_the_whole_api_server(api: NotificationsApi, status: int) -> None:
    api.put("order-1", "Pending")
    async with kopf_at(api) as handler:
        await opened(api, handler, ["order-1"])
        api.refuse["GET"] = refusal(status, "not now")
        api.end()
        await until(lambda: handler.kopf.supervisor.error == f"{status} not now")
        refused = len(api.requests)
        # More often than kopf retries by itself.
        await until(lambda: len(api.requests) > refused + 15)
        api.put("order-2", "Pending")
        api.refuse.clear()
        await opened(api, handler, ["order-1", "order-2"])


async def test_watch_survives_a_connection_that_is_refused() -> None:
    nowhere = NotificationsApi()
    nowhere.url = "http://127.0.0.1:1"
    async with kopf_at(nowhere) as handler:
        await until(lambda: "127.0.0.1" in handler.kopf.supervisor.error)
        assert not handler.running.done()


async def test_refusing_namespace_does_not_disturb_the_others(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "UNAVAILABLE_AFTER", 0.3)
    api.namespace_refusals["left"] = 403
    with capture_logs() as logs:
        async with kopf_at(api, watch=Watch(namespaces=("left", "shop"))) as handler:
            watches = handler.kopf.supervisor
            await until(lambda: watches.unavailable_namespaces)
            api.put("order-1", "Pending")
            await until(lambda: handler.names == ["order-1"])
            assert (watches.required, watches.unavailable_namespaces) == (1, ("left",))
            assert (watches.closed_seconds, watches.error) == (0, "")
            assert handler.kopf.unavailable == [("left", "403 refused")]
            api.namespace_refusals.clear()
            api.put("order-2", "Pending", namespace="left")
            await until(lambda: handler.names == ["order-1", "order-2"])
            await until(lambda: watches.required == 2)
    events = [line["event"] for line in logs if line["event"] != "namespace joined"]
    assert events == ["watch failed; retrying", "namespace is not watched", "watch recovered"]


async def test_error_event_restarts_the_watch_and_not_the_process(api: NotificationsApi) -> None:
    async with kopf_at(api) as handler:
        await opened(api, handler, [])
        for number, code in enumerate((500, 410, 504), start=1):
            api.send_error(code)
            api.put(f"order-{number}", "Pending")
            await until(partial(lambda count: len(handler.listings) > count, number))
            await opened(api, handler, [f"order-{each + 1}" for each in range(number)])


async def test_listing_that_expires_on_the_second_page_begins_again(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "METADATA_PAGE", 2)
    for number in range(5):
        api.put(f"order-{number}", "Pending")
    api.expired_pages = 2
    async with kopf_at(api) as handler:
        await opened(api, handler, [f"order-{number}" for number in range(5)])
    assert ["continue" in query for query in api.lists] == [False, True, False, True, False, True, True]


async def test_object_deleted_while_the_watch_is_broken_is_forgotten(api: NotificationsApi) -> None:
    api.put("order-1", "Pending")
    api.put("order-2", "Pending")
    async with kopf_at(api) as handler:
        await opened(api, handler, ["order-1", "order-2"])
        api.remove("order-1")
        api.send_error(410)
        await opened(api, handler, ["order-2"])


async def test_namespace_that_loses_its_label_unobserved_is_left(api: NotificationsApi) -> None:
    api.namespaces = {"a": "uid-a", "b": "uid-b"}
    namespaces = SelectedNamespaces(no_notifications)
    watch = Watch(namespace_selector="team=web")
    async with kopf_at(api, watch=watch, namespaces=namespaces) as handler:
        await until(lambda: "a" in namespaces and "b" in namespaces)
        await until(lambda: api.watches == 2)
        del api.namespaces["b"]
        api.send_error(410)
        await until(lambda: "b" not in namespaces)
        assert "a" in namespaces
        await until(lambda: handler.kopf.connectivity.closed_seconds("watching", NAMESPACES) == 0)


async def test_namespace_that_loses_its_label_while_it_is_listed_is_left(api: NotificationsApi) -> None:
    listings: list[str] = []

    async def endless(_namespace: str | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
        listings.append("begun")
        try:
            await asyncio.Event().wait()
            yield []
        finally:
            listings.append("ended")

    api.namespaces = {"a": "uid-a"}
    namespaces = SelectedNamespaces(endless)
    watch = Watch(namespace_selector="team=web")
    async with kopf_at(api, watch=watch, namespaces=namespaces):
        await until(lambda: listings == ["begun"] and api.watches == 2)
        api.remove_namespace("a")
        await until(lambda: "a" not in namespaces and listings == ["begun", "ended"])


async def test_watch_that_is_neither_open_nor_retried_is_stalled(api: NotificationsApi) -> None:
    async with kopf_at(api) as handler:
        await opened(api, handler, [])
        watches = handler.kopf.supervisor
        assert watches.stalled_seconds == 0
        handler.kopf.connectivity.close_watch("watching", f"{DISCOVERY}/notificationrequests")
        await until(lambda: watches.stalled_seconds > 0.05)
