"""When one destination takes a message: the only place that asks its breaker, its pace and its slots.

A message is asked for twice. Before an attempt starts, the pace says whether it holds it; that costs nothing. Where
the attempt has waited for its slots, `call` asks the breaker and, again, for a pause (DD-DESTINATION-001, DD-FAIR-001), and
whether the call may begin at all (DD-SHARD-001, DD-NOT-005, DD-INCIDENT-001).
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_domain.flow_control.rate import Bucket
from notification_domain.json_values import CLOCK_STEP, later
from notification_domain.planning.hold import Hold, HoldReason
from notification_operator.endpoints.call_slots import CallSlots
from notification_operator.endpoints.circuit import CircuitBreaker, Rejected
from notification_operator.endpoints.shares import Shares
from notification_operator.endpoints.waiting_line import WaitingLine
from notification_runtime.fair.fair_queue import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from notification_domain.flow_control.rate import Rate
    from notification_operator.endpoints.circuit import PermittedCall
    from notification_operator.endpoints.limits import FlowControl
    from notification_operator.endpoints.waiting_line import Ticket
    from notification_runtime.delivery.channel import Channel, Message

LONGEST_PAUSE: Final = 3600.0
"""Seconds: a longer pause is cut to this, so that a wrong answer stops a channel for an hour at most."""
SHARE_DIVISOR: Final = 4
"""The part of an endpoint's calls that a destination takes among others, and that it leaves to them in any case."""
MAX_DESTINATIONS: Final = 1024
"""Destinations of an endpoint that are remembered, shared between namespaces: of each, the ones used most recently."""
AFTER_PAUSE: Final = 50.0
"""Notifications per second that are attempted after a pause, if the channel has no rate limit."""
ASK_SECONDS: Final = 30.0
"""A notification that waits asks again after this time at the latest; of the ones before it, some may have ended."""
NOT_STARTED: Final = "the attempt may not begin any more"

logger = structlog.get_logger(__name__)


class Postponed(Exception):  # noqa: N818 - no failure
    """An attempt was not made, because its destination takes no message now, or it may not begin any more; the id stays the same."""


class Pace:
    """The pace of one destination: its rate limit, and the pauses that it asks for (DD-DESTINATION-001).

    A message that has to wait is not in memory: its notification gets a time, and costs one reconciliation then. It keeps
    its place by asking again. Each replica has its own memory, which a restart clears: the receiver asks for its pause again.

    Args:
        name: of the endpoint, in logs; the destination itself may hold a secret.
        control: the clocks.
    """

    def __init__(self, name: str, control: FlowControl) -> None:
        self._name = name
        self._control = control
        self._bucket: Bucket | None = None
        self._line = WaitingLine(control.places)
        self._shares = Shares()
        self._paused_until = -math.inf
        """Seconds of the monotonic clock."""
        self._shown: datetime | None = None
        """The end of the pause by the wall clock."""

    def pause(self, seconds: float) -> None:
        """Let the destination get nothing for so many seconds, as it asks; then no more than its rate."""
        control, seconds = self._control, min(seconds, LONGEST_PAUSE)
        now = control.seconds()
        if self._bucket is not None:
            self._bucket = self._bucket.emptied(now)
        if now + seconds <= self._paused_until:
            return
        first = self._paused_until <= now
        control.last_pause_end = max(control.last_pause_end, now + seconds)
        self._paused_until, self._shown = now + seconds, control.clock() + timedelta(seconds=seconds)
        if first:
            logger.warning(
                "receiver asked for a pause; its messages wait", channel=self._name, until=self._shown
            )

    def paused_until(self) -> datetime | None:
        now = self._control.seconds()
        if self._paused_until <= now:
            return None
        expected = self._control.clock() + timedelta(seconds=self._paused_until - now)
        if self._shown is None or abs(expected - self._shown) > CLOCK_STEP:
            self._shown = expected
        return self._shown

    def check(self, rate: Rate | None, *, notification: str, namespace: str, rank: int) -> Hold | None:
        """Return None if a notification may send now; else when to ask again.

        It uses up nothing: `consume` does. A lower rank comes first.
        """
        now = self._control.seconds()
        self._bucket = _at_rate(self._bucket, rate, now)
        if self._bucket is None and self._paused_until <= now and not self._line:
            return None
        ticket = self._line.join(notification, namespace, rank=(rank, 0))
        ticket.due = now
        self._line.drop_stale(now)
        wait = self._wait(self._line.position(ticket), now)
        if wait <= 0.0:
            # It keeps its place for a moment, and loses it if it does not send after all.
            return None
        ticket.due = now + min(wait, ASK_SECONDS)
        reason = HoldReason.PAUSE if now < self._paused_until else HoldReason.RATE
        return Hold(until=self._next_time(ticket, now, wait), reason=reason)

    def has_share(self, namespace: str) -> bool:
        """Return whether a namespace may send a message beyond the rate, for what others have used up of its part."""
        now = self._control.seconds()
        return (
            self._bucket is not None
            and self._paused_until <= now
            and self._shares.ask(namespace, self._bucket, now)
        )

    def consume(self, notification: str, namespace: str, messages: int) -> None:
        """Use up the share of the rate of a notification that may send and now does."""
        self._line.serve(notification)
        if self._bucket is not None:
            now = self._control.seconds()
            self._bucket = self._bucket.take(messages, now)
            self._shares.take(namespace, messages, now)

    def give_back(self, messages: int) -> None:
        """Take back what an attempt has used up that was not made."""
        if self._bucket is not None:
            self._bucket = self._bucket.take(-messages, self._control.seconds())

    def cancel(self, notification: str) -> None:
        self._line.leave(notification)

    def at_rest(self) -> bool:
        """Return whether nothing is lost if the pace is made again: nothing waits or is paused, and the rate is not in use."""
        now = self._control.seconds()
        self._line.drop_stale(now)
        unused = self._bucket is None or self._bucket.is_full(now)
        return unused and not self._line and self._paused_until <= now

    def asks_at(self, hold: Hold) -> datetime:
        """Return when a notification that is held asks again."""
        return min(hold.until, later(self._control.clock(), ASK_SECONDS))

    def _wait(self, position: int, now: float) -> float:
        """Return the seconds until a notification at this position of the line may send."""
        pause = max(0.0, self._paused_until - now)
        if self._bucket is None:
            return pause + position / AFTER_PAUSE if pause else 0.0
        return pause + self._bucket.seconds_until(position + 1, now + pause)

    def _next_time(self, ticket: Ticket, now: float, wait: float) -> datetime:
        """Return when a notification is expected to send: the same time as before, as long as that is ahead."""
        clock = self._control.clock
        if ticket.shown is not None and now < ticket.sends_at <= now + wait:
            expected = later(clock(), ticket.sends_at - now)
            if abs(expected - ticket.shown) <= CLOCK_STEP:
                return ticket.shown
        ticket.sends_at, ticket.shown = now + wait, later(clock(), wait)
        return ticket.shown


def _at_rate(bucket: Bucket | None, rate: Rate | None, now: float) -> Bucket | None:
    """Return the bucket at the present rate, which a change of the receiver may have changed."""
    if rate is None:
        return None
    if bucket is None:
        return Bucket.full(rate, now)
    if bucket.rate == rate:
        return bucket
    return Bucket(rate=rate, tokens=min(bucket.tokens_at(now), float(rate.burst)), at=now)


class Gate:
    """The breaker, the pace and the slots of one destination.

    Args:
        name: of the endpoint, in logs and errors; the destination itself may hold a secret.
        control: the limits and clocks.
        slots: calls that the destination takes at the same time.
        shared: the slots of the whole endpoint, which may have several destinations.
        namespace: that of the first message.
        before: the gate of the same destination, if its endpoint was replaced. Its calls still run, and what the service
            asked for still holds: only the breaker begins closed.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        name: str,
        control: FlowControl,
        *,
        slots: int,
        shared: CallSlots,
        namespace: str = "",
        before: Gate | None = None,
    ) -> None:
        self._name = name
        self.namespace: Final = namespace
        self.retired = False
        self.breaker: Final = CircuitBreaker(name, control)
        self.pace: Final[Pace] = Pace(name, control) if before is None else before.pace
        self.slots: Final[CallSlots] = CallSlots(slots) if before is None or before.idle else before.slots
        self.slots.limit(None)
        self._shared = shared
        self._active = control.active

    @property
    def idle(self) -> bool:
        return self.slots.idle

    def forgettable(self) -> bool:
        """Return whether nothing is lost if the gate is made again for the next message, except earlier results."""
        return self.idle and self.breaker.probe_at is None and self.pace.at_rest()

    def rejects(self, notification: str) -> bool:
        """Return whether a call would be rejected by the breaker; during a pause none would be made at all."""
        return self.pace.paused_until() is None and self.breaker.open_until(notification) is not None

    def pause(self) -> Hold | None:
        until = self.pace.paused_until()
        return None if until is None else Hold(until=until, reason=HoldReason.PAUSE)

    @asynccontextmanager
    async def call(
        self,
        *,
        notification: str,
        namespace: str,
        rank: int,
        messages: int = 0,
        may_start: Callable[[], bool] = lambda: True,
    ) -> AsyncIterator[PermittedCall | Rejected]:
        """Hold the slots of a call for the duration of the block, once the probes have ended that run now.

        Args:
            notification: its uid.
            namespace: that of the notification.
            rank: that of its priority; within the namespace, a lower one gets a slot first.
            messages: what the call has used up of the rate.
            may_start: tells whether the call may still begin.

        Raises:
            Postponed: the destination asked for a pause, the endpoint was replaced, or the call may not begin any more,
                during the wait.
        """
        if not self.retired:
            self.slots.limit(self.breaker.allowance)
        try:
            async with self.slots.slot(namespace, rank):
                while True:
                    # The wait for probes takes no slot that other destinations could use.
                    async with self._shared.slot(namespace, rank), self._active.slot(namespace, rank):
                        answer = self._enter(notification, messages, may_start)
                        if answer is not None:
                            yield answer
                            return
                    await self.breaker.changed()
        finally:
            if not self.retired:
                self.slots.limit(self.breaker.allowance)

    def _enter(
        self, notification: str, messages: int, may_start: Callable[[], bool]
    ) -> PermittedCall | Rejected | None:
        if self.retired or not may_start():
            # The attempt asks for its share again; it has not sent anything.
            self.pace.give_back(messages)
            raise Postponed(f"{self._name} was replaced" if self.retired else NOT_STARTED)
        if self.pace.paused_until() is not None:
            raise Postponed(f"{self._name} asked for a pause")
        answer = self.breaker.try_enter(notification=notification)
        if isinstance(answer, Rejected):
            self.pace.give_back(messages)
        return answer

    def retire(self) -> None:
        """Send nothing more, except for the calls that run; those that wait are postponed."""
        self.retired = True
        self.breaker.retire()


class Destinations:
    """The destinations of one endpoint: a gate for each that was used lately, and the slots that all of them share."""

    def __init__(self, name: str, control: FlowControl) -> None:
        self._name = name
        self._control = control
        self._gates: dict[str, Gate] = {}
        """Gates by address; the one used most recently is last."""
        self._before: dict[str, Gate] = {}
        """Gates of the endpoint before, by address."""
        self._shared = CallSlots(control.concurrency)
        self._local: FairSemaphore | None = None

    @property
    def breakers(self) -> tuple[CircuitBreaker, ...]:
        return tuple(gate.breaker for gate in self._gates.values())

    def successor(self) -> Destinations:
        """Return the destinations of the endpoint that replaces this one: running calls and pauses count for it, too."""
        successor = Destinations(self._name, self._control)
        successor._shared = self._shared
        successor._before = dict(self._gates or self._before)
        return successor

    def gate(self, channel: Channel, message: Message) -> Gate | None:
        """Return the gate of the destination of a message; None for a channel that needs none."""
        address = self._address(channel, message)
        if address is None:
            return None
        gate = self._gates.pop(address, None)
        if gate is None:
            before, slots = self._before.pop(address, None), self._size(channel)
            gate = Gate(
                self._name,
                self._control,
                slots=slots,
                shared=self._shared,
                namespace=message.namespace,
                before=before,
            )
        self._gates[address] = gate
        if len(self._gates) > MAX_DESTINATIONS:
            self._forget_one(newest=address)
        return gate

    def local_slots(self, channel: Channel) -> FairSemaphore:
        """Return the slots of a channel that delivers within the process."""
        if self._local is None:
            self._local = FairSemaphore(self._size(channel))
        return self._local

    def retire(self) -> None:
        """Send nothing more, except for the calls that run."""
        for gate in self._gates.values():
            gate.retire()

    def shed(self) -> None:
        """Keep only the gates that hold something back or may do so, or that a call uses."""
        for address, gate in tuple(self._gates.items()):
            if gate.forgettable():
                # A notification that asks it later finds the new one.
                self._gates.pop(address).retire()

    def _forget_one(self, *, newest: str) -> None:
        """Forget the destination that was used least recently, of those that no call runs at or waits for.

        It is one of the namespace with the most: what holds messages of another one back is not lost to them.
        """
        [(largest, _)] = Counter(gate.namespace for gate in self._gates.values()).most_common(1)
        unused = (
            address
            for address, gate in self._gates.items()
            if gate.namespace == largest and gate.idle and address != newest
        )
        if (address := next(unused, None)) is not None:
            self._gates.pop(address).breaker.retire()

    def _address(self, channel: Channel, message: Message) -> str | None:
        address: Any
        try:
            address = channel.destination_of(message)
        except Exception as error:
            logger.warning("channel failed to name its destination", channel=self._name, exc_info=error)
            address = ""
        # The contract says text; an address of another type may have no hash.
        return address if address is None or isinstance(address, str) else ""

    def _size(self, channel: Channel) -> int:
        """Return how many calls a destination takes at the same time: among others never all of the endpoint's."""
        concurrency = self._control.concurrency
        shared = channel.has_several_destinations
        most = max(1, concurrency - concurrency // SHARE_DIVISOR) if shared else concurrency
        slots: object = channel.concurrency
        if slots is None:
            return max(1, concurrency // SHARE_DIVISOR) if shared else most
        if isinstance(slots, int) and slots >= 1:
            return min(most, slots)
        logger.warning("channel states an unusable concurrency", channel=self._name, concurrency=repr(slots))
        return most
