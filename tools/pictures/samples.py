"""Made-up notifications in every state, as the API server would hold them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

NOW: Final = datetime(2026, 3, 2, 14, 35, 0, tzinfo=UTC)


def _time(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _notification(name: str, subject: str, age: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of an object
    spec = {
        "type": "escalation",
        "priority": "high",
        "subject": subject,
        "body": subject,
        **more.pop("spec", {}),
    }
    meta = {
        "namespace": more.pop("namespace", "shop"),
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "creationTimestamp": _time(age),
        "labels": more.pop("labels", {}),
    }
    return {"metadata": meta, "spec": spec, "status": {"phase": "Pending", "queuedAt": _time(age), **more}}


def _attempt(channel: str, number: int, age: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - likewise
    common = {"channel": channel, "attempt": number, "timestamp": _time(age), "status": "failed"}
    return {**common, "durationSeconds": 0.21, **more}


CHECKOUT: Final = _notification(
    "checkout-failing",
    "Checkout is failing in eu-west",
    95,
    labels={"kubernaut.ai/severity": "critical", "kubernaut.ai/environment": "production"},
    phase="Retrying",
    reason="PartialFailureRetrying",
    message="Delivered to 1 of 2 channel(s); retrying slack",
    totalAttempts=4,
    successfulDeliveries=1,
    failedDeliveries=1,
    nextAttemptAt=_time(-28),
    resolvedChannels=["slack", "console"],
    conditions=[
        {
            "type": "RoutingResolved",
            "status": "True",
            "reason": "RoutingRuleMatched",
            "message": (
                "Rule page matches the labels environment=production, severity=critical; "
                "receiver oncall delivers to slack, console"
            ),
        }
    ],
    deliveryAttempts=[
        _attempt("console", 1, 94.9, status="success", durationSeconds=0.004),
        _attempt("slack", 1, 94.9, error="503 Service Unavailable"),
        _attempt("slack", 2, 63, error="503 Service Unavailable", retryAfterSeconds=30),
        _attempt("slack", 3, 32, error="circuit breaker open", circuitOpen=True, durationSeconds=0),
    ],
)

NOTIFICATIONS: Final = (
    CHECKOUT,
    _notification(
        "certificate-renewed",
        "Certificate renewed",
        3700,
        phase="PartiallySent",
        reason="PartialDeliverySuccess",
        message="Delivered to 1 of 2 channel(s); teams failed permanently",
        totalAttempts=2,
        spec={"priority": "medium", "channels": ["console", "teams"]},
    ),
    _notification(
        "deploy-4711", "Deployed checkout 4711", 420, phase="Sent", totalAttempts=1, spec={"priority": "low"}
    ),
    _notification(
        "disk-full",
        "Disk of cart-7 is full",
        7400,
        phase="Failed",
        reason="MaxRetriesExhausted",
        message="Not delivered; slack failed after 5 of 5 attempts",
        totalAttempts=5,
        spec={"priority": "critical"},
    ),
    _notification("orders-delayed", "Orders are delayed", 2, namespace="warehouse"),
    _notification(
        "stock-synced", "Stock synchronized", 86500, namespace="warehouse", phase="Sent", totalAttempts=1
    ),
)

HOME: Final = "platform"


def _receiver(name: str, kind: str, block: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of an object
    healthy = more.pop("healthy", ("True", "Delivering", "The last message was accepted"))
    facts = {
        "Ready": ("True", "Accepted", "The spec is valid"),
        "ResolvedRefs": ("True", "SecretFound", "Every Secret was found"),
        "Healthy": healthy,
    }
    conditions = [
        {
            "type": condition,
            "status": status,
            "reason": reason,
            "message": message,
            "observedGeneration": 1,
            "lastTransitionTime": _time(1300),
        }
        for condition, (status, reason, message) in facts.items()
    ]
    meta = {"namespace": more.pop("namespace", HOME), "name": name, "uid": f"uid-{name}", "generation": 1}
    if more.pop("default", False):
        meta["annotations"] = {"kubernaut.ai/is-default-receiver": "true"}
    spec = {"type": kind, kind: block, **more.pop("spec", {})}
    return {
        "metadata": meta | {"resourceVersion": "1"},
        "spec": spec,
        "status": {"conditions": conditions, **more},
    }


RECEIVERS: Final = (
    _receiver(
        "mail",
        "email",
        {"host": "mail.example.com", "from": "notifications@example.com", "to": ["on-call@example.com"]},
        lastSuccessTime=_time(7200),
    ),
    _receiver(
        "on-call",
        "pagerduty",
        {"routingKeySecretRef": {"name": "pagerduty"}},
        default=True,
        healthy=("False", "CircuitOpen", "The circuit breaker is open: 503 Service Unavailable"),
        lastSuccessTime=_time(1400),
        lastAttemptTime=_time(12),
        lastError="503 Service Unavailable",
        consecutiveFailures=7,
        circuit={"state": "Open", "until": _time(-18)},
        lastTest={"requestedAt": _time(86400), "outcome": "Succeeded", "message": "accepted"},
        spec={
            "description": "The engineer on call",
            "allowedNamespaces": {"from": "All"},
            "fallback": {"name": "mail", "after": "15m"},
        },
    ),
    _receiver(
        "team",
        "slack",
        {"webhookUrlSecretRef": {"name": "slack"}},
        namespace="shop",
        lastSuccessTime=_time(95),
    ),
)

RULES: Final = """
route:
  receiver: default
  routes:
    - name: page
      matchers: ['kubernaut.ai/severity=~"critical|high"', 'kubernaut.ai/environment="production"']
      receiver: oncall
    - name: database
      match: {kubernaut.ai/component: database}
      receiver: database
receivers:
  - {name: default, channels: [console]}
  - {name: oncall, channels: [slack, console]}
  - {name: database, channels: [slack]}
"""
