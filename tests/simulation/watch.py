"""A watch as an operator has it: late, reordered between objects, repeating itself, and listing anew.

It follows what is open (DD-WATCH-001), by the API server's rules: an object that becomes final is told of as
DELETED, with what it was before and the version of the change, and one that was final is never told of.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from notification_operator.domain.phases import FINAL

if TYPE_CHECKING:
    from notification_operator.watch.event_handler import Bell
    from tests.simulation.cluster import Cluster, Event
    from tests.simulation.network import Network
    from tests.simulation.tape import Tape

LAGS = (0.001, 0.0, 0.004, 0.05, 0.5, 3.0)
"""Seconds from a change to the event of it."""


class SimulatedWatch:
    """Rings the bell; `cache` holds what it has seen last of each object, as an informer's cache would."""

    def __init__(self, cluster: Cluster, network: Network, bell: Bell, tape: Tape) -> None:
        self._cluster = cluster
        self._network = network
        self._bell = bell
        self._tape = tape
        self._due: dict[str, float] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self.cache: dict[str, bytes] = {}
        self._followed: dict[str, bytes] = {}
        """What the API server has told of each object that is open."""
        self._open = False

    def start(self) -> None:
        """List what is there, and follow what happens from now on."""
        self._open = True
        self.cache = dict(self._cluster.objects)
        self._cluster.watchers.append(self._take)
        self._followed = {name: data for name, data in self.cache.items() if _is_open(data)}
        for data in list(self._followed.values()):
            self._bell.ring(None, orjson.loads(data))

    def stop(self) -> None:
        """Break: what is on its way is never seen."""
        if self._open:
            self._open = False
            self._cluster.watchers.remove(self._take)
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            self._due.clear()

    def relist(self) -> None:
        """Break, and begin anew."""
        self.stop()
        self.start()

    def _take(self, event: Event) -> None:
        loop = asyncio.get_running_loop()
        lag = self._tape.pick(LAGS) if self._network.rough else 0.001
        # Events of one object keep their order; those of different objects need not.
        due = max(loop.time() + lag, self._due.get(event.name, 0.0) + 1e-6)
        self._due[event.name] = due
        told = self._filtered(event)
        self._timers.append(loop.call_at(due, self._ring, event, told))
        if self._network.rough and self._tape.chance(6):
            self._due[event.name] = due + 0.5
            self._timers.append(loop.call_at(due + 0.5, self._ring, event, told))

    def _filtered(self, event: Event) -> tuple[str, dict[str, Any]] | None:
        """Return what the API server makes of a change, for a watch of what is open."""
        before = self._followed.pop(event.name, None)
        if event.kind != "DELETED" and _is_open(event.data):
            self._followed[event.name] = event.data
            return ("MODIFIED" if before else "ADDED"), event.object
        if before is None:
            return None
        obj: dict[str, Any] = orjson.loads(before)
        obj["metadata"]["resourceVersion"] = event.object["metadata"]["resourceVersion"]
        return "DELETED", obj

    def _ring(self, event: Event, told: tuple[str, dict[str, Any]] | None) -> None:
        if event.kind == "DELETED":
            self.cache.pop(event.name, None)
        else:
            self.cache[event.name] = event.data
        if told is not None:
            self._bell.ring(*told)


def _is_open(data: bytes) -> bool:
    return orjson.loads(data)["status"].get("phase") not in FINAL
