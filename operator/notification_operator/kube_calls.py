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

BAD_REQUEST = 400


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
        data = await answer.read()
        if answer.status >= BAD_REQUEST:
            text = data.decode(errors="replace")
            raise ApiException(status=answer.status, reason=answer.reason, body=text)
    decoded: dict[str, Any] = orjson.loads(data)
    return decoded
