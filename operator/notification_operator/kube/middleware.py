"""Middlewares of the watching client's session: current credentials, and failures as `KubeError`.

The session belongs to kopf, which retries some failures by itself and ends at others. With these middlewares it meets
one exception that it does not know and leaves to its caller.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from atomic_status.headers import auth_headers
from notification_operator.kube.errors import translated
from notification_operator.kube.requests import raise_for_refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp
    from kubernetes.aio.client import ApiClient


class Authentication:
    """Authenticates each request with the credentials of this moment, because tokens expire."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request."""
        with translated():
            headers = await auth_headers(self._client)
        request.headers.update(headers)
        return await handler(request)


class Accept:
    """Asks for a media type, which is looked up at each request."""

    def __init__(self, media_type: Callable[[], str]) -> None:
        self._media_type = media_type

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request."""
        request.headers["Accept"] = self._media_type()
        return await handler(request)


async def translate_failures(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request and return the response if it is a success.

    Raises:
        KubeError: the API server refused the request, or there was no response.
    """
    with translated():
        response = await handler(request)
        if response.status >= HTTPStatus.BAD_REQUEST:
            async with response:
                raise_for_refusal(response, await response.read())
    return response
