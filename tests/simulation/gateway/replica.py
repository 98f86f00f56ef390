"""A replica of the gateway, the composition that ships, without sockets: it can die at any moment, and comes again."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from yarl import URL

from notification_contract.settings.gateway import Gateway, GatewaySettings
from notification_gateway import app as shipped
from notification_gateway.store import RequestStore
from tests.simulation.gateway.api_server import HOME, RECEIVED, Connection, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import web
    from kubernetes.aio.client import ApiClient

    from tests.simulation.choices import Choices
    from tests.simulation.gateway.api_server import ApiServer
    from tests.simulation.gateway.senders import Message
    from tests.simulation.network import Network

    NewStore = Callable[[ApiClient], RequestStore]

RETURNS_AFTER = (0.5, 3.0, 12.0)
"""Seconds after which a replica that has died starts again."""


class Posted:
    """A request, as far as the server reads it."""

    def __init__(self, message: Message) -> None:
        loop = asyncio.get_running_loop()
        self.method = "POST"
        self.headers = dict(message.headers)
        self.rel_url = URL(message.path)
        self.query = self.rel_url.query
        self.content_length = len(message.body)
        self.transport = None
        self.protocol = self
        self.content = StreamReader(BaseProtocol(loop), 2**20, loop=loop)
        self.content.feed_data(message.body)
        self.content.feed_eof()


class Replica:
    """One replica. Requests to it fail while it is dead."""

    def __init__(
        self,
        name: str,
        api: ApiServer,
        choices: Choices,
        new_store: NewStore | None,
        log: Callable[[str], None],
    ) -> None:
        self.name = name
        self._api = api
        self._choices = choices
        self._new_store = new_store
        self._log = log
        self._tasks: set[asyncio.Task[Any]] = set()
        self._app: shipped.App | None = None

    def start(self, network: Network) -> None:
        """Start, with nothing that was known before."""
        client = cast("ApiClient", Connection(self._api, network, self._choices))
        settings = GatewaySettings(gateway=Gateway(port=0))
        with _virtual_clock(), patch.object(shipped, "RequestStore", self._new_store or RequestStore):
            self._app = shipped.App(settings, client=client, watching=client, home=HOME, replica=self.name)
        self._spawn(self._app.sources.run(lambda _key: None))
        self._log(f"{self.name}: starts")

    def crash(self, network: Network) -> None:
        """Die, whatever is being done; another process of this name starts later."""
        self.stop()
        asyncio.get_running_loop().call_later(self._choices.pick(RETURNS_AFTER), self.start, network)

    def stop(self) -> list[asyncio.Task[Any]]:
        """Cancel everything, and return it."""
        self._app = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks

    async def handle(self, message: Message) -> web.StreamResponse:
        """Return the response to a post.

        Raises:
            ConnectionError: the replica is dead, or dies meanwhile.
        """
        if self._app is None:
            raise ConnectionError
        RECEIVED.set(asyncio.get_running_loop().time())
        task = self._spawn(self._app.server.handle(cast("web.BaseRequest", Posted(message))))
        await asyncio.wait((task,))
        if task.cancelled():
            raise ConnectionError
        return cast("web.StreamResponse", task.result())

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


@contextmanager
def _virtual_clock() -> Iterator[None]:
    loop = asyncio.get_running_loop()
    with patch.object(shipped, "monotonic", loop.time), patch.object(shipped, "_now", now):
        yield
