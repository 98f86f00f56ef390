"""Delivers messages: calls a channel, bounded in time and concurrency, and returns the result as an attempt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from notification_operator.delivery.breakers import Rejected
from notification_operator.delivery.channel import (
    DeliveryError,
    Message,
    Permanent,
    Postponed,
    RateLimited,
    Transient,
    close,
)
from notification_operator.delivery.channel_health import LATEST, ChannelHealth
from notification_operator.delivery.destinations import ChannelLimits, Destinations
from notification_operator.delivery.pacing import Pacing
from notification_operator.delivery.refusals import circuit_open, not_allowed, not_configured
from notification_operator.domain.breaker import Circuit, Result
from notification_operator.domain.hold import NO_HOLDS
from notification_operator.domain.model import Attempt, AttemptStatus, Reason
from notification_operator.domain.redaction.redactor import Redactor
from notification_operator.domain.text.error_text import chain, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from notification_operator.delivery.breakers import Breakers, Destination, PermittedCall
    from notification_operator.delivery.channel import Channel
    from notification_operator.delivery.content_redaction import RedactedContent
    from notification_operator.domain.hold import Hold
    from notification_operator.domain.model import Notification
    from notification_operator.domain.plan import Send
    from notification_operator.domain.routing.route import Route

Kind = TypeVar("Kind", bound=BaseException)

PERMANENT_MARK = "permanent failure: "

NO_CHANNEL_LIMITS: Final[Mapping[str, ChannelLimits]] = MappingProxyType({})

CLOSING_SECONDS = 5.0
"""Seconds that a channel has to close."""

logger = structlog.get_logger(__name__)


class Dispatcher:
    """Delivers to the channels concurrently."""

    def __init__(  # noqa: PLR0913 - each limit is a setting of its own
        self,
        channels: Mapping[str, Channel],
        *,
        breakers: Breakers,
        timeout: float,
        concurrency: int,
        clock: Callable[[], datetime],
        redactor: Redactor | None = None,
        seconds: Callable[[], float] = monotonic,
        limits: Mapping[str, ChannelLimits] = NO_CHANNEL_LIMITS,
    ) -> None:
        self._channels = channels
        self._redactor = redactor or Redactor()
        self._breakers = breakers
        self._pacing = Pacing(clock=clock, seconds=seconds)
        self._destinations = Destinations(
            channels, breakers=breakers, pacing=self._pacing, limits=limits, concurrency=concurrency
        )
        self._timeout = timeout
        self._clock = clock
        self._health = ChannelHealth()

    def message(self, notification: Notification, route: Route, redacted: RedactedContent) -> Message:
        """Return the message of a notification, without the id of an attempt."""
        return Message(
            id="",
            namespace=notification.namespace,
            name=notification.name,
            uid=notification.uid,
            created=notification.created,
            channels=route.targets,
            content=redacted.get(),
        )

    async def attempt(self, send: Send, message: Message) -> Attempt:
        """Deliver a prepared message and return the result.

        Raises:
            Postponed: the destination asked for a pause meanwhile; the attempt was not made.
        """
        channel = self._channels.get(send.channel)
        if channel is None:
            return self._attempt(send, error=not_configured(send.channel))
        limits = self._destinations.limits(send.channel)
        if not limits.allows(message.namespace):
            error = not_allowed(send.channel, message.namespace, limits.namespaces)
            return replace(self._attempt(send, error=error), reason=Reason.CHANNEL_NOT_ALLOWED.value)
        message = replace(message, id=send.id)
        destination = self._destinations.of(send.channel, message)
        if destination is None:
            async with self._destinations.local_slots(send.channel).slot(message.namespace):
                return (await self._deliver(send, channel, message))[0]
        try:
            async with self._destinations.slots(destination).slot(message.namespace):
                return await self._attempt_at(destination, send, channel, message)
        finally:
            self._destinations.update(destination)

    async def _attempt_at(
        self, destination: Destination, send: Send, channel: Channel, message: Message
    ) -> Attempt:
        """Deliver to a destination, unless its breaker is open; wait for running probes without a channel's slot."""
        while True:
            async with self._destinations.channel_slots(send.channel).slot(message.namespace):
                if self._pacing.paused_until(destination) is not None:
                    raise Postponed(f"{send.id}: {send.channel} asked for a pause")
                answer = self._breakers.try_enter(destination, notification=message.uid)
                if isinstance(answer, Rejected):
                    return self._attempt(
                        send, error=circuit_open(send.channel, answer.until), circuit_open=True
                    )
                if answer is not None:
                    return await self._permitted(answer, destination, send, channel, message)
            await self._breakers.changed(destination)

    async def _permitted(
        self, permit: PermittedCall, destination: Destination, send: Send, channel: Channel, message: Message
    ) -> Attempt:
        with permit:
            attempt, error = await self._deliver(send, channel, message)
            permit.result = _breaker_result(attempt, error)
        if _first(error, RateLimited) and attempt.retry_after:
            self._pacing.pause(destination, attempt.retry_after)
        return attempt

    def failure(self, send: Send, error: BaseException) -> Attempt:
        """Return the record of an attempt that an unexpected exception ended; never raises."""
        logger.error("attempt ended unexpectedly", channel=send.channel, attempt=send.id, exc_info=error)
        try:
            text = self._text(error, permanent=True)
        except Exception:  # noqa: BLE001 - the record matters more than its text
            text = f"{PERMANENT_MARK}{type(error).__name__}"
        return Attempt(
            channel=send.channel,
            number=send.number,
            timestamp=self._clock(),
            status=AttemptStatus.FAILED,
            error=text,
            permanent=True,
        )

    def open_breakers(
        self, notification: Notification, route: Route, redacted: RedactedContent
    ) -> Mapping[str, datetime]:
        """Return the channels of a route whose circuit breaker is open, with the time of the next attempt."""
        if self._breakers.all_closed:
            return {}
        message = self.message(notification, route, redacted)
        until = {
            name: self._destinations.waiting_until(name, message, notification) for name in route.targets
        }
        return {name: time for name, time in until.items() if time is not None}

    def pauses(
        self, notification: Notification, route: Route, redacted: RedactedContent
    ) -> Mapping[str, Hold]:
        """Return the channels of a route whose destination asked for a pause."""
        if not self._pacing.paused:
            return NO_HOLDS
        message = self.message(notification, route, redacted)
        holds = {name: self._destinations.pause(name, message) for name in route.targets}
        return {name: hold for name, hold in holds.items() if hold is not None}

    def ask(self, send: Send, message: Message) -> Hold | None:
        """Return None if a planned attempt may start now; else when to ask again (DD-DESTINATION-001)."""
        if not self._destinations.limits(send.channel).allows(message.namespace):
            return None
        return self._destinations.ask(send.channel, message)

    def publish(self, watch: Callable[[str, str, Iterable[str], Callable[[str], float]], None]) -> None:
        """Publish the state of each channel through a function that adds one gauge per channel."""
        watch(
            "channel_circuit_breaker_state",
            "Circuit breaker state of the channel: 0 closed, 1 half-open, 2 open.",
            self._channels,
            self._circuit_number,
        )
        watch(
            "channel_health_score",
            f"Share of the latest {LATEST} attempts on the channel that succeeded; 1 before the first attempt.",
            self._channels,
            self._health.score,
        )

    async def close(self) -> None:
        """Close every channel; log each one that fails or times out."""
        for name, channel in self._channels.items():
            try:
                async with asyncio.timeout(CLOSING_SECONDS):
                    await close(channel)
            except Exception as error:
                logger.warning("channel not closed", channel=name, exc_info=error)

    def _circuit_number(self, channel: str) -> float:
        return float(list(Circuit).index(self._breakers.state(channel)))

    async def _deliver(
        self, send: Send, channel: Channel, message: Message
    ) -> tuple[Attempt, BaseException | None]:
        began, start = self._clock(), asyncio.get_running_loop().time()
        error = await self._call(send, channel, message)
        duration = asyncio.get_running_loop().time() - start
        self._health.record(send.channel, succeeded=error is None)
        return self._attempt(send, error=error, began=began, duration=duration), error

    def _attempt(
        self,
        send: Send,
        *,
        error: BaseException | None,
        began: datetime | None = None,
        duration: float = 0.0,
        circuit_open: bool = False,
    ) -> Attempt:
        retryable = _first(error, Transient)
        permanent = error is not None and (retryable is None or _first(error, Permanent) is error)
        return Attempt(
            channel=send.channel,
            number=send.number,
            timestamp=began or self._clock(),
            duration=duration,
            status=AttemptStatus.SUCCESS if error is None else AttemptStatus.FAILED,
            error=None if error is None else self._text(error, permanent=permanent),
            permanent=permanent,
            retry_after=None if permanent or retryable is None else _usable_pause(retryable.retry_after),
            circuit_open=circuit_open,
        )

    def _text(self, error: BaseException, *, permanent: bool) -> str:
        mark = PERMANENT_MARK if permanent else ""
        return describe(error, mark=mark, bare=DeliveryError, redact=self._redactor.text)

    async def _call(self, send: Send, channel: Channel, message: Message) -> BaseException | None:
        try:
            async with asyncio.timeout(self._timeout):
                await channel.deliver(message)
        except TimeoutError as error:
            return Transient(f"timed out after {self._timeout:g} s").with_traceback(error.__traceback__)
        except (Transient, Permanent) as error:
            return error
        except BaseException as error:
            # Whatever a channel raises is its own failure; a cancellation of this attempt is not.
            if _cancelled_from_outside(error):
                raise
            if _first(error, Transient) is None:
                logger.warning(
                    "channel raised an unexpected error",
                    channel=send.channel,
                    attempt=send.id,
                    exc_info=error,
                )
            return error
        return None


def _breaker_result(attempt: Attempt, error: BaseException | None) -> Result:
    """Return what an attempt says about its destination: nothing if the message was at fault, or there are too many."""
    if attempt.succeeded:
        return Result.SUCCESS
    return Result.NEITHER if attempt.permanent or _first(error, RateLimited) else Result.FAILURE


def _cancelled_from_outside(error: BaseException) -> bool:
    """Return whether the operator, not the channel, ends an attempt."""
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return cancelled or isinstance(error, GeneratorExit)


def _first(error: BaseException | None, kind: type[Kind]) -> Kind | None:
    """Return the first error of a kind in the chain of an error, from the outside in."""
    return next((link for link in chain(error) if isinstance(link, kind)), None)


def _usable_pause(seconds: object) -> float | None:
    """Return the pause that a receiver requested, if it is a finite number of seconds; channels pass anything."""
    try:
        pause = float(seconds)  # type: ignore[arg-type]  # whatever is no number raises
    except (TypeError, ValueError, OverflowError):
        return None
    return pause if 0 <= pause < float("inf") else None
