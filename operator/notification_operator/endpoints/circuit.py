"""The circuit breaker of one destination (DD-BREAKER-001, DD-BREAKER-002).

A call is permitted or rejected. While probes are running, further calls wait for their results: waiting costs
nothing, and a rejection would cost a reconciliation each. Of the rejected notifications, only those are reconciled
that are to probe, and the others once the breaker has closed (DD-BREAKER-003).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import structlog

from notification_contract.kinds.choices import CircuitState
from notification_domain.decisions.waits import STEADY
from notification_domain.flow_control.breaker import Breaker, Result, admit, report
from notification_domain.json_values import CLOCK_STEP
from notification_operator.endpoints.waiting_line import WaitingLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from notification_domain.flow_control.breaker import Admission
    from notification_operator.endpoints.limits import FlowControl

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
        self._lines = self._new_lines()
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

    def _new_lines(self) -> tuple[WaitingLine, WaitingLine]:
        return WaitingLine(self._control.places), WaitingLine(self._control.places)

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
                self._lines = self._new_lines()
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
