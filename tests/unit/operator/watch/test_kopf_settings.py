"""The watch: kopf follows open notifications only, on a server that selects like an API server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from structlog.testing import capture_logs

from notification_operator.controller.workqueue import WorkQueue
from notification_operator.delivery.attempt_tracker import AttemptTracker
from notification_operator.kube.pagination import collection, pages
from notification_operator.telemetry.metrics import Metrics
from notification_operator.watch import kopf_settings as watching
from notification_operator.watch.event_handler import EventHandler
from notification_operator.watch.field_selector import OPEN, open_only
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.wiring import RESOURCE
from tests.unit.operator.kopf_here import kopf_here
from tests.unit.operator.kube_api import refusal, until
from tests.unit.operator.notifications_api import NotificationsApi, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = collection(RESOURCE)


class RecordingHandler:
    """An event handler on a queue that reconciles nothing; it records the events."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: list[tuple[str | None, str]] = []
        self.queue = WorkQueue(workers=1, clock=lambda: datetime.now(UTC))
        self._handler = EventHandler(
            self.queue,
            attempts=AttemptTracker(on_finished=self.queue.add),
            ownership=self,
            metrics=Metrics(),
            served=AllNamespaces(),
        )

    def may_record(self, _uid: str) -> bool:
        return True

    @property
    def names(self) -> list[str]:
        """The names of the objects in the queue."""
        return sorted(key.name for key in self.queue.keys)

    def handle(self, event_type: str | None, obj: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.events.append((event_type, obj["metadata"]["name"]))
        self._handler.handle(event_type, obj)


@contextlib.asynccontextmanager
async def kopf_at(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch, selector: str
) -> AsyncIterator[RecordingHandler]:
    """Let kopf watch the server, with the operator's own handlers and settings."""

    async def nothing() -> None:
        pass

    handler, stop = RecordingHandler(), threading.Event()
    operator = kopf_here(
        monkeypatch, url=api.url, stop_flag=stop, selector=selector, handler=handler, stop=nothing
    )
    # On a loop of its own: at its end kopf waits for every other task of the loop, the server's among them.
    running_kopf = asyncio.create_task(asyncio.to_thread(asyncio.run, operator))
    try:
        yield handler
    finally:
        stop.set()
        await running_kopf


@pytest.fixture
async def api() -> AsyncIterator[NotificationsApi]:
    async with running(NotificationsApi()) as server:
        yield server


def queries(api: NotificationsApi) -> list[dict[str, str]]:
    return [query for _, path, query in api.requests if path == PATH]


async def test_start_lists_open_objects_page_by_page_and_no_final_ones(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAGE", 2)
    for number in range(5):
        api.put(f"done-{number}", ("Sent", "PartiallySent", "Failed")[number % 3])
        api.put(f"open-{number}", ("Pending", "Sending", "Retrying")[number % 3])
    async with kopf_at(api, monkeypatch, OPEN) as handler:
        await until(lambda: any("watch" in query for query in queries(api)))
        await until(lambda: len(handler.events) == 5)
    assert sorted(handler.events, key=lambda each: each[1]) == [
        (None, f"open-{number}") for number in range(5)
    ]
    assert [query.get("limit") for query in queries(api)] == ["2", "2", "2", None]
    assert {query["fieldSelector"] for query in queries(api)} == {
        "status.phase!=Failed,status.phase!=PartiallySent,status.phase!=Sent"
    }


async def test_object_that_becomes_final_leaves_the_watch(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kopf_at(api, monkeypatch, OPEN) as handler:
        await until(lambda: any("watch" in query for query in queries(api)))
        api.put("order-1", "Pending")
        await until(lambda: len(handler.names) == 1)
        api.put("order-1", "Sent")
        await until(lambda: handler.names == [])
        api.put("order-1", "Sent", labels={"touched": "yes"})
        api.put("order-2", "Pending")
        await until(lambda: len(handler.names) == 1)
    assert handler.events == [("ADDED", "order-1"), ("DELETED", "order-1"), ("ADDED", "order-2")]


async def test_idle_object_keeps_no_worker_task(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        api.put(f"open-{number}", "Sending")
    async with kopf_at(api, monkeypatch, OPEN) as handler:
        await until(lambda: len(handler.events) == 200)
        await until(
            lambda: not [task for task in asyncio.all_tasks(handler.loop) if "worker for" in task.get_name()]
        )


async def test_older_crd_is_logged_and_everything_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(NotificationsApi(selectable=False)) as api:
        api.put("done", "Sent")
        api.put("open", "Pending")
        async with ApiClient(Configuration(host=api.url)) as client:
            with capture_logs() as logs:
                assert await open_only(client, PATH) == ""
        assert [(line["log_level"], "CRD" in line["hint"]) for line in logs] == [("warning", True)]
        async with kopf_at(api, monkeypatch, "") as handler:
            await until(lambda: len(handler.events) == 2)
            assert handler.names == ["open"]


async def test_current_crd_is_detected_with_one_object(api: NotificationsApi) -> None:
    async with ApiClient(Configuration(host=api.url)) as client:
        assert await open_only(client, PATH) == OPEN
    assert queries(api) == [{"limit": "1", "fieldSelector": OPEN}]


async def test_other_failures_of_the_detection_are_left_to_the_watch(api: NotificationsApi) -> None:
    api.refuse["GET"] = refusal(403, "not allowed")
    async with ApiClient(Configuration(host=api.url)) as client:
        assert await open_only(client, PATH) == OPEN
    async with ApiClient(Configuration(host="http://127.0.0.1:1")) as client:
        assert await open_only(client, PATH) == OPEN


async def test_open_selector_matches_every_phase_that_is_not_final(api: NotificationsApi) -> None:
    for phase in ("Pending", "Sending", "Retrying", "Sent", "PartiallySent", "Failed"):
        api.put(phase.lower(), phase)
    async with ApiClient(Configuration(host=api.url)) as client:
        phases = {obj["status"]["phase"] async for page in pages(client, PATH, OPEN) for obj in page}
    assert phases == {"Pending", "Sending", "Retrying"}
