"""When one destination takes a message: the only place that asks its breaker, its pace and its slots.

A message is asked for twice. Before an attempt starts, `check` says whether the pace holds it; that costs nothing. Where
the attempt has waited for its slots, `call` asks the breaker and, again, for a pause (DD-DESTINATION-001, DD-FAIR-001).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_operator.delivery.channel import Postponed
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.endpoints.circuit import CircuitBreaker
from notification_operator.endpoints.pace import Pace
from notification_operator.fair.fair_queue import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_operator.domain.flow_control.rate import Rate
    from notification_operator.endpoints.circuit import PermittedCall, Rejected
    from notification_operator.endpoints.limits import FlowControl

OVERTIME_SECONDS: Final = 1.5
"""A call that takes longer gives its slot to the next one, so that calls that hang delay no other until they time out."""


@dataclass(slots=True)
class _Call:
    in_overtime: bool = False


class CallSlots:
    """The calls that run at the same time, shared fairly by namespaces; there is as much overtime as there are slots.

    So there are never more than twice as many calls as slots.
    """

    def __init__(self, slots: int) -> None:
        self._semaphore = FairSemaphore(slots)
        self._slots = self._overtime = slots
        self._limit = slots
        self._users = 0

    @property
    def idle(self) -> bool:
        return self._users == 0

    def limit(self, allowance: int | None) -> None:
        """Set how many slots there are: all, or fewer while a destination recovers."""
        limit = self._slots if allowance is None else min(allowance, self._slots)
        more, self._limit = limit - self._limit, limit
        if more:
            self._semaphore.resize(more)

    @asynccontextmanager
    async def slot(self, namespace: str) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block, or until it takes too long."""
        self._users += 1
        try:
            await self._semaphore.acquire(namespace)
            call = _Call()
            timer = asyncio.get_running_loop().call_later(OVERTIME_SECONDS, self._lend, call)
            try:
                yield
            finally:
                timer.cancel()
                self._end(call)
        finally:
            self._users -= 1

    def _lend(self, call: _Call) -> None:
        if self._overtime:
            self._overtime -= 1
            call.in_overtime = True
            self._semaphore.release()

    def _end(self, call: _Call) -> None:
        if call.in_overtime:
            self._overtime += 1
        else:
            self._semaphore.release()


class Gate:
    """The breaker, the pace and the slots of one destination.

    Args:
        name: of the endpoint, in logs and errors; the destination itself may hold a secret.
        control: the limits and clocks.
        slots: calls that the destination takes at the same time.
        shared: the slots of the whole endpoint, which may have several destinations.
        before: the gate of the same destination, if its endpoint was replaced. Its calls still run, and what the service
            asked for still holds: only the breaker begins closed.
    """

    def __init__(
        self, name: str, control: FlowControl, *, slots: int, shared: CallSlots, before: Gate | None = None
    ) -> None:
        self._name = name
        self.retired = False
        self.breaker: Final = CircuitBreaker(name, control)
        self.pace: Final[Pace] = Pace(name, control) if before is None else before.pace
        self.slots: Final[CallSlots] = CallSlots(slots) if before is None or before.idle else before.slots
        self.slots.limit(None)
        self._shared = shared

    @property
    def idle(self) -> bool:
        return self.slots.idle

    def forgettable(self) -> bool:
        """Return whether nothing is lost if the gate is made again for the next message, except earlier results."""
        return self.idle and self.breaker.probe_at is None and self.pace.paused_until() is None

    def check(self, rate: Rate | None, *, notification: str, namespace: str) -> Hold | None:
        """Return when to ask again if the pace holds a notification now; else None. It uses up nothing."""
        if self.rejects(notification):
            return None  # An attempt records that.
        return self.pace.check(rate, notification=notification, namespace=namespace)

    def rejects(self, notification: str) -> bool:
        """Return whether a call would be rejected by the breaker; during a pause none would be made at all."""
        return self.pace.paused_until() is None and self.breaker.open_until(notification) is not None

    def pause(self) -> Hold | None:
        """Return the pause that the destination asked for; None without one."""
        until = self.pace.paused_until()
        return None if until is None else Hold(until=until, reason=HoldReason.PAUSE)

    @asynccontextmanager
    async def call(
        self, *, notification: str, namespace: str, messages: int = 0
    ) -> AsyncIterator[PermittedCall | Rejected]:
        """Hold the slots of a call for the duration of the block, once the probes have ended that run now.

        Args:
            notification: its uid.
            namespace: that of the notification.
            messages: what the call has used up of the rate.

        Raises:
            Postponed: the destination asked for a pause, or the endpoint was replaced, during the wait.
        """
        if not self.retired:
            self.slots.limit(self.breaker.allowance)
        try:
            async with self.slots.slot(namespace):
                while True:
                    # The wait for probes takes no slot that other destinations could use.
                    async with self._shared.slot(namespace):
                        answer = self._enter(notification, messages)
                        if answer is not None:
                            yield answer
                            return
                    await self.breaker.changed()
        finally:
            if not self.retired:
                self.slots.limit(self.breaker.allowance)

    def _enter(self, notification: str, messages: int) -> PermittedCall | Rejected | None:
        if self.retired:
            # The attempt asks for its share again; it has not sent anything.
            self.pace.give_back(messages)
            raise Postponed(f"{self._name} was replaced")
        if self.pace.paused_until() is not None:
            raise Postponed(f"{self._name} asked for a pause")
        return self.breaker.try_enter(notification=notification)

    def retire(self) -> None:
        """Send nothing more, except for the calls that run; those that wait are postponed."""
        self.retired = True
        self.breaker.retire()
