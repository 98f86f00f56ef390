"""One attempt: the call of a channel, bounded in time, and the record of its result, whose texts are redacted; and the history of an endpoint."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import structlog

from notification_contract import bounds
from notification_contract.kinds.choices import AttemptStatus
from notification_domain.attempt import Attempt
from notification_domain.error_text import UNEXPECTED, chain, describe
from notification_domain.flow_control.breaker import Result
from notification_domain.receivers.health import UNTESTED, Health
from notification_domain.status import Reason
from notification_runtime.delivery.channel import (
    DeliveryError,
    Permanent,
    RateLimited,
    ReceiverError,
    Transient,
)
from notification_runtime.delivery.http.exchange import REDACTED
from notification_runtime.delivery.time_limit import time_limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_contract.kinds.choices import CircuitState
    from notification_domain.planning.plan import Send
    from notification_domain.redaction.redactor import Redactor
    from notification_operator.endpoints.refusals import Refusal
    from notification_runtime.delivery.channel import Channel, Message, Receipt


Kind = TypeVar("Kind", bound=BaseException)

PERMANENT_MARK: Final = "permanent failure: "

logger = structlog.get_logger(__name__)


class ReceiverChanged(Transient):
    """The receiver accepted no message, but has another spec or Secret since the call began."""


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


class Recorder:
    def __init__(self, *, clock: Callable[[], datetime], redactor: Redactor) -> None:
        self._clock = clock
        self._redactor = redactor

    def success(  # noqa: PLR0913 - what the record consists of
        self,
        send: Send,
        receipt: Receipt | None,
        *,
        thread_ref: str,
        receiver_revision: str,
        began: datetime,
        duration: float,
    ) -> Attempt:
        """Return the attempt of a message that was accepted; `thread_ref` and `receiver_revision` are empty outside incidents."""
        message_ref = receipt.message_ref[: bounds.MESSAGE_REF] if receipt else ""
        return Attempt(
            channel=send.channel,
            number=send.number,
            timestamp=began,
            duration=duration,
            status=AttemptStatus.SUCCESS,
            message_ref=message_ref,
            thread_ref=thread_ref if message_ref else "",
            receiver_revision=receiver_revision if message_ref else "",
            note=self._redactor.text(receipt.note)[: bounds.NOTE] if receipt and receipt.note else "",
        )

    def failed(  # noqa: PLR0913 - what the record consists of
        self,
        send: Send,
        error: BaseException,
        *,
        holds_errors: bool,
        address: str,
        began: datetime,
        duration: float,
    ) -> Attempt:
        """Return the attempt of an error; it does not count if the message waits until its receiver accepts some.

        `address` is the recipient, which no text shows.
        """
        refused = first(error, ReceiverError) is not None or isinstance(error, ReceiverChanged)
        held = holds_errors and refused
        retryable = first(error, Transient)
        permanent = not held and (retryable is None or isinstance(error, Permanent | ReceiverError))
        return Attempt(
            channel=send.channel,
            number=send.number,
            timestamp=began,
            duration=duration,
            status=AttemptStatus.FAILED,
            error=self._text(error, permanent=permanent, address=address),
            permanent=permanent,
            retry_after=None if permanent or retryable is None else _usable_pause(retryable.retry_after),
            circuit_open=held,
            refused=isinstance(error, DeliveryError) and error.refused,
            reason=Reason.RECEIVER_NOT_READY if held else "",
        )

    def rejected(self, send: Send, endpoint: str) -> Attempt:
        error = Transient(f"circuit breaker open for channel {endpoint}")
        return self._without_call(send, self._text(error, permanent=False), circuit_open=True)

    def refused(self, send: Send, refusal: Refusal) -> Attempt:
        permanent = isinstance(refusal.error, Permanent)
        text, reason = self._text(refusal.error, permanent=permanent), refusal.reason
        return self._without_call(
            send, text, permanent=permanent, reason="" if reason is None else reason.value
        )

    def unexpected(self, send: Send, error: BaseException) -> Attempt:
        """Return the record of an attempt that an unexpected exception ended; never raises."""
        logger.error("attempt ended unexpectedly", channel=send.channel, attempt=send.id, exc_info=error)
        try:
            text = self._text(error, permanent=True)
        except Exception:  # noqa: BLE001 - the record matters more than its text
            text = f"{PERMANENT_MARK}{UNEXPECTED}"
        return self._without_call(send, text, permanent=True)

    def _without_call(
        self, send: Send, error: str, *, permanent: bool = False, reason: str = "", circuit_open: bool = False
    ) -> Attempt:
        """Return a failed attempt of which no call is known to have ended."""
        return Attempt(
            channel=send.channel,
            number=send.number,
            timestamp=self._clock(),
            status=AttemptStatus.FAILED,
            error=error,
            permanent=permanent,
            reason=reason,
            circuit_open=circuit_open,
        )

    def _text(self, error: BaseException, *, permanent: bool, address: str = "") -> str:
        def redact(text: str) -> str:
            return self._redactor.text(without_address(text, address) if address else text)

        mark = PERMANENT_MARK if permanent else ""
        return describe(error, mark=mark, redact=redact)


def without_address(text: str, address: str) -> str:
    """Return a text in which the address of a person is not shown, however a server writes it."""
    forms = {address, quote(address, safe=""), address.removeprefix("+")}
    return re.sub(
        "|".join(map(re.escape, sorted(forms, key=len, reverse=True))), REDACTED, text, flags=re.IGNORECASE
    )


def first(error: BaseException | None, kind: type[Kind]) -> Kind | None:
    """Return the first error of a kind in the chain of an error, from the outside in."""
    return next((link for link in chain(error) if isinstance(link, kind)), None)


def _usable_pause(seconds: object) -> float | None:
    """Return the pause that a receiver requested, if it is a finite number of seconds; channels pass anything."""
    try:
        pause = float(seconds)  # type: ignore[arg-type]  # whatever is no number raises
    except (TypeError, ValueError, OverflowError):
        return None
    return pause if 0 <= pause < float("inf") else None


def _cancelled_from_outside(error: BaseException) -> bool:
    """Return whether the operator, not the channel, ends an attempt."""
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return cancelled or isinstance(error, GeneratorExit)


SCORED_ATTEMPTS: Final = 20
"""Attempts that a score covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStatistics:
    """What an endpoint reports about itself, for gauges, the status of receivers, and tests."""

    health: Health
    """UNTESTED before the first call."""
    circuit: CircuitState
    """The worst state among the breakers of its destinations."""
    score: float
    """The share of the latest attempts that succeeded; 1 before the first one."""
    destinations: int
    """Destinations that are remembered."""


@dataclass(slots=True)
class History:
    """The results of calls; they outlive a change of the endpoint."""

    health: Health = UNTESTED
    """Health without the state of the breaker."""
    latest: tuple[bool, ...] = ()
    """Whether each of the latest attempts has succeeded."""

    @property
    def score(self) -> float:
        """The share of the latest attempts that succeeded; 1 before the first one."""
        return sum(self.latest) / len(self.latest) if self.latest else 1.0

    def health_with(self, circuit: CircuitState, until: datetime | None) -> Health:
        if self.health is UNTESTED:
            return UNTESTED
        return replace(self.health, circuit=circuit, circuit_until=until)

    def forget_failures(self) -> None:
        """Forget that the receiver accepted no message: it has changed."""
        if self.health is not UNTESTED:
            self.health = replace(self.health, problem="", consecutive_failures=0)

    def drilled(self, time: datetime) -> None:
        if self.health is not UNTESTED:
            self.health = replace(self.health, last_drill=time)

    def record(self, attempt: Attempt, error: BaseException | None) -> None:
        self.latest = (*self.latest, error is None)[-SCORED_ATTEMPTS:]
        before = self.health
        failures, problem = before.consecutive_failures, before.problem
        if error is None:
            failures, problem = 0, ""
        elif not isinstance(error, ReceiverChanged):  # The receiver as it is now has refused nothing.
            refused = first(error, ReceiverError)
            failures, problem = failures + 1, "" if refused is None else str(refused.reason)
        self.health = replace(
            before,
            last_attempt=attempt.ended,
            last_error=attempt.error or "",
            last_success=attempt.ended if error is None else before.last_success,
            consecutive_failures=failures,
            problem=problem,
        )
