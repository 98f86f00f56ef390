"""Calls and watches of the API server by path, without the models of the generated client.

The generated APIs load a model for every kind: up to a hundred megabytes of memory for a handful of calls.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from atomic_status.headers import AUTH_SETTINGS
from notification_operator.kube.errors import KubeError, from_status, translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp
    from kubernetes.aio.client import ApiClient


async def call(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    content_type: str = "application/json",
    seconds: float | None = None,
) -> dict[str, Any]:
    """Send a request and return the decoded response.

    Raises:
        KubeError: the API server refused the request, or there was no usable response.
    """
    with translated():
        response = await _send(
            client, method, path, query=query, body=body, content_type=content_type, seconds=seconds
        )
        async with response:
            decoded: dict[str, Any] = orjson.loads(await _accepted(response))
    return decoded


@asynccontextmanager
async def watch(
    client: ApiClient, path: str, *, query: Mapping[str, Any], seconds: float
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Open a watch; yields its events, until the API server ends it.

    Args:
        client: the client.
        path: the collection.
        query: the version to watch from, selectors, and the server's own time-out.
        seconds: the time after which a watch without an end counts as broken.

    Raises:
        KubeError: the API server refused the watch or sent an ERROR event, or the connection broke.
    """
    with translated():
        response = await _send(client, "GET", path, query={**query, "watch": "true"}, seconds=seconds)
    async with response:
        if response.status != HTTPStatus.OK:
            with translated():
                await _accepted(response)
        yield _events(response)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    lines = aiter(response.content)
    while True:
        with translated():
            line = await anext(lines, None)
            event = None if line is None else orjson.loads(line)
        if event is None:
            return
        if event["type"] == "ERROR":
            raise from_status(event["object"])
        yield event


async def _send(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    content_type: str = "application/json",
    seconds: float | None = None,
) -> aiohttp.ClientResponse:
    """Send a request and return the response, whatever its status, with its body still to be read."""
    request = await client.param_serialize(
        method,
        path,
        query_params=list((query or {}).items()),
        header_params={"Accept": "application/json", "Content-Type": content_type},
        body=body,
        auth_settings=AUTH_SETTINGS,
    )
    response: aiohttp.ClientResponse = (await client.call_api(*request, _request_timeout=seconds)).response
    return response


async def _accepted(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a success.

    Raises:
        KubeError: the response is a refusal.
    """
    body = await response.read()
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise_for_refusal(response, body)
    return body


def raise_for_refusal(response: aiohttp.ClientResponse, body: bytes) -> NoReturn:
    """Raise the error that a refusal describes.

    Raises:
        KubeError: always.
    """
    status = _status(body)
    if status is None:
        raise KubeError(status=response.status, reason=response.reason or "no reason")
    raise from_status(status)


def _status(body: bytes) -> Mapping[str, Any] | None:
    """Return the `Status` of a refusal; None where something other than an API server responded."""
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return status if isinstance(status, dict) and {"code", "message"} <= status.keys() else None
