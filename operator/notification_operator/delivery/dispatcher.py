"""Makes one try: calls the channel, bounded in time and number, and turns what happens into a value."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import structlog

from notification_operator.delivery.breakers import Receiver, TurnedAway
from notification_operator.delivery.channel import DeliveryError, Permanent, Transient, close, destination_of
from notification_operator.delivery.channel_health import LATEST, Scores
from notification_operator.domain.breaker import Circuit, Result
from notification_operator.domain.model import Attempt, AttemptStatus
from notification_operator.domain.redaction.redact import redact
from notification_operator.domain.text.error_text import chain, describe
from notification_operator.domain.text.timestamps import format_time
from notification_operator.fair_semaphore import FairSlots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from notification_operator.delivery.breakers import Breakers
    from notification_operator.delivery.channel import Channel, Message
    from notification_operator.domain.plan import Send

Kind = TypeVar("Kind", bound=BaseException)

BUILT_IN = frozenset({"console", "file", "log", "slack"})

PERMANENT_MARK = "permanent failure: "

CLOSING_SECONDS = 5.0
"""A channel may take this long to let go of what it holds."""

logger = structlog.get_logger(__name__)


class Dispatcher:
    """Holds the channels and makes tries on them, side by side."""

    def __init__(  # noqa: PLR0913 - what it goes by, each from a setting of its own
        self,
        channels: Mapping[str, Channel],
        *,
        breakers: Breakers,
        timeout: float,
        concurrency: int,
        clock: Callable[[], datetime],
        mask: Callable[[str], str] = redact,
    ) -> None:
        self._channels = channels
        self._mask = mask
        self._breakers = breakers
        self._timeout = timeout
        self._concurrency = concurrency
        self._clock = clock
        self._slots: dict[str, FairSlots] = {}
        self.scores = Scores()

    async def attempt(self, send: Send, message: Message) -> Attempt:
        """Make the try and return what came of it; only cancellation raises."""
        channel = self._channels.get(send.channel)
        if channel is None:
            return self._attempt(send, error=_not_set_up(send.channel))
        async with self._slots_of(send.channel, channel).held(message.namespace):
            receiver = self._receiver(send.channel, channel, message)
            if receiver is None:
                return await self._try(send, channel, message)
            passage = await self._breakers.enter(receiver)
            if isinstance(passage, TurnedAway):
                return self._attempt(send, error=_turned_away(send.channel, passage), circuit_open=True)
            with passage:
                made = await self._try(send, channel, message)
                passage.result = _says(made)
            return made

    def held(self, draft: Callable[[], Message]) -> Mapping[str, datetime]:
        """Return a message's channels whose circuit breaker is open, with the time of its next probe."""
        if self._breakers.all_closed:
            return {}
        message = draft()
        held = {name: self._held_until(name, message) for name in message.channels}
        return {name: until for name, until in held.items() if until is not None}

    def publish(self, watch: Callable[[str, str, Iterable[str], Callable[[str], float]], None]) -> None:
        """Give out how each channel stands, through a function that publishes one figure a channel."""
        watch(
            "channel_circuit_breaker_state",
            "Whether the channel's circuit breaker is closed (0), half-open (1) or open (2).",
            self._channels,
            lambda channel: float(list(Circuit).index(self._breakers.state(channel))),
        )
        watch(
            "channel_health_score",
            f"Share of the channel's latest {LATEST} tries that succeeded, 1 before the first.",
            self._channels,
            self.scores.score,
        )

    async def close(self) -> None:
        """Let every channel let go of what it holds; one that fails to, or hangs, is named in the log."""
        for name, channel in self._channels.items():
            try:
                async with asyncio.timeout(CLOSING_SECONDS):
                    await close(channel)
            except Exception as error:
                logger.warning("a channel did not close", channel=name, exc_info=error)

    def _held_until(self, name: str, message: Message) -> datetime | None:
        channel = self._channels.get(name)
        receiver = None if channel is None else self._receiver(name, channel, message)
        return None if receiver is None else self._breakers.held_until(receiver)

    def _slots_of(self, name: str, channel: Channel) -> FairSlots:
        slots = self._slots.get(name)
        if slots is None:
            most = min(self._concurrency, getattr(channel, "concurrency", self._concurrency))
            slots = self._slots[name] = FairSlots(most)
        return slots

    def _receiver(self, name: str, channel: Channel, message: Message) -> Receiver | None:
        try:
            destination = destination_of(channel, message)
        except Exception as error:
            logger.warning("a channel cannot tell its destination", channel=name, exc_info=error)
            destination = ""
        return None if destination is None else Receiver(name, destination)

    async def _try(self, send: Send, channel: Channel, message: Message) -> Attempt:
        began, start = self._clock(), asyncio.get_running_loop().time()
        error = await self._call(send, channel, message)
        duration = asyncio.get_running_loop().time() - start
        self.scores.note(send.channel, succeeded=error is None)
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
            retry_after=None if permanent or retryable is None else _pause(retryable.retry_after),
            circuit_open=circuit_open,
        )

    def _text(self, error: BaseException, *, permanent: bool) -> str:
        mark = PERMANENT_MARK if permanent else ""
        return describe(error, mark=mark, bare=DeliveryError, redact=self._mask)

    async def _call(self, send: Send, channel: Channel, message: Message) -> BaseException | None:
        try:
            async with asyncio.timeout(self._timeout):
                await channel.deliver(message)
        except TimeoutError as error:
            return Transient(f"timed out after {self._timeout:g} s").with_traceback(error.__traceback__)
        except (Transient, Permanent) as error:
            return error
        except BaseException as error:
            # Whatever a channel raises is its own failure; what ends this try from outside is not.
            if _comes_from_outside(error):
                raise
            if _first(error, Transient) is None:
                logger.warning("a channel broke", channel=send.channel, attempt=send.id, exc_info=error)
            return error
        return None


def _not_set_up(channel: str) -> Permanent:
    setting = f"channels.{channel}" if channel in BUILT_IN else f"channels.plugins.{channel}"
    return Permanent(f"the channel {channel!r} is not set up in this operator; set it up under {setting}")


def _turned_away(channel: str, answer: TurnedAway) -> Transient:
    until = format_time(answer.until)
    return Transient(
        f"circuit breaker open: the latest tries on {channel} failed, the next begins at {until}"
    )


def _says(made: Attempt) -> Result:
    """Return what a try says of its receiver: nothing, where no further try can help the message."""
    if made.succeeded:
        return Result.SUCCESS
    return Result.NEITHER if made.permanent else Result.FAILURE


def _comes_from_outside(error: BaseException) -> bool:
    """Return whether a try is ended by the operator, and not by its channel."""
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return cancelled or isinstance(error, GeneratorExit)


def _first(error: BaseException | None, kind: type[Kind]) -> Kind | None:
    """Return the first of the kind in the chain of an error, from the outside in."""
    return next((link for link in chain(error) if isinstance(link, kind)), None)


def _pause(asked: float | None) -> float | None:
    """Return the pause that a receiver asked for, if it is one."""
    return asked if asked is not None and 0 <= asked < float("inf") else None
