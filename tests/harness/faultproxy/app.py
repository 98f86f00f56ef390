"""The fault proxy: an API server with injected faults on one port, and its control API on another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from tests.harness.faultproxy.control import Control
from tests.harness.faultproxy.creations import Creations
from tests.harness.faultproxy.forwarding import Forwarder
from tests.harness.faultproxy.requests import Records
from tests.harness.faultproxy.rules import Rules
from tests.harness.faultproxy.watches import Watches

if TYPE_CHECKING:
    import ssl

LARGEST_BODY = 32 * 1024 * 1024
KEEP_ALIVE = 3600.0
"""Seconds that an idle connection is kept; the proxy must not close any itself."""
STOP_WITHIN = 0.1
"""Seconds for open requests at shutdown; a watch would take all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyAddress:
    """Where the proxy listens; the system chooses a port that is 0."""

    host: str
    api_port: int
    control_port: int


class FaultProxy:
    """Both servers. `upstream` is the API server's address, `trust` verifies it."""

    def __init__(self, *, upstream: str, trust: ssl.SSLContext, identity: ssl.SSLContext) -> None:
        rules, records, watches, creations = Rules(), Records(), Watches(), Creations()
        self._forwarder = Forwarder(
            upstream, trust, rules=rules, records=records, watches=watches, creations=creations
        )
        self._control = Control(rules=rules, records=records, watches=watches, creations=creations)
        self._identity = identity
        self._runners: list[web.AppRunner] = []

    async def start(self, address: ProxyAddress) -> ProxyAddress:
        await self._forwarder.open()
        api = web.Application(client_max_size=LARGEST_BODY)
        api.router.add_route("*", "/{path:.*}", self._forwarder.handle)
        api_port = await self._serve(api, address.host, address.api_port, self._identity)
        control_port = await self._serve(self._control.application(), address.host, address.control_port)
        return ProxyAddress(host=address.host, api_port=api_port, control_port=control_port)

    async def stop(self) -> None:
        """Stop, and abort open connections."""
        for runner in self._runners:
            await runner.cleanup()
        await self._forwarder.close()

    async def _serve(
        self, application: web.Application, host: str, port: int, identity: ssl.SSLContext | None = None
    ) -> int:
        runner = web.AppRunner(
            application,
            # A client that disconnects cancels its request to the API server.
            handler_cancellation=True,
            keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=STOP_WITHIN,
            access_log=None,
        )
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, host, port, ssl_context=identity).start()
        chosen: int = runner.addresses[0][1]
        return chosen
