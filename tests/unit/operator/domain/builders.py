"""Builders of domain values for tests: every field has a default, and a test names its subject."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Never

from notification_contract.kinds.choices import AttemptStatus, Phase
from notification_domain.json_values import format_time
from notification_domain.model import Attempt, Notification, RetryPolicy, parse
from notification_domain.planning.progress import Progress, progress
from notification_domain.routing import Route
from notification_domain.situation import Situation

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
FAST = RetryPolicy(max_attempts=5, initial_backoff=1, multiplier=2, max_backoff=60)


def unexpected(error: BaseException) -> Never:
    """Turn no exception of an attempt into a record: the test expects none."""
    raise AssertionError("an attempt ended with an exception") from error


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def stored(*, spec: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Return an object as the API server returns it; `parts` are `status` and `metadata`."""
    meta = {
        "namespace": "shop",
        "name": "order-1",
        "uid": "uid-1",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": format_time(START),
    }
    minimum = {"type": "simple", "priority": "medium", "subject": "s", "body": "b"}
    return {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "metadata": meta | parts.get("metadata", {}),
        "spec": minimum | (spec or {}),
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
    parsed = replace(parse(document), retry=retry)
    return with_status(parsed, attempts=attempts)


def with_status(notification: Notification, **fields: Any) -> Notification:
    """Return the notification with some fields of its status replaced."""
    return replace(notification, status=replace(notification.status, **fields))


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


def circuit_open(channel: str, number: int = 1, seconds: float = 0) -> Attempt:
    """Return an attempt that an open circuit breaker rejected."""
    return Attempt(
        channel=channel,
        number=number,
        timestamp=at(seconds),
        status=AttemptStatus.FAILED,
        error="circuit breaker open",
        circuit_open=True,
    )


def progress_of(
    read: Notification, targets: Iterable[str], attempts: Iterable[Attempt]
) -> tuple[Progress, ...]:
    """Return the progress of some targets, long before anything expires."""
    return progress(
        Situation(now=START, notification=holding(read, attempts), route=Route(targets=tuple(targets)))
    )


def holding(read: Notification, attempts: Iterable[Attempt]) -> Notification:
    """Return a notification whose status holds these attempts, and no others."""
    return replace(read, status=replace(read.status, attempts=tuple(attempts)))
