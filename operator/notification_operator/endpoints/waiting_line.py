"""The order of the notifications that wait for one destination (DD-DESTINATION-001).

Namespaces take turns, as in `FairSemaphore`, but without callbacks: the position of a notification determines the
time of its next reconciliation. So waiting costs a few bytes, and no task.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

STALE_SECONDS: Final = 5.0
"""A notification that is not reconciled within this time after its turn is gone, or belongs to another replica."""


class _Place(NamedTuple):
    rank: int
    turn: float
    number: int
    """Distinguishes places of the same turn: first come, first served."""
    notification: str


@dataclass(slots=True, kw_only=True)
class Ticket:
    """A notification's place, and the time of its next reconciliation."""

    place: _Place
    namespace: str
    due: float = 0.0
    """Seconds of the monotonic clock; 0 if it is not set yet."""
    shown: datetime | None = None
    """The time that the status shows."""


class WaitingLine:
    """Notifications in the order of their turns."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}
        self._places: list[_Place] = []
        self._turns: dict[str, float] = {}
        """The last turn of each namespace that waits."""
        self._turn = 0.0
        """The turn that was served last."""
        self._number = 0

    def __len__(self) -> int:
        return len(self._places)

    def join(self, notification: str, namespace: str, *, rank: int = 0) -> Ticket:
        """Return the ticket of a notification; a new one, at the end of its namespace, if it has none.

        A lower rank comes first, whatever the namespace.
        """
        ticket = self._tickets.get(notification)
        if ticket is None:
            turn = max(self._turn, self._turns.get(namespace, 0.0)) + 1.0
            self._turns[namespace] = turn
            self._number += 1
            place = _Place(rank=rank, turn=turn, number=self._number, notification=notification)
            ticket = self._tickets[notification] = Ticket(place=place, namespace=namespace)
            insort(self._places, place)
        return ticket

    def position(self, ticket: Ticket) -> int:
        """Return how many notifications come before a ticket's."""
        return bisect_left(self._places, ticket.place)

    def serve(self, notification: str) -> None:
        """Remove a notification whose turn it is."""
        ticket = self._tickets.get(notification)
        if ticket is not None:
            self._turn = max(self._turn, ticket.place.turn)
            self._remove(ticket)

    def drop_stale(self, now: float) -> None:
        """Remove notifications at the head that were not reconciled in time."""
        while self._places:
            ticket = self._tickets[self._places[0].notification]
            if not ticket.due or now < ticket.due + STALE_SECONDS:
                return
            self._remove(ticket)

    def _remove(self, ticket: Ticket) -> None:
        del self._places[self.position(ticket)]
        del self._tickets[ticket.place.notification]
        if self._turns.get(ticket.namespace) == ticket.place.turn:
            del self._turns[ticket.namespace]
        if not self._places:
            self._turns.clear()
