"""The fault proxy in place: a server behind it, a client in front of it, and its own client."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.harness.faultproxy_client import FaultProxy as Client
from tests.unit.harness.api_server import ApiServer

OBJECTS = "/apis/kubernaut.ai/v1alpha1/namespaces/ns/notificationrequests"
WATCH = f"{OBJECTS}?watch=true&allowWatchBookmarks=true"
GONE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)
ATTEMPTS = 2
"""aiohttp repeats a PUT whose reused connection was closed without a response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The proxy with the server behind it, a client, and the client of its control API."""

    server: ApiServer
    session: aiohttp.ClientSession
    base: str
    proxy: Client

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = self.base + path
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def write(self, name: str, body: Any) -> int:
        return (await self.ask("PUT", f"{OBJECTS}/{name}/status", body))[0]


async def in_thread(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Run the blocking client in a thread, against a server of this event loop."""
    return await asyncio.to_thread(call, *arguments, **named)
