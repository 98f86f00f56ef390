"""Requests and watches by path; every failure becomes an `ApiError` with one line for the user."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from notification_cli.errors import ApiError
from notification_cli.kube.refusals import NOT_SELECTABLE, explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from notification_cli.kube.connection import Connection

SECONDS: Final = 30.0
"""Time limit of a request."""
AUTH_SETTINGS: Final = ("BearerToken",)


async def get(connection: Connection, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON at a path.

    Raises:
        ApiError: the API server refused the request, or there was no usable response.
    """
    with translated(connection.context):
        response = await _send(connection, path, query or {}, SECONDS)
        async with response:
            body = await response.read()
            if response.status != HTTPStatus.OK:
                raise refusal(connection.context, response.status, body)
            decoded: dict[str, Any] = json.loads(body)
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
    with translated(connection.context):
        response = await _send(connection, path, options, seconds + SECONDS)
    async with response:
        if response.status != HTTPStatus.OK:
            raise refusal(connection.context, response.status, await response.read())
        yield _events(connection, response)


async def _events(connection: Connection, response: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401
    lines = aiter(response.content)
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


async def _send(connection: Connection, path: str, query: Mapping[str, Any], seconds: float) -> Any:  # noqa: ANN401
    request = await connection.client.param_serialize(
        "GET",
        path,
        query_params=list(query.items()),
        header_params={"Accept": "application/json"},
        auth_settings=AUTH_SETTINGS,
    )
    return (await connection.client.call_api(*request, _request_timeout=seconds)).response


def refusal(context: str, status: int, body: bytes | str | None) -> ApiError:
    """Return the error for a refused request."""
    try:
        decoded = json.loads(body or "")
    except ValueError:
        decoded = {}
    document = decoded if isinstance(decoded, dict) else {}
    return ApiError(
        explain(context, status, document),
        status=status,
        next_page=(document.get("metadata") or {}).get("continue") or "",
        unselectable=NOT_SELECTABLE in str(document.get("message") or ""),
    )


@contextmanager
def translated(context: str) -> Iterator[None]:
    """Turn failures of a request into `ApiError`; cancellation passes through."""
    import aiohttp  # noqa: PLC0415 - the client has loaded it; help and completion do without
    from kubernetes.aio.client.exceptions import ApiException  # noqa: PLC0415 - likewise
    from kubernetes.aio.config import ConfigException  # noqa: PLC0415 - likewise

    try:
        yield
    except ApiException as error:
        raise refusal(context, error.status or 0, error.body) from error
    except ConfigException as error:
        raise ApiError(f"the credentials of {context} cannot be renewed: {error}") from error
    except TimeoutError as error:
        raise ApiError(f"the API server of {context} did not respond in time; check the network") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ApiError(f"the API server of {context} cannot be reached: {reason}") from error
