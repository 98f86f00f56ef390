"""The line of notifications that wait for a destination (DD-DESTINATION-001). Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from notification_runtime.fair.fair_queue import SharedRoom

STALE_SECONDS: Final = 5.0
"""A notification that does not ask within this time after it is due has ended, or belongs to another replica."""
SWEEP_SECONDS: Final = 1.0
"""A line is searched for these at most once in this time."""

Rank = tuple[int, int]
"""Of the priority, and then of what else decides; the lower one comes first."""


class _Place(NamedTuple):
    rank: Rank
    turn: float
    number: int
    """Distinguishes places of the same turn: first come, first served."""
    notification: str


@dataclass(slots=True, kw_only=True)
class Ticket:
    """A notification's place, and when it asks again: it keeps the place as long as it does (DD-DESTINATION-001)."""

    place: _Place
    namespace: str
    due: float = math.inf
    """When it asks again, in seconds of the monotonic clock; infinity if that is not set yet."""
    sends_at: float = 0.0
    """When it is expected to send, by the same clock."""
    shown: datetime | None = None
    """That time as the status shows it."""
    room: SharedRoom | None = None
    """What it has a place of."""

    def __del__(self) -> None:
        # A line is dropped whole: with its destination, and when its breaker closes.
        if self.room is not None:
            self.room.release(self.namespace)

    def is_stale(self, now: float) -> bool:
        return self.due + STALE_SECONDS <= now


class WaitingLine:
    """The notifications that wait for a destination, by rank and then by turn (DD-DESTINATION-001).

    Within a rank, namespaces take turns, as in `FairSemaphore`, but without callbacks: the position of a notification determines the
    time of its next reconciliation. So waiting costs a few bytes, and no task.

    Args:
        room: the places in all lines. A notification without a place comes last, each time that it asks (DD-TABLE-001).
    """

    def __init__(self, room: SharedRoom) -> None:
        self._room = room
        self._tickets: dict[str, Ticket] = {}
        self._places: list[_Place] = []
        self._turns: dict[tuple[Rank, str], float] = {}
        """The last turn of each namespace that waits, by rank."""
        self._served: dict[Rank, float] = {}
        """The turn that was served last, by rank."""
        self._number = 0
        self._swept_at = -math.inf

    def __len__(self) -> int:
        return len(self._places)

    def join(self, notification: str, namespace: str, *, rank: Rank) -> Ticket:
        """Return the ticket of a notification; a new one, the last of its rank and namespace, if it has none.

        A lower rank comes first, whatever the namespace.
        """
        ticket = self._tickets.get(notification)
        if ticket is None:
            self._number += 1
            turn = self._next_turn(rank, namespace)
            place = _Place(rank=rank, turn=turn, number=self._number, notification=notification)
            ticket = Ticket(place=place, namespace=namespace)
            if self._room.take(namespace):
                ticket.room = self._room
                self._keep(ticket)
        return ticket

    def _keep(self, ticket: Ticket) -> None:
        place = ticket.place
        self._tickets[place.notification] = ticket
        self._turns[place.rank, ticket.namespace] = place.turn
        insort(self._places, place)

    def position(self, ticket: Ticket) -> int:
        """Return how many notifications come before a ticket's."""
        return bisect_left(self._places, ticket.place)

    def serve(self, notification: str) -> None:
        """Remove a notification whose turn it is."""
        ticket = self._tickets.get(notification)
        if ticket is not None:
            place = ticket.place
            self._served[place.rank] = max(self._served.get(place.rank, 0.0), place.turn)
            self._remove(ticket)

    def leave(self, notification: str) -> None:
        """Remove a notification that is not sent; it has used no turn."""
        ticket = self._tickets.get(notification)
        if ticket is not None:
            self._remove(ticket)

    def drop_stale(self, now: float) -> None:
        """Remove the notifications that do not ask any more, wherever they are, within a second."""
        if now < self._swept_at + SWEEP_SECONDS:
            return
        self._swept_at = now
        if any(ticket.is_stale(now) for ticket in self._tickets.values()):
            self._form_again([each for each in self._tickets.values() if not each.is_stale(now)])

    def _form_again(self, tickets: list[Ticket]) -> None:
        """Let these notifications alone wait; each takes the turn that the others of its namespace leave it."""
        self._turns.clear()
        tickets.sort(key=lambda ticket: ticket.place)
        for ticket in tickets:
            rank, namespace = ticket.place.rank, ticket.namespace
            turn = self._turns[rank, namespace] = self._next_turn(rank, namespace)
            ticket.place = ticket.place._replace(turn=turn)
        self._tickets = {ticket.place.notification: ticket for ticket in tickets}
        self._places = sorted(ticket.place for ticket in tickets)
        self._forget_turns_if_empty()

    def _next_turn(self, rank: Rank, namespace: str) -> float:
        return max(self._served.get(rank, 0.0), self._turns.get((rank, namespace), 0.0)) + 1.0

    def _remove(self, ticket: Ticket) -> None:
        place, line = ticket.place, (ticket.place.rank, ticket.namespace)
        del self._places[self.position(ticket)]
        del self._tickets[place.notification]
        if self._turns.get(line) == place.turn:
            # Of its namespace, the one before it is the last one now, if it still waits.
            self._turns[line] = place.turn - 1.0
        self._forget_turns_if_empty()

    def _forget_turns_if_empty(self) -> None:
        if not self._places:
            self._turns.clear()
            self._served.clear()
