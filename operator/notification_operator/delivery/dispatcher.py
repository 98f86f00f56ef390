"""Delivers messages: calls a channel, bounded in time and concurrency, and returns the result as an attempt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from notification_operator.delivery.breakers import Destination, Rejected
from notification_operator.delivery.channel import (
    DeliveryError,
    Message,
    Permanent,
    Transient,
    close,
    destination_of,
)
from notification_operator.delivery.channel_health import LATEST, ChannelHealth
from notification_operator.domain.breaker import Circuit, Result
from notification_operator.domain.model import Attempt, AttemptStatus
from notification_operator.domain.redaction.redactor import Redactor
from notification_operator.domain.text.error_text import chain, describe
from notification_operator.domain.text.timestamps import format_time
from notification_operator.fair_semaphore import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from notification_operator.delivery.breakers import Breakers
    from notification_operator.delivery.channel import Channel
    from notification_operator.delivery.content_redaction import RedactedContent
    from notification_operator.domain.model import Content, Notification
    from notification_operator.domain.plan import Send
    from notification_operator.domain.routing.route import Route

Kind = TypeVar("Kind", bound=BaseException)

BUILT_IN = frozenset({"console", "file", "log", "slack"})

PERMANENT_MARK = "permanent failure: "

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
    ) -> None:
        self._channels = channels
        self._redactor = redactor or Redactor()
        self._breakers = breakers
        self._timeout = timeout
        self._concurrency = concurrency
        self._clock = clock
        self._semaphores: dict[str, FairSemaphore] = {}
        self._health = ChannelHealth()

    def prepare(self, notification: Notification, route: Route, redacted: RedactedContent) -> Message:
        """Return the message of a notification: redacted, and without the id of an attempt."""
        redacted.count()
        return _message(notification, route, redacted.get())

    async def attempt(self, send: Send, message: Message) -> Attempt:
        """Deliver a prepared message and return the result; raises only when cancelled."""
        channel = self._channels.get(send.channel)
        if channel is None:
            return self._attempt(send, error=_not_configured(send.channel))
        message = replace(message, id=send.id)
        async with self._semaphore(send.channel, channel).slot(message.namespace):
            destination = self._destination(send.channel, channel, message)
            if destination is None:
                return await self._deliver(send, channel, message)
            answer = await self._breakers.enter(destination)
            if isinstance(answer, Rejected):
                return self._attempt(send, error=_circuit_open(send.channel, answer), circuit_open=True)
            with answer:
                attempt = await self._deliver(send, channel, message)
                answer.result = _breaker_result(attempt)
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
        """Return the channels of a route whose circuit breaker is open, with the time of the next probe."""
        if self._breakers.all_closed:
            return {}
        message = _message(notification, route, redacted.get())
        until = {name: self._open_until(name, message) for name in route.channels}
        return {name: time for name, time in until.items() if time is not None}

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

    def _open_until(self, name: str, message: Message) -> datetime | None:
        channel = self._channels.get(name)
        destination = None if channel is None else self._destination(name, channel, message)
        return None if destination is None else self._breakers.open_until(destination)

    def _semaphore(self, name: str, channel: Channel) -> FairSemaphore:
        semaphore = self._semaphores.get(name)
        if semaphore is None:
            semaphore = self._semaphores[name] = FairSemaphore(self._slots(name, channel))
        return semaphore

    def _slots(self, name: str, channel: Channel) -> int:
        slots = getattr(channel, "concurrency", self._concurrency)
        if isinstance(slots, int) and slots >= 1:
            return min(self._concurrency, slots)
        logger.warning("channel states an unusable concurrency", channel=name, concurrency=repr(slots))
        return self._concurrency

    def _destination(self, name: str, channel: Channel, message: Message) -> Destination | None:
        address: Any
        try:
            address = destination_of(channel, message)
        except Exception as error:
            logger.warning("channel failed to name its destination", channel=name, exc_info=error)
            address = ""
        if address is None:
            return None
        # The contract says text; an address of another type may have no hash.
        return Destination(name, address if isinstance(address, str) else "")

    async def _deliver(self, send: Send, channel: Channel, message: Message) -> Attempt:
        began, start = self._clock(), asyncio.get_running_loop().time()
        error = await self._call(send, channel, message)
        duration = asyncio.get_running_loop().time() - start
        self._health.record(send.channel, succeeded=error is None)
        return self._attempt(send, error=error, began=began, duration=duration)

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


def _message(notification: Notification, route: Route, content: Content) -> Message:
    return Message(
        id="",
        namespace=notification.namespace,
        name=notification.name,
        uid=notification.uid,
        created=notification.created,
        channels=route.channels,
        content=content,
    )


def _not_configured(channel: str) -> Permanent:
    setting = f"channels.{channel}" if channel in BUILT_IN else f"channels.plugins.{channel}"
    return Permanent(f"the channel {channel!r} is not configured in this operator; configure {setting}")


def _circuit_open(channel: str, answer: Rejected) -> Transient:
    until = format_time(answer.until)
    return Transient(f"circuit breaker open for channel {channel}; next attempt at {until}")


def _breaker_result(attempt: Attempt) -> Result:
    """Return what an attempt says about its destination: nothing if the message was at fault."""
    if attempt.succeeded:
        return Result.SUCCESS
    return Result.NEITHER if attempt.permanent else Result.FAILURE


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
