"""The sink sends requests for a test, as a pod of the cluster: in their order, at a pace, each over its own connection."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from tools.platform.ports import free_port

if TYPE_CHECKING:
    from tests.unit.harness.conftest import RunningSink


async def sent(sink: RunningSink, *requests: dict[str, Any], every: float = 0.0) -> Any:
    async with sink.session.post(
        f"{sink.base}/send", json={"requests": list(requests), "every": every}
    ) as answer:
        text = await answer.text()
        return json.loads(text) if answer.status == 200 else (answer.status, text)


async def test_answers_are_in_the_order_of_the_requests(sink: RunningSink) -> None:
    scripts: list[dict[str, Any]] = [{"code": 503, "body": "later"}, {}]
    async with sink.session.put(
        f"{sink.base}/answers/webhook", json={"token": "first", "answers": scripts}
    ) as answer:
        assert answer.status == 200
    url = f"{sink.base}/webhook/sender"
    requests: list[dict[str, Any]] = [
        {"url": url, "body": "first", "headers": {"X-Number": "1"}},
        {"url": f"{sink.base}/healthz", "method": "GET"},
        {"url": f"http://127.0.0.1:{free_port()}/"},
        {"url": url, "body": "second"},
    ]
    first, second, third, fourth = await sent(sink, *requests, every=0.05)
    assert (first, second) == ({"status": 503, "body": "later"}, {"status": 200, "body": "ok"})
    assert (third["status"], "ClientConnectorError" in third["body"]) == (0, True)
    assert fourth["status"] == 200
    async with sink.session.get(f"{sink.base}/hits/sender", params={"kind": "webhook"}) as answer:
        hits = await answer.json()
    assert [(hit["body"], hit["headers"].get("X-Number")) for hit in hits] == [
        ("first", "1"),
        ("second", None),
    ]
    assert hits[1]["at"] - hits[0]["at"] >= 0.1


async def test_each_request_has_its_own_connection(sink: RunningSink) -> None:
    requests = [{"url": f"{sink.base}/webhook/sender", "body": str(number)} for number in range(5)]
    answers = await sent(sink, *requests)
    assert [each["status"] for each in answers] == [200] * 5
    async with sink.session.get(f"{sink.base}/connections/sender", params={"kind": "webhook"}) as answer:
        assert [each["requests"] for each in await answer.json()] == [1] * 5


async def test_pace_is_kept_on_a_busy_machine(sink: RunningSink) -> None:
    """An order of seconds took half a minute where each pass of the event loop was late."""
    passes = count()

    async def hog() -> None:
        while True:
            time.sleep(0.05)  # noqa: ASYNC251 - the machine is busy
            next(passes)
            await asyncio.sleep(0)

    busy = asyncio.create_task(hog())
    requests = [{"url": f"{sink.base}/webhook/sender", "body": str(number)} for number in range(100)]
    answers = await sent(sink, *requests, every=0.002)
    busy.cancel()
    assert [each["status"] for each in answers] == [200] * len(requests)
    assert next(passes) < len(requests), "each request waited for a pass of its own"


async def test_order_that_is_not_understood_is_refused(sink: RunningSink) -> None:
    status, text = await sent(sink, {"address": "http://127.0.0.1/"})
    assert (status, "url" in text) == (400, True)
