"""One call of a channel: bounded in time; whatever the channel raises becomes a value."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from notification_operator.delivery.channel import Permanent, RateLimited, ReceiverError, Transient
from notification_operator.delivery.recording import first
from notification_operator.delivery.rendering.pool import time_limit
from notification_operator.domain.flow_control.breaker import Result

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Channel, Message, Receipt
    from notification_operator.domain.attempt import Attempt

logger = structlog.get_logger(__name__)


async def call(
    channel: Channel, message: Message, *, seconds: float, target: str
) -> Receipt | BaseException | None:
    """Deliver a message within so many seconds after it is composed; return the receipt, or the error."""
    try:
        async with time_limit(seconds):
            return await channel.deliver(message)
    except TimeoutError as error:
        return Transient(f"timed out after {seconds:g} s").with_traceback(error.__traceback__)
    except (Transient, Permanent, ReceiverError) as error:
        return error
    except BaseException as error:
        # Whatever a channel raises is its own failure; a cancellation of this attempt is not.
        if _cancelled_from_outside(error):
            raise
        if first(error, Transient) is None:
            logger.warning(
                "channel raised an unexpected error", channel=target, attempt=message.id, exc_info=error
            )
        return error


def breaker_result(attempt: Attempt, error: BaseException | None) -> Result:
    """Return what an attempt says about its destination: nothing if the message was at fault, or there are too many."""
    if attempt.succeeded:
        return Result.SUCCESS
    if first(error, ReceiverError):
        return Result.REFUSAL
    return Result.NEITHER if attempt.permanent or first(error, RateLimited) else Result.FAILURE


def _cancelled_from_outside(error: BaseException) -> bool:
    """Return whether the operator, not the channel, ends an attempt."""
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return cancelled or isinstance(error, GeneratorExit)
