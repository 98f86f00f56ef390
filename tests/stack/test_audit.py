"""Group audit: each step of a notification is recorded in the audit store, once."""

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import fast, notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import kinds

FLUSH = 1.0
"""Seconds between two flushes of the operator's audit buffer."""


@pytest.fixture
def remediation() -> Callable[[], str]:
    """Give unique names of remediations."""
    return lambda: f"rr-{uuid.uuid4().hex[:8]}"


def about(operator: OperatorUnderTest, name: str, **spec: Any) -> dict[str, Any]:
    """Return a notification about a remediation, to the console unless it has other channels."""
    spec = {"priority": "critical", "recipients": None, "metadata": {"remediationRequestName": name}} | spec
    return notification(operator.namespace, **spec)


def audited(
    operator: OperatorUnderTest, obj: dict[str, Any], **expected: int
) -> dict[str, list[dict[str, Any]]]:
    """Wait for so many events of each kind, check that none is added, and return them by kind."""
    wanted = Counter(expected)
    eventually(
        lambda: kinds(operator.audit.events(obj)), lambda result: result >= wanted, within=10, every=0.5
    )
    steadily(lambda: kinds(operator.audit.events(obj)), lambda result: result == wanted, during=2 * FLUSH)
    return {kind: operator.audit.events(obj, kind) for kind in expected}


@pytest.mark.check("audit-01")
def test_console_success_writes_one_sent_audit_event_with_the_uid(
    shipped_operator: OperatorUnderTest,
) -> None:
    obj = notification(shipped_operator.namespace, priority="critical", recipients=None)

    stored = shipped_operator.deliver(obj, "Sent", within=30)

    (event,) = audited(shipped_operator, stored, sent=1, acknowledged=1)["sent"]
    assert event["event_category"] == "notification"
    assert (event["event_action"], event["event_outcome"]) == ("sent", "success")
    assert event["correlation_id"] == stored["metadata"]["uid"]
    data = event["event_data"]
    assert data["notification_id"] == stored["metadata"]["uid"]
    assert (data["channel"], data["priority"], data["type"]) == ("console", "critical", "simple")
    assert (data["subject"], data["body"]) == (obj["spec"]["subject"], obj["spec"]["body"])
    assert "metadata" not in data


@pytest.mark.check("audit-02")
def test_slack_success_writes_one_sent_audit_event(
    shipped_operator: OperatorUnderTest, remediation: Callable[[], str]
) -> None:
    name = remediation()
    obj = about(shipped_operator, name, channels=["slack"], recipients=[{"slack": "#test-channel"}])

    stored = shipped_operator.deliver(obj, "Sent", within=30)

    (event,) = audited(shipped_operator, stored, sent=1, acknowledged=1)["sent"]
    assert event["event_type"] == "notification.message.sent"
    assert event["event_category"] == "notification"
    assert (event["event_action"], event["event_outcome"]) == ("sent", "success")
    assert (event["event_data"]["channel"], event["correlation_id"]) == ("slack", name)
    assert len(shipped_operator.slack.hits(stored)) == 1


@pytest.mark.check("audit-03")
def test_audit_events_take_the_remediation_as_correlation_id(
    shipped_operator: OperatorUnderTest, remediation: Callable[[], str]
) -> None:
    in_metadata, referred_to, passed_over = remediation(), remediation(), remediation()
    by_metadata = about(shipped_operator, in_metadata)
    reference = {"kind": "RemediationRequest", "name": referred_to}
    by_reference = about(shipped_operator, passed_over, remediationRequestRef=reference)

    for obj, correlation_id in ((by_metadata, in_metadata), (by_reference, referred_to)):
        stored = shipped_operator.deliver(obj, "Sent", within=30)

        events = audited(shipped_operator, stored, sent=1, acknowledged=1)
        assert [event["correlation_id"] for event in events["sent"]] == [correlation_id]
        assert [event["correlation_id"] for event in events["acknowledged"]] == [correlation_id]


@pytest.mark.check("audit-04")
def test_audit_trail_has_one_sent_event_per_delivered_channel(
    shipped_operator: OperatorUnderTest, remediation: Callable[[], str]
) -> None:
    both = {"channels": ["console", "slack"], "recipients": [{"slack": "#test-channel"}]}
    obj = about(shipped_operator, remediation(), **both)

    stored = shipped_operator.deliver(obj, "Sent", within=30)

    events = audited(shipped_operator, stored, sent=2, acknowledged=1)["sent"]
    assert {event["event_data"]["channel"] for event in events} == {"console", "slack"}


@pytest.mark.check("audit-05")
def test_audit_event_records_actor_action_resource_and_time(
    shipped_operator: OperatorUnderTest, remediation: Callable[[], str]
) -> None:
    name = remediation()
    obj = about(shipped_operator, name)
    begin = datetime.now(UTC)

    stored = shipped_operator.deliver(obj, "Sent", within=30)

    (event,) = audited(shipped_operator, stored, sent=1, acknowledged=1)["sent"]
    expected = {
        "version": "1.0",
        "event_type": "notification.message.sent",
        "event_category": "notification",
        "event_action": "sent",
        "event_outcome": "success",
        "actor_type": "service",
        "actor_id": "notification-controller",
        "resource_type": "NotificationRequest",
        "resource_id": obj["metadata"]["name"],
        "namespace": shipped_operator.namespace,
        "correlation_id": name,
    }
    assert {field: event.get(field) for field in expected} == expected
    assert event["event_data"]["event_type"] == event["event_type"]
    moment = datetime.fromisoformat(event["event_timestamp"])
    assert moment.utcoffset() == timedelta(0)
    assert begin <= moment <= datetime.now(UTC)


@pytest.mark.check("audit-06")
def test_failed_attempts_write_failed_events_and_a_final_escalation(
    shipped_operator: OperatorUnderTest, remediation: Callable[[], str]
) -> None:
    name = remediation()
    slack = {"channels": ["slack"], "recipients": [{"slack": "#test-failure"}]}
    obj = about(shipped_operator, name, **slack, retryPolicy=fast(3))
    shipped_operator.slack.answer(obj, {"code": 503, "body": "service_unavailable"})

    stored = shipped_operator.deliver(obj, "Failed", within=30)

    events = audited(shipped_operator, stored, failed=3, escalated=1)
    for event in events["failed"]:
        assert event["event_type"] == "notification.message.failed"
        assert event["event_category"] == "notification"
        assert (event["event_action"], event["event_outcome"]) == ("sent", "failure")
        assert event["event_data"]["channel"] == "slack"
        assert event["event_data"]["error_type"] == "transient"
        assert "503" in event["event_data"]["error"]
    everything = events["failed"] + events["escalated"]
    assert {event["correlation_id"] for event in everything} == {name}
