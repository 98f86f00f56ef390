"""Notifications of the catalogue: BASE and its variants, and short forms of retry policies."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.harness.receivers import StoredReceiver


def policy(attempts: int, initial: int = 1, multiplier: int = 2, longest: int = 60) -> dict[str, int]:
    """Return a retry policy; durations in seconds."""
    return {
        "maxAttempts": attempts,
        "initialBackoffSeconds": initial,
        "backoffMultiplier": multiplier,
        "maxBackoffSeconds": longest,
    }


FLAT1 = policy(1, 1, 1)


def fast(attempts: int) -> dict[str, int]:
    """Return FAST(n): n attempts, with delays of 1, 2, 4 … seconds."""
    return policy(attempts)


def notification(
    namespace: str, *, name: str | None = None, labels: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return BASE with these fields of the spec; a field that is None is left out."""
    unique = uuid.uuid4().hex[:8]
    fields = {
        "type": "simple",
        "priority": "medium",
        "subject": f"subject {unique}",
        "body": f"body {unique}",
        "recipients": [{"email": "test@example.com"}],
        "channels": ["console"],
        **spec,
    }
    return {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "metadata": {"name": name or f"n-{unique}", "namespace": namespace, "labels": labels or {}},
        "spec": {key: value for key, value in fields.items() if value is not None},
    }


def slack_notification(namespace: str, **values: Any) -> dict[str, Any]:
    """Return BASE-S, which goes to Slack; arguments as for `notification`."""
    return notification(namespace, **{"recipients": [{"slack": "#test"}], "channels": ["slack"], **values})


def addressed(namespace: str, *receivers: StoredReceiver, **values: Any) -> dict[str, Any]:
    """Return a notification to receivers alone; arguments as for `notification`."""
    refs = [receiver.ref for receiver in receivers]
    return notification(namespace, **{"recipients": None, "channels": None, "receiverRefs": refs, **values})
