"""Calls and watches of the API server by path, without the models of the generated client.

The generated APIs load a model for every kind: up to a hundred megabytes of memory for a handful of calls.

Failures are translated here, once: every call of this package raises `KubeError` and nothing else.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn

import aiohttp
import orjson
from aiohttp.http_exceptions import LineTooLong
from kubernetes.aio.client.exceptions import ApiException

from atomic_status.headers import AUTH_SETTINGS
from notification_domain.error_text import readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from kubernetes.aio.client import ApiClient

JSON: Final = "application/json"
CHUNK: Final = 65_536
"""Bytes that are read at once from a response of bounded size."""
EVENT_BYTES: Final = 8 * 1024 * 1024
"""The longest event of a watch: an object of the largest size, with its text escaped."""


class KubeError(Exception):
    """A call of the API server failed.

    Args:
        status: the HTTP status of a refusal; None when there was no usable response.
        reason: the API server's message, or the cause of a missing response.
        causes: the invalid fields, as the API server lists them.
        continue_token: continues an expired listing with later versions of the objects; empty without one.
    """

    def __init__(
        self,
        *,
        status: int | None,
        reason: str,
        causes: Sequence[Mapping[str, Any]] = (),
        continue_token: str = "",
    ) -> None:
        super().__init__(f"{status} {reason}" if status else reason)
        self.status = status
        self.reason = reason
        self.causes = causes
        self.continue_token = continue_token

    @property
    def not_found(self) -> bool:
        """Whether the object, or its kind, does not exist."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def conflict(self) -> bool:
        """Whether the object exists already, or has changed since it was read."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def expired(self) -> bool:
        """Whether the version to continue or to watch from is too old."""
        return self.status == HTTPStatus.GONE

    @property
    def denied(self) -> bool:
        """Whether the account may not do this, or is not known."""
        return self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

    @property
    def bad_request(self) -> bool:
        """Whether the API server cannot interpret the request."""
        return self.status == HTTPStatus.BAD_REQUEST

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later."""
        return (
            not self.status
            or self.status == HTTPStatus.TOO_MANY_REQUESTS
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )


def from_status(status: Mapping[str, Any]) -> KubeError:
    """Return the error for a `Status` object, as refusals and the ERROR events of a watch carry it."""
    return KubeError(
        status=status.get("code"),
        reason=status.get("message", "no message"),
        causes=(status.get("details") or {}).get("causes") or (),
        continue_token=(status.get("metadata") or {}).get("continue") or "",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn every failure of a call into `KubeError`; cancellation passes through.

    Raises:
        KubeError: the API server refused the request, or there was no usable response.
    """
    try:
        yield
    except ApiException as error:
        raise KubeError(status=error.status, reason=str(error.reason)) from error
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise KubeError(status=None, reason=readable(error)) from error


class ResponseTooLargeError(Exception):
    """A response exceeds the size that its caller can bear; the rest of it was not read."""


async def call(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Send a request and return the decoded response.

    Raises:
        KubeError: the API server refused the request, or there was no usable response.
    """
    with translated():
        response = await _send(client, method, path, query=query, body=body, seconds=seconds)
        async with response:
            decoded: dict[str, Any] = orjson.loads(await _accepted(response))
    return decoded


async def read(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    path: str,
    *,
    query: Mapping[str, Any],
    accept: str,
    seconds: float,
    max_bytes: int | None,
) -> tuple[dict[str, Any], int]:
    """Read a collection; return the decoded response and its size in bytes.

    Raises:
        KubeError: the API server refused the request, or there was no usable response.
        ResponseTooLargeError: the response has more than `max_bytes`.
    """
    with translated():
        response = await _send(client, "GET", path, query=query, accept=accept, seconds=seconds)
        async with response:
            body = await _accepted(response, max_bytes)
        return orjson.loads(body), len(body)


@asynccontextmanager
async def watch(
    client: ApiClient, path: str, *, query: Mapping[str, Any], seconds: float, accept: str = JSON
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Open a watch; yields its events, until the API server ends it.

    Args:
        client: the client.
        path: the collection.
        query: the version to watch from, selectors, and the server's own time-out.
        seconds: the time after which a watch without an end counts as broken.
        accept: the form of the objects.

    Raises:
        KubeError: the API server refused the watch or sent an ERROR event, or the connection broke.
    """
    with translated():
        query = {**query, "watch": "true"}
        response = await _send(client, "GET", path, query=query, accept=accept, seconds=seconds)
    async with response:
        if response.status != HTTPStatus.OK:
            with translated():
                await _accepted(response)
        yield _events(response)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    while True:
        with translated():
            line = await _line(response)
            event = orjson.loads(line) if line else None
        if event is None:
            return
        if event["type"] == "ERROR":
            raise from_status(event["object"])
        yield event


async def _line(response: aiohttp.ClientResponse) -> bytes:
    """Return the next line; empty at the end. The library's own limit is shorter than many objects."""
    try:
        return await response.content.readline(max_line_length=EVENT_BYTES)
    except LineTooLong:
        # The library's message quotes the line, which may be a Secret.
        raise KubeError(status=None, reason=f"an event has more than {EVENT_BYTES} bytes") from None


async def _send(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    accept: str = JSON,
    seconds: float | None = None,
) -> aiohttp.ClientResponse:
    """Send a request and return the response, whatever its status, with its body still to be read."""
    request = await client.param_serialize(
        method,
        path,
        query_params=list((query or {}).items()),
        header_params={"Accept": accept, "Content-Type": JSON},
        body=body,
        auth_settings=AUTH_SETTINGS,
    )
    response: aiohttp.ClientResponse = (await client.call_api(*request, _request_timeout=seconds)).response
    return response


async def _accepted(response: aiohttp.ClientResponse, max_bytes: int | None = None) -> bytes | bytearray:
    """Return the body of a success.

    Raises:
        KubeError: the response is a refusal.
        ResponseTooLargeError: it has more than `max_bytes`.
    """
    body = await response.read() if max_bytes is None else await _read(response, max_bytes)
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise_for_refusal(response, body)
    return body


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytearray:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > max_bytes:
            # The rest is not worth reading, so the connection cannot be used again.
            response.close()
            raise ResponseTooLargeError
    return body


def raise_for_refusal(response: aiohttp.ClientResponse, body: bytes | bytearray) -> NoReturn:
    """Raise the error that a refusal describes.

    Raises:
        KubeError: always.
    """
    status = _status(body)
    if status is None:
        raise KubeError(status=response.status, reason=response.reason or "no reason")
    raise from_status(status)


def _status(body: bytes | bytearray) -> Mapping[str, Any] | None:
    """Return the `Status` of a refusal; None where something other than an API server responded."""
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return status if isinstance(status, dict) and {"code", "message"} <= status.keys() else None
