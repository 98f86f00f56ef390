"""The store over HTTP, with a real server and client: its requests, and the error of each response."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from atomic_status import (
    Conflict,
    Gone,
    KubeStatusStore,
    ObjectRef,
    Rejected,
    Resource,
    StatusError,
    Unavailable,
)
from tests.unit.loopback import listening

RESOURCE = Resource(group="example.org", version="v1", plural="orders")
REF = ObjectRef(namespace="shop", name="order-1", uid="uid-1")
PATH = "/apis/example.org/v1/namespaces/shop/orders/order-1"
OBJECT = {
    "apiVersion": "example.org/v1",
    "kind": "Order",
    "metadata": {
        "namespace": "shop",
        "name": "order-1",
        "uid": "uid-1",
        "resourceVersion": "7",
        "labels": {"a": "b"},
        "managedFields": [{"manager": "kubectl"}],
    },
    "spec": {"large": "x" * 1000},
    "status": {"phase": "Sent"},
}


class Server:
    """Responds as a test sets it up, and records the requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.status = 200
        self.body: Any = OBJECT
        self.headers: dict[str, str] = {}
        self.arrived = asyncio.Event()
        self.responding = asyncio.Event()
        self.responding.set()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.raw_path, dict(request.headers), body))
        self.arrived.set()
        await self.responding.wait()
        if isinstance(self.body, bytes):
            return web.Response(status=self.status, body=self.body, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with listening(server.handle) as server.url:
        yield server
        server.responding.set()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[ApiClient]:
    configuration = Configuration(host=server.url)
    configuration.api_key = {"BearerToken": "Bearer made-up"}
    async with ApiClient(configuration) as client:
        yield client


@pytest.fixture
def store(client: ApiClient) -> KubeStatusStore:
    return KubeStatusStore(client, RESOURCE, timeout=5)


async def test_read_is_one_get(server: Server, store: KubeStatusStore) -> None:
    assert await store.read(REF) == OBJECT
    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("GET", PATH, None)
    assert headers["Accept"] == "application/json"
    assert headers["Authorization"] == "Bearer made-up"
    assert headers["User-Agent"]


async def test_read_names_no_resource_version(server: Server, store: KubeStatusStore) -> None:
    await store.read(REF)
    assert "resourceVersion" not in server.requests[0][1]


async def test_write_is_one_put_of_identity_and_status(server: Server, store: KubeStatusStore) -> None:
    server.body = {**OBJECT, "status": {"phase": "Sent", "stored": True}}
    assert (await store.replace_status(OBJECT))["status"]["stored"]
    [(method, path, headers, body)] = server.requests
    assert (method, path) == ("PUT", f"{PATH}/status")
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer made-up"
    assert body == {
        "apiVersion": "example.org/v1",
        "kind": "Order",
        "metadata": {"namespace": "shop", "name": "order-1", "uid": "uid-1", "resourceVersion": "7"},
        "status": {"phase": "Sent"},
    }


async def test_text_of_any_script_is_sent_unchanged(server: Server, store: KubeStatusStore) -> None:
    status = {"message": '日本語 🚨 \u2028 "quoted" \\ \n\t'}
    await store.replace_status({**OBJECT, "status": status})
    assert server.requests[0][3]["status"] == status


async def test_names_are_quoted_in_the_path(server: Server, store: KubeStatusStore) -> None:
    await store.read(ObjectRef(namespace="a/b", name="../c?d#e"))
    assert server.requests[0][1] == "/apis/example.org/v1/namespaces/a%2Fb/orders/..%2Fc%3Fd%23e"


@pytest.mark.parametrize("keys", [{}, {"BearerToken": ""}])
async def test_request_without_credentials_has_no_authorization(server: Server, keys: dict[str, str]) -> None:
    configuration = Configuration(host=server.url)
    configuration.api_key = keys
    async with ApiClient(configuration) as client:
        await KubeStatusStore(client, RESOURCE).read(REF)
    assert "Authorization" not in server.requests[0][2]


STATUS = {"kind": "Status", "message": "message of the server"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (404, Gone),
        (409, Conflict),
        (400, Rejected),
        (401, Rejected),
        (403, Rejected),
        (410, Rejected),
        (413, Rejected),
        (422, Rejected),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
@pytest.mark.parametrize("call", ["read", "replace_status"])
async def test_status_code_decides_the_error(
    server: Server, store: KubeStatusStore, code: int, kind: type[StatusError], call: str
) -> None:
    server.status, server.body = code, STATUS
    with pytest.raises(kind) as caught:
        await (store.read(REF) if call == "read" else store.replace_status(OBJECT))
    assert type(caught.value) is kind
    assert caught.value.ref == REF
    assert str(caught.value).startswith("shop/order-1: ")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [b"404 page not found", b"<html></html>", b"", b"[]", b'{"message": "no route"}']
)
@pytest.mark.parametrize("call", ["read", "replace_status"])
async def test_404_without_a_status_is_not_taken_for_a_deletion(
    server: Server, store: KubeStatusStore, body: bytes, call: str
) -> None:
    server.status, server.body = 404, body
    with pytest.raises(Unavailable, match="404 without a Status"):
        await (store.read(REF) if call == "read" else store.replace_status(OBJECT))


async def test_rejected_carries_code_and_message(server: Server, store: KubeStatusStore) -> None:
    server.status, server.body = 422, STATUS
    with pytest.raises(Rejected, match="422: message of the server") as caught:
        await store.replace_status(OBJECT)
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("header", "delay"), [("7", 7.0), (None, None), ("Fri, 31 Dec 2027 23:59:59 GMT", None), ("-1", None)]
)
async def test_retry_after_is_passed_on(
    server: Server, store: KubeStatusStore, header: str | None, delay: float | None
) -> None:
    server.status, server.body = 429, STATUS
    server.headers = {"Retry-After": header} if header else {}
    with pytest.raises(Unavailable, match="429 message of the server") as caught:
        await store.read(REF)
    assert caught.value.retry_after == delay


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[1]", b'{"message": ""}', b"\xff\xfe"])
async def test_body_without_a_status_object_is_quoted(
    server: Server, store: KubeStatusStore, body: bytes
) -> None:
    server.status, server.body = 502, body
    with pytest.raises(Unavailable) as caught:
        await store.read(REF)
    assert f"502 {body.decode(errors='replace')}" in str(caught.value)


async def test_long_body_is_truncated(server: Server, store: KubeStatusStore) -> None:
    server.status, server.body = 500, b"x" * 100_000
    with pytest.raises(Unavailable) as caught:
        await store.read(REF)
    assert len(str(caught.value)) < 1000


async def test_success_without_json_is_unavailable(server: Server, store: KubeStatusStore) -> None:
    server.body = b"<html>log in first</html>"
    with pytest.raises(Unavailable, match="200 without JSON: <html>log in first"):
        await store.read(REF)


async def test_silent_server_is_unavailable_after_the_timeout(server: Server, client: ApiClient) -> None:
    server.responding.clear()
    with pytest.raises(Unavailable, match="TimeoutError"):
        async with asyncio.timeout(5):
            await KubeStatusStore(client, RESOURCE, timeout=0.1).read(REF)


async def test_unreachable_server_is_unavailable_and_named() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        async with ApiClient(Configuration(host=f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(Unavailable, match=str(port)) as caught:
                await KubeStatusStore(client, RESOURCE).read(REF)
    assert isinstance(caught.value.__cause__, OSError)


async def test_cancelled_call_stays_cancelled(server: Server, store: KubeStatusStore) -> None:
    server.responding.clear()
    call = asyncio.create_task(store.read(REF))
    await server.arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
