"""Makes one try: calls the channel, bounded in time and number, and turns what happens into a value."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import structlog

from notification_operator.delivery.contract import DeliveryError, Permanent, Transient
from notification_operator.domain.errortext import chain, describe
from notification_operator.domain.model import Attempt, AttemptStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_operator.delivery.contract import Channel, Message
    from notification_operator.domain.plan import Send

Kind = TypeVar("Kind", bound=BaseException)

BUILT_IN = frozenset({"console", "file", "log"})

PERMANENT_MARK = "permanent failure: "

logger = structlog.get_logger(__name__)


class Dispatcher:
    """Holds the channels and makes tries on them, side by side."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        timeout: float,
        concurrency: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._channels = channels
        self._timeout = timeout
        self._clock = clock
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(concurrency))

    async def attempt(self, send: Send, message: Message) -> Attempt:
        """Make the try and return what came of it; only cancellation raises."""
        async with self._slots[send.channel]:
            began, start = self._clock(), asyncio.get_running_loop().time()
            error = await self._call(send, message)
            duration = asyncio.get_running_loop().time() - start
        retryable = _first(error, Transient)
        permanent = error is not None and (retryable is None or _first(error, Permanent) is error)
        return Attempt(
            channel=send.channel,
            number=send.number,
            timestamp=began,
            duration=duration,
            status=AttemptStatus.SUCCESS if error is None else AttemptStatus.FAILED,
            error=None if error is None else _text(error, permanent=permanent),
            permanent=permanent,
            retry_after=None if permanent or retryable is None else _pause(retryable.retry_after),
        )

    async def _call(self, send: Send, message: Message) -> Exception | None:
        channel = self._channels.get(send.channel)
        if channel is None:
            where = (
                f"channels.{send.channel}" if send.channel in BUILT_IN else f"channels.plugins.{send.channel}"
            )
            return Permanent(
                f"the channel {send.channel!r} is not set up in this operator; set it up under {where}"
            )
        try:
            async with asyncio.timeout(self._timeout):
                await channel.deliver(message)
        except TimeoutError as error:
            return Transient(f"timed out after {self._timeout:g} s").with_traceback(error.__traceback__)
        except (Transient, Permanent) as error:
            return error
        except Exception as error:
            if _first(error, Transient) is None:
                logger.warning("a channel broke", channel=send.channel, attempt=send.id, exc_info=error)
            return error
        return None


def _text(error: Exception, *, permanent: bool) -> str:
    return describe(error, mark=PERMANENT_MARK if permanent else "", bare=DeliveryError)


def _first(error: BaseException | None, kind: type[Kind]) -> Kind | None:
    """Return the first of the kind in the chain of an error, from the outside in."""
    return next((link for link in chain(error) if isinstance(link, kind)), None)


def _pause(asked: float | None) -> float | None:
    """Return the pause that a receiver asked for, if it is one."""
    return asked if asked is not None and 0 <= asked < float("inf") else None
