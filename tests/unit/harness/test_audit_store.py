"""The audit store of the sink: batches are stored completely or not at all, and read filtered, page by page."""

import asyncio
import io
import json
import uuid
from typing import Any

import aiohttp
import pytest

from tests.harness.sink_client import AuditStore
from tests.unit.harness.conftest import RunningSink

WRITE = "api/v1/audit/events/batch"
READ = "api/v1/audit/events"


def event(kind: str = "sent", *, name: str = "n", **fields: Any) -> dict[str, Any]:
    return {
        "version": "1.0",
        "event_type": f"notification.message.{kind}",
        "event_timestamp": "2026-01-02T03:04:05.678Z",
        "event_category": "notification",
        "event_action": kind,
        "event_outcome": "success",
        "actor_type": "service",
        "actor_id": "notification-controller",
        "resource_type": "NotificationRequest",
        "resource_id": name,
        "correlation_id": f"uid of {name}",
        "namespace": "ns",
        "event_data": {"notification_id": f"uid of {name}"},
        **fields,
    }


async def write(
    sink: RunningSink, *events: Any, operator: str = "shipped", seconds: float = 5
) -> tuple[int, Any]:
    async with sink.session.post(
        f"{sink.base}/audit/{operator}/{WRITE}",
        data=io.BytesIO(json.dumps(events).encode()),
        timeout=aiohttp.ClientTimeout(total=seconds),
    ) as answer:
        text = await answer.text()
        return answer.status, text


async def read(sink: RunningSink, **query: Any) -> Any:
    async with sink.session.get(f"{sink.base}/audit/shipped/{READ}", params=query) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


def store(sink: RunningSink) -> AuditStore:
    return AuditStore(sink.base, "shipped")


async def test_events_are_read_back_unchanged_and_in_order(sink: RunningSink) -> None:
    first, second = event("sent", event_id=str(uuid.uuid4())), event("failed", event_outcome="failure")
    assert (await write(sink, first, second))[0] == 201
    answer = await read(sink)
    assert answer["data"][0] == first
    assert {key: value for key, value in answer["data"][1].items() if key != "event_id"} == second
    assert answer["pagination"] == {"limit": 50, "offset": 0, "total": 2, "has_more": False}


async def test_events_can_be_filtered_by_each_field(sink: RunningSink) -> None:
    await write(sink, event("sent"), event("failed", event_outcome="failure"), event(name="other"))
    await write(sink, event(name="elsewhere"), operator="scripted")
    for query, count in (
        ({"event_type": "notification.message.failed", "event_category": "notification"}, 1),
        ({"event_category": "notification"}, 3),
        ({"event_category": "other"}, 0),
        ({"correlation_id": "uid of other"}, 1),
        ({"event_outcome": "success"}, 2),
        ({"event_outcome": "success", "correlation_id": "uid of n"}, 1),
    ):
        assert (await read(sink, **query))["pagination"]["total"] == count, query


async def test_long_result_is_paginated(sink: RunningSink) -> None:
    await write(sink, *(event(name=f"n-{index}") for index in range(120)))
    first = await read(sink)
    assert (len(first["data"]), first["pagination"]["has_more"]) == (50, True)
    last = await read(sink, limit=50, offset=100)
    assert [result["resource_id"] for result in last["data"]] == [f"n-{index}" for index in range(100, 120)]
    assert last["pagination"] == {"limit": 50, "offset": 100, "total": 120, "has_more": False}


async def test_client_reads_all_pages(sink: RunningSink) -> None:
    await write(sink, *(event(name=f"n-{index}") for index in range(2500)))
    result = await asyncio.to_thread(store(sink).events)
    assert [one["resource_id"] for one in result] == [f"n-{index}" for index in range(2500)]


async def test_batch_with_an_invalid_event_is_rejected_with_every_reason(sink: RunningSink) -> None:
    bad = {**event(), "event_outcome": "fine", "resource_id": ""}
    del bad["event_data"]
    code, text = await write(sink, event(), bad)
    assert code == 400
    assert all(part in text for part in ("event_outcome", "resource_id", "event_data"))
    async with sink.session.post(f"{sink.base}/audit/shipped/{WRITE}", data=b"{") as answer:
        assert answer.status == 400
    assert (await write(sink))[0] == 400
    assert (await read(sink))["pagination"]["total"] == 0


async def test_batch_of_many_megabytes_is_stored(sink: RunningSink) -> None:
    long = event(event_data={"notification_id": "n", "body": "x" * 20_000})
    assert (await write(sink, *([long] * 500)))[0] == 201
    assert (await read(sink, limit=1))["pagination"]["total"] == 500


async def test_failing_store_stores_nothing_until_it_recovers(sink: RunningSink) -> None:
    await asyncio.to_thread(
        store(sink).answer, {"code": 503}, {"code": 400, "body": "no"}, {"drop": True}, {}
    )
    assert await write(sink, event()) == (503, "service_unavailable")
    assert await write(sink, event()) == (400, "no")
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await write(sink, event())
    assert (await read(sink))["pagination"]["total"] == 0
    assert [(await write(sink, event()))[0] for _ in range(2)] == [201, 201]
    assert (await read(sink))["pagination"]["total"] == 2
    writes = await asyncio.to_thread(store(sink).writes)
    assert [hit["code"] for hit in writes] == [503, 400, None, 201, 201]


async def test_unresponsive_store_stores_nothing_and_stays_healthy(sink: RunningSink) -> None:
    await asyncio.to_thread(store(sink).answer, {"never": True})
    with pytest.raises(TimeoutError):
        await write(sink, event(), seconds=0.3)
    assert (await read(sink))["pagination"]["total"] == 0
    assert (await write(sink, event(), operator="scripted"))[0] == 201
    async with sink.session.get(f"{sink.base}/audit/shipped/health") as answer:
        assert answer.status == 200


async def test_response_can_be_lost_while_the_events_are_stored(sink: RunningSink) -> None:
    await asyncio.to_thread(store(sink).answer, {"code": 503, "store": True}, {"delay": 0.2})
    assert (await write(sink, event()))[0] == 503
    assert (await write(sink, event()))[0] == 201
    ids = [result["event_id"] for result in (await read(sink))["data"]]
    assert len(set(ids)) == 2


async def test_events_of_a_notification_have_its_name_and_uid(sink: RunningSink) -> None:
    life = {"metadata": {"namespace": "ns", "name": "n"}}
    referring = event(correlation_id="remediation-7", event_data={"notification_id": "uid-2"})
    earlier = event(correlation_id="uid-1", event_data={"notification_id": "uid-1"})
    await write(sink, earlier, referring, event(name="other"), event(namespace="elsewhere"))

    def seen(uid: str = "", kind: str | None = None) -> list[str]:
        obj = {"metadata": {**life["metadata"], **({"uid": uid} if uid else {})}}
        return [result["event_data"]["notification_id"] for result in store(sink).events(obj, kind)]

    assert await asyncio.to_thread(seen) == ["uid-1", "uid-2"]
    assert await asyncio.to_thread(seen, "uid-2") == ["uid-2"]
    assert await asyncio.to_thread(seen, "uid-2", "sent") == ["uid-2"]
    assert await asyncio.to_thread(seen, "uid-2", "failed") == []
    with pytest.raises(AssertionError, match="'lost' is no kind of event"):
        store(sink).events(kind="lost")
