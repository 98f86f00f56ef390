"""Plain calls of the API server by path.

The client's generated APIs load a model for every kind there is: up to a hundred megabytes of memory
for what three calls need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from kubernetes.aio.client.exceptions import ApiException

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp
    from kubernetes.aio.client import ApiClient

SUCCESS = range(200, 300)


async def opened(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    content_type: str = "application/json",
    seconds: float | None = None,
) -> aiohttp.ClientResponse:
    """Send a request and return the answer, whatever its status, with its body still to be read."""
    request = await client.param_serialize(
        method,
        path,
        query_params=list((query or {}).items()),
        header_params={"Accept": "application/json", "Content-Type": content_type},
        body=body,
        auth_settings=["BearerToken"],
    )
    response: aiohttp.ClientResponse = (await client.call_api(*request, _request_timeout=seconds)).response
    return response


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
    """Send a request and return the decoded answer.

    Raises:
        ApiException: the API server refuses it.
        aiohttp.ClientError, OSError, TimeoutError: there is no answer.
        ValueError: the answer is not JSON.
    """
    async with await opened(
        client, method, path, query=query, body=body, content_type=content_type, seconds=seconds
    ) as answer:
        decoded: dict[str, Any] = orjson.loads(await accepted(answer))
    return decoded


async def accepted(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body of an answer.

    Raises:
        ApiException: it is a refusal.
    """
    body = await answer.read()
    if answer.status not in SUCCESS:
        raise refusal(_status(body) or {"code": answer.status, "message": answer.reason})
    return body


def refusal(status: Mapping[str, Any]) -> ApiException:
    """Return the error for a Status object: its code, and as the reason its message."""
    return ApiException(status=status["code"], reason=status["message"])


def _status(body: bytes) -> Mapping[str, Any] | None:
    """Return the Status that a refusal comes with; None where something else answered than an API server."""
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return status if isinstance(status, dict) and {"code", "message"} <= status.keys() else None
