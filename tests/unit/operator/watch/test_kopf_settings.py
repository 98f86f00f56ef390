"""What is watched: what is open and nothing else, by kopf itself on a server that selects as an API server does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from structlog.testing import capture_logs

from notification_operator.app import RESOURCE
from notification_operator.controller.workqueue import Done, Key, WorkQueue
from notification_operator.kube.pagination import collection, pages
from notification_operator.watch import kopf_settings as watching
from notification_operator.watch.event_handler import Bell
from notification_operator.watch.field_selector import OPEN, open_only
from tests.unit.operator.kopf_here import kopf_here
from tests.unit.operator.kube_api import refusal, until
from tests.unit.operator.notifications_api import NotificationsApi, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

PATH = collection(RESOURCE)


class Ears:
    """A bell on a queue that makes no pass; it notes what rings it."""

    def __init__(self) -> None:
        async def process(_key: Key, _queued_at: datetime) -> Done:
            raise AssertionError

        self.loop = asyncio.get_running_loop()
        self.heard: list[tuple[str | None, str]] = []
        self.over: list[str] = []
        clock: Any = None
        self.queue = WorkQueue(process=process, workers=1, starts=lambda _key: False, clock=lambda: clock)
        self._bell = Bell(
            self.queue, serves=lambda _name: True, over=self.over.append, holds=lambda _uid: False
        )

    def ring(self, event_type: str | None, obj: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.heard.append((event_type, obj["metadata"]["name"]))
        self._bell.ring(event_type, obj)


@contextlib.asynccontextmanager
async def kopf_at(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch, selector: str
) -> AsyncIterator[Ears]:
    """Let kopf watch the server, with the operator's own handlers and settings."""

    async def nothing() -> None:
        pass

    ears, stop = Ears(), threading.Event()
    operator = kopf_here(monkeypatch, url=api.url, stop_flag=stop, selector=selector, bell=ears, stop=nothing)
    # On a loop of its own: at its end kopf waits for every other task of the loop, the server's among them.
    running_kopf = asyncio.create_task(asyncio.to_thread(asyncio.run, operator))
    try:
        yield ears
    finally:
        stop.set()
        await running_kopf


@pytest.fixture
async def api() -> AsyncIterator[NotificationsApi]:
    async with running(NotificationsApi()) as server:
        yield server


def asked(api: NotificationsApi) -> list[dict[str, str]]:
    return [query for _, path, query in api.requests if path == PATH]


async def test_a_start_brings_what_is_open_page_by_page_and_nothing_that_is_final(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAGE", 2)
    for number in range(5):
        api.put(f"done-{number}", ("Sent", "PartiallySent", "Failed")[number % 3])
        api.put(f"open-{number}", ("Pending", "Sending", "Retrying")[number % 3])
    async with kopf_at(api, monkeypatch, OPEN) as ears:
        await until(lambda: any("watch" in query for query in asked(api)))
        await until(lambda: len(ears.heard) == 5)
    assert sorted(ears.heard, key=lambda each: each[1]) == [(None, f"open-{number}") for number in range(5)]
    assert [query.get("limit") for query in asked(api)] == ["2", "2", "2", None]
    assert {query["fieldSelector"] for query in asked(api)} == {
        "status.phase!=Failed,status.phase!=PartiallySent,status.phase!=Sent"
    }


async def test_what_becomes_final_leaves_the_watch_and_what_is_done_with_it_then_is_not_heard_of(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kopf_at(api, monkeypatch, OPEN) as ears:
        await until(lambda: any("watch" in query for query in asked(api)))
        api.put("order-1", "Pending")
        await until(lambda: ears.queue.waiting == 1)
        api.put("order-1", "Sent")
        await until(lambda: ears.over == ["uid-order-1"])
        assert ears.queue.waiting == 0
        api.put("order-1", "Sent", labels={"touched": "yes"})
        api.put("order-2", "Pending")
        await until(lambda: ears.queue.waiting == 1)
    assert ears.heard == [("ADDED", "order-1"), ("DELETED", "order-1"), ("ADDED", "order-2")]


async def test_nothing_stays_behind_for_an_object_that_nothing_happens_to(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        api.put(f"open-{number}", "Sending")
    async with kopf_at(api, monkeypatch, OPEN) as ears:
        await until(lambda: len(ears.heard) == 200)
        await until(
            lambda: not [task for task in asyncio.all_tasks(ears.loop) if "worker for" in task.get_name()]
        )


async def test_an_older_crd_is_noticed_and_then_everything_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(NotificationsApi(selectable=False)) as api:
        api.put("done", "Sent")
        api.put("open", "Pending")
        async with ApiClient(Configuration(host=api.url)) as client:
            with capture_logs() as logs:
                assert await open_only(client, PATH) == ""
        assert [(line["log_level"], "CRD" in line["hint"]) for line in logs] == [("warning", True)]
        async with kopf_at(api, monkeypatch, "") as ears:
            await until(lambda: len(ears.heard) == 2)
            assert (ears.queue.waiting, ears.over) == (1, ["uid-done"])


async def test_a_crd_that_is_up_to_date_is_asked_for_one_object_alone(api: NotificationsApi) -> None:
    async with ApiClient(Configuration(host=api.url)) as client:
        assert await open_only(client, PATH) == OPEN
    assert asked(api) == [{"limit": "1", "fieldSelector": OPEN}]


async def test_another_trouble_of_that_question_is_left_to_the_watch(api: NotificationsApi) -> None:
    api.refuse["GET"] = refusal(403, "not allowed")
    async with ApiClient(Configuration(host=api.url)) as client:
        assert await open_only(client, PATH) == OPEN
    async with ApiClient(Configuration(host="http://127.0.0.1:1")) as client:
        assert await open_only(client, PATH) == OPEN


async def test_what_is_open_is_every_phase_that_is_not_final(api: NotificationsApi) -> None:
    for phase in ("Pending", "Sending", "Retrying", "Sent", "PartiallySent", "Failed"):
        api.put(phase.lower(), phase)
    async with ApiClient(Configuration(host=api.url)) as client:
        found = {obj["status"]["phase"] async for page in pages(client, PATH, OPEN) for obj in page}
    assert found == {"Pending", "Sending", "Retrying"}
