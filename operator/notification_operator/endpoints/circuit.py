"""The circuit breaker of one destination (DD-BREAKER-001, DD-BREAKER-002).

A call is permitted or rejected. While probes are running, further calls wait for their results: waiting costs
nothing, and a rejection would cost a reconciliation each. Of the rejected notifications, only those are reconciled
that are to probe, and the others once the breaker has closed (DD-BREAKER-003).
"""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left, insort
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import structlog

from notification_contract.kinds.choices import CircuitState
from notification_operator.domain.flow_control.breaker import Breaker, Result, admit, report
from notification_operator.domain.json_values import CLOCK_STEP
from notification_operator.domain.planning.progress import STEADY

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from notification_operator.domain.flow_control.breaker import Admission
    from notification_operator.endpoints.limits import FlowControl

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

    def is_stale(self, now: float) -> bool:
        return self.due + STALE_SECONDS <= now


class WaitingLine:
    """The notifications that wait for a destination, by rank and then by turn (DD-DESTINATION-001).

    Within a rank, namespaces take turns, as in `FairSemaphore`, but without callbacks: the position of a notification determines the
    time of its next reconciliation. So waiting costs a few bytes, and no task.
    """

    def __init__(self) -> None:
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
            turn = self._take_turn(rank, namespace)
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
            turn = self._take_turn(ticket.place.rank, ticket.namespace)
            ticket.place = ticket.place._replace(turn=turn)
        self._tickets = {ticket.place.notification: ticket for ticket in tickets}
        self._places = sorted(ticket.place for ticket in tickets)
        self._forget_turns_if_empty()

    def _take_turn(self, rank: Rank, namespace: str) -> float:
        served, last = self._served.get(rank, 0.0), self._turns.get((rank, namespace), 0.0)
        turn = self._turns[rank, namespace] = max(served, last) + 1.0
        return turn

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


PROBE_POLL: Final = timedelta(seconds=1)
"""Time after which a waiting notification asks again while others probe."""
RECOVERY_POLL: Final = timedelta(seconds=1)
"""Time after which a notification asks again, at the earliest, whether the receiver that its attempt failed at has recovered."""
NEVER: Final = datetime.max.replace(tzinfo=UTC)
WAKES_PER_SECOND: Final = 200.0
"""Waiting notifications of a destination that are reconciled per second after the time of its next probe."""

logger = structlog.get_logger(__name__)


class Waiting(NamedTuple):
    notification: str
    namespace: str
    rank: int
    """Of its priority; a lower one comes first."""
    advanced: int
    """Its failed attempts, if it has several left: each probe time belongs to one of these and to one other."""


class Rejected(NamedTuple):
    """The answer to a call while the breaker is open."""

    until: datetime
    """When the next probe is permitted."""


class PermittedCall:
    """The duration of a permitted call. Unless `result` is set, the call says nothing about the destination."""

    def __init__(self, permit: Admission, report: Callable[[Admission, Result], None]) -> None:
        self._permit, self._report = permit, report
        self.result = Result.NEITHER

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._report(self._permit, self.result)


class CircuitBreaker:
    """The breaker of one destination, and the notifications that wait for it.

    Args:
        name: of the endpoint, in logs and Events; the destination itself may hold a secret.
        control: the limits and clocks.
    """

    def __init__(self, name: str, control: FlowControl) -> None:
        self._name = name
        self._control = control
        self._breaker = Breaker(limits=control.limits)
        """Its times are those of the monotonic clock."""
        self._until: datetime | None = None
        """When the next probe is permitted, by the wall clock; None until that is asked."""
        self._lines = (WaitingLine(), WaitingLine())
        """The notifications that wait for a probe: those without a failed attempt, and those with some."""
        self._invited: dict[str, datetime] = {}
        """The waiting notifications that are to probe and have not begun, each with the end of its invitation."""
        self._served: list[bool] = []
        """For each invitation to the probes of a generation, whether it went to the line of those with failed attempts."""
        self._generation = -1
        self._changed = asyncio.Event()
        self._retired = False

    def state(self) -> CircuitState:
        return self._breaker.circuit(self._control.now())

    @property
    def probe_at(self) -> datetime | None:
        """When the next probe is permitted, by the wall clock; None while closed.

        It is the same time at each call, unless that clock was set.
        """
        probe_at, now = self._breaker.probe_at, self._control.clock()
        if probe_at is None:
            return None
        expected = now + (probe_at - self._control.now())
        if self._until is None or self._until <= now or abs(expected - self._until) > CLOCK_STEP:
            self._until = expected
        return self._until

    @property
    def recovered_at(self) -> datetime | None:
        """When the receiver answered again after an outage, by the wall clock; None while it does not, and if it never failed."""
        at = self._breaker.recovered_at
        return None if at is None else self._control.clock() - (self._control.now() - at)

    def unrecovered_until(self, since: datetime) -> datetime | None:
        """Return when to ask again whether the receiver has recovered since a time, and is steady; None if it is.

        Any number of notifications may ask, so not all of them ask again at the same moment.
        """
        recovered_at, probe_at, now = self.recovered_at, self.probe_at, self._control.clock()
        spread = RECOVERY_POLL * self._control.spread()
        if recovered_at is not None and recovered_at >= since:
            steady_at = recovered_at + STEADY
            return None if now >= steady_at else steady_at + spread
        if probe_at is None or self._retired:
            # It was no outage, or the receiver has changed.
            return NEVER
        return max(probe_at, now + RECOVERY_POLL) + spread

    @property
    def allowance(self) -> int | None:
        """How many calls the destination may get at once; None for as many as its channel allows."""
        return self._breaker.allowance

    def open_until(self, notification: str = "") -> datetime | None:
        """Return when an open breaker permits the next probe; None if it is not open, or if it is to probe now."""
        admits_at, now = self._breaker.admits_at(notification), self._control.now()
        if admits_at is None or now >= admits_at or self._is_invited(notification, now):
            return None
        return self._until_of(admits_at)

    def blocked_until(self, waiting: Waiting) -> datetime | None:
        """Return when a notification that waits asks again; None if it is to be sent, or to probe.

        It takes its place in line: while the breaker is open, the others follow the first at `WAKES_PER_SECOND`.
        """
        if self._breaker.opened_at is None:
            return None
        wait = self._wait(waiting, self._control.now())
        return None if wait is None else self._control.clock() + wait

    def try_enter(self, *, notification: str = "") -> PermittedCall | Rejected | None:
        """Permit or reject a call; None while it has to wait for running probes."""
        now = self._control.now()
        in_turn = self._is_invited(notification, now)
        self._breaker, permit = admit(self._breaker, now, notification=notification, in_turn=in_turn)
        if permit is not None:
            self._invited.pop(notification, None)
            return PermittedCall(permit, self._report)
        admits_at = self._breaker.admits_at(notification)
        assert admits_at is not None, "a closed breaker rejects nothing"
        return Rejected(until=self._until_of(admits_at)) if now < admits_at else None

    async def changed(self) -> None:
        """Return when a probe has ended, or the endpoint is retired."""
        await self._changed.wait()

    def retire(self) -> None:
        """Hold nothing back any more, and wake the calls that wait for probes."""
        self._retired = True
        self._control.not_closed.discard(self)
        self._changed.set()

    def _wait(self, waiting: Waiting, now: datetime) -> timedelta | None:
        """Return how long a waiting notification lets others go first; None if it is to probe itself.

        Those are as many as there are probes: the first of both lines in turn.
        """
        generation, probes = self._breaker.due_probes(now)
        if generation != self._generation:
            self._generation, self._invited, self._served = generation, {}, []
        if self._is_invited(waiting.notification, now):
            return None
        self._invited = {key: until for key, until in self._invited.items() if now < until}
        advanced, seconds = waiting.advanced > 0, self._control.seconds()
        line, other = self._lines[advanced], self._lines[not advanced]
        other.serve(waiting.notification)
        rank = waiting.rank, -waiting.advanced
        ticket = line.join(waiting.notification, waiting.namespace, rank=rank)
        ticket.due = seconds
        for each in self._lines:
            each.drop_stale(seconds)
        position = line.position(ticket)
        first = position == 0 and (self._is_next(advanced=advanced) or not len(other))
        if probes > len(self._invited) and (first or self._first_is_late(now)):
            line.serve(waiting.notification)
            self._served.append(advanced)
            self._invited[waiting.notification] = now + PROBE_POLL
            return None
        turn = timedelta(seconds=position / WAKES_PER_SECOND)
        probe_at = self._breaker.admits_at(waiting.notification) or now
        wait = max(PROBE_POLL, turn) if probe_at <= now else probe_at - now + turn
        ticket.due = seconds + wait.total_seconds()
        return wait

    def _is_invited(self, notification: str, now: datetime) -> bool:
        """Return whether it is a waiting notification's turn to probe."""
        generation, probes = self._breaker.due_probes(now)
        invited = probes > 0 and generation == self._generation and notification in self._invited
        return invited and now < self._invited[notification]

    def _is_next(self, *, advanced: bool) -> bool:
        return self._served.count(advanced) <= self._served.count(not advanced)

    def _first_is_late(self, now: datetime) -> bool:
        """Return whether the first in line no longer waits: it would have asked by now."""
        return self._breaker.probe_at is not None and now >= self._breaker.probe_at + PROBE_POLL

    def _report(self, permit: Admission, result: Result) -> None:
        before = replace(self._breaker, waiting=sum(map(len, self._lines)))
        self._breaker = report(before, permit, result, self._control.now(), spread=self._control.spread())
        if self._breaker.generation != before.generation or self._breaker.opened_at is not None:
            self._changed.set()
            self._changed = asyncio.Event()
        if self._breaker.generation != before.generation:
            self._until = None
            if self._breaker.opened_at is None:
                self._lines = (WaitingLine(), WaitingLine())
            self._notify(before)

    def _until_of(self, admits_at: datetime) -> datetime:
        """Return by the wall clock when a notification is admitted."""
        probe_at, shown = self._breaker.probe_at, self.probe_at
        assert probe_at is not None, "a closed breaker has no next probe"
        assert shown is not None, "a closed breaker has no next probe"
        return shown + (admits_at - probe_at)

    def _notify(self, before: Breaker) -> None:
        if self._breaker.opened_at is None:
            state = CircuitState.CLOSED
            self._control.not_closed.discard(self)
            logger.info("circuit breaker closed", channel=self._name)
        else:
            state = CircuitState.OPEN
            if not self._retired:
                self._control.not_closed.add(self)
            again = before.opened_at is not None
            logger.warning("circuit breaker opened", channel=self._name, again=again, until=self.probe_at)
        if self._control.on_change is not None:
            try:
                self._control.on_change(self._name, state)
            except Exception:
                logger.exception("circuit breaker observer failed", channel=self._name)
