"""The processes: replicas of the gateway, which take beats, and replicas of the operator, the composition that ships."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from notification_contract.sources.source import NotificationSource
from notification_gateway.presence import Presence
from notification_gateway.sources.catalog import Declared, SourceKey
from notification_gateway.sources.readiness import Readiness
from notification_gateway.sources.routing_file import RoutingFile
from notification_gateway.sources.status_writer import SourceStatusWriter
from notification_operator.ports import SourcePorts
from notification_operator.wiring import build
from notification_runtime.settings import Settings
from tests.simulation.choices import Choices
from tests.simulation.environment import now
from tests.simulation.heartbeats.api import HOME, Requests, SourceStore, place_of, time
from tests.simulation.leases import SimulatedLeases
from tests.simulation.virtual_loop import PROCESS, VirtualLoop
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.simulation.heartbeats.api import Api

SHARDS: Final = 3
SMOOTH: Final = Choices(b"")
"""Nothing goes wrong."""
NO_RULES: Final = Path("/routing-is-not-mounted")


class Process:
    """Works until it is stopped or killed."""

    def __init__(self, name: str, api: Api, *, choices: Choices | None = None) -> None:
        self.name = name
        self.api = api
        self.network = api.network(name, choices or api.choices, crash=self.kill)
        self.clock_offset = timedelta()
        """How far its wall clock is ahead of the true time."""

    def clock(self) -> datetime:
        return now() + self.clock_offset

    def spawn(self, *work: Coroutine[None, None, None]) -> None:
        """Run tasks that belong to this process."""

        def start() -> None:
            PROCESS.set(self.name)
            for each in work:
                asyncio.get_running_loop().create_task(each)

        contextvars.copy_context().run(start)

    def kill(self) -> None:
        """End it as SIGKILL does."""
        self.network.dead = True
        for task in self._tasks():
            task.cancel()

    async def end(self) -> None:
        """Cancel its tasks, and wait for them."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return [task for task in loop.tasks_of(self.name) if not task.done()]


class _Sources:
    """The catalog of a replica of the gateway, which knows every source at once."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def declared(self, key: SourceKey) -> Declared:
        return Declared.parse(self._api.sources.read(place_of(key.name)))

    def readiness(self, _key: SourceKey) -> Readiness:
        return Readiness()


class Gateway(Process):
    """A replica of the gateway: its presence, and the writer of statuses.

    Its network fails as a whole and not now and then: a sender that finds no answer within the grace has sent nothing.
    """

    def __init__(self, name: str, api: Api) -> None:
        super().__init__(name, api, choices=SMOOTH)
        self._presence = Presence(
            SimulatedLeases(api.leases, self.network),
            replica=name.replace(" ", "-"),
            lease_seconds=15,
            seconds=time,
            clock=self.clock,
        )
        self._status = SourceStatusWriter(
            SourceStore(api, self.network),
            _Sources(api),  # type: ignore[arg-type]
            interval=30.0,
            replica=name.replace(" ", "-"),
            live=lambda: self._presence.replicas,
            rules=RoutingFile(NO_RULES),
            clock=self.clock,
            spread=float,
        )

    def start(self) -> None:
        self.spawn(self._presence.run(), self._status.run())

    async def beat(self, name: str) -> None:
        """Take a beat.

        Raises:
            Unavailable: it is not stored.
        """
        if self.network.dead:
            # Of a process that died meanwhile, no answer comes.
            await asyncio.get_running_loop().create_future()
        source = NotificationSource.parse(self.api.sources.read(place_of(name)))
        await self._status.beat(source, self.clock())

    async def stop(self) -> None:
        """Stop in order."""
        await self.end()
        with contextlib.suppress(Exception):
            await self._presence.leave()
        self.network.dead = True


class Operator(Process):
    """A replica of the operator, of which only election and heartbeats run."""

    def __init__(self, name: str, api: Api) -> None:
        super().__init__(name, api)
        leases = SimulatedLeases(api.leases, self.network)
        self.watches = api.watches(self.network)
        settings = Settings.model_validate(
            {
                "heartbeats": {"enabled": True, "max_per_namespace": 2000},
                "leader_election": {"enabled": True, "lease_name": "lease", "shards": SHARDS},
                "retention": {"enabled": False},
            }
        )
        ports = null_ports(
            leases=leases,
            objects=Requests(api, self.network),
            sources=SourcePorts(
                watches=self.watches, store=SourceStore(api, self.network), leases=leases, home=HOME
            ),
            identity=name,
        )
        self._operator = build(settings, ports, clock=self.clock, seconds=time)
        assert self._operator.elector is not None
        assert self._operator.heartbeats is not None
        self._elector, self._heartbeats = self._operator.elector, self._operator.heartbeats

    def start(self) -> None:
        elects = self._elector.run(
            closed_seconds=lambda: 0.0, drained=self._operator.ownership.drained, on_change=lambda: None
        )
        self.spawn(elects, self._heartbeats.sources.run(), self._heartbeats.controller.run())

    async def stop(self) -> None:
        """Stop in order."""
        self._operator.ownership.begin_shutdown()
        await self.end()
        await self._elector.release()
        self.network.dead = True
