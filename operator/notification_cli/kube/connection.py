"""Requests and watches at the API server of a context, with the credentials of the user."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from notification_cli.clock import now
from notification_cli.errors import ApiError
from notification_cli.kube.kubeconfig import log_in
from notification_cli.kube.refusals import refusal
from notification_domain.error_text import readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from notification_cli.kube.kubeconfig import Access, Login

SECONDS: Final = 30.0
"""Time limit of each step of a request: to connect, and to receive the next part."""
CHANNELS: Final = "v4.channel.k8s.io"
"""The protocol of a WebSocket to a container."""
JSON: Final = "application/json"
NAMES_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
LINE_BYTES: Final = 2**21
"""An event of a watch is one line, as long as its object."""


class Connection:
    """A client of one API server. Each failure is an `ApiError` with one line for the user.

    Args:
        session: sends the requests.
        login: the server and the credentials; read again when they end or are refused.
    """

    def __init__(self, session: aiohttp.ClientSession, login: Login) -> None:
        self.context, self.namespace = login.context, login.access.namespace
        self._session = session
        self._login = login
        self._refused = False
        self._renewing = asyncio.Lock()

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._request("GET", path, query or {})

    async def names(self, path: str, *, limit: int) -> list[str]:
        """Return the names of the first objects of a collection, without reading the objects."""
        listing = await self._request("GET", path, {"limit": limit}, accept=NAMES_ONLY)
        return [each["metadata"]["name"] for each in listing["items"]]

    async def create(self, path: str, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object in a collection and return it as stored; a field that the CRD does not have is an error."""
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return await self._request("POST", path, query, obj)

    async def delete(self, path: str, uid: str) -> None:
        """Delete an object unless another one has its name by now."""
        await self._request("DELETE", path, {}, {"preconditions": {"uid": uid}})

    async def merge(self, path: str, change: Mapping[str, Any]) -> dict[str, Any]:
        return await self._request("PATCH", path, {}, change)

    async def watch(
        self, path: str, query: Mapping[str, Any], *, seconds: int
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a watch, which the API server ends after so many seconds."""
        options = {**query, "watch": "true", "timeoutSeconds": seconds}
        with translated(self.context):
            async with self._response("GET", path, options, more_seconds=seconds) as response:
                if response.status != HTTPStatus.OK:
                    raise refusal(self.context, response.status, await response.read(), path=path)
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        code = event["object"].get("code", HTTPStatus.INTERNAL_SERVER_ERROR)
                        raise refusal(self.context, code, json.dumps(event["object"]).encode())
                    yield event

    @asynccontextmanager
    async def channels(self, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open the WebSocket of a path that gives access to a container; it may have a query."""
        login = await self._current()
        with translated(self.context):
            try:
                async with self._session.ws_connect(
                    URL(f"{login.configuration.host}{path}", encoded=True),
                    protocols=(CHANNELS,),
                    # A connection has no representation in JSON, and the API server insists on that.
                    headers=[*login.headers, ("Accept", "*/*")],
                    ssl=login.tls,
                    server_hostname=login.configuration.tls_server_name,
                    proxy=login.configuration.proxy,
                ) as channels:
                    yield channels
            except aiohttp.WSServerHandshakeError as error:
                raise refusal(self.context, error.status, b"", path=path) from None

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        obj: Mapping[str, Any] | None = None,
        *,
        accept: str = JSON,
    ) -> dict[str, Any]:
        with translated(self.context):
            async with self._response(method, path, query, obj, accept=accept) as response:
                body = await response.read()
            if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
                raise refusal(self.context, response.status, body, path=path)
            decoded: dict[str, Any] = json.loads(body)
        return decoded

    @asynccontextmanager
    async def _response(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        obj: Mapping[str, Any] | None = None,
        *,
        more_seconds: float = 0.0,
        accept: str = JSON,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; credentials that the API server refuses are renewed once, if they can be."""
        sent = "application/merge-patch+json" if method == "PATCH" else "application/json"
        timeout = aiohttp.ClientTimeout(sock_connect=SECONDS, sock_read=SECONDS + more_seconds)
        renewed = False
        while True:
            login = await self._current()
            response = await self._session.request(
                method,
                URL(f"{login.configuration.host}{path}?{urlencode(query)}", encoded=True),
                headers=[*login.headers, ("Content-Type", sent), ("Accept", accept)],
                data=None if obj is None else json.dumps(obj).encode(),
                ssl=login.tls,
                server_hostname=login.configuration.tls_server_name,
                proxy=login.configuration.proxy,
                timeout=timeout,
                allow_redirects=False,
            )
            if response.status != HTTPStatus.UNAUTHORIZED or not login.until or renewed:
                break
            response.release()
            self._refused = renewed = True
        async with response:
            yield response

    async def _current(self) -> Login:
        async with self._renewing:
            if self._refused or (self._login.until and self._login.until <= now()):
                self._login, self._refused = await log_in(self._login.access), False
            return self._login


@asynccontextmanager
async def connect(access: Access) -> AsyncIterator[Connection]:
    """Open a connection as kubectl does: with the kubeconfig, else with the pod's service account.

    Raises:
        CliError: there is no usable kubeconfig.
    """
    login = await log_in(access)
    # Names are looked up as in other programs: aiohttp prefers a resolver that knows neither VPNs nor mDNS.
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    headers = {"User-Agent": "notif"}
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, read_bufsize=LINE_BYTES
    ) as session:
        yield Connection(session, login)


@contextmanager
def translated(context: str) -> Iterator[None]:
    """Turn failures of a request into `ApiError`; cancellation passes through."""
    try:
        yield
    except TimeoutError as error:
        raise ApiError(f"the API server of {context} did not respond in time; check the network") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ApiError(f"the API server of {context} cannot be reached: {readable(error)}") from error
