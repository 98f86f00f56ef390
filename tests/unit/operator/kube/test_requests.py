"""Calls and watches over HTTP: what is sent, what is decoded, and that every failure is a `KubeError`."""

from __future__ import annotations

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from notification_runtime.kube.requests import KubeError, call, watch
from tests.unit.loopback import listening
from tests.unit.operator.kube_api import KubeApi, refusal, until

PATH = "/api/v1/namespaces/own/configmaps"
SELECTOR = {"fieldSelector": "metadata.name=rules"}


async def test_call_sends_method_path_and_query_and_decodes_the_body(client: ApiClient, api: KubeApi) -> None:
    api.put({"a": "b"})
    listing = await call(client, "GET", PATH, query=SELECTOR)
    assert [item["data"] for item in listing["items"]] == [{"a": "b"}]
    assert api.requests == [("GET", PATH, SELECTOR)]


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (refusal(403, "not allowed"), "403 not allowed"),
        (web.Response(status=502, body=b"<html>"), "502 Bad Gateway"),
        (web.Response(status=404, body=b'{"message": "no Status"}'), "404 Not Found"),
        (web.Response(status=301, body=b""), "301 Moved Permanently"),
    ],
    ids=["Status", "no JSON", "no Status", "redirect"],
)
async def test_refused_call_raises_status_and_message(
    client: ApiClient, api: KubeApi, response: web.Response, message: str
) -> None:
    api.refusals = [response]
    with pytest.raises(KubeError) as error:
        await call(client, "GET", PATH, query=SELECTOR)
    assert str(error.value) == message
    assert error.value.status == response.status


async def test_call_without_usable_response_raises_no_status(client: ApiClient, api: KubeApi) -> None:
    api.refusals = [web.Response(status=200, body=b"<html>")]
    with pytest.raises(KubeError, match="unexpected character") as not_json:
        await call(client, "GET", PATH)
    assert not_json.value.status is None
    api.open.clear()
    with pytest.raises(KubeError) as too_late:
        await call(client, "GET", PATH, seconds=0.05)
    assert too_late.value.status is None


async def test_call_of_a_closed_port_raises_no_status() -> None:
    async with ApiClient(Configuration(host="http://127.0.0.1:9")) as client:
        with pytest.raises(KubeError) as error:
            await call(client, "GET", PATH)
    assert error.value.status is None


async def test_watch_yields_events_until_the_server_ends_it(client: ApiClient, api: KubeApi) -> None:
    api.put({})
    query = {**SELECTOR, "resourceVersion": "1"}
    types = []
    async with watch(client, PATH, query=query, seconds=5) as events:
        await until(lambda: api.watches)
        api.remove()
        api.cut()
        async for event in events:
            types.append(event["type"])  # noqa: PERF401 - a comprehension would lose events before a failure
    assert types == ["ADDED", "DELETED"]
    assert api.requests[-1] == ("GET", PATH, {**query, "watch": "true"})


async def test_watch_raises_the_status_of_an_error_event(client: ApiClient, api: KubeApi) -> None:
    with pytest.raises(KubeError) as error:  # noqa: PT012 - the failure comes while events are read
        async with watch(client, PATH, query={**SELECTOR, "resourceVersion": "1"}, seconds=5) as events:
            await until(lambda: api.watches)
            api.expire_watches()
            await anext(events)
    assert error.value.expired
    assert error.value.reason == "too old resource version"


async def test_refused_watch_raises_when_it_is_opened(client: ApiClient, api: KubeApi) -> None:
    api.refusals = [refusal(403, "not allowed")]
    with pytest.raises(KubeError, match="403 not allowed"):
        async with watch(client, PATH, query=SELECTOR, seconds=5):
            pytest.fail("the watch was opened")


async def test_broken_watch_raises_no_status() -> None:
    async with listening(_broken) as url, ApiClient(Configuration(host=url)) as client:
        with pytest.raises(KubeError) as error:  # noqa: PT012 - the failure comes while events are read
            async with watch(client, PATH, query={}, seconds=5) as events:
                assert (await anext(events))["type"] == "ADDED"
                await anext(events)
    assert error.value.status is None


async def _broken(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b'{"type": "ADDED", "object": {}}\n{"type": "MODI')
    assert request.transport is not None
    request.transport.close()
    return response


async def test_exception_in_the_body_of_a_watch_is_not_translated(client: ApiClient, api: KubeApi) -> None:
    with pytest.raises(OSError, match="of the caller"):
        async with watch(client, PATH, query={**SELECTOR, "resourceVersion": "1"}, seconds=5):
            raise OSError("of the caller")
    api.cut()
