"""Calls through the operator's circuit breakers, without an operator, on a clock of the test."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import count

from notification_contract.kinds.choices import CircuitState
from notification_domain.flow_control.breaker import Limits, Result
from notification_operator.endpoints.circuit import CircuitBreaker, PermittedCall, Rejected
from notification_operator.endpoints.limits import FlowControl

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


async def ask(breaker: CircuitBreaker, *, notification: str = "") -> PermittedCall | Rejected:
    """Permit or reject a call, once the running probes have ended: what a gate does, without its slots."""
    while (answer := breaker.try_enter(notification=notification)) is None:
        await breaker.changed()
    return answer


class BreakerCalls:
    """Breakers with given limits; one for each channel."""

    def __init__(self, *, failures: int, open_seconds: float, probes: int) -> None:
        limits = Limits(failure_threshold=failures, open_seconds=open_seconds, probes=probes)
        self._now = BEGIN
        control = FlowControl(limits, concurrency=64, clock=lambda: self._now, seconds=self._seconds)
        self._breakers = defaultdict[str, CircuitBreaker](lambda: CircuitBreaker("breaker", control))
        self._notifications = count()
        """Each call is that of another notification."""

    def _seconds(self) -> float:
        return (self._now - BEGIN).total_seconds()

    def let(self, seconds: float) -> None:
        """Advance the clock."""
        self._now += timedelta(seconds=seconds)

    def state(self, channel: str) -> str:
        return self._breakers[channel].state().name.lower().replace("_", "-")

    def allowed(self, channel: str) -> bool:
        """Return whether a call would be permitted."""
        return self._breakers[channel].state() is not CircuitState.OPEN

    def fail(self, channel: str) -> bool:
        """Make a failing call; return whether it was permitted."""
        return asyncio.run(self._call(channel, Result.FAILURE))

    def succeed(self, channel: str) -> bool:
        """Make a successful call; return whether it was permitted."""
        return asyncio.run(self._call(channel, Result.SUCCESS))

    def at_once(self, channel: str, count: int) -> int:
        """Start so many concurrent calls; return how many are permitted before one ends."""
        return asyncio.run(self._at_once(channel, count))

    async def _call(self, channel: str, result: Result) -> bool:
        permit = await self._enter(channel)
        if isinstance(permit, Rejected):
            return False
        with permit:
            permit.result = result
        return True

    async def _enter(self, channel: str) -> PermittedCall | Rejected:
        notification = f"uid-{next(self._notifications)}"
        return await ask(self._breakers[channel], notification=notification)

    async def _at_once(self, channel: str, count: int) -> int:
        entering = [asyncio.create_task(self._enter(channel)) for _ in range(count)]
        await asyncio.sleep(0)  # One iteration of the event loop: every permitted call has started.
        entered = [task.result() for task in entering if task.done()]
        for task in entering:
            task.cancel()
        await asyncio.gather(*entering, return_exceptions=True)
        permits = [answer for answer in entered if isinstance(answer, PermittedCall)]
        for permit in permits:
            with permit:
                """A cancelled call, which says nothing about the destination."""
        return len(permits)
