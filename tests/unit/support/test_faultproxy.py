"""The fault proxy before a real TLS server: invisible without rules, and each fault as it is asked for."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.eventually import eventually
from tests.support.faultproxy.app import FaultProxy, Place
from tests.support.faultproxy.kinds import RequestKind, kind_of
from tests.support.faultproxy_client import FaultProxy as Client
from tests.unit.support.api_server import ApiServer
from tests.unit.support.authority import Authority

OBJECTS = "/apis/kubernaut.ai/v1alpha1/namespaces/ns/notificationrequests"
WATCH = f"{OBJECTS}?watch=true&allowWatchBookmarks=true"
GONE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)
TRIES = 2
"""aiohttp itself repeats a PUT whose connection, used before, was closed without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The proxy with the server behind it, someone who asks it, and the tests' own client."""

    server: ApiServer
    session: aiohttp.ClientSession
    base: str
    proxy: Client

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = self.base + path
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def write(self, name: str, body: Any) -> int:
        return (await self.ask("PUT", f"{OBJECTS}/{name}/status", body))[0]


@pytest.fixture
async def between(tmp_path: Path) -> AsyncIterator[Between]:
    authority = Authority(tmp_path)
    server = ApiServer(authority.identity("server"))
    upstream = f"https://127.0.0.1:{await server.start()}"
    proxy = FaultProxy(upstream=upstream, trust=authority.trust(), identity=authority.identity("proxy"))
    place = await proxy.start(Place(host="127.0.0.1", api_port=0, control_port=0))
    connector = aiohttp.TCPConnector(ssl=authority.trust())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Between(
            server=server,
            session=session,
            base=f"https://127.0.0.1:{place.api_port}",
            proxy=Client(f"http://127.0.0.1:{place.control_port}"),
        )
    await proxy.stop()
    await server.stop()


async def told(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Let the tests' client, which blocks, talk to a server of this very loop."""
    return await asyncio.to_thread(call, *arguments, **named)


@pytest.mark.parametrize(
    ("request_line", "kind"),
    [
        ("GET /version", RequestKind(verb="get")),
        ("GET /api", RequestKind(verb="get")),
        ("GET /apis/kubernaut.ai/v1alpha1", RequestKind(verb="get")),
        ("GET /api/v1/namespaces", RequestKind(verb="list", resource="namespaces")),
        ("GET /api/v1/namespaces/ns", RequestKind(verb="get", resource="namespaces", name="ns")),
        (
            "PUT /api/v1/namespaces/ns/finalize",
            RequestKind(verb="update", resource="namespaces", name="ns", subresource="finalize"),
        ),
        ("GET /api/v1/pods?watch=1", RequestKind(verb="watch", resource="pods")),
        (f"GET {OBJECTS}", RequestKind(verb="list", resource="notificationrequests", namespace="ns")),
        (f"DELETE {OBJECTS}", RequestKind(verb="deletecollection", resource="notificationrequests", namespace="ns")),
        (f"POST {OBJECTS}", RequestKind(verb="create", resource="notificationrequests", namespace="ns")),
        (
            f"PATCH {OBJECTS}/a/status",
            RequestKind(
                verb="patch", resource="notificationrequests", namespace="ns", name="a", subresource="status"
            ),
        ),
        (f"GET {WATCH}", RequestKind(verb="watch", resource="notificationrequests", namespace="ns")),
    ],
)  # fmt: skip
def test_a_request_is_told_by_its_line_as_an_api_server_does(request_line: str, kind: RequestKind) -> None:
    method, _, target = request_line.partition(" ")
    path, _, query = target.partition("?")
    fields = dict(field.split("=") for field in query.split("&")) if query else {}
    assert kind_of(method, path, fields) == kind


async def test_without_rules_requests_and_answers_pass_as_they_are(between: Between) -> None:
    code, body = await between.ask("GET", "/version", Authorization="Bearer of the asker")
    assert (code, body) == (200, {"gitVersion": "v1"})
    (asked,) = between.server.asked
    assert asked.headers["Authorization"] == "Bearer of the asker"
    assert await between.write("a", {"note": "Grüße"}) == 200
    assert between.server.objects["a"] == {"note": "Grüße"}
    assert (await between.ask("GET", f"{OBJECTS}/b%2F"))[0] == 404
    assert between.server.asked[-1].raw_path == f"{OBJECTS}/b%2F"
    async with between.session.get(f"{between.base}/version") as answer:
        assert answer.headers["Audit-Id"] == "7"


async def test_what_was_asked_is_recorded_with_what_became_of_it(between: Between) -> None:
    before = time.time()
    await told(between.proxy.fail, verb="update", code=500)
    await between.write("a", {})
    await between.write("a", {})
    await between.ask("GET", "/version")
    writes = await told(between.proxy.requests, verb="update", subresource="status")
    assert [(one["name"], one["code"], one["upstream"], one["rule"]) for one in writes] == [
        ("a", 500, None, 1),
        ("a", 200, 200, None),
    ]
    assert all(before <= one["at"] <= one["ended"] <= time.time() for one in writes)
    assert len(await told(between.proxy.requests)) == 3
    assert len(await told(between.proxy.requests, code=500)) == 1
    await told(between.proxy.clear)
    assert await told(between.proxy.requests) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [(409, "Conflict"), (410, "Expired"), (429, "TooManyRequests"), (500, "InternalError")],
)
async def test_a_code_comes_as_an_api_server_would_say_it_and_the_server_never_sees_the_request(
    between: Between, code: int, reason: str
) -> None:
    fault = await told(
        between.proxy.fail, verb="update", subresource="status", code=code, headers={"Retry-After": "1"}
    )
    async with between.session.put(f"{between.base}{OBJECTS}/a/status", json={}) as answer:
        status = await answer.json()
        assert (answer.status, answer.headers["Retry-After"]) == (code, "1")
    assert (status["kind"], status["code"], status["reason"]) == ("Status", code, reason)
    assert between.server.asked == []
    assert await between.write("a", {}) == 200
    assert await told(lambda: fault.used) == 1


async def test_a_rule_is_met_only_by_what_fits_all_of_it(between: Between) -> None:
    proxy = between.proxy
    await told(proxy.fail, name="a-.*", namespace="ns", containing='"phase":"Sent"', code=409, times=None)
    assert await between.write("a-1", {"status": {"phase": "Sent"}}) == 409
    assert await between.write("a-1", {"status": {"phase": "Sending"}}) == 200
    assert await between.write("ba-1", {"status": {"phase": "Sent"}}) == 200
    await told(proxy.clear)
    await told(proxy.fail, verb="update", subresource="", code=409, times=None)
    assert await between.write("a-1", {}) == 200
    assert (await between.ask("PUT", f"{OBJECTS}/a-1", {}))[0] == 409
    await told(proxy.clear)
    await told(proxy.fail, verb="update", resource="leases", code=409, times=None)
    assert await between.write("a-1", {}) == 200


async def test_a_rule_is_met_so_many_times_after_so_many_that_pass(between: Between) -> None:
    fault = await told(between.proxy.fail, verb="update", code=409, times=2, skip=1)
    assert [await between.write("a", {}) for _ in range(5)] == [200, 409, 409, 200, 200]
    await told(fault.remove)
    await told(between.proxy.fail, code=500, times=None)
    await told(between.proxy.fail, code=503)
    assert [await between.write("a", {}) for _ in range(3)] == [500] * 3


async def test_an_answer_can_be_any_body(between: Between) -> None:
    await told(between.proxy.fail, code=200, body={"gitVersion": "v2"})
    await told(between.proxy.fail, code=500, body="no JSON")
    assert await between.ask("GET", "/version") == (200, {"gitVersion": "v2"})
    async with between.session.get(f"{between.base}/version") as answer:
        assert (answer.status, await answer.text()) == (500, "no JSON")


async def test_a_write_can_be_stored_and_its_answer_replaced_or_lost(between: Between) -> None:
    await told(between.proxy.fail, verb="update", code=500, after=True)
    await told(between.proxy.fail, verb="update", cut=True, after=True, delay_after=0.2, times=TRIES)
    assert await between.write("a", {"n": 1}) == 500
    assert between.server.objects["a"] == {"n": 1}
    start = time.monotonic()
    with pytest.raises(GONE):
        await between.write("a", {"n": 2})
    assert time.monotonic() - start >= 0.2
    assert between.server.objects["a"] == {"n": 2}
    requests = await told(between.proxy.requests)
    assert [(one["code"], one["upstream"]) for one in requests] == [(500, 200), (None, 200), (None, 200)]
    assert all(one["ended"] for one in requests)


async def test_a_connection_can_be_cut_before_the_server_sees_the_request(between: Between) -> None:
    await told(between.proxy.fail, cut=True, times=TRIES)
    with pytest.raises(GONE):
        await between.write("a", {})
    assert between.server.objects == {}
    assert await between.write("a", {}) == 200


async def test_a_request_and_its_answer_can_be_late(between: Between) -> None:
    await told(between.proxy.fail, delay=0.3)
    await told(between.proxy.fail, delay_after=0.3)
    for stored in (False, True):
        writing = asyncio.create_task(between.write("a", {}))
        await told(eventually, between.proxy.requests, lambda found: found and not found[-1]["ended"])
        await asyncio.sleep(0.1)  # well within the delay: what is stored by now came before it
        assert ("a" in between.server.objects) is stored
        assert await writing == 200


async def test_one_who_does_not_wait_for_a_late_answer_is_recorded_as_gone(between: Between) -> None:
    await told(between.proxy.fail, delay=30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await between.write("a", {})
    (request,) = await told(eventually, between.proxy.requests, lambda found: found[0]["ended"])
    assert (request["code"], request["upstream"]) == (None, None)


def event(number: int, size: int = 0) -> bytes:
    return json.dumps({"type": "ADDED", "object": {"n": number, "text": "x" * size}}).encode() + b"\n"


async def read_events(answer: aiohttp.ClientResponse, count: int) -> list[tuple[float, int]]:
    seen: list[tuple[float, int]] = []
    buffer = b""
    while len(seen) < count:
        async with asyncio.timeout(5):
            buffer += await answer.content.readany()
        *lines, buffer = buffer.split(b"\n")
        seen += [(time.monotonic(), json.loads(line)["object"]["n"]) for line in lines]
    return seen


async def test_a_watch_is_streamed_event_by_event_whatever_their_size(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        for number, size in ((1, 0), (2, 1_000_000), (3, 0)):
            await between.server.emit(event(number, size))
            assert [found for _, found in await read_events(answer, 1)] == [number]
        (record,) = await told(between.proxy.requests, verb="watch")
        assert (record["code"], record["ended"], record["events"]) == (200, None, 3)
        await between.server.emit(None)
        assert await answer.content.read() == b""


async def test_an_asker_that_leaves_a_watch_takes_it_from_the_server_too(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1))
        await read_events(answer, 1)
        answer.close()
    await told(eventually, lambda: between.server.watches, lambda running: not running, within=5)


@asynccontextmanager
async def lag(proxy: Client, seconds: float) -> AsyncIterator[None]:
    holding = proxy.lag(seconds)
    await told(holding.__enter__)
    try:
        yield
    finally:
        await told(holding.__exit__, None, None, None)


async def test_events_are_held_back_in_order_and_one_by_one_as_long_as_it_is_asked_for(
    between: Between,
) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(0))
        await read_events(answer, 1)
        async with lag(between.proxy, 0.5):
            sent = time.monotonic()
            await between.server.emit(event(1))
            await asyncio.sleep(0.2)  # the second event comes so much later than the first
            await between.server.emit(event(2))
            seen = await read_events(answer, 2)
        assert [number for _, number in seen] == [1, 2]
        assert seen[0][0] - sent >= 0.5
        assert seen[1][0] - sent >= 0.7
        assert seen[1][0] - seen[0][0] < 0.5
        sent = time.monotonic()
        await between.server.emit(event(3))
        assert (await read_events(answer, 1))[0][0] - sent < 0.5


async def test_running_watches_can_be_cut(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1))
        await read_events(answer, 1)
        assert await told(between.proxy.cut_watches, resource="leases") == 0
        assert await told(between.proxy.cut_watches) == 1
        with pytest.raises(GONE):
            await answer.content.read()


async def test_running_watches_can_be_told_that_they_are_too_old(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1)[:10])
        assert await told(between.proxy.expire_watches) == 1
        (line,) = (await answer.content.read()).splitlines()
    told_so = json.loads(line)
    assert (told_so["type"], told_so["object"]["code"], told_so["object"]["reason"]) == (
        "ERROR",
        410,
        "Expired",
    )


async def test_a_watch_that_the_server_breaks_off_is_broken_off(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1))
        await read_events(answer, 1)
        await between.server.stop()
        with pytest.raises(GONE):
            await answer.content.read()


async def test_without_its_api_server_it_says_so(between: Between) -> None:
    await between.server.stop()
    code, status = await between.ask("GET", "/version")
    assert (code, status["code"]) == (502, 502)
    assert re.search("cannot be reached", status["message"])


async def test_another_server_in_the_api_server_s_place_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    server = ApiServer(other.identity("server"))
    upstream = f"https://127.0.0.1:{await server.start()}"
    proxy = FaultProxy(upstream=upstream, trust=authority.trust(), identity=authority.identity("proxy"))
    place = await proxy.start(Place(host="127.0.0.1", api_port=0, control_port=0))
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"https://127.0.0.1:{place.api_port}/version",
                ssl=authority.trust(),
                headers={"Authorization": "Bearer x"},
            ) as answer,
        ):
            assert answer.status == 502
        assert server.asked == []
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(
                    f"https://127.0.0.1:{place.api_port}/version", ssl=ssl.create_default_context()
                )
    finally:
        await proxy.stop()
        await server.stop()


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({}, "the rule does nothing"),
        ({"code": 409, "cut": True}, "not both"),
        ({"after": True, "delay": 1}, "give it one of them"),
        ({"code": 409, "name": "("}, "is no regular expression"),
        ({"code": 9}, "greater than or equal to 200"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused_with_the_reason(
    between: Between, rule: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AssertionError, match="answered 400") as caught:
        await told(between.proxy.fail, **rule)
    assert reason in str(caught.value)
