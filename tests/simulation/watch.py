"""The watch of one process: late, reordered between objects, with repeated events and new listings.

It follows open objects (DD-WATCH-001), by the API server's rules: an object that becomes final is DELETED, with its
previous state and the version of the change; an object that was final causes no event.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from notification_domain.status import FINAL

if TYPE_CHECKING:
    from notification_operator.watch.notifications import EventHandler
    from tests.simulation.choices import Choices
    from tests.simulation.cluster import Cluster, Event
    from tests.simulation.network import Network
    from tests.simulation.outages import Outages

LAGS = (0.001, 0.0, 0.004, 0.05, 0.5, 3.0)
"""Seconds from a change to its event."""


class SimulatedWatch:
    """Calls the event handler; `cache` holds the latest observed state of each object, like an informer's cache."""

    def __init__(
        self,
        cluster: Cluster,
        network: Network,
        handler: EventHandler,
        choices: Choices,
        *,
        outages: Outages,
    ) -> None:
        self._cluster = cluster
        self._outages = outages
        self._network = network
        self._handler = handler
        self._choices = choices
        self._due: dict[str, float] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self.cache: dict[str, bytes] = {}
        self._followed: dict[str, bytes] = {}
        """The latest state of each open object that the API server has sent."""
        self._open = False
        self._closed_at = asyncio.get_running_loop().time()

    @property
    def closed_seconds(self) -> float:
        """Seconds since the watch was open; 0 while it is."""
        return 0.0 if self._open else asyncio.get_running_loop().time() - self._closed_at

    def block(self, seconds: float) -> None:
        """Break, and be refused for a while; then list again."""
        self.stop()
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self.start))

    def start(self) -> None:
        """List the objects, and follow changes from now on; during an outage of the API server, after its end."""
        if seconds := self._outages.api_seconds:
            self._timers.append(asyncio.get_running_loop().call_later(seconds, self.start))
            return
        self._open = True
        self.cache = dict(self._cluster.objects)
        self._cluster.watchers.append(self._take)
        self._followed = {name: data for name, data in self.cache.items() if _is_open(data)}
        listed = [orjson.loads(data) for data in self._followed.values()]
        listing = self._handler.begin_listing(None)
        for obj in listed:
            listing.add(obj)
        listing.complete()

    def stop(self) -> None:
        """Break; pending events are never observed."""
        if self._open:
            self._open = False
            self._closed_at = asyncio.get_running_loop().time()
            self._cluster.watchers.remove(self._take)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._due.clear()

    def relist(self) -> None:
        """Break and list again."""
        self.stop()
        self.start()

    def _take(self, event: Event) -> None:
        loop = asyncio.get_running_loop()
        lag = self._choices.pick(LAGS) if self._network.rough else 0.001
        # Events of one object keep their order; those of different objects need not.
        due = max(loop.time() + lag, self._due.get(event.name, 0.0) + 1e-6)
        self._due[event.name] = due
        visible = self._filtered(event)
        self._timers.append(loop.call_at(due, self._deliver, event, visible))
        if self._network.rough and self._choices.chance(6):
            self._due[event.name] = due + 0.5
            self._timers.append(loop.call_at(due + 0.5, self._deliver, event, visible))

    def _filtered(self, event: Event) -> tuple[str, dict[str, Any]] | None:
        """Return the event that the API server sends for a change to a watch of open objects."""
        before = self._followed.pop(event.name, None)
        if event.kind != "DELETED" and _is_open(event.data):
            self._followed[event.name] = event.data
            return ("MODIFIED" if before else "ADDED"), event.object
        if before is None:
            return None
        obj: dict[str, Any] = orjson.loads(before)
        obj["metadata"]["resourceVersion"] = event.object["metadata"]["resourceVersion"]
        return "DELETED", obj

    def _deliver(self, event: Event, visible: tuple[str, dict[str, Any]] | None) -> None:
        if event.kind == "DELETED":
            self.cache.pop(event.name, None)
        else:
            self.cache[event.name] = event.data
        if visible is not None:
            self._handler.handle(*visible)


def _is_open(data: bytes) -> bool:
    return orjson.loads(data)["status"].get("phase") not in FINAL
