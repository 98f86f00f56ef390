"""Requests and watches by path; every failure becomes an `ApiError` with one line for the user."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from notification_cli.errors import ApiError
from notification_cli.kube.refusals import NOT_SELECTABLE, explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from notification_cli.kube.connection import Connection

SECONDS: Final = 30.0
"""Time limit of a request."""
JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"


async def get(connection: Connection, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON at a path.

    Raises:
        ApiError: the API server refused the request, or there was no usable response.
    """
    return await _request(connection, "GET", path, query=query or {})


async def create(connection: Connection, path: str, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Create an object in a collection and return it as stored; a field that the CRD does not have is an error.

    Raises:
        ApiError: the API server refused the request, or there was no usable response.
    """
    return await _request(
        connection, "POST", path, query={"fieldValidation": "Strict"}, body=json.dumps(obj).encode()
    )


async def merge(connection: Connection, path: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Change fields of the object at a path and return it.

    Raises:
        ApiError: the API server refused the request, or there was no usable response.
    """
    body = json.dumps(change).encode()
    return await _request(connection, "PATCH", path, body=body, content_type=MERGE_PATCH)


async def _request(  # noqa: PLR0913 - the parts of a request
    connection: Connection,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: bytes | None = None,
    content_type: str = JSON,
) -> dict[str, Any]:
    with translated(connection.context):
        response = await connection.send(
            method, path, query=query or {}, seconds=SECONDS, body=body, content_type=content_type
        )
        if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise refusal(connection.context, response.status, response.body, path=path)
        decoded: dict[str, Any] = json.loads(response.body)
    return decoded


@asynccontextmanager
async def watch(
    connection: Connection, path: str, query: Mapping[str, Any], *, seconds: int
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Open a watch that the API server ends after so many seconds; yields its events.

    Raises:
        ApiError: the API server refused the watch or ended it with an error, or the connection broke.
    """
    options = {**query, "watch": "true", "timeoutSeconds": seconds}
    async with AsyncExitStack() as stack:
        with translated(connection.context):
            stream = connection.stream(path, query=options, seconds=seconds + SECONDS)
            status, lines = await stack.enter_async_context(stream)
            if status != HTTPStatus.OK:
                body = b"".join([line async for line in lines])
                raise refusal(connection.context, status, body, path=path)
        yield _events(connection, lines)


async def _events(connection: Connection, lines: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    while True:
        with translated(connection.context):
            line = await anext(lines, None)
            event = None if line is None else json.loads(line)
        if event is None:
            return
        if event["type"] == "ERROR":
            code = event["object"].get("code", HTTPStatus.INTERNAL_SERVER_ERROR)
            raise refusal(connection.context, code, json.dumps(event["object"]).encode())
        yield event


def refusal(context: str, status: int, body: bytes | str | None, *, path: str = "") -> ApiError:
    """Return the error for a refused request of a path."""
    try:
        decoded = json.loads(body or "")
    except ValueError:
        decoded = {}
    document = decoded if isinstance(decoded, dict) else {}
    return ApiError(
        explain(context, status, document, path=path),
        status=status,
        next_page=(document.get("metadata") or {}).get("continue") or "",
        of_object=bool((document.get("details") or {}).get("name")),
        unselectable=NOT_SELECTABLE in str(document.get("message") or ""),
    )


@contextmanager
def translated(context: str) -> Iterator[None]:
    """Turn failures of a request into `ApiError`; cancellation passes through."""
    try:
        yield
    except TimeoutError as error:
        raise ApiError(f"the API server of {context} did not respond in time; check the network") from error
    except (HTTPException, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ApiError(f"the API server of {context} cannot be reached: {reason}") from error
