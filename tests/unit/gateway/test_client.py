"""The Python client by URL and token, against the gateway as it ships; the synchronous one runs in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiException as AsyncApiException
from kubernetes.client import ApiException

from notification_client import AsyncNotifier, Link, Notifier, _asynchronous, _gateway, _synchronous
from notification_client._gateway import Answer, Requests
from tests.unit.gateway.cluster import REQUESTS, Cluster
from tests.unit.gateway.shipped import Shipped, serving
from tests.unit.gateway.test_credentials import account_token
from tests.unit.loopback import listening
from tests.unit.operator.kube_api import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

USER = "system:serviceaccount:shop:ci"
TOKEN = account_token()
REFUSED = (ApiException, AsyncApiException)
SENT = {"phase": "Sent", "message": "Delivered", "deliveryAttempts": [{"channel": "log", "attempt": 1}]}
SERVER_TYPES = (Notifier, AsyncNotifier)


async def call(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(*args, **options)
    return await asyncio.to_thread(function, *args, **options)


class Client:
    """A notifier of either type, with `send` of a message that is always the same."""

    def __init__(
        self, kind: type[Notifier | AsyncNotifier], url: str, *, namespace: str = "shop", token: Any
    ) -> None:
        self.notifier = kind(namespace, url=url, token=token)

    async def send(self, body: str = "it burns", **options: Any) -> Any:
        return await call(self.notifier.send, "hello", body, **options)


@pytest.fixture
async def gateway(cluster: Cluster) -> AsyncIterator[Shipped]:
    """The gateway, where a ServiceAccount may create and get notifications in namespace shop."""
    cluster.users[TOKEN, "notifications"] = USER
    cluster.permissions |= {(USER, "create", "shop"), (USER, "get", "shop")}
    async with serving(cluster) as shipped:
        yield shipped


@pytest.fixture(params=SERVER_TYPES)
async def connect(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Client]]:
    """Return a function that makes a client of a URL; no client pauses before it sends again."""
    made: list[Client] = []
    for module in (_synchronous, _asynchronous):
        monkeypatch.setattr(module, "PAUSE", 0.0)
    pauses = {429: 0.0, 503: 0.0}
    monkeypatch.setattr(Answer, "pause", property(lambda answer: pauses.get(answer.status)))

    def client(url: str, *, token: Any = TOKEN, pause: float = 0.0, **options: Any) -> Client:
        pauses.update(dict.fromkeys(pauses, pause))
        made.append(Client(request.param, url, token=token, **options))
        return made[-1]

    yield client
    for each in made:
        if isinstance(each.notifier, AsyncNotifier):
            await each.notifier.close()


async def test_message_with_every_option_is_stored(gateway: Shipped, connect: Callable[..., Client]) -> None:
    link = Link(url="https://example.com", label="Graph", service="grafana")
    handle = await connect(f"{gateway.url}/").send(
        priority="critical", channels=["log"], links=[link], incident="i"
    )
    (created,) = gateway.cluster.created
    assert (handle.namespace, handle.name, handle.created) == ("shop", created["metadata"]["name"], True)
    assert created["spec"] == {
        "type": "simple",
        "priority": "critical",
        "subject": "hello",
        "body": "it burns",
        "channels": ["log"],
        "actionLinks": [{"service": "grafana", "url": "https://example.com", "label": "Graph"}],
        "dedupKey": "i",
    }


@pytest.mark.parametrize("once", ["deploy-4711", "Ausführung 7"])
async def test_repeated_key_finds_the_first_notification(
    gateway: Shipped, connect: Callable[..., Client], once: str
) -> None:
    client = connect(gateway.url)
    first, second = await client.send(once=once), await client.send(once=once)
    assert (first.created, second.created, second.name) == (True, False, first.name)
    assert len({(await client.send()).name for _ in range(2)}) == 2
    with pytest.raises(REFUSED, match="created with another content") as refused:
        await client.send("another body", once=once)
    assert refused.value.status == 409


async def test_wait_returns_the_result_or_raises(gateway: Shipped, connect: Callable[..., Client]) -> None:
    handle = await connect(gateway.url).send()
    with pytest.raises(TimeoutError, match=r"is Pending after 0\.1 s"):
        await call(handle.wait, 0.1)
    assert (await call(handle.status)).phase == "Pending"
    waiting = asyncio.create_task(call(handle.wait, 10))
    await asyncio.sleep(0.3)
    spec = gateway.cluster.named(REQUESTS, handle.name, "shop") or {}
    gateway.cluster.put(REQUESTS, "shop", handle.name, spec=spec["spec"], status=SENT)
    status = await waiting
    assert (status.final, status.delivered, status.message, status.attempts) == (True, True, "Delivered", 1)


async def test_refusal_raises_with_the_words_of_the_gateway(
    gateway: Shipped, connect: Callable[..., Client]
) -> None:
    with pytest.raises(REFUSED, match="may not create notificationrequests in namespace bank"):
        await connect(gateway.url, namespace="bank").send()
    with pytest.raises(REFUSED, match="unauthorized"):
        await connect(gateway.url, token="wrong").send()
    causes = {"causes": [{"field": "spec.priority", "message": "Unsupported value"}]}
    invalid = web.json_response(
        {"kind": "Status", "code": 422, "message": "it is invalid", "details": causes}, status=422
    )
    gateway.cluster.fails = lambda method, path, _: (
        invalid if method == "POST" and path.endswith(REQUESTS) else None
    )
    with pytest.raises(REFUSED, match="it is invalid") as refused:
        await connect(gateway.url).send(priority="urgent")
    assert "spec.priority" in refused.value.body


async def test_lost_answer_and_busy_gateway_create_one_notification(
    gateway: Shipped, connect: Callable[..., Client]
) -> None:
    client, failures = connect(gateway.url), iter([503, 504])

    def fail(method: str, path: str, _: Any) -> web.Response | None:
        is_creation = method == "POST" and path.endswith(REQUESTS)
        status = next(failures, None) if is_creation else None
        return refusal(status, "busy") if status else None

    gateway.cluster.fails, gateway.cluster.loses_answers = fail, True
    handle = await client.send()
    assert (len(gateway.cluster.created), handle.created) == (1, True)


async def test_gateway_that_stays_busy_is_refused_after_some_tries(
    gateway: Shipped, connect: Callable[..., Client]
) -> None:
    gateway.cluster.fails = lambda method, path, _: (
        refusal(503, "busy") if method == "POST" and path.endswith(REQUESTS) else None
    )
    with pytest.raises(REFUSED, match="cannot store") as refused:
        await connect(gateway.url).send()
    assert refused.value.status == 503
    assert gateway.cluster.posts() == 4


async def test_gateway_that_does_not_answer_is_named(connect: Callable[..., Client]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ConnectionError, match=f"the gateway {gone} cannot be reached"):
        await connect(gone).send()


async def test_wait_ends_in_time_though_the_gateway_does_not_answer(
    connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_gateway, "LEAST_SECONDS", 0.1)
    reads: list[str] = []

    async def gateway(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.json_response({"name": "n"}, status=201)
        reads.append(request.query_string)
        await asyncio.sleep(5)
        return web.json_response({})

    async with listening(gateway) as url:
        handle = await connect(url).send()
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError, match=r"shop/n cannot be read after 0\.3 s"):
            await call(handle.wait, 0.3)
        assert asyncio.get_running_loop().time() - began < 2
    assert reads[0] == "wait=0"


async def test_wait_ends_in_time_though_the_gateway_stays_busy(connect: Callable[..., Client]) -> None:
    async def gateway(request: web.Request) -> web.Response:
        busy = request.method == "GET"
        return web.json_response({"error": "busy"} if busy else {"name": "n"}, status=503 if busy else 201)

    async with listening(gateway) as url:
        handle = await connect(url, pause=60.0).send()
        with pytest.raises(TimeoutError, match=r"shop/n cannot be read after 1 s"):
            await call(handle.wait, 1)


async def test_token_is_asked_for_each_request(
    gateway: Shipped, connect: Callable[..., Client], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("old", "utf-8")
    from_file = connect(gateway.url, token=file)
    with pytest.raises(REFUSED):
        await from_file.send()
    file.write_text(f"{TOKEN}\n", "utf-8")
    assert (await from_file.send()).created
    tokens = iter(["old", TOKEN])
    from_function = connect(gateway.url, token=lambda: next(tokens))
    with pytest.raises(REFUSED):
        await from_function.send()
    assert (await from_function.send()).created


async def test_token_follows_no_redirect(connect: Callable[..., Client]) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with listening(elsewhere) as url:
        with pytest.raises(REFUSED) as refused:
            await connect(url).send()
    assert (refused.value.status, len(seen)) == (307, 1)


async def test_passwords_of_netrc_are_not_sent(
    gateway: Shipped, connect: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert (await connect(gateway.url).send()).created


@pytest.mark.parametrize(
    ("excepted", "expected"),
    [("", ["gateway.example"]), ("other.example", ["gateway.example"]), (".example", [])],
)
async def test_asynchronous_client_uses_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, excepted: str, expected: list[str]
) -> None:
    seen: list[str] = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append(request.host)
        return web.json_response({"name": "n"}, status=201)

    monkeypatch.setattr(_asynchronous, "PAUSE", 0.0)
    async with listening(proxy) as url:
        for name, value in (("http_proxy", url.removeprefix("http://")), ("no_proxy", excepted)):
            monkeypatch.delenv(name.upper(), raising=False)
            monkeypatch.setenv(name, value)
        notifier = AsyncNotifier("shop", url="http://gateway.example", token="t")
        with contextlib.suppress(ConnectionError):
            await notifier.send("s", "b")
        await notifier.close()
    assert seen == expected


async def test_labels_are_refused_before_anything_is_sent(
    gateway: Shipped, connect: Callable[..., Client]
) -> None:
    with pytest.raises(ValueError, match="the gateway accepts no labels"):
        await connect(gateway.url).send(labels={"a": "b"})
    assert gateway.cluster.created == []


@pytest.mark.parametrize("kind", SERVER_TYPES)
@pytest.mark.parametrize(
    "url", ["notifications.example.com", "file:///etc/passwd", "https://", "https://a/?b=c"]
)
def test_url_of_another_form_is_refused(kind: type[Notifier | AsyncNotifier], url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a gateway"):
        kind("shop", url=url, token="t")


def test_pause_is_what_the_gateway_asks_for_within_bounds() -> None:
    def pause(status: int, wanted: str | None = None) -> float | None:
        headers = {} if wanted is None else {"retry-after": wanted}
        return Answer(status=status, headers=headers, body=b"").pause

    assert [pause(503), pause(429, "3"), pause(503, "600"), pause(503, "soon")] == [1.0, 3.0, 10.0, 1.0]
    assert [pause(502), pause(504)] == [1.0, 1.0], "of a proxy"
    assert [pause(201), pause(400, "3"), pause(409), pause(500)] == [None] * 4


@pytest.mark.parametrize(("seconds", "wait"), [(-1.0, 0), (7.9, 7), (300.0, 50)])
def test_client_waits_for_an_answer_for_less_than_a_proxy_does(seconds: float, wait: int) -> None:
    request = Requests("https://notifications.example.com", "t").reading("shop", "n", seconds)
    assert request.url.endswith(f"/v1/namespaces/shop/notifications/n?wait={wait}")
