"""The circuit breakers, one per channel and destination (DD-BREAKER-001).

A call is permitted or rejected. While probes are running, further calls wait for their results: waiting costs
nothing, and a rejection would cost a reconciliation each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import structlog

from notification_operator.domain.breaker import Admission, Breaker, Circuit, Result, admit, report
from notification_operator.telemetry.statistics import BreakerStatistics

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from notification_operator.domain.breaker import Admission, Limits

MOST: Final = 1024
"""Destinations that are remembered: the ones called most recently."""

ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_STEP: Final = timedelta(seconds=1)
"""Difference between the two clocks beyond which the wall clock has been set."""

logger = structlog.get_logger(__name__)


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
    changed: asyncio.Event = field(default_factory=asyncio.Event)


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
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], datetime],
        seconds: Callable[[], float] | None = None,
        on_change: Callable[[str, Circuit], None] | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._seconds = seconds
        self._on_change = on_change
        self._guards: OrderedDict[Destination, _Guard] = OrderedDict()

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

    def open_until(self, destination: Destination) -> datetime | None:
        """Return when an open breaker permits its next probe; None if it is not open."""
        guard = self._guards.get(destination)
        if guard is None or guard.breaker.circuit(self._now()) is not Circuit.OPEN:
            return None
        return self._until(guard)

    async def enter(self, destination: Destination) -> PermittedCall | Rejected:
        """Admission or reject a call, once the running probes have ended."""
        while True:
            guard, now = self._guard(destination), self._now()
            guard.breaker, permit = admit(guard.breaker, now)
            if permit is not None:
                return PermittedCall(permit, partial(self._report, destination.channel, guard))
            probe_at = guard.breaker.probe_at
            assert probe_at is not None, "a closed breaker rejects nothing"
            if now < probe_at:
                return Rejected(until=self._until(guard))
            await guard.changed.wait()

    def _report(self, channel: str, guard: _Guard, permit: Admission, result: Result) -> None:
        before, guard.breaker = guard.breaker, report(guard.breaker, permit, result, self._now())
        if guard.breaker != before:
            guard.changed.set()
            guard.changed = asyncio.Event()
        if guard.breaker.generation != before.generation:
            guard.until = None
            self._notify(channel, before, guard)

    def _now(self) -> datetime:
        """Return the time that decides; its origin has no meaning."""
        return self._clock() if self._seconds is None else ORIGIN + timedelta(seconds=self._seconds())

    def _until(self, guard: _Guard) -> datetime:
        """Return the next probe by the wall clock: the same time at each call, unless that clock was set."""
        probe_at, now = guard.breaker.probe_at, self._clock()
        assert probe_at is not None, "a closed breaker has no next probe"
        expected = now + (probe_at - self._now())
        if guard.until is None or guard.until <= now or abs(expected - guard.until) > CLOCK_STEP:
            guard.until = expected
        return guard.until

    def _guard(self, destination: Destination) -> _Guard:
        guard = self._guards.setdefault(destination, _Guard(Breaker(limits=self._limits)))
        self._guards.move_to_end(destination)
        if len(self._guards) > MOST:
            self._guards.popitem(last=False)
        return guard

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
