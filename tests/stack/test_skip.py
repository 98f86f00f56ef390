"""Group skip: routing by labels; every notification here omits its channels."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.cluster import Object
from tests.harness.notifications import notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, arrivals, counts, routing

pytestmark = pytest.mark.xdist_group("routing")

DOMAIN, LOOKALIKE = "kubernaut.ai/", "kubernaut.io/"

RECEIVERS = [
    {"name": "everyone", "channels": ["slack", "console"]},
    {"name": "team", "channels": ["slack"]},
    {"name": "file-clerk", "channels": ["console"]},
]


def route_for(receiver: str, **labels: str) -> dict[str, Any]:
    """Return a route for notifications with all of these labels."""
    return {
        "receiver": receiver,
        "match": {f"{DOMAIN}{key.replace('_', '-')}": value for key, value in labels.items()},
    }


def document(*rules: dict[str, Any]) -> dict[str, Any]:
    """Return a routing document: these routes, and the console for everything else."""
    return {"route": {"receiver": "file-clerk", "routes": list(rules)}, "receivers": RECEIVERS}


BY_REASON = document(
    route_for("everyone", skip_reason="PreviousExecutionFailed"),
    route_for("team", skip_reason="ExhaustedRetries"),
    route_for("file-clerk", skip_reason="ResourceBusy"),
    route_for("file-clerk", skip_reason="RecentlyRemediated"),
)


@pytest.fixture
def by_reason(shipped_operator: OperatorUnderTest) -> Iterator[OperatorUnderTest]:
    with shipped_operator.routing(BY_REASON):
        yield shipped_operator


def deliver_with_labels(
    operator: OperatorUnderTest, labels: dict[str, str], *, domain: str = DOMAIN, **spec: Any
) -> tuple[Object, Object]:
    """Deliver a notification with these labels; return it as created, and its final status."""
    full = {f"{domain}{key}": value for key, value in labels.items()}
    fields = {"recipients": None, "channels": None, **spec}
    obj = operator.create(notification(operator.namespace, labels=full, **fields))
    status = operator.status(obj, "Sent", within=30)
    assert status["completionTime"]
    assert operator.stored(obj)["metadata"]["labels"] == full
    return obj, status


def check_reason(
    operator: OperatorUnderTest,
    reason: str,
    severity: str,
    *,
    receiver: str,
    arrived: dict[str, int],
    targets: str,
) -> None:
    """Expect a skipped execution to reach exactly these channels, once each, as its condition says."""
    labels = {"skip-reason": reason, "severity": severity}
    obj, status = deliver_with_labels(operator, labels, type="status-update")

    assert arrivals(operator, obj) == arrived
    assert counts(status) == Counts(delivered=len(arrived), failed=0, attempts=len(arrived))
    resolved, why, message = routing(status)
    assert (resolved, why) == ("True", "RoutingRuleMatched")
    assert f"receiver {receiver} delivers to {targets}" in message


@pytest.mark.check("skip-01")
def test_failed_execution_is_delivered_to_both_receivers_of_its_route(by_reason: OperatorUnderTest) -> None:
    labels = {
        "skip-reason": "PreviousExecutionFailed",
        "environment": "production",
        "severity": "critical",
        "component": "remediation-orchestrator",
    }
    recipients = [{"email": "test@example.com"}]

    obj, status = deliver_with_labels(
        by_reason, labels, type="escalation", priority="critical", recipients=recipients
    )

    assert arrivals(by_reason, obj) == {"console": 1, "slack": 1}
    assert counts(status) == Counts(delivered=2, failed=0, attempts=2)
    resolved, reason, message = routing(status)
    assert (resolved, reason) == ("True", "RoutingRuleMatched")
    assert "receiver everyone delivers to slack, console" in message


@pytest.mark.check("skip-02")
def test_failed_previous_execution_goes_to_slack_and_console(by_reason: OperatorUnderTest) -> None:
    check_reason(
        by_reason,
        "PreviousExecutionFailed",
        "critical",
        receiver="everyone",
        arrived={"slack": 1, "console": 1},
        targets="slack, console",
    )


@pytest.mark.check("skip-03")
def test_exhausted_retries_go_to_slack_only(by_reason: OperatorUnderTest) -> None:
    check_reason(
        by_reason, "ExhaustedRetries", "high", receiver="team", arrived={"slack": 1}, targets="slack"
    )


@pytest.mark.check("skip-04")
def test_busy_resource_goes_to_the_console_only(by_reason: OperatorUnderTest) -> None:
    check_reason(
        by_reason, "ResourceBusy", "low", receiver="file-clerk", arrived={"console": 1}, targets="console"
    )


@pytest.mark.check("skip-05")
def test_recently_remediated_resource_goes_to_the_console_only(by_reason: OperatorUnderTest) -> None:
    check_reason(
        by_reason,
        "RecentlyRemediated",
        "low",
        receiver="file-clerk",
        arrived={"console": 1},
        targets="console",
    )


@pytest.mark.check("skip-06")
def test_first_route_whose_labels_all_match_wins(shipped_operator: OperatorUnderTest) -> None:
    rules = document(
        route_for("team", skip_reason="PreviousExecutionFailed", environment="production"),
        route_for("file-clerk", skip_reason="PreviousExecutionFailed"),
    )
    labels = {
        "skip-reason": "PreviousExecutionFailed",
        "environment": "production",
        "severity": "critical",
        "component": "remediation-orchestrator",
        "remediation-request": "rr-test-12345",
    }
    with shipped_operator.routing(rules):
        both_match, _ = deliver_with_labels(shipped_operator, labels, type="escalation", priority="critical")
        staging = {**labels, "environment": "staging"}
        one_matches, _ = deliver_with_labels(
            shipped_operator, staging, type="escalation", priority="critical"
        )

    assert arrivals(shipped_operator, both_match) == {"slack": 1}
    assert arrivals(shipped_operator, one_matches) == {"console": 1}


@pytest.mark.check("skip-07")
def test_notification_without_skip_reason_goes_to_the_default_receiver(by_reason: OperatorUnderTest) -> None:
    obj, status = deliver_with_labels(by_reason, {"environment": "staging", "severity": "medium"})

    assert arrivals(by_reason, obj) == {"console": 1}
    resolved, reason, message = routing(status)
    assert (resolved, reason) == ("True", "RoutingFallback")
    assert "default receiver file-clerk delivers to console" in message


@pytest.mark.check("skip-08")
def test_labels_of_a_look_alike_domain_are_ignored(by_reason: OperatorUnderTest) -> None:
    labels = {
        "skip-reason": "ExhaustedRetries",
        "notification-type": "escalation",
        "severity": "high",
        "environment": "production",
        "priority": "P1",
        "component": "workflow-execution",
        "remediation-request": "rr-domain-test",
        "namespace": "production",
    }
    spec = {"type": "escalation", "priority": "high"}
    ours, targets = deliver_with_labels(by_reason, labels, **spec)
    theirs, fell_back = deliver_with_labels(by_reason, labels, domain=LOOKALIKE, **spec)

    assert arrivals(by_reason, ours) == {"slack": 1}
    assert routing(targets)[1] == "RoutingRuleMatched"
    assert arrivals(by_reason, theirs) == {"console": 1}
    assert routing(fell_back)[1] == "RoutingFallback"
