"""The circuit breakers of the receivers: one for each channel and destination (DD-BREAKER-001).

A call enters, and is let through or turned away. While probes are under way further calls wait for
what becomes of them: that costs nothing, and being turned away would cost a pass each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import structlog

from notification_operator.domain.breaker import Admission, Breaker, Circuit, Result, admit, report

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from notification_operator.domain.breaker import Limits

MOST: Final = 1024
"""Receivers that are remembered: those called last."""

logger = structlog.get_logger(__name__)


class Receiver(NamedTuple):
    """What has a circuit breaker of its own. A destination may hold a secret and is never shown."""

    channel: str
    destination: str


@dataclass(slots=True)
class _Guard:
    breaker: Breaker
    changed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """The answer to a call while the breaker is open."""

    until: datetime
    """When the next probe is made."""


class Passage:
    """The time of one call that was let through; unless `result` is set, it was broken off."""

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
    """Keeps them, and says how they stand."""

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], datetime],
        on_change: Callable[[str, Circuit], None] | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self.on_change = on_change
        """Called with the channel and the state when a breaker opens (again) or closes."""
        self._guards: OrderedDict[Receiver, _Guard] = OrderedDict()

    @property
    def all_closed(self) -> bool:
        """Whether no call is turned away anywhere."""
        return all(guard.breaker.opened_at is None for guard in self._guards.values())

    def state(self, channel: str) -> Circuit:
        """Return the worst state among the destinations of a channel."""
        now = self._clock()
        states = [guard.breaker.circuit(now) for key, guard in self._guards.items() if key.channel == channel]
        return max(states, key=list(Circuit).index, default=Circuit.CLOSED)

    def held_until(self, receiver: Receiver) -> datetime | None:
        """Return when the next probe of an open breaker is made; None when it is not open."""
        guard = self._guards.get(receiver)
        if guard is None or guard.breaker.circuit(self._clock()) is not Circuit.OPEN:
            return None
        return guard.breaker.probe_at

    async def enter(self, receiver: Receiver) -> Passage | TurnedAway:
        """Let a call through or turn it away, once the probes under way have ended."""
        while True:
            guard, now = self._guard(receiver), self._clock()
            guard.breaker, permit = admit(guard.breaker, now)
            if permit is not None:
                return Passage(permit, partial(self._report, receiver.channel, guard))
            probe_at = guard.breaker.probe_at
            assert probe_at is not None, "a closed breaker refuses nothing"
            if now < probe_at:
                return TurnedAway(until=probe_at)
            await guard.changed.wait()

    def _report(self, channel: str, guard: _Guard, permit: Admission, result: Result) -> None:
        before, guard.breaker = guard.breaker, report(guard.breaker, permit, result, self._clock())
        if guard.breaker != before:
            guard.changed.set()
            guard.changed = asyncio.Event()
        if guard.breaker.generation != before.generation:
            self._tell(channel, before, guard.breaker)

    def _guard(self, receiver: Receiver) -> _Guard:
        guard = self._guards.setdefault(receiver, _Guard(Breaker(limits=self._limits)))
        self._guards.move_to_end(receiver)
        if len(self._guards) > MOST:
            self._guards.popitem(last=False)
        return guard

    def _tell(self, channel: str, before: Breaker, after: Breaker) -> None:
        if after.opened_at is None:
            state = Circuit.CLOSED
            logger.info("circuit breaker closed", channel=channel)
        else:
            state = Circuit.OPEN
            again = before.opened_at is not None
            logger.warning("circuit breaker opened", channel=channel, again=again, until=after.probe_at)
        if self.on_change is not None:
            try:
                self.on_change(channel, state)
            except Exception:
                logger.exception("a listener of circuit breakers broke", channel=channel)
