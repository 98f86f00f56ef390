"""Secrets of senders: rotated without a refusal, and never seen outside of their Secret."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from itertools import count
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest

from tests.api_server.gateway.place import HOST, KEY, TOKEN
from tests.harness.eventually import eventually
from tests.kit.hostile_requests import Hostile, answered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.api_server.gateway.place import Place, Replica

pytestmark = pytest.mark.xdist_group("api-server")
PER_SECOND: Final = 20
ROTATIONS: Final = 5
BETWEEN: Final = 1.5
"""Seconds between two rotations."""
LINES: Final = 10_000
CONCURRENT: Final = 50
FILTERED: Final = ["kind=none"]
"""Nothing passes: a message that becomes no object costs no object."""


class Sender:
    """Sends 20 messages a second, each with the credentials of that moment, and keeps what is answered."""

    def __init__(self, url: str, headers: Callable[[bytes], Mapping[str, str]]) -> None:
        self._url = url
        self._headers = headers
        self.statuses: list[int] = []
        self._end = asyncio.Event()

    def stop(self) -> None:
        self._end.set()

    async def run(self) -> None:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for number in count():
                if self._end.is_set():
                    return
                group.create_task(self._send(session, json.dumps({"n": number}).encode()))
                await asyncio.sleep(1 / PER_SECOND)

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> None:
        async with session.post(self._url, data=body, headers=self._headers(body)) as answer:
            self.statuses.append(answer.status)


async def rotated(
    place: Place, secret: str, key: str, sender: Callable[[Callable[[], str]], Sender]
) -> list[int]:
    """Rotate a Secret while a sender uses its present value, and return the statuses of the answers."""
    value = TOKEN
    running = sender(lambda: value)
    async with asyncio.TaskGroup() as group:
        group.create_task(running.run())
        for number in range(ROTATIONS):
            await asyncio.sleep(BETWEEN)
            value_next = f"rotated-by-its-owner-{number}"
            await asyncio.to_thread(place.secret, secret, **{key: value_next})
            value = value_next
        await asyncio.sleep(BETWEEN)
        running.stop()
    return running.statuses


@pytest.mark.check("gateway-secrets-01")
async def test_bearer_token_is_rotated_under_traffic_without_a_refusal(
    place: Place, replica: Replica
) -> None:
    place.ready_source("ci", "generic", filter=FILTERED, rateLimit={"count": 100_000})

    def sender(value: Callable[[], str]) -> Sender:
        return Sender(f"{replica.url}/hook/ci", lambda _body: {"Authorization": f"Bearer {value()}"})

    statuses = await rotated(place, "hook", "token", sender)
    assert len(statuses) >= PER_SECOND * BETWEEN * ROTATIONS / 2
    assert set(statuses) == {202}


@pytest.mark.check("gateway-secrets-02")
async def test_signing_secret_is_rotated_under_traffic_without_a_refusal(
    place: Place, replica: Replica
) -> None:
    place.secret("signing", secret=TOKEN)
    auth = {"hmac": {"secretRef": {"name": "signing"}}}
    place.ready_source("ci", "generic", auth=auth, filter=FILTERED, rateLimit={"count": 100_000})

    def sender(value: Callable[[], str]) -> Sender:
        def headers(body: bytes) -> dict[str, str]:
            return {"X-Hub-Signature-256": hmac.new(value().encode(), body, hashlib.sha256).hexdigest()}

        return Sender(f"{replica.url}/hook/ci", headers)

    assert set(await rotated(place, "signing", "secret", sender)) == {202}


@pytest.mark.check("gateway-secrets-03")
async def test_rotation_refuses_nothing_while_a_stranger_guesses(place: Place, replica: Replica) -> None:
    place.ready_source("ci", "generic", filter=FILTERED, rateLimit={"count": 100_000})
    url = f"{replica.url}/hook/ci"
    stranger = Sender(url, lambda _body: {"Authorization": "Bearer guess"})

    def sender(value: Callable[[], str]) -> Sender:
        return Sender(url, lambda _body: {"Authorization": f"Bearer {value()}"})

    async with asyncio.TaskGroup() as group:
        group.create_task(stranger.run())
        statuses = await rotated(place, "hook", "token", sender)
        stranger.stop()
    assert set(stranger.statuses) == {401}
    assert set(statuses) == {202}


@pytest.mark.check("gateway-secrets-04")
def test_second_secret_is_accepted_before_the_first_one_is_removed(place: Place, replica: Replica) -> None:
    place.secret("next", token="second-of-a-sender")
    refs = {"bearerSecretRef": {"name": "hook"}, "bearerSecretRefs": [{"name": "next"}]}
    place.ready_source("ci", "generic", auth=refs)
    for token in (TOKEN, "second-of-a-sender"):
        assert replica.post("/hook/ci", headers={"Authorization": f"Bearer {token}"}).status == 202


@pytest.mark.check("gateway-secrets-05")
def test_removed_path_key_revokes_the_url_on_every_replica(
    place: Place, replicas: tuple[Replica, Replica]
) -> None:
    place.ready_source("url", "generic", auth={"path": True})
    old, new = place.path_token("url"), place.path_token("url", "n" * 32)
    for keys, statuses in (
        ((KEY, ""), {old: 202, new: 401}),
        (("n" * 32, KEY), {old: 202, new: 202}),
        (("n" * 32, ""), {old: 401, new: 202}),
    ):
        place.path_keys(*keys)
        for each in replicas:
            for token, status in statuses.items():
                answered_with(each, token, status)


def answered_with(replica: Replica, token: str, status: int) -> None:
    """Wait until a message with a path token is answered with a status."""
    eventually(lambda: replica.post(f"/hook/url/{token}", headers={}).status, lambda found: found == status)


async def flood(url: str, token: str, times: int) -> set[int]:
    """Send the token in every place that a log could show, and return the statuses of the answers."""
    paths = (f"/{token}", f"/{token}?{token}={token}", f"/{token}/more", f"/{token[:-1]}", f"/{token}%20")
    slots = asyncio.Semaphore(CONCURRENT)
    statuses: set[int] = set()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def send(number: int) -> None:
            body = json.dumps({"n": number, "token": token}) if number % 7 else "{"
            method, path = "POST" if number % 11 else "PUT", paths[number % len(paths)]
            headers = {"Referer": f"{url}/{token}"}
            async with slots, session.request(method, url + path, data=body, headers=headers) as answer:
                statuses.add(answer.status)

        await asyncio.gather(*map(send, range(times)))
    return statuses


async def used(place: Place, replica: Replica, *, times: int) -> str:
    """Send with a path token in every way, also in what is no HTTP, and return the token."""
    place.ready_source("url", "generic", auth={"path": True}, filter=FILTERED, rateLimit={"count": 100_000})
    token = place.path_token("url")
    assert await flood(f"{replica.url}/hook/url", token, times) == {202, 400, 401, 405}
    for line in (
        f"POST /hook/url/{token} HTTP/9.9",
        f"P\0ST /hook/url/{token} HTTP/1.1",
        f"/hook/url/{token}",
    ):
        request = Hostile(kind="protocol", content=f"{line}\r\nX: {token}\r\n\r\n".encode())
        assert set(await answered(HOST, replica.port, request, within=30)) <= {400}
    return token


@pytest.mark.check("gateway-secrets-06")
async def test_path_token_is_in_none_of_ten_thousand_log_lines(place: Place, replica: Replica) -> None:
    token = await used(place, replica, times=LINES)
    log = replica.log.read_text("utf-8")
    assert log.count('"event":"request"') >= LINES
    assert token not in log


@pytest.mark.check("gateway-secrets-07")
async def test_path_token_is_in_no_metric_status_object_or_event(place: Place, replica: Replica) -> None:
    token = await used(place, replica, times=100)
    assert replica.post(f"/hook/url/{token}", body=b'{"kind": "none"}', headers={}).status == 202
    eventually(lambda: len(place.notifications("url")), lambda found: found == 1)
    eventually(lambda: place.status("url").get("created"), lambda created: created == 1)
    kinds = (
        "apis/kubernaut.ai/v1alpha1/{}/notificationrequests",
        "apis/kubernaut.ai/v1alpha1/{}/notificationsources",
        "apis/coordination.k8s.io/v1/{}/leases",
        "apis/events.k8s.io/v1/{}/events",
        "api/v1/{}/configmaps",
    )
    shown = [place.api.send("GET", "/" + kind.format(f"namespaces/{place.home}")).document for kind in kinds]
    assert all(each["kind"].endswith("List") for each in shown)
    assert token not in json.dumps(shown)
    assert token not in replica.page()
