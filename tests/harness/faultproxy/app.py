"""The fault proxy: an API server to whoever asks it, with faults on command; one port for that, one for the commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from tests.harness.faultproxy.control import Control
from tests.harness.faultproxy.forwarding import Forwarder
from tests.harness.faultproxy.records import Records
from tests.harness.faultproxy.rules import Rules
from tests.harness.faultproxy.watches import Watches

if TYPE_CHECKING:
    import ssl

LARGEST_BODY = 32 * 1024 * 1024
KEEP_ALIVE = 3600.0
"""Seconds that an idle connection is kept, so that none is lost by the proxy's own doing."""
STOP_WITHIN = 0.1
"""Seconds that open requests have at the end; a watch would take all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the proxy listens; a port given as 0 is chosen by the system."""

    host: str
    api_port: int
    control_port: int


class FaultProxy:
    """The two servers. `upstream` is the API server's address, `trust` says whom to take for it."""

    def __init__(self, *, upstream: str, trust: ssl.SSLContext, identity: ssl.SSLContext) -> None:
        rules, records, watches = Rules(), Records(), Watches()
        self._forwarder = Forwarder(upstream, trust, rules=rules, records=records, watches=watches)
        self._control = Control(rules=rules, records=records, watches=watches)
        self._identity = identity
        self._runners: list[web.AppRunner] = []

    async def start(self, place: Place) -> Place:
        """Serve; return where."""
        await self._forwarder.open()
        api = web.Application(client_max_size=LARGEST_BODY)
        api.router.add_route("*", "/{path:.*}", self._forwarder.handle)
        api_port = await self._serve(api, place.host, place.api_port, self._identity)
        control_port = await self._serve(self._control.application(), place.host, place.control_port)
        return Place(host=place.host, api_port=api_port, control_port=control_port)

    async def stop(self) -> None:
        """Serve no longer; what is open is broken off."""
        for runner in self._runners:
            await runner.cleanup()
        await self._forwarder.close()

    async def _serve(
        self, application: web.Application, host: str, port: int, identity: ssl.SSLContext | None = None
    ) -> int:
        runner = web.AppRunner(
            application,
            # An asker that goes away takes its request to the API server with it.
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
