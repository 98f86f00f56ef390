"""Values for tests of the domain: everything has a default, a test names what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from notification_operator.domain.model import (
    Attempt,
    AttemptStatus,
    Notification,
    Phase,
    RetryPolicy,
    parse,
)
from notification_operator.domain.text.timestamps import format_time

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
FAST = RetryPolicy(max_attempts=5, initial_backoff=1, multiplier=2, max_backoff=60)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def stored(*, spec: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Return an object as the API server gives it; `parts` are status and metadata fields."""
    meta = {
        "namespace": "shop",
        "name": "order-1",
        "uid": "uid-1",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": format_time(START),
    }
    least = {"type": "simple", "priority": "medium", "subject": "s", "body": "b"}
    return {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "metadata": meta | parts.get("metadata", {}),
        "spec": least | (spec or {}),
        "status": parts.get("status", {"phase": "Pending"}),
    }


def notification(
    *channels: str,
    retry: RetryPolicy = FAST,
    phase: Phase = Phase.PENDING,
    attempts: tuple[Attempt, ...] = (),
    status: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
) -> Notification:
    document = stored(
        spec={"channels": list(channels)}, status=status or {"phase": phase}, metadata={"labels": labels}
    )
    return replace(parse(document), retry=retry, attempts=attempts)


def success(channel: str, number: int = 1, seconds: float = 0, duration: float = 0.5) -> Attempt:
    return Attempt(
        channel=channel, number=number, timestamp=at(seconds), status=AttemptStatus.SUCCESS, duration=duration
    )


def failure(
    channel: str,
    number: int = 1,
    seconds: float = 0,
    *,
    duration: float = 0.5,
    permanent: bool = False,
    retry_after: float | None = None,
) -> Attempt:
    return Attempt(
        channel=channel,
        number=number,
        timestamp=at(seconds),
        status=AttemptStatus.FAILED,
        duration=duration,
        error="permanent failure: 404" if permanent else "503",
        permanent=permanent,
        retry_after=retry_after,
    )


def turned_away(channel: str, number: int = 1, seconds: float = 0) -> Attempt:
    """Return the entry of a try that an open circuit breaker kept from its receiver."""
    return Attempt(
        channel=channel,
        number=number,
        timestamp=at(seconds),
        status=AttemptStatus.FAILED,
        error="circuit breaker open",
        circuit_open=True,
    )
