"""One HTTP request to a port of a pod behind a Service, through the API server, as `kubectl port-forward` reaches it.

The protocol is the WebSocket one of the kubelet: each message begins with the number of a channel, 0 for data and 1 for errors. The first
message of each channel is the number of the port.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from aiohttp import WSMsgType

from notification_cli.errors import ApiError, CliError
from notification_domain.json_values import entries, mapping, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientWebSocketResponse

    from notification_cli.kube.connection import Connection

DATA, ERROR = 0, 1
"""The channels of the first port."""
PORT_BYTES: Final = 2
SECONDS: Final = 30.0
"""Time limit of the exchange."""
END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPort:
    namespace: str
    service: str
    pod: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    body: bytes


async def find(connection: Connection, namespace: str, service: str, port_name: str) -> PodPort:
    """Return a ready pod behind a port of a Service.

    Raises:
        CliError: there is none.
        ApiError: they cannot be read.
    """
    within = f"/api/v1/namespaces/{quote(namespace, safe='')}"
    try:
        found = mapping((await connection.get(f"{within}/services/{service}")).get("spec"))
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise CliError(
                f"there is no Service {service} in namespace {namespace}; name the namespace with --operator-namespace"
            ) from None
        raise
    selector = ",".join(f"{key}={value}" for key, value in sorted(mapping(found.get("selector")).items()))
    target = next(
        (
            each.get("targetPort")
            for each in map(mapping, entries(found.get("ports")))
            if each.get("name") == port_name
        ),
        port_name,
    )
    pods = await connection.get(f"{within}/pods", {"labelSelector": selector})
    for pod in map(mapping, entries(pods.get("items"))):
        number = target if isinstance(target, int) else _numbered(pod, text(target))
        if number is not None and _is_ready(pod):
            name = text(mapping(pod.get("metadata")).get("name"))
            return PodPort(namespace=namespace, service=service, pod=name, port=number)
    raise CliError(f"no pod of Service {service} in namespace {namespace} is ready")


def _numbered(pod: Mapping[str, Any], name: str) -> int | None:
    """Return the number of a port that a container names."""
    containers = map(mapping, entries(mapping(pod.get("spec")).get("containers")))
    ports = (mapping(port) for each in containers for port in entries(each.get("ports")))
    return next((port["containerPort"] for port in ports if port.get("name") == name), None)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = map(mapping, entries(mapping(pod.get("status")).get("conditions")))
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


async def exchange(
    connection: Connection, place: PodPort, path: str, headers: Mapping[str, str], *, method: str = "POST"
) -> Reply:
    """Send a request without a body to a port of a pod.

    Raises:
        ApiError: the API server refuses the connection, or nothing answers.
    """
    pod = f"/api/v1/namespaces/{quote(place.namespace, safe='')}/pods/{quote(place.pod, safe='')}"
    lines = {"Host": place.service, **headers, "Content-Length": "0", "Connection": "close"}
    request = (
        f"{method} {path} HTTP/1.1\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        + "\r\n"
    )
    query = urlencode({"ports": place.port})
    try:
        async with asyncio.timeout(SECONDS), connection.channels(f"{pod}/portforward?{query}") as channels:
            await channels.send_bytes(bytes([DATA]) + request.encode())
            return await _reply(channels, place)
    except TimeoutError:
        raise ApiError(f"pod {place.pod} has not answered within {SECONDS:g} s") from None
    except ApiError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            raise ApiError(
                f"missing right: you may not create pods/portforward in namespace {place.namespace}",
                status=error.status,
            ) from None
        raise


async def _reply(channels: ClientWebSocketResponse, place: PodPort) -> Reply:
    begun: set[int] = set()
    received = b""
    async for message in channels:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        channel, content = message.data[0], message.data[1:]
        if channel not in begun:
            begun.add(channel)
            content = content[PORT_BYTES:]
        if channel == ERROR and content:
            raise ApiError(
                f"pod {place.pod} does not answer on port {place.port}: {content.decode(errors='replace')}"
            )
        received += content
        if (reply := _parsed(received)) is not None:
            return reply
    raise ApiError(f"pod {place.pod} ended the connection to port {place.port} without an answer")


def _parsed(received: bytes) -> Reply | None:
    """Return the answer once it is complete."""
    if END not in received:
        return None
    response = HTTPResponse(_Received(received))  # type: ignore[arg-type]  # it only makes a file of the socket
    try:
        response.begin()
        return Reply(status=response.status, body=response.read())
    except HTTPException:
        return None


@dataclass(frozen=True, slots=True)
class _Received:
    """What `HTTPResponse` wants of a socket."""

    content: bytes

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self.content)
