"""One completed attempt of a notification: an entry of `status.deliveryAttempts`, typed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from notification_contract import bounds
from notification_contract.kinds.choices import AttemptStatus
from notification_domain.json_values import (
    EARLIEST_TIME,
    format_time,
    integer,
    mapping,
    moment,
    number,
    text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One completed attempt.

    `number` counts from 1 on each target; `timestamp` is the start, `duration` is in seconds.
    `retry_after` is the delay in seconds that a failing receiver asked for. `circuit_open` says that an
    open circuit breaker kept the attempt from the receiver: a failure that uses up a number, and none of
    the attempts that the policy allows (DD-BREAKER-001).
    """

    channel: str
    """The key of the target; of a channel of the settings it is the channel's name."""
    number: int
    timestamp: datetime
    status: AttemptStatus
    duration: float = 0.0
    error: str | None = None
    permanent: bool = False
    retry_after: float | None = None
    circuit_open: bool = False
    refused: bool = False
    """Whether the receiver certainly has nothing of the message."""
    reason: str = ""
    """Why it failed, in one word, where the operator knows that; otherwise empty."""
    message_ref: str = ""
    """The message at the receiver, in the receiver's terms."""
    thread_ref: str = ""
    """The first message of the incident, which this one refers to, in the receiver's terms."""
    receiver_revision: str = ""
    """What the receiver was when it accepted a message of an incident; empty for a channel of the settings."""
    note: str = ""
    """A problem that did not prevent the delivery."""

    @property
    def key(self) -> tuple[str, int]:
        """The identity of an attempt within its object; never its time or text."""
        return self.channel, self.number

    @property
    def succeeded(self) -> bool:
        """Whether the receiver accepted the message."""
        return self.status is AttemptStatus.SUCCESS

    @property
    def called(self) -> bool:
        """Whether a channel was called: an attempt with a reason is one that the operator has refused itself."""
        return self.succeeded or not (self.reason or self.circuit_open)

    @property
    def ended(self) -> datetime:
        return self.timestamp + timedelta(seconds=self.duration)

    def noting(self, note: str) -> Attempt:
        return replace(self, note="; ".join(filter(None, (note, self.note)))[: bounds.NOTE])


_RESULTS: Final = frozenset(AttemptStatus)


def parse_attempt(value: object) -> Attempt | None:
    """Return an attempt; None for an entry without channel, number or result. A missing time is long past."""
    entry = mapping(value)
    channel, attempt = text(entry.get("channel")), integer(entry.get("attempt")) or 0
    result = text(entry.get("status"))
    if result not in _RESULTS or not (
        1 <= len(channel) <= bounds.TARGET_KEY and 1 <= attempt <= bounds.ATTEMPT_NUMBER
    ):
        return None
    error = entry.get("error")
    return Attempt(
        channel=channel,
        number=attempt,
        timestamp=moment(entry.get("timestamp")) or EARLIEST_TIME,
        status=AttemptStatus(result),
        duration=number(entry.get("durationSeconds"), most=bounds.ATTEMPT_SECONDS) or 0.0,
        error=error if isinstance(error, str) else None,
        permanent=entry.get("permanent") is True,
        retry_after=number(entry.get("retryAfterSeconds"), most=bounds.RETRY_AFTER_SECONDS),
        circuit_open=entry.get("circuitOpen") is True,
        refused=entry.get("refused") is True,
        reason=text(entry.get("reason")),
        message_ref=text(entry.get("messageRef"))[: bounds.MESSAGE_REF],
        thread_ref=text(entry.get("threadRef"))[: bounds.MESSAGE_REF],
        receiver_revision=text(entry.get("receiverRevision"))[: bounds.RECEIVER_REVISION],
        note=text(entry.get("note"))[: bounds.NOTE],
    )


def dump_attempt(attempt: Attempt) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "channel": attempt.channel,
        "attempt": attempt.number,
        "timestamp": format_time(attempt.timestamp),
        "status": attempt.status.value,
        "durationSeconds": min(round(attempt.duration, 6), bounds.ATTEMPT_SECONDS),
    }
    if attempt.error is not None:
        entry["error"] = attempt.error
    if attempt.permanent:
        entry["permanent"] = True
    if attempt.retry_after is not None:
        entry["retryAfterSeconds"] = min(attempt.retry_after, bounds.RETRY_AFTER_SECONDS)
    if attempt.circuit_open:
        entry["circuitOpen"] = True
    if attempt.refused:
        entry["refused"] = True
    for key, value in (
        ("reason", attempt.reason),
        ("messageRef", attempt.message_ref),
        ("threadRef", attempt.thread_ref),
        ("receiverRevision", attempt.receiver_revision),
        ("note", attempt.note),
    ):
        entry |= {key: value} if value else {}
    return entry
