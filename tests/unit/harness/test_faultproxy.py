"""The fault proxy in front of a real TLS server: transparent without rules, and each fault on request."""

import asyncio
import re
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.authority import Authority
from tests.harness.eventually import eventually
from tests.harness.faultproxy.app import FaultProxy, ProxyAddress
from tests.unit.harness.api_server import ApiServer
from tests.unit.harness.between import ATTEMPTS, GONE, OBJECTS, Between, in_thread


async def test_requests_pass_unchanged_without_rules(between: Between) -> None:
    code, body = await between.ask("GET", "/version", Authorization="Bearer of the asker")
    assert (code, body) == (200, {"gitVersion": "v1"})
    (options,) = between.server.options
    assert options.headers["Authorization"] == "Bearer of the asker"
    assert await between.write("a", {"note": "Grüße"}) == 200
    assert between.server.objects["a"] == {"note": "Grüße"}
    assert (await between.ask("GET", f"{OBJECTS}/b%2F"))[0] == 404
    assert between.server.options[-1].raw_path == f"{OBJECTS}/b%2F"
    async with between.session.get(f"{between.base}/version") as answer:
        assert answer.headers["Audit-Id"] == "7"


async def test_requests_are_recorded_with_their_result(between: Between) -> None:
    before = time.time()
    await in_thread(between.proxy.fail, verb="update", code=500)
    await between.write("a", {})
    await between.write("a", {})
    await between.ask("GET", "/version")
    writes = await in_thread(between.proxy.requests, verb="update", subresource="status")
    assert [(one["name"], one["code"], one["upstream"], one["rule"]) for one in writes] == [
        ("a", 500, None, 1),
        ("a", 200, 200, None),
    ]
    assert all(before <= one["at"] <= one["ended"] <= time.time() for one in writes)
    assert len(await in_thread(between.proxy.requests)) == 3
    assert len(await in_thread(between.proxy.requests, code=500)) == 1
    await in_thread(between.proxy.clear)
    assert await in_thread(between.proxy.requests) == []


async def test_requests_are_returned_once_each_of_them_has_ended(between: Between) -> None:
    # What the API server has stored is visible elsewhere before its response has passed the proxy.
    await in_thread(between.proxy.fail, delay_after=0.5)
    writing = asyncio.create_task(between.write("a", {}))
    await in_thread(eventually, lambda: between.server.objects, bool)
    (request,) = await in_thread(between.proxy.requests, verb="update", code=200)
    assert (request["code"], request["upstream"]) == (200, 200)
    assert request["ended"]
    assert await writing == 200


@pytest.mark.parametrize(
    ("code", "reason"),
    [(409, "Conflict"), (410, "Expired"), (429, "TooManyRequests"), (500, "InternalError")],
)
async def test_injected_code_has_a_status_body_and_skips_the_server(
    between: Between, code: int, reason: str
) -> None:
    fault = await in_thread(
        between.proxy.fail, verb="update", subresource="status", code=code, headers={"Retry-After": "1"}
    )
    async with between.session.put(f"{between.base}{OBJECTS}/a/status", json={}) as answer:
        status = await answer.json()
        assert (answer.status, answer.headers["Retry-After"]) == (code, "1")
    assert (status["kind"], status["code"], status["reason"]) == ("Status", code, reason)
    assert between.server.options == []
    assert await between.write("a", {}) == 200
    assert await in_thread(lambda: fault.used) == 1


async def test_rule_applies_only_to_requests_that_match_all_of_it(between: Between) -> None:
    proxy = between.proxy
    await in_thread(
        proxy.fail, name="a-.*", namespace="ns", containing='"phase":"Sent"', code=409, times=None
    )
    assert await between.write("a-1", {"status": {"phase": "Sent"}}) == 409
    assert await between.write("a-1", {"status": {"phase": "Sending"}}) == 200
    assert await between.write("ba-1", {"status": {"phase": "Sent"}}) == 200
    await in_thread(proxy.clear)
    await in_thread(proxy.fail, verb="update", subresource="", code=409, times=None)
    assert await between.write("a-1", {}) == 200
    assert (await between.ask("PUT", f"{OBJECTS}/a-1", {}))[0] == 409
    await in_thread(proxy.clear)
    await in_thread(proxy.fail, verb="update", resource="leases", code=409, times=None)
    assert await between.write("a-1", {}) == 200


async def test_rule_applies_a_number_of_times_after_skipped_requests(between: Between) -> None:
    fault = await in_thread(between.proxy.fail, verb="update", code=409, times=2, skip=1)
    assert [await between.write("a", {}) for _ in range(5)] == [200, 409, 409, 200, 200]
    await in_thread(fault.remove)
    await in_thread(between.proxy.fail, code=500, times=None)
    await in_thread(between.proxy.fail, code=503)
    assert [await between.write("a", {}) for _ in range(3)] == [500] * 3


async def test_injected_response_can_have_any_body(between: Between) -> None:
    await in_thread(between.proxy.fail, code=200, body={"gitVersion": "v2"})
    await in_thread(between.proxy.fail, code=500, body="no JSON")
    assert await between.ask("GET", "/version") == (200, {"gitVersion": "v2"})
    async with between.session.get(f"{between.base}/version") as answer:
        assert (answer.status, await answer.text()) == (500, "no JSON")


async def test_response_of_a_stored_write_can_be_replaced_or_lost(between: Between) -> None:
    await in_thread(between.proxy.fail, verb="update", code=500, after=True)
    await in_thread(between.proxy.fail, verb="update", cut=True, after=True, delay_after=0.2, times=ATTEMPTS)
    assert await between.write("a", {"n": 1}) == 500
    assert between.server.objects["a"] == {"n": 1}
    start = time.monotonic()
    with pytest.raises(GONE):
        await between.write("a", {"n": 2})
    assert time.monotonic() - start >= 0.2
    assert between.server.objects["a"] == {"n": 2}
    requests = await in_thread(between.proxy.requests)
    assert [(one["code"], one["upstream"]) for one in requests] == [(500, 200), (None, 200), (None, 200)]
    assert all(one["ended"] for one in requests)


async def test_connection_can_be_cut_before_the_server_sees_the_request(between: Between) -> None:
    await in_thread(between.proxy.fail, cut=True, times=ATTEMPTS)
    with pytest.raises(GONE):
        await between.write("a", {})
    assert between.server.objects == {}
    assert await between.write("a", {}) == 200


async def test_request_and_response_can_be_delayed(between: Between) -> None:
    await in_thread(between.proxy.fail, delay=0.3)
    await in_thread(between.proxy.fail, delay_after=0.3)
    for stored in (False, True):
        writing = asyncio.create_task(between.write("a", {}))
        await in_thread(eventually, between.proxy.so_far, lambda result: result and not result[-1]["ended"])
        await asyncio.sleep(0.1)  # well within the delay: what is stored now came before it
        assert ("a" in between.server.objects) is stored
        assert await writing == 200


async def test_client_that_does_not_wait_is_recorded_as_gone(between: Between) -> None:
    await in_thread(between.proxy.fail, delay=30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await between.write("a", {})
    (request,) = await in_thread(between.proxy.requests)
    assert (request["code"], request["upstream"]) == (None, None)


async def test_unreachable_api_server_gives_502(between: Between) -> None:
    await between.server.stop()
    code, status = await between.ask("GET", "/version")
    assert (code, status["code"]) == (502, 502)
    assert re.search("cannot be reached", status["message"])


async def test_server_with_another_certificate_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    server = ApiServer(other.identity("server"))
    upstream = f"https://127.0.0.1:{await server.start()}"
    proxy = FaultProxy(upstream=upstream, trust=authority.trust(), identity=authority.identity("proxy"))
    address = await proxy.start(ProxyAddress(host="127.0.0.1", api_port=0, control_port=0))
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"https://127.0.0.1:{address.api_port}/version",
                ssl=authority.trust(),
                headers={"Authorization": "Bearer x"},
            ) as answer,
        ):
            assert answer.status == 502
        assert server.options == []
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(
                    f"https://127.0.0.1:{address.api_port}/version", ssl=ssl.create_default_context()
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
async def test_invalid_rule_is_rejected_with_the_reason(
    between: Between, rule: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AssertionError, match="answered 400") as caught:
        await in_thread(between.proxy.fail, **rule)
    assert reason in str(caught.value)
