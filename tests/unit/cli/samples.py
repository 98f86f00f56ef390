"""Notifications in the states that the command line shows."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from notification_cli.output.screen import Screen
from notification_operator.domain.text.timestamps import format_time
from tests.unit.operator.domain.builders import START, stored

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


def screen(width: int = 0, *, color: bool = False) -> tuple[Screen, io.StringIO]:
    """Return a screen, and what is written to it."""
    file = io.StringIO()
    return Screen(file, color=color, width=width), file
