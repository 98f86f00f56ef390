"""The same message a hundred times at once, to two replicas: one object, and an answer that says so to each sender."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from tests.api_server.gateway.place import BEARER
from tests.unit.gateway.test_hooks import BATCH, EVENT, alert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.api_server.gateway.place import Place, Replica

pytestmark = pytest.mark.xdist_group("api-server")
TIMES: Final = 100
JSON: Final = {"Content-Type": "application/json"}
Replicas = tuple["Replica", "Replica"]


async def at_once(
    replicas: Replicas, path: str, body: bytes, headers: Mapping[str, str]
) -> list[tuple[int, str]]:
    """Send the same post to both replicas, and return status and text of each answer."""

    async def send(url: str) -> tuple[int, str]:
        while True:
            async with session.post(url, data=body, headers={**JSON, **headers}) as answer:
                # A busy API server is no subject of these checks: every sender comes again then.
                if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    return answer.status, await answer.text()
            await asyncio.sleep(1)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        urls = [f"{each.url}{path}" for each in replicas for _ in range(TIMES // 2)]
        return await asyncio.gather(*(send(url) for url in urls))


def counts(answers: list[tuple[int, str]]) -> Counter[tuple[int, int]]:
    """Return how often each number of new and of known notifications was answered."""
    found = [json.loads(text) for _, text in answers]
    return Counter((each["created"], each["duplicates"]) for each in found)


@pytest.mark.check("gateway-repeats-01")
async def test_cloudevent_a_hundred_times_at_once_is_one_object(place: Place, replicas: Replicas) -> None:
    place.ready_source("events", "cloudevents")
    headers = {**BEARER, "Content-Type": "application/cloudevents+json"}
    answers = await at_once(replicas, "/hook/events", json.dumps(EVENT).encode(), headers)
    assert {status for status, _ in answers} == {202}
    assert counts(answers) == {(1, 0): 1, (0, 1): TIMES - 1}
    assert len(place.notifications("events")) == 1


@pytest.mark.check("gateway-repeats-02")
async def test_batch_a_hundred_times_at_once_is_one_object_per_event(
    place: Place, replicas: Replicas
) -> None:
    place.ready_source("events", "cloudevents")
    batch = json.dumps([EVENT | {"id": str(number)} for number in range(3)]).encode()
    answers = await at_once(replicas, "/hook/events", batch, {**BEARER, "Content-Type": BATCH})
    assert {status for status, _ in answers} == {202}
    assert sum(new * times for (new, _), times in counts(answers).items()) == 3
    assert len(place.notifications("events")) == 3


@pytest.mark.check("gateway-repeats-03")
async def test_idempotency_key_a_hundred_times_at_once_is_one_object(
    place: Place, replicas: Replicas
) -> None:
    place.ready_source("ci", "generic")
    answers = await at_once(replicas, "/hook/ci", b'{"n": 1}', {**BEARER, "Idempotency-Key": "k1"})
    assert {status for status, _ in answers} == {202}
    assert counts(answers) == {(1, 0): 1, (0, 1): TIMES - 1}
    assert len(place.notifications("ci")) == 1
    other = await at_once(replicas, "/hook/ci", b'{"n": 2}', {**BEARER, "Idempotency-Key": "k1"})
    assert {status for status, _ in other} == {409}


@pytest.mark.check("gateway-repeats-04")
async def test_message_of_slack_a_hundred_times_at_once_is_one_object(
    place: Place, replicas: Replicas
) -> None:
    place.ready_source("chat", "slack")
    answers = await at_once(replicas, "/hook/chat", b'{"text": "it burns"}', BEARER)
    assert set(answers) == {(200, "ok")}
    assert len(place.notifications("chat")) == 1


@pytest.mark.check("gateway-repeats-05")
async def test_group_of_alerts_a_hundred_times_at_once_is_one_object(
    place: Place, replicas: Replicas
) -> None:
    place.ready_source("alerts", "alertmanager")
    answers = await at_once(replicas, "/hook/alerts", json.dumps(alert()).encode(), BEARER)
    assert {status for status, _ in answers} == {200}
    assert counts(answers) == {(1, 0): 1, (0, 1): TIMES - 1}
    assert len(place.notifications("alerts")) == 1


@pytest.mark.check("gateway-repeats-06")
async def test_notification_of_a_caller_a_hundred_times_at_once_is_one_object(
    place: Place, replicas: Replicas
) -> None:
    place.may_send("ci")
    token = place.token("ci", audiences=["notifications"])
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "build-7"}
    spec: dict[str, Any] = {"type": "simple", "subject": "Build 7", "body": "failed"}
    path = f"/v1/namespaces/{place.home}/notifications"
    answers = await at_once(replicas, path, json.dumps(spec).encode(), headers)
    assert Counter(status for status, _ in answers) == {201: 1, 200: TIMES - 1}
    assert len({text for _, text in answers}) == 1, "name, uid and href are the same"
    assert len(place.notifications()) == 1


@pytest.mark.check("gateway-repeats-07")
async def test_different_messages_at_once_are_each_an_object(place: Place, replicas: Replicas) -> None:
    place.ready_source("ci", "generic")
    answers = await asyncio.gather(
        *(
            at_once(replicas, "/hook/ci", b"{}", {**BEARER, "Idempotency-Key": f"k{number}"})
            for number in range(5)
        )
    )
    assert {status for each in answers for status, _ in each} == {202}
    assert len(place.notifications("ci")) == 5
