"""The circuit breakers, one per channel and destination (DD-BREAKER-001, DD-BREAKER-002).

A call is permitted or rejected. While probes are running, further calls wait for their results: waiting costs
nothing, and a rejection would cost a reconciliation each. Of the rejected notifications, only those are reconciled
that are to probe, and the others once the breaker has closed (DD-BREAKER-003).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import structlog

from notification_operator.delivery.flow_control.waiting_line import WaitingLine
from notification_operator.domain.flow_control.breaker import Breaker, Circuit, Result, admit, report
from notification_operator.domain.text.timestamps import CLOCK_STEP
from notification_operator.fair.lru import LruMap
from notification_operator.telemetry.statistics import BreakerStatistics

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from notification_operator.domain.flow_control.breaker import Admission, Limits

MOST: Final = 1024
"""Destinations that are remembered: the ones called most recently."""

ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
PROBE_POLL: Final = timedelta(seconds=1)
"""Time after which a waiting notification asks again while others probe."""
WAKES_PER_SECOND: Final = 200.0
"""Waiting notifications of a destination that are reconciled per second after the time of its next probe."""

logger = structlog.get_logger(__name__)


class Waiting(NamedTuple):
    """A notification that waits for a destination."""

    notification: str = ""
    namespace: str = ""
    advanced: int = 0
    """Its failed attempts, if it has several left: each probe time belongs to one of these and to one other."""


class Destination(NamedTuple):
    """What has a circuit breaker of its own. The address may hold a secret and is never shown."""

    channel: str
    address: str


@dataclass(slots=True)
class _Guard:
    breaker: Breaker
    """Its times are those of the monotonic clock."""
    until: datetime | None = None
    """When the next probe is permitted, by the wall clock; None until somebody asks."""
    lines: tuple[WaitingLine, WaitingLine] = field(default_factory=lambda: (WaitingLine(), WaitingLine()))
    """The notifications that wait for a probe: those without a failed attempt, and those with some."""
    invited: dict[str, datetime] = field(default_factory=dict)
    """The waiting notifications that are to probe and have not begun, each with the end of its invitation."""
    served: list[bool] = field(default_factory=list)
    """For each invitation to the probes of a generation, whether it went to the line of those with failed attempts."""
    generation: int = -1
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def wait(self, waiting: Waiting, now: datetime) -> timedelta | None:
        """Return how long a waiting notification lets others go first; None if it is to probe itself.

        Those are as many as there are probes: the first of both lines in turn.
        """
        generation, probes = self.breaker.due_probes(now)
        if generation != self.generation:
            self.generation, self.invited, self.served = generation, {}, []
        if self.is_invited(waiting.notification, now):
            return None
        self.invited = {key: until for key, until in self.invited.items() if now < until}
        advanced, seconds = waiting.advanced > 0, (now - ORIGIN).total_seconds()
        line, other = self.lines[advanced], self.lines[not advanced]
        for each in self.lines:
            each.drop_stale(seconds)
        other.serve(waiting.notification)
        ticket = line.join(waiting.notification, waiting.namespace, rank=-waiting.advanced)
        position = line.position(ticket)
        first = position == 0 and (self._is_next(advanced=advanced) or not len(other))
        if probes > len(self.invited) and (first or self._nobody_came(now)):
            line.serve(waiting.notification)
            self.served.append(advanced)
            self.invited[waiting.notification] = now + PROBE_POLL
            return None
        turn = timedelta(seconds=position / WAKES_PER_SECOND)
        probe_at = self.breaker.admits_at(waiting.notification) or now
        wait = max(PROBE_POLL, turn) if probe_at <= now else probe_at - now + turn
        ticket.due = seconds + wait.total_seconds()
        return wait

    def is_invited(self, notification: str, now: datetime) -> bool:
        """Return whether it is a waiting notification's turn to probe."""
        generation, probes = self.breaker.due_probes(now)
        invited = probes > 0 and generation == self.generation and notification in self.invited
        return invited and now < self.invited[notification]

    def _is_next(self, *, advanced: bool) -> bool:
        return self.served.count(advanced) <= self.served.count(not advanced)

    def _nobody_came(self, now: datetime) -> bool:
        """Return whether the first in line no longer waits: it would have asked by now."""
        return self.breaker.probe_at is not None and now >= self.breaker.probe_at + PROBE_POLL


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
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


class Breakers:
    """The breakers of all destinations.

    Args:
        clock: the wall clock, for the times that are shown.
        seconds: monotonic seconds, which decide; without them the wall clock does.
        on_change: called with the channel and the state when a breaker opens, opens again, or closes.
        spread: returns random numbers in [0, 1), which extend the times that breakers stay open.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], datetime],
        seconds: Callable[[], float] | None = None,
        on_change: Callable[[str, Circuit], None] | None = None,
        spread: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._seconds = seconds
        self._on_change = on_change
        self._spread = spread
        self._guards: LruMap[Destination, _Guard] = LruMap(MOST)

    def statistics(self) -> BreakerStatistics:
        """Return the current numbers and states."""
        channels = {destination.channel for destination in self._guards}
        circuits = {channel: self.state(channel) for channel in channels}
        return BreakerStatistics(destinations=len(self._guards), circuits=circuits)

    @property
    def all_closed(self) -> bool:
        """Whether every call is permitted."""
        return all(guard.breaker.opened_at is None for guard in self._guards.values())

    def state(self, channel: str) -> Circuit:
        """Return the worst state among the destinations of a channel."""
        now = self._now()
        states = [guard.breaker.circuit(now) for key, guard in self._guards.items() if key.channel == channel]
        return max(states, key=list(Circuit).index, default=Circuit.CLOSED)

    def open_until(self, destination: Destination, notification: str = "") -> datetime | None:
        """Return when an open breaker permits the next probe; None if it is not open, or if it is to probe now."""
        guard, now = self._guards.get(destination), self._now()
        admits_at = None if guard is None else guard.breaker.admits_at(notification)
        if guard is None or admits_at is None or now >= admits_at or guard.is_invited(notification, now):
            return None
        return self._until(guard, notification)

    def blocked_until(self, destination: Destination, waiting: Waiting) -> datetime | None:
        """Return when a notification that waits asks again; None if it is to be sent, or to probe.

        It takes its place in line: while the breaker is open, the others follow the first at `WAKES_PER_SECOND`.
        """
        guard = self._guards.get(destination)
        if guard is None or guard.breaker.opened_at is None:
            return None
        wait = guard.wait(waiting, self._now())
        return None if wait is None else self._clock() + wait

    def allowance(self, destination: Destination) -> int | None:
        """Return how many calls a destination may get at once; None for as many as its channel allows."""
        guard = self._guards.get(destination)
        return None if guard is None else guard.breaker.allowance

    def try_enter(
        self, destination: Destination, *, notification: str = ""
    ) -> PermittedCall | Rejected | None:
        """Permit or reject a call; None while it has to wait for running probes."""
        guard, now = self._guard(destination), self._now()
        in_turn = guard.is_invited(notification, now)
        guard.breaker, permit = admit(guard.breaker, now, notification=notification, in_turn=in_turn)
        if permit is not None:
            guard.invited.pop(notification, None)
            return PermittedCall(permit, partial(self._report, destination.channel, guard))
        admits_at = guard.breaker.admits_at(notification)
        assert admits_at is not None, "a closed breaker rejects nothing"
        return Rejected(until=self._until(guard, notification)) if now < admits_at else None

    def forget(self, receiver: str) -> None:
        """Close the breakers of a receiver that has changed: what they rest on holds no longer."""
        guards = [each for each in self._guards.items() if each[0].channel.partition("/")[2] == receiver]
        for destination, guard in guards:
            self._guards.pop(destination)
            guard.changed.set()

    def probe_at(self, name: str) -> datetime | None:
        """Return the latest time of the next probe among the destinations of a sender; None if all are closed."""
        times = (
            self._probe_at(guard)
            for key, guard in self._guards.items()
            if key.channel == name and guard.breaker.opened_at is not None
        )
        return max(times, default=None)

    async def changed(self, destination: Destination) -> None:
        """Return when a probe of a destination has ended."""
        await self._guard(destination).changed.wait()

    def _report(self, channel: str, guard: _Guard, permit: Admission, result: Result) -> None:
        before = guard.breaker
        guard.breaker = report(before, permit, result, self._now(), spread=self._spread())
        if guard.breaker.generation != before.generation or guard.breaker.opened_at is not None:
            guard.changed.set()
            guard.changed = asyncio.Event()
        if guard.breaker.generation != before.generation:
            guard.until = None
            if guard.breaker.opened_at is None:
                guard.lines = (WaitingLine(), WaitingLine())
            self._notify(channel, before, guard)

    def _now(self) -> datetime:
        """Return the time that decides; its origin has no meaning."""
        return self._clock() if self._seconds is None else ORIGIN + timedelta(seconds=self._seconds())

    def _until(self, guard: _Guard, notification: str = "") -> datetime:
        """Return the next probe of a notification by the wall clock."""
        probe_at, admits_at = guard.breaker.probe_at, guard.breaker.admits_at(notification)
        assert probe_at is not None, "a closed breaker has no next probe"
        assert admits_at is not None, "a closed breaker has no next probe"
        return self._probe_at(guard) + (admits_at - probe_at)

    def _probe_at(self, guard: _Guard) -> datetime:
        """Return the next probe by the wall clock: the same time at each call, unless that clock was set."""
        probe_at, now = guard.breaker.probe_at, self._clock()
        assert probe_at is not None, "a closed breaker has no next probe"
        expected = now + (probe_at - self._now())
        if guard.until is None or guard.until <= now or abs(expected - guard.until) > CLOCK_STEP:
            guard.until = expected
        return guard.until

    def _guard(self, destination: Destination) -> _Guard:
        return self._guards.use(destination, lambda: _Guard(Breaker(limits=self._limits)))

    def _notify(self, channel: str, before: Breaker, guard: _Guard) -> None:
        if guard.breaker.opened_at is None:
            state = Circuit.CLOSED
            logger.info("circuit breaker closed", channel=channel)
        else:
            state = Circuit.OPEN
            again = before.opened_at is not None
            logger.warning("circuit breaker opened", channel=channel, again=again, until=self._until(guard))
        if self._on_change is not None:
            try:
                self._on_change(channel, state)
            except Exception:
                logger.exception("circuit breaker observer failed", channel=channel)
