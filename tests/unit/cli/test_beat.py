"""`notif beat`: to the gateway as it ships, by its URL, and through an API server that forwards a port of its pod."""

from __future__ import annotations

import asyncio
import json
import struct
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from aiohttp import WSMsgType, web
from structlog.testing import capture_logs
from typer.testing import CliRunner

from notification_cli.app import app
from notification_cli.kube import port_forward
from notification_contract import names
from notification_contract.names import PATH_KEYS_SECRET
from notification_contract.sources.path_token import HINT, path_token
from tests.unit.gateway.cluster import HOME, Cluster, running
from tests.unit.gateway.shipped import KEY, Shipped, path_keys, serving
from tests.unit.loopback import listening
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

SPEC: dict[str, Any] = {"type": "heartbeat", "heartbeat": {"every": "1h"}}
NAME = "notificationsource.kubernaut.ai/nightly"


class ApiServer:
    """Has the gateway's Service, its pod, and what a cluster has; forwards a port of the pod by the protocol of the kubelet."""

    def __init__(self, cluster: Cluster, gateway: Shipped) -> None:
        self.cluster, self.gateway = cluster, gateway
        self.denied: set[str] = set()
        self.ready = "True"
        self.error = ""
        """What the kubelet says about the port."""
        self.ends = False
        """Whether the connection to the pod ends without an answer."""
        self.forwarded: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts[-1] in self.denied:
            return web.json_response({"message": "forbidden"}, status=403)
        match parts[-2:]:
            case [_, "portforward"]:
                return await self._forward(request)
            case ["services", name]:
                ports = [
                    {"name": "metrics", "targetPort": "metrics"},
                    {"name": "http", "targetPort": "hooks"},
                ]
                spec = {"selector": {"app": name}, "ports": ports}
                return _found({"spec": spec} if name == names.GATEWAY and parts[3] == HOME else None)
            case [_, "pods"]:
                assert request.query["labelSelector"] == f"app={names.GATEWAY}"
                return web.json_response({"items": [self._pod("False"), self._pod(self.ready)]})
            case [plural, name]:
                return _found(self.cluster.named(plural, name, parts[-3]))
        raise AssertionError(request.path)

    @staticmethod
    def _pod(ready: str) -> dict[str, Any]:
        ports = [{"name": "metrics", "containerPort": 1}, {"name": "hooks", "containerPort": 8080}]
        return {
            "metadata": {"name": f"gateway-{ready}"},
            "spec": {"containers": [{"name": "proxy"}, {"name": "gateway", "ports": ports}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if "*/*" not in request.headers["Accept"]:
            # As a real API server, which has no JSON of a connection.
            return web.Response(status=406)
        self.forwarded.append(f"{request.path.split('/')[-2]}:{request.query['ports']}")
        channels = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await channels.prepare(request)
        assert channels.ws_protocol == "v4.channel.k8s.io"
        for channel in (0, 1):
            await channels.send_bytes(bytes([channel]) + struct.pack("<H", 8080))
        if self.error:
            await channels.send_bytes(b"\x01" + self.error.encode())
        elif not self.ends:
            await self._bridge(channels)
        await channels.close()
        return channels

    async def _bridge(self, channels: web.WebSocketResponse) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.app.server.port)
        message = await channels.receive()
        assert (message.type, message.data[0]) == (WSMsgType.BINARY, 0)
        writer.write(message.data[1:])
        while content := await reader.read(40):
            await channels.send_bytes(b"\x00" + content)
        writer.close()


def _found(obj: Mapping[str, Any] | None) -> web.Response:
    if obj is None:
        return web.json_response({"kind": "Status", "code": 404, "details": {"name": "x"}}, status=404)
    return web.json_response(obj)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with running() as server:
        yield server


@pytest.fixture
async def server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiServer]:
    """An API server with the gateway, whose source `nightly` has the bearer token `s3cret-of-a-sender`."""
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source("nightly", **SPEC)
    keys = path_keys(cluster, tmp_path_factory.mktemp("keys"), previous="p" * 32)
    # The log of the gateway would be part of the output: both are in this process.
    with capture_logs():
        async with serving(cluster, tenant_sources=True, path_keys_directory=keys) as gateway:
            yield ApiServer(cluster, gateway)


async def beat(
    *arguments: str,
    config: str = "/absent",
    text: str = "",
    verb: tuple[str, ...] = ("beat",),
    **environment: str,
) -> tuple[int, str, str]:
    variables = {"KUBECONFIG": config, **environment}
    done = await asyncio.to_thread(CliRunner().invoke, app, [*verb, *arguments], input=text, env=variables)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
async def send(server: ApiServer, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that runs `notif beat` with a kubeconfig of the API server."""
    async with listening(server.handle) as url:
        config = tmp_path / "config"
        config.write_text(
            yaml.safe_dump(
                {
                    "current-context": "dev",
                    "contexts": [{"name": "dev", "context": {"cluster": "dev", "namespace": HOME}}],
                    "clusters": [{"name": "dev", "cluster": {"server": url}}],
                    "users": [],
                }
            ),
            "utf-8",
        )

        async def sent(*arguments: str, **options: Any) -> tuple[int, str, str]:
            return await beat(*arguments, config=str(config), **options)

        yield sent


async def test_beat_reaches_the_gateway_through_its_pod(server: ApiServer, send: Callable[..., Any]) -> None:
    assert await send("nightly") == (0, f"{NAME} received\n", "")
    assert server.forwarded == ["gateway-True:8080"]
    assert server.gateway.metric(f"{HOME}/nightly", "beat") == 1.0
    assert await send("nightly", "-o", "name") == (0, f"{NAME}\n", "")
    assert json.loads((await send("nightly", "-o", "json"))[1])["created"] == 0


@pytest.mark.parametrize("kind", ["path", "basic", "token file"])
async def test_beat_uses_the_credentials_that_the_source_has(
    server: ApiServer, send: Callable[..., Any], tmp_path: Path, kind: str
) -> None:
    cluster = server.cluster
    auth = {
        "path": {"path": True},
        "basic": {"basicSecretRef": {"name": "login", "usernameKey": "user"}},
        "token file": {"bearerSecretRef": {"name": "hook"}},
    }[kind]
    cluster.secret("login", namespace="shop", user="ann", password="pass:word-of-ann")
    cluster.secret(namespace="shop", token="s3cret-of-a-sender")
    cluster.source("hourly", namespace="shop", **{**SPEC, "auth": auth})
    await until(lambda: server.gateway.app.sources.exists("shop/hourly"), "source")
    arguments: tuple[str, ...] = ()
    if kind == "token file":
        server.denied.add("hook")
        (tmp_path / "token").write_text("s3cret-of-a-sender\n", "utf-8")
        arguments = ("--token-file", str(tmp_path / "token"))
    code, out, err = await send("hourly", "-n", "shop", *arguments)
    assert (code, out, err) == (0, "notificationsource.kubernaut.ai/hourly received\n", "")
    assert server.gateway.metric("shop/hourly", "beat") == 1.0


async def test_url_of_a_source_needs_the_right_to_read_the_key(
    server: ApiServer, send: Callable[..., Any]
) -> None:
    uid = server.cluster.source("hourly", namespace="shop", **{**SPEC, "auth": {"path": True}})["metadata"][
        "uid"
    ]
    path = f"/hook/shop/hourly/{path_token(KEY.encode(), uid)}"
    url = ("hourly", "-n", "shop")
    assert await send(*url, verb=("source", "url")) == (
        0,
        f"http://notification-gateway.{HOME}.svc{path}\n",
        "",
    )
    at = ("--url", "https://hooks.example.com/")
    assert (await send(*url, *at, verb=("source", "url")))[1] == f"https://hooks.example.com{path}\n"
    assert (await send("nightly", *at, verb=("source", "url")))[
        1
    ] == "https://hooks.example.com/hook/nightly\n"
    server.denied.add(PATH_KEYS_SECRET)
    code, out, err = await send(*url, verb=("source", "url"))
    assert (code, out) == (3, "")
    assert "only a user who may read this Secret can compute the URL" in err
    server.denied.clear()
    server.cluster.remove("secrets", HOME, PATH_KEYS_SECRET)
    code, _, err = await send(*url, verb=("source", "url"))
    assert (code, err) == (1, f"notif: there is no Secret {HOME}/{PATH_KEYS_SECRET}; {HINT}\n")


async def test_passwords_of_netrc_are_not_sent(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n", "utf-8")
    (tmp_path / "token").write_text("s3cret-of-a-sender", "utf-8")
    seen: list[str | None] = []

    async def gateway(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({}, status=202)

    netrc = str(tmp_path / "netrc")
    async with listening(gateway) as url:
        by_path = await beat("--url", f"{url}/hook/nightly/path-secret", NETRC=netrc)
        by_token = await beat("nightly", "--url", url, "--token-file", str(tmp_path / "token"), NETRC=netrc)
    assert (by_path[0], by_token[0], seen) == (0, 0, [None, "Bearer s3cret-of-a-sender"])


async def test_what_prevents_a_beat_is_one_line(server: ApiServer, send: Callable[..., Any]) -> None:
    server.cluster.source("alerts")
    server.cluster.source("signed", **{**SPEC, "auth": {"hmac": {"secretRef": {"name": "sign"}}}})
    assert await send("alerts") == (
        1,
        "",
        "notif: source alerts has the type generic; only sources of the type heartbeat beat\n",
    )
    assert "accepts hmac sha256-hex (Secret sign); give a bearer token" in (await send("signed"))[2]
    assert "there is no source absent in namespace" in (await send("absent"))[2]
    assert "name a source" in (await send())[2]
    code, _, err = await send("nightly", "--operator-namespace", "elsewhere")
    assert (code, "there is no Service notification-gateway in namespace elsewhere" in err) == (1, True)
    server.denied = {"portforward"}
    code, _, err = await send("nightly")
    assert (code, "missing right: you may not create pods/portforward in namespace" in err) == (3, True)
    server.denied, server.error = set(), "connection refused"
    code, _, err = await send("nightly")
    assert (code, err) == (3, "notif: pod gateway-True does not answer on port 8080: connection refused\n")
    server.error, server.ends = "", True
    assert "ended the connection to port 8080 without an answer" in (await send("nightly"))[2]
    server.ready = "False"
    assert "no pod of Service notification-gateway in namespace" in (await send("nightly"))[2]


async def test_secret_without_its_value_is_named(server: ApiServer, send: Callable[..., Any]) -> None:
    server.cluster.secret(other="x")
    assert "Secret hook has no key token" in (await send("nightly"))[2]
    server.cluster.put("secrets", HOME, "hook", data={"token": b64encode(b"\xff").decode()})
    assert "the key token of Secret hook is not a text" in (await send("nightly"))[2]
    server.cluster.remove("secrets", HOME, "hook")
    assert f"there is no Secret hook in namespace {HOME}" in (await send("nightly"))[2]


async def test_secret_made_of_a_file_is_used_without_its_line_break(
    server: ApiServer, send: Callable[..., Any]
) -> None:
    for value in ("s3cret-of-a-sender\n", " gr\u00fcn\u2713-of-a-sender \r\n"):
        server.cluster.secret(token=value)
        assert await send("nightly") == (0, f"{NAME} received\n", "")
    server.cluster.secret("login", user="ann\n", password="pass:word-of-ann\n")
    server.cluster.source(
        "daily", **{**SPEC, "auth": {"basicSecretRef": {"name": "login", "usernameKey": "user"}}}
    )
    await until(lambda: server.gateway.app.sources.get(HOME, "daily") is not None, "source")
    assert (await send("daily"))[0] == 0


async def test_credential_of_several_lines_is_refused(
    server: ApiServer, send: Callable[..., Any], tmp_path: Path
) -> None:
    server.cluster.secret(token="s3cret-of-a-sender\r\nX-Other: 1")
    code, _, err = await send("nightly")
    assert (code, "the key token of Secret hook has control characters" in err) == (1, True)
    (tmp_path / "token").write_text("s3cret-of-a-sender\nmore", "utf-8")
    code, _, err = await beat(
        "nightly", "--url", "http://127.0.0.1:1", "--token-file", str(tmp_path / "token")
    )
    assert (code, "has control characters; a credential is one line" in err) == (1, True)
    assert server.forwarded == []


async def test_pod_that_does_not_answer_in_time_is_named(
    server: ApiServer, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: web.WebSocketResponse) -> None:
        await asyncio.sleep(1)

    monkeypatch.setattr(port_forward, "SECONDS", 0.2)
    monkeypatch.setattr(server, "_bridge", hang)
    code, _, err = await send("nightly")
    assert (code, err) == (3, "notif: pod gateway-True has not answered within 0.2 s\n")


async def test_beat_by_url_needs_no_cluster(server: ApiServer) -> None:
    url = server.gateway.url
    assert (await beat("nightly", "--url", url, "--token-file", "-", text="s3cret-of-a-sender\n"))[:2] == (
        0,
        f"{NAME} received\n",
    )
    whole = await beat("--url", f"{url}/hook/nightly", "--token-file", "-", text="s3cret-of-a-sender")
    assert whole == (0, "beat received\n", "")
    assert (await beat("nightly", "--token-file", "-", text="s3cret-of-a-sender", NOTIF_GATEWAY_URL=url))[
        0
    ] == 0
    code, out, err = await beat("nightly", "--url", url)
    assert (code, out, "does not accept the credentials" in err) == (3, "", True)
    assert server.gateway.metric(f"{HOME}/nightly", "beat") == 3.0


async def test_url_that_fails_is_named_without_its_secret(server: ApiServer) -> None:
    for url in ("gateway", "file:///hook/x"):
        code, _, err = await beat("nightly", "--url", url)
        assert (code, err) == (
            2,
            "notif: --url: it is no URL; write it like https://notifications.example.com\n",
        )
    assert "name a source" in (await beat("--url", server.gateway.url))[2]
    code, _, err = await beat("--url", "http://user:hunter2@127.0.0.1:1/hook/x/s3cret-of-a-sender")
    assert (code, "the gateway at 127.0.0.1:1 cannot be reached" in err) == (3, True)
    assert "s3cret-of-a-sender" not in err
    assert "hunter2" not in err


async def test_answer_of_a_busy_gateway_has_its_exit_code(server: ApiServer) -> None:
    arguments = ("nightly", "--url", server.gateway.url, "--token-file", "-")
    server.gateway.app.sources.known = False
    assert await beat(*arguments, text="s3cret-of-a-sender") == (
        3,
        "",
        "notif: the gateway answers 503: the sources are not known yet\n",
    )
    async with listening(_refuse) as url:
        code, _, err = await beat("nightly", "--url", url)
        assert (code, err) == (1, "notif: the gateway answers 404: without a reason\n")


async def _refuse(_: web.Request) -> web.Response:
    return web.Response(status=404, text="nothing here")
