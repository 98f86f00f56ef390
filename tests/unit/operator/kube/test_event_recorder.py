"""Events on their way to a real API server: correct, added up, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from notification_operator.kube import event_recorder as event_poster
from notification_operator.kube.event import Event, Regarding, Type
from notification_operator.kube.event_recorder import EventPoster, own_pod
from tests.unit.operator.domain.builders import at
from tests.unit.operator.kube_api import KubeApi, refusal, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web
    from kubernetes.aio.client import ApiClient

ORDER = Regarding(
    api_version="kubernaut.ai/v1alpha1",
    kind="NotificationRequest",
    namespace="shop",
    name="order-1",
    uid="uid-1",
)
EVENT = Event(
    regarding=ORDER,
    type=Type.WARNING,
    reason="MaxRetriesExhausted",
    action="Deliver",
    note="Failed: not delivered",
    at=at(0),
)


class Bench:
    """A poster, and what it dropped."""

    def __init__(self, client: ApiClient) -> None:
        self._counter = Counter("dropped", "Dropped.", ["reason"], registry=CollectorRegistry())
        self.poster = EventPoster(client, instance="pod-1", dropped=self._counter)

    def dropped(self, reason: str) -> float:
        return float(self._counter.labels(reason=reason)._value.get())

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[EventPoster]:
        self.poster.start()
        try:
            yield self.poster
        finally:
            await self.poster.close(5)


@pytest.fixture
def bench(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(event_poster, "PAUSES", (0.02, 0.05))
    return Bench(client)


async def test_an_event_says_about_what_by_whom_why_and_when(bench: Bench, api: KubeApi) -> None:
    async with bench.at_work() as poster:
        poster.post(EVENT)
    ((namespace, name),) = api.events
    event = api.events[namespace, name]
    assert namespace == "shop"
    assert event["regarding"] == {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "namespace": "shop",
        "name": "order-1",
        "uid": "uid-1",
    }
    said = [event[key] for key in ("type", "reason", "action", "note", "eventTime")]
    assert said == [
        "Warning",
        "MaxRetriesExhausted",
        "Deliver",
        "Failed: not delivered",
        "2026-03-01T12:00:00.000000Z",
    ]
    assert event["reportingController"] == "kubernaut.ai/notification-operator"
    assert event["reportingInstance"] == "pod-1"
    assert "series" not in event


async def test_what_is_said_again_adds_to_the_series_of_the_event_that_said_it(
    bench: Bench, api: KubeApi
) -> None:
    async with bench.at_work() as poster:
        for seconds in range(3):
            poster.post(replace(EVENT, at=at(seconds)))
        poster.post(replace(EVENT, note="something else"))
    first, other = sorted(api.events.values(), key=lambda event: "series" not in event)
    assert first["series"] == {"count": 3, "lastObservedTime": "2026-03-01T12:00:02.000000Z"}
    assert first["eventTime"] == "2026-03-01T12:00:00.000000Z"
    assert "series" not in other
    assert [method for method, *_ in api.requests] == ["POST", "PATCH", "PATCH", "POST"]


async def test_a_process_that_comes_after_another_adds_to_its_event(bench: Bench, api: KubeApi) -> None:
    api.events["shop", EVENT.name] = EVENT.body("pod-0")
    async with bench.at_work() as poster:
        poster.post(EVENT)
    (event,) = api.events.values()
    assert (event["series"]["count"], event["reportingInstance"]) == (2, "pod-0")


async def test_an_event_that_has_expired_meanwhile_is_created_anew(bench: Bench, api: KubeApi) -> None:
    async with bench.at_work() as poster:
        poster.post(EVENT)
        await until(lambda: api.events)
        api.events.clear()
        poster.post(EVENT)
        await until(lambda: api.events)
        (event,) = api.events.values()
        assert "series" not in event
        poster.post(EVENT)
    assert api.events["shop", EVENT.name]["series"]["count"] == 2


async def test_a_failing_api_server_is_asked_again_and_an_event_it_took_is_not_counted_twice(
    bench: Bench, api: KubeApi
) -> None:
    answers = [refusal(500, "down"), refusal(429, "slow down")]

    async def lost(request: web.Request, *place: str) -> web.StreamResponse:
        taken = await api._event(request, *place)
        return answers.pop(0) if answers else taken

    api.handle_event = lost
    async with bench.at_work() as poster:
        poster.post(EVENT)
        await until(lambda: len(api.requests) == 3)
    (event,) = api.events.values()
    assert "series" not in event
    assert bench.dropped("unreachable") == 0


async def test_an_event_that_cannot_be_posted_is_dropped_counted_and_said_once(
    bench: Bench, api: KubeApi
) -> None:
    api.refusals = [refusal(403, 'events.events.k8s.io is forbidden: User "operator" cannot create')]
    with structlog.testing.capture_logs() as logs:
        async with bench.at_work() as poster:
            for number in range(3):
                poster.post(replace(EVENT, note=str(number)))
            await until(lambda: bench.dropped("refused") == 3)
    assert len(api.requests) == 3
    (line,) = [log for log in logs if log["event"] == "Event not posted"]
    assert "forbidden" in line["error"]


async def test_an_api_server_that_stays_away_costs_the_event_after_three_tries(
    bench: Bench, api: KubeApi
) -> None:
    api.refusals = [refusal(503, "starting")]
    async with bench.at_work() as poster:
        poster.post(EVENT)
        await until(lambda: bench.dropped("unreachable") == 1)
        assert len(api.requests) == 3
        api.refusals = []
        poster.post(EVENT)
        await until(lambda: api.events)


async def test_a_full_buffer_drops_what_comes_and_makes_nobody_wait(
    bench: Bench, api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.open.clear()
    async with bench.at_work() as poster:
        for number in range(event_poster.BUFFER + 5):
            poster.post(replace(EVENT, note=str(number)))
        assert bench.dropped("buffer_full") == 5
        monkeypatch.setattr(event_poster, "CLOSE_SECONDS", 0.05)
        await poster.close(5)
    assert bench.dropped("stopped") == event_poster.BUFFER


async def test_the_end_does_not_wait_for_an_api_server_that_does_not_answer(
    bench: Bench, api: KubeApi
) -> None:
    api.open.clear()
    bench.poster.start()
    bench.poster.post(EVENT)
    began = asyncio.get_running_loop().time()
    await bench.poster.close(0.1)
    assert asyncio.get_running_loop().time() - began < 1
    assert bench.dropped("stopped") == 1


async def test_a_breakage_in_the_middle_does_not_end_the_posting(bench: Bench, api: KubeApi) -> None:
    with structlog.testing.capture_logs() as logs:
        async with bench.at_work() as poster:
            poster.post(replace(EVENT, regarding=None))  # type: ignore[arg-type]
            poster.post(EVENT)
            await until(lambda: api.events)
    assert [log["event"] for log in logs] == ["an Event broke"]
    assert bench.dropped("refused") == 1


def test_the_operator_s_pod_is_known_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "operator-abc")
    monkeypatch.setenv("POD_UID", "uid-9")
    expected = Regarding(api_version="v1", kind="Pod", namespace="own", name="operator-abc", uid="uid-9")
    assert own_pod("own") == expected
