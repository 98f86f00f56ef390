"""Delivers messages: calls a channel, bounded in time and concurrency, and returns the result as an attempt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from notification_contract.kinds.choices import BodyFormat
from notification_operator.delivery.channel import (
    Message,
    Permanent,
    Postponed,
    RateLimited,
    ReceiverError,
)
from notification_operator.delivery.channel_call import breaker_result, call
from notification_operator.delivery.channel_health import LATEST, ChannelHealth
from notification_operator.delivery.flow_control.breakers import Rejected
from notification_operator.delivery.flow_control.destinations import FREE, Destinations, Permission
from notification_operator.delivery.flow_control.pacing import Pacing
from notification_operator.delivery.recording import ReceiverChanged, Recorder, first
from notification_operator.delivery.refusals import circuit_open
from notification_operator.delivery.senders import Sender, Unavailable
from notification_operator.delivery.threads import Threads
from notification_operator.domain.flow_control.breaker import Circuit
from notification_operator.domain.model import Content
from notification_operator.domain.planning.hold import NO_HOLDS, HoldReason
from notification_operator.domain.planning.progress import most_attempts
from notification_operator.domain.receivers.targets import NO_RULES
from notification_operator.domain.redaction.redactor import Redactor
from notification_operator.domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from notification_operator.delivery.content.redaction import RedactedContent
    from notification_operator.delivery.flow_control.breakers import Breakers, Destination, PermittedCall
    from notification_operator.delivery.senders import ChannelSenders, Senders
    from notification_operator.domain.attempt import Attempt
    from notification_operator.domain.model import Notification
    from notification_operator.domain.planning.hold import Hold
    from notification_operator.domain.planning.plan import Send
    from notification_operator.domain.routing.route import Route

CLOSING_SECONDS: Final = 5.0
"""Seconds that a channel has to close."""
NO_CONTENT: Final = Content(type="", priority="", subject="", body="")

logger = structlog.get_logger(__name__)


class CallObserver(Protocol):
    """Learns how the receivers do."""

    def called(self, sender: Sender, attempt: Attempt, error: BaseException | None) -> None:
        """Take in the result of a call; returns at once."""
        ...


class Dispatcher:
    """Delivers to the targets concurrently."""

    def __init__(  # noqa: PLR0913 - each limit is a setting of its own
        self,
        channels: ChannelSenders,
        *,
        breakers: Breakers,
        timeout: float,
        concurrency: int,
        clock: Callable[[], datetime],
        redactor: Redactor | None = None,
        seconds: Callable[[], float] = monotonic,
        senders: Senders | None = None,
        observer: CallObserver | None = None,
    ) -> None:
        self._channels = channels
        self._senders: Senders = senders or channels
        self._observer = observer
        self._breakers = breakers
        self._pacing = Pacing(clock=clock, seconds=seconds)
        self._destinations = Destinations(breakers=breakers, pacing=self._pacing, concurrency=concurrency)
        self._timeout = timeout
        self._clock = clock
        self._record = Recorder(clock=clock, redactor=redactor or Redactor())
        self._health = ChannelHealth()
        self._threads = Threads()

    def message(self, notification: Notification, route: Route, content: Content) -> Message:
        """Return the message of a notification, without the ids of an attempt; `content` is redacted if it is sent."""
        return Message(
            id="",
            namespace=notification.namespace,
            name=notification.name,
            uid=notification.uid,
            created=notification.created,
            channels=route.targets,
            content=content,
            event=content.event,
            dedup_key=content.dedup_key,
            format=content.format or BodyFormat.PLAIN,
        )

    async def attempt(self, send: Send, message: Message) -> Attempt:
        """Deliver a prepared message and return the result.

        Raises:
            Postponed: the destination takes no message now; the attempt was not made.
        """
        message = replace(message, id=send.id, delivery_id=send.delivery_id, attempt=send.number)
        sender = self._find(send, message)
        if isinstance(sender, Unavailable):
            return self._record.unavailable(send, sender)
        destination = self._destinations.of(sender, message)
        if destination is None:
            async with self._destinations.local_slots(sender).slot(message.namespace):
                attempt, error = await self._deliver(send, sender, message)
                self._observe(send, sender, attempt, error)
                return attempt
        try:
            async with self._destinations.slots(destination, sender).slot(message.namespace):
                return await self._attempt_at(destination, send, sender, message)
        finally:
            self._destinations.update(destination)

    def _find(self, send: Send, message: Message) -> Sender | Unavailable:
        """Return who sends a message now.

        Raises:
            Postponed: the message waits for its receiver.
        """
        sender = self._senders.find(send.channel, message)
        if isinstance(sender, Unavailable) and sender.hold is not None:
            raise Postponed(f"{send.id}: {sender.hold.reason}")
        return sender

    async def _attempt_at(
        self, destination: Destination, send: Send, sender: Sender, message: Message
    ) -> Attempt:
        """Deliver to a destination, unless its breaker is open; wait for running probes without a sender's slot."""
        while True:
            async with self._destinations.sender_slots(sender).slot(message.namespace):
                if self._pacing.paused_until(destination) is not None:
                    raise Postponed(f"{send.id}: {sender.name} asked for a pause")
                # The receiver may have changed during the wait for a slot, and its old credentials may be void.
                current = self._find(send, message)
                if isinstance(current, Unavailable):
                    return self._record.unavailable(send, current)
                if current != sender and self._destinations.of(current, message) != destination:
                    raise Postponed(f"{send.id}: {sender.name} has another destination now")
                answer = self._breakers.try_enter(destination, notification=message.uid)
                if isinstance(answer, Rejected):
                    return self._record.rejected(send, circuit_open(sender.name))
                if answer is not None:
                    return await self._permitted(answer, destination, send, current, message)
            await self._breakers.changed(destination)

    async def _permitted(
        self, permit: PermittedCall, destination: Destination, send: Send, sender: Sender, message: Message
    ) -> Attempt:
        with permit:
            attempt, error = await self._deliver(send, sender, message)
            permit.result = breaker_result(attempt, error)
        # After the breaker, whose state is a part of what is observed.
        self._observe(send, sender, attempt, error)
        if first(error, RateLimited) and attempt.retry_after:
            self._pacing.pause(destination, attempt.retry_after)
        return attempt

    def failure(self, send: Send, error: BaseException) -> Attempt:
        """Return the record of an attempt that an unexpected exception ended; never raises."""
        return self._record.unexpected(send, error)

    def open_breakers(
        self, notification: Notification, route: Route, redacted: RedactedContent
    ) -> Mapping[str, datetime]:
        """Return the targets of a route whose circuit breaker is open, with the time of the next attempt."""
        if self._breakers.all_closed:
            return {}
        message = self.message(notification, route, redacted.get())
        until = {
            target: self._destinations.open_until(sender, message)
            for target, sender in self._available(route, message)
        }
        return {target: time for target, time in until.items() if time is not None}

    def pauses(
        self, notification: Notification, route: Route, redacted: RedactedContent
    ) -> Mapping[str, Hold]:
        """Return the targets of a route whose destination asked for a pause."""
        if not self._pacing.paused:
            return NO_HOLDS
        message = self.message(notification, route, redacted.get())
        holds = {
            target: self._destinations.pause(sender, message)
            for target, sender in self._available(route, message)
        }
        return {target: hold for target, hold in holds.items() if hold is not None}

    def blocked_until(
        self, target: str, notification: Notification, route: Route, message: Message
    ) -> Callable[[], datetime | None]:
        """Return what tells until when a target that waits is delayed; it holds no content."""
        sender = self._senders.find(target, message)
        if isinstance(sender, Unavailable):
            return partial(self._held_until, target, replace(message, content=NO_CONTENT))
        most = most_attempts(notification, route.rules.get(target, NO_RULES))
        return self._destinations.blocked_until(sender, target, message, notification, most=most)

    def _held_until(self, target: str, message: Message) -> datetime | None:
        sender = self._senders.find(target, message)
        return sender.hold.until if isinstance(sender, Unavailable) and sender.hold is not None else None

    def _available(self, route: Route, message: Message) -> Iterable[tuple[str, Sender]]:
        for target in route.targets:
            sender = self._senders.find(target, message)
            if isinstance(sender, Sender):
                yield target, sender

    def ask(self, send: Send, message: Message) -> Permission | Hold | Reason:
        """Return the permission to start a planned attempt now (DD-DESTINATION-001).

        Otherwise return when to ask again, or the reason for which the message is suppressed. It uses up nothing of
        a rate: `take` does, where the attempt starts.
        """
        sender = self._senders.find(send.channel, message)
        if isinstance(sender, Unavailable):
            return sender.hold or FREE
        answer = self._destinations.ask(sender, message)
        # What was attempted once is never suppressed.
        suppresses = sender.suppresses and send.number == 1
        if isinstance(answer, Permission) or not suppresses or answer.reason is not HoldReason.RATE:
            return answer
        self._destinations.leave(sender, message)
        return Reason.RATE_LIMITED

    def take(self, permission: Permission) -> None:
        """Use up what an attempt takes of its destination's rate; it may start, and does."""
        self._destinations.take(permission)

    def publish(self, watch: Callable[[str, str, Iterable[str], Callable[[str], float]], None]) -> None:
        """Publish the state of each channel of the settings through a function that adds one gauge per channel."""
        watch(
            "channel_circuit_breaker_state",
            "Circuit breaker state of the channel: 0 closed, 1 half-open, 2 open.",
            self._channels.senders,
            self._circuit_number,
        )
        watch(
            "channel_health_score",
            f"Share of the latest {LATEST} attempts on the channel that succeeded; 1 before the first attempt.",
            self._channels.senders,
            self._health.score,
        )

    async def close(self) -> None:
        """Close every channel of the settings; log each one that fails or times out."""
        for name, sender in self._channels.senders.items():
            try:
                async with asyncio.timeout(CLOSING_SECONDS):
                    await sender.channel.close()
            except Exception as error:
                logger.warning("channel not closed", channel=name, exc_info=error)

    def _circuit_number(self, channel: str) -> float:
        return float(list(Circuit).index(self._breakers.state(channel)))

    async def _deliver(
        self, send: Send, sender: Sender, message: Message
    ) -> tuple[Attempt, BaseException | None]:
        began, start = self._clock(), asyncio.get_running_loop().time()
        message = replace(message, address=sender.address, thread_ref=self._threads.find(sender, message))
        result = await call(
            sender.channel, message, seconds=sender.timeout or self._timeout, target=send.channel
        )
        duration = asyncio.get_running_loop().time() - start
        if not isinstance(result, BaseException):
            self._threads.delivered(sender, message, result)
            error, attempt = None, self._record.success(send, result, began=began, duration=duration)
        else:
            error = self._after_change(send, sender, message, result)
            attempt = self._record.failed(send, error, sender, began=began, duration=duration)
        return attempt, error

    def _observe(self, send: Send, sender: Sender, attempt: Attempt, error: BaseException | None) -> None:
        if sender.receiver is None:
            self._health.record(send.channel, succeeded=error is None)
        elif self._observer is not None:
            self._observer.called(sender, attempt, error)

    def _after_change(
        self, send: Send, sender: Sender, message: Message, error: BaseException
    ) -> BaseException:
        """Return an error; a transient one if the receiver has got other credentials since the call began."""
        if first(error, ReceiverError) is None:
            return error
        current = self._senders.find(send.channel, message)
        if isinstance(current, Unavailable):
            changed = not isinstance(current.error, Permanent)
        else:
            changed = current.revision != sender.revision
        if not changed:
            return error
        return ReceiverChanged(f"the receiver changed during the attempt, which failed with: {error}")
