"""The event recorder against an API server: correct Events, counted repetitions, bounded buffer, best effort."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from notification_runtime.kube import events as event_recorder
from notification_runtime.kube.events import (
    DropReason,
    Event,
    EventRecorder,
    EventStatistics,
    EventType,
    Regarding,
    own_pod,
)
from tests.unit.operator.domain.builders import at
from tests.unit.operator.kube_api import KubeApi, refusal, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

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
    type=EventType.WARNING,
    reason="MaxRetriesExhausted",
    action="Deliver",
    note="Failed: not delivered",
    at=at(0),
)


@contextlib.asynccontextmanager
async def running(recorder: EventRecorder) -> AsyncIterator[None]:
    recorder.start()
    try:
        yield
    finally:
        await recorder.close(5)


def dropped(recorder: EventRecorder) -> Mapping[DropReason, int]:
    return recorder.statistics().dropped


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def recorder(
    client: ApiClient, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> EventRecorder:
    monkeypatch.setattr(event_recorder, "RETRY_DELAYS", (0.02, 0.05))
    counter = Counter("dropped", "Dropped.", ["reason"], registry=registry)
    return EventRecorder(client, instance="pod-1", dropped=counter)


async def test_event_holds_object_reporter_reason_and_time(recorder: EventRecorder, api: KubeApi) -> None:
    async with running(recorder):
        recorder.record(EVENT)
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
    values = [event[key] for key in ("type", "reason", "action", "note", "eventTime")]
    assert values == [
        "Warning",
        "MaxRetriesExhausted",
        "Deliver",
        "Failed: not delivered",
        "2026-03-01T12:00:00.000000Z",
    ]
    assert event["reportingController"] == "kubernaut.ai/notification-operator"
    assert event["reportingInstance"] == "pod-1"
    assert "series" not in event


async def test_repeated_event_is_created_at_each_power_of_two(recorder: EventRecorder, api: KubeApi) -> None:
    async with running(recorder):
        for seconds in range(20):
            recorder.record(replace(EVENT, at=at(seconds)))
        recorder.record(replace(EVENT, note="something else"))
    *repeated, other = api.events.values()
    assert [(event["eventTime"][17:19], event.get("series", {}).get("count", 1)) for event in repeated] == [
        ("00", 1),
        ("01", 2),
        ("03", 4),
        ("07", 8),
        ("15", 16),
    ]
    assert repeated[1]["series"]["lastObservedTime"] == repeated[1]["eventTime"]
    assert "series" not in other
    assert {method for method, *_ in api.requests} == {"POST"}
    assert recorder.statistics() == EventStatistics(pending=0, posted=21, dropped={})


async def test_repeated_event_is_created_again_after_a_quiet_time(
    recorder: EventRecorder, api: KubeApi
) -> None:
    async with running(recorder):
        for seconds in (0, 1, 2, 1800, 1801, 3600):
            recorder.record(replace(EVENT, at=at(seconds)))
    created = [event.get("series", {}).get("count", 1) for event in api.events.values()]
    assert created == [1, 2, 4, 6]


async def test_event_of_an_earlier_process_does_not_change(recorder: EventRecorder, api: KubeApi) -> None:
    before = replace(EVENT, at=at(-5)).body("pod-0")
    api.events["shop", before["metadata"]["name"]] = dict(before)
    async with running(recorder):
        recorder.record(EVENT)
    first, second = api.events.values()
    assert first == before
    assert ("series" in second, second["reportingInstance"]) == (False, "pod-1")


async def test_event_that_was_not_created_is_no_occurrence(recorder: EventRecorder, api: KubeApi) -> None:
    api.refusals = [refusal(403, "forbidden")]
    async with running(recorder):
        recorder.record(EVENT)
        await until(lambda: dropped(recorder) == {DropReason.REFUSED: 1})
        api.refusals = []
        recorder.record(replace(EVENT, at=at(1)))
    (event,) = api.events.values()
    assert "series" not in event


async def test_event_whose_response_was_lost_is_retried_and_counted_once(
    recorder: EventRecorder, api: KubeApi
) -> None:
    responses = [refusal(500, "down"), refusal(429, "slow down")]

    async def lost(request: web.Request, *key: str) -> web.StreamResponse:
        response = await api.create_event(request, *key)
        return responses.pop(0) if responses else response

    api.handle_event = lost
    async with running(recorder):
        recorder.record(EVENT)
        await until(lambda: len(api.requests) == 3)
    (event,) = api.events.values()
    assert "series" not in event
    assert recorder.statistics() == EventStatistics(pending=0, posted=1, dropped={})


async def test_refused_events_are_dropped_counted_and_logged_once(
    recorder: EventRecorder, api: KubeApi
) -> None:
    api.refusals = [refusal(403, 'events.events.k8s.io is forbidden: User "operator" cannot create')]
    with structlog.testing.capture_logs() as logs:
        async with running(recorder):
            for number in range(3):
                recorder.record(replace(EVENT, note=str(number)))
            await until(lambda: dropped(recorder) == {DropReason.REFUSED: 3})
    assert len(api.requests) == 3
    (line,) = [log for log in logs if log["event"] == "cannot post Event"]
    assert "forbidden" in line["error"]


async def test_unavailable_api_server_drops_the_event_after_three_attempts(
    recorder: EventRecorder, api: KubeApi
) -> None:
    api.refusals = [refusal(503, "starting")]
    async with running(recorder):
        recorder.record(EVENT)
        await until(lambda: dropped(recorder) == {DropReason.UNREACHABLE: 1})
        assert len(api.requests) == 3
        api.refusals = []
        recorder.record(EVENT)
        await until(lambda: api.events)


async def test_full_buffer_drops_new_events_without_waiting(
    recorder: EventRecorder, api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.open.clear()
    async with running(recorder):
        for number in range(event_recorder.PER_NAMESPACE + 5):
            recorder.record(replace(EVENT, note=str(number)))
        assert dropped(recorder) == {DropReason.BUFFER_FULL: 5}
        monkeypatch.setattr(event_recorder, "CLOSE_SECONDS", 0.05)
        await recorder.close(5)
    assert dropped(recorder) == {DropReason.BUFFER_FULL: 5, DropReason.STOPPED: event_recorder.PER_NAMESPACE}


async def test_close_does_not_wait_for_a_silent_api_server(recorder: EventRecorder, api: KubeApi) -> None:
    api.open.clear()
    recorder.start()
    recorder.record(EVENT)
    started = asyncio.get_running_loop().time()
    await recorder.close(0.1)
    assert asyncio.get_running_loop().time() - started < 1
    assert dropped(recorder) == {DropReason.STOPPED: 1}


async def test_event_that_cannot_be_built_does_not_stop_the_recorder(
    recorder: EventRecorder, api: KubeApi, registry: CollectorRegistry
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(recorder):
            recorder.record(replace(EVENT, regarding=None))  # type: ignore[arg-type]
            recorder.record(EVENT)
            await until(lambda: api.events)
    assert [log["event"] for log in logs] == ["cannot build Event"]
    assert dropped(recorder) == {DropReason.REFUSED: 1}
    assert registry.get_sample_value("dropped_total", {"reason": "refused"}) == 1


def test_own_pod_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "operator-abc")
    monkeypatch.setenv("POD_UID", "uid-9")
    expected = Regarding(api_version="v1", kind="Pod", namespace="own", name="operator-abc", uid="uid-9")
    assert own_pod("own") == expected


def of(namespace: str, number: int = 0) -> Event:
    return replace(EVENT, regarding=replace(ORDER, namespace=namespace, name=f"order-{number}"))


async def test_busy_namespace_does_not_crowd_out_another(recorder: EventRecorder, api: KubeApi) -> None:
    for number in range(event_recorder.BUFFER):
        recorder.record(of("busy", number))
    recorder.record(of("quiet"))
    async with running(recorder):
        await until(lambda: any(namespace == "quiet" for namespace, _ in api.events))
    posted = [namespace for namespace, _ in api.events]
    assert posted.index("quiet") <= event_recorder.POSTERS
    full = event_recorder.BUFFER - event_recorder.PER_NAMESPACE
    assert dropped(recorder)[DropReason.BUFFER_FULL] == full


async def test_full_buffer_admits_a_quiet_namespace_in_place_of_a_busy_one(recorder: EventRecorder) -> None:
    busy = event_recorder.BUFFER // event_recorder.PER_NAMESPACE
    for namespace in range(busy):
        for number in range(event_recorder.PER_NAMESPACE):
            recorder.record(of(f"busy-{namespace}", number))
    assert dropped(recorder) == {}
    recorder.record(of("quiet"))
    assert recorder.statistics().pending == event_recorder.BUFFER
    assert dropped(recorder) == {DropReason.BUFFER_FULL: 1}
    recorder.record(of("quiet", 1))
    recorder.record(of("busy-0", event_recorder.PER_NAMESPACE))
    assert recorder.statistics().pending == event_recorder.BUFFER


async def test_namespace_whose_events_hang_does_not_delay_another(
    recorder: EventRecorder, api: KubeApi
) -> None:
    async def hang(request: web.Request, *key: str) -> web.StreamResponse:
        if "stuck" in request.path:
            await asyncio.sleep(3600)
        return await api.create_event(request, *key)

    api.handle_event = hang
    async with running(recorder):
        for number in range(20):
            recorder.record(of("stuck", number))
        for number in range(5):
            recorder.record(of("quick", number))
        await until(lambda: recorder.statistics().posted == 5)
        assert len(api.events) == 5


async def test_tasks_of_the_recorder_are_visible(recorder: EventRecorder) -> None:
    assert recorder.tasks == {}
    async with running(recorder):
        assert set(recorder.tasks.values()) == {True}
        assert len(recorder.tasks) == event_recorder.POSTERS
    assert set(recorder.tasks.values()) == {False}
