"""Notifications in the states that the command line shows."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from notification_cli.output.screen import Screen
from notification_domain.json_values import format_time
from tests.unit.operator.domain.builders import START, stored
from tests.unit.operator.domain.receivers.builders import SLACK, stored_receiver

NOW = START + timedelta(minutes=5)


def attempt(channel: str, number: int, seconds: float, **fields: Any) -> dict[str, Any]:
    """Return an entry of `status.deliveryAttempts`, by default a failure."""
    return {
        "channel": channel,
        "attempt": number,
        "timestamp": format_time(START + timedelta(seconds=seconds)),
        "status": "failed",
        "durationSeconds": 0.25,
        **fields,
    }


def retrying(**spec: Any) -> dict[str, Any]:
    """Return a notification that was delivered to one of its channels, and waits for the other."""
    return stored(
        spec={"channels": ["console", "slack"], "subject": "Checkout is failing", **spec},
        status={
            "phase": "Retrying",
            "reason": "PartialFailureRetrying",
            "message": "Delivered to 1 of 2 channel(s); retrying slack",
            "queuedAt": format_time(START),
            "totalAttempts": 3,
            "nextAttemptAt": format_time(NOW + timedelta(seconds=40)),
            "deliveryAttempts": [
                attempt("console", 1, 0.1, status="success"),
                attempt("slack", 1, 0.1, error="503 from Slack"),
                attempt("slack", 2, 31, error="circuit breaker open", circuitOpen=True),
            ],
        },
    )


def failed() -> dict[str, Any]:
    """Return a notification that ended in failure."""
    return stored(
        spec={"channels": ["slack"]},
        status={
            "phase": "Failed",
            "reason": "AllDeliveriesFailed",
            "message": "Not delivered; slack failed permanently",
            "totalAttempts": 1,
            "failedDeliveries": 1,
            "completionTime": format_time(START + timedelta(seconds=2)),
            "deliveryAttempts": [attempt("slack", 1, 1, error="404 channel_not_found", permanent=True)],
        },
    )


def partial() -> dict[str, Any]:
    """Return a notification with a target in each final state."""
    names = {
        "slack/checkout": {
            "state": "Delivered",
            "messageRef": "C0123/1.1",
            "deliveredAt": format_time(START),
        },
        "pagerduty/platform/on-call": {"state": "Refused", "lastError": "403 from PagerDuty"},
        "email/mail#1f3a9c20": {"state": "Suppressed", "suppressedBy": "RateLimited"},
        "sms/phone": {"state": "Expired"},
        "teams/chat": {"state": "Exhausted", "lastError": "503 from Teams"},
    }
    ended = attempt("pagerduty/platform/on-call", 1, 2, reason="ReceiverNotAllowed", permanent=True)
    return stored(
        spec={"receiverRefs": [{"name": "checkout"}], "subject": "Orders are delayed"},
        metadata={"name": "order-2"},
        status={
            "phase": "PartiallySent",
            "reason": "PartialDeliverySuccess",
            "message": "Delivered to 1 of 5 targets",
            "totalAttempts": 7,
            "successfulDeliveries": 1,
            "failedDeliveries": 3,
            "completionTime": format_time(START + timedelta(seconds=90)),
            "deliveryAttempts": [ended],
            "targets": [{"name": name, "attempts": 1, **fields} for name, fields in names.items()],
        },
    )


def reported(
    *, healthy: str = "True", reason: str = "Delivering", message: str = "", **more: Any
) -> dict[str, Any]:
    """Return the status of a receiver that is ready."""
    common = {"observedGeneration": 1, "lastTransitionTime": format_time(START)}
    conditions = [
        {"type": "Ready", "status": "True", "reason": "Accepted", "message": "", **common},
        {"type": "ResolvedRefs", "status": "True", "reason": "SecretFound", "message": "", **common},
        {"type": "Healthy", "status": healthy, "reason": reason, "message": message, **common},
    ]
    return {"observedGeneration": 1, "conditions": conditions, **more}


def sick_receiver(name: str = "checkout", **meta: Any) -> dict[str, Any]:
    """Return a receiver whose far end refuses messages, with all that its status can have."""
    replica = {
        "name": "operator-a",
        "updated": format_time(NOW),
        "lastAttemptTime": format_time(NOW),
        "lastError": "503 from Slack",
        "consecutiveFailures": 7,
        "circuit": {"state": "Open", "until": format_time(NOW + timedelta(seconds=20))},
    }
    return stored_receiver(
        name,
        default=True,
        spec={
            **SLACK,
            "description": "The checkout team",
            "fallback": {"name": "mail", "after": "15m"},
            "rateLimit": {"count": 5, "period": "1m"},
        },
        status=reported(
            healthy="False",
            reason="CircuitOpen",
            message="The circuit breaker is open: 503",
            lastSuccessTime=format_time(START),
            lastTest={"requestedAt": "t", "outcome": "Failed", "message": "401"},
            replicas=[replica],
            **{
                key: replica[key]
                for key in ("lastAttemptTime", "lastError", "consecutiveFailures", "circuit")
            },
        ),
        resourceVersion="9",
        **meta,
    )


def screen(width: int = 0, *, color: bool = False) -> tuple[Screen, io.StringIO]:
    """Return a screen, and what is written to it."""
    file = io.StringIO()
    return Screen(file, color=color, width=width), file
