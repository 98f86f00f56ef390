"""The simulated audit store: it keeps each event once, and is reached over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from notification_operator.observers.audit.store import Unavailable
from tests.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.network import Network


class AuditLog:
    """The stored events; `changed` are the ids of events that came again with another content."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.changed: list[str] = []

    def take(self, events: Sequence[bytes]) -> None:
        """Store a batch."""
        for data in events:
            event = orjson.loads(data)
            if self.events.setdefault(event["event_id"], event) != event:
                self.changed.append(event["event_id"])


class SimulatedAuditStore:
    """One process's client of the audit store."""

    def __init__(self, log: AuditLog, network: Network) -> None:
        self._log = log
        self._network = network
        self.failures = 0
        """The most consecutive failed writes."""
        self._failing = 0

    async def write(self, events: Sequence[bytes]) -> None:
        """See `Store.write`."""
        batch = list(events)
        try:
            await self._network.transfer("an audit batch", late=lambda: self._log.take(batch))
            self._log.take(batch)
            await self._network.transfer("the answer to an audit batch")
        except LostError:
            self._failing += 1
            self.failures = max(self.failures, self._failing)
            raise Unavailable("simulated") from None
        self._failing = 0

    async def close(self) -> None:
        """See `Store.close`."""
