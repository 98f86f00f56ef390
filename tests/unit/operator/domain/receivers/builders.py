"""Receivers as the API server holds them, and what replicas know of them."""

from __future__ import annotations

from typing import Any

from notification_contract import names
from notification_contract.kinds.choices import CircuitState
from notification_domain.receivers.health import Health, Readiness
from notification_domain.receivers.references import ReferenceReason
from tests.unit.operator.domain.builders import at

HOME = "platform"
SLACK: dict[str, Any] = {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "hook"}}}
INVALID: dict[str, Any] = {"type": "slack"}
RESTRICTED: dict[str, Any] = {"type": "apprise", "apprise": {"urlSecretRef": {"name": "hook"}}}
"""Only the operator's own namespace may have it."""


def stored_receiver(
    name: str = "on-call",
    *,
    namespace: str = "shop",
    generation: int = 1,
    spec: dict[str, Any] | None = None,
    status: Any = None,
    test: str = "",
    default: bool = False,
    **meta: Any,
) -> dict[str, Any]:
    """Return a NotificationReceiver as the API server holds it."""
    annotations = {names.TEST_ANNOTATION: test} if test else {}
    if default:
        annotations[names.DEFAULT_RECEIVER_ANNOTATION] = "true"
    metadata = {
        "namespace": namespace,
        "name": name,
        "uid": f"uid-{name}",
        "generation": generation,
        "annotations": annotations,
    }
    obj = {
        "apiVersion": names.API_VERSION,
        "kind": names.RECEIVER_KIND,
        "metadata": metadata | meta,
        "spec": SLACK if spec is None else spec,
    }
    return obj if status is None else {**obj, "status": status}


def healthy_at(seconds: float, **more: Any) -> Health:
    """Return the health after a success."""
    return Health(last_success=at(seconds), last_attempt=at(seconds), circuit=CircuitState.CLOSED, **more)


def failing_at(seconds: float, *, error: str = "503", failures: int = 1, **more: Any) -> Health:
    """Return the health after failures."""
    plain: dict[str, Any] = {"circuit": CircuitState.CLOSED}
    return Health(last_attempt=at(seconds), last_error=error, consecutive_failures=failures, **plain | more)


READY = Readiness(
    generation=1,
    references=ReferenceReason.FOUND,
    references_message="Read Secret hook",
    secret_version="hook=7",
)


def full(name: str) -> dict[str, Any]:
    """Return a spec that uses most fields."""
    return {
        "type": "webhook",
        "webhook": {
            "urlSecretRef": {"name": name, "key": "url"},
            "signingSecretRefs": [{"name": name}],
        },
        "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}},
        "fallback": {"name": "mail", "after": "15m"},
        "rateLimit": {"count": 60, "period": "1m", "overflow": "Defer"},
        "retryPolicy": {"maxAttempts": 8},
        "onReceiverError": "Hold",
        "priorities": ["critical", "high"],
        "recipients": {"allow": ["*@example.com"]},
        "template": {"inline": {"subject": "{{ subject }}"}},
        "tls": {"caSecretRef": {"name": name}},
    }
