"""The simulated audit store: it keeps each event once, is reached over the network, and sometimes answers an error."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_operator.observers.audit.store import AuditStore, TooLarge, Unavailable
from tests.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.choices import Choices
    from tests.simulation.network import Network
    from tests.simulation.outages import Outages

OUTAGES: Final = (0.0, 2.0, 10.0, 30.0)
"""Seconds during which the store answers with one status; mostly it does not."""
STATUSES: Final = (
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FOUND,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)
"""What a store answers that an operator must survive without a loss; 413 only to more than one event."""


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


class SimulatedAuditStore(AuditStore):
    """One process's client of the audit store."""

    def __init__(self, log: AuditLog, network: Network, choices: Choices, outages: Outages) -> None:
        self._outages = outages
        self._log = log
        self._network = network
        self._choices = choices
        self._status = HTTPStatus.CREATED
        self._status_until = 0.0

    async def write(self, events: Sequence[bytes]) -> None:
        """See `AuditStore.write`."""
        batch = list(events)
        try:
            await self._network.transfer("an audit batch", late=lambda: self._log.take(batch), to_api=False)
            self._answer(batch)
            self._log.take(batch)
            await self._network.transfer("the answer to an audit batch", to_api=False)
        except LostError:
            raise Unavailable("simulated") from None

    async def close(self) -> None:
        """See `AuditStore.close`."""

    def _answer(self, batch: Sequence[bytes]) -> None:
        """Raise the error that the store answers now, if it does.

        Raises:
            StoreError: the meaning of the answer, as the client of the operator reports it.
        """
        now = asyncio.get_running_loop().time()
        if self._outages.audit_seconds:
            _refuse(self._outages.audit_status, batch, self._outages.audit_seconds)
            return
        if not self._network.rough:
            return
        if now >= self._status_until and self._choices.chance(20):
            self._status = self._choices.pick(STATUSES)
            self._status_until = now + self._choices.pick(OUTAGES)
        if now >= self._status_until:
            return
        _refuse(self._status, batch, self._status_until - now)


def _refuse(status: HTTPStatus, batch: Sequence[bytes], seconds: float) -> None:
    """Raise the error of an answer; a single event is never too large.

    Raises:
        StoreError: always, except for a single event that 413 answers.
    """
    if status is not HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise Unavailable(f"simulated {status}", retry_after=seconds)
    if len(batch) > 1:
        raise TooLarge("simulated 413")
