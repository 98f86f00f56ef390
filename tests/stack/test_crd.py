"""Group crd: what the API server accepts, defaults and rejects, and an object's way from creation to deletion."""

from datetime import UTC, datetime, timedelta
from functools import partial
from operator import le
from typing import Any

import pytest

from tests.harness.cluster import Refused
from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import remembered
from tests.harness.notifications import notification, policy, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, arrivals, attempts, counts, routing, succeeded

LONGEST_LABEL, LONGEST_NAME = 63, 253


@pytest.mark.check("crd-01")
def test_minimal_object_is_stored_unchanged(shipped_operator: OperatorUnderTest) -> None:
    obj = notification(shipped_operator.namespace)
    shipped_operator.create(obj)

    stored = shipped_operator.stored(obj)

    assert stored["spec"] == {**obj["spec"], "retentionDays": 7}


@pytest.mark.check("crd-02")
def test_optional_fields_are_stored_unchanged(shipped_operator: OperatorUnderTest) -> None:
    links = [
        {"service": "grafana", "url": "https://grafana.example.com/dashboard", "label": "Dashboard"},
        {"service": "prometheus", "url": "https://prometheus.example.com/alerts", "label": "Alerts"},
    ]
    obj = notification(
        shipped_operator.namespace,
        labels={"test-label": "integration"},
        type="escalation",
        priority="critical",
        recipients=[{"email": "one@example.com"}, {"email": "two@example.com"}],
        channels=["console", "slack"],
        metadata={"remediationRequestName": "rr-123", "cluster": "prod-us-east-1", "severity": "critical"},
        actionLinks=links,
        retryPolicy=policy(5, 30, 2, 480),
        retentionDays=14,
    )
    obj["metadata"]["annotations"] = {"test-annotation": "full-spec"}
    shipped_operator.create(obj)

    stored = shipped_operator.stored(obj)

    assert stored["spec"] == obj["spec"]
    assert stored["metadata"]["labels"] == {"test-label": "integration"}
    assert stored["metadata"]["annotations"] == {"test-annotation": "full-spec"}


@pytest.mark.check("crd-03")
def test_delivery_fills_every_status_field(shipped_operator: OperatorUnderTest) -> None:
    obj = shipped_operator.create(notification(shipped_operator.namespace))

    status = shipped_operator.status(obj, "Sent", within=10)

    assert status["reason"] == "AllDeliveriesSucceeded"
    assert "Successfully delivered to 1 channel" in status["message"]
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert attempts(status) == [succeeded("console", 1)]
    assert "error" not in status["deliveryAttempts"][0]
    completed = datetime.fromisoformat(status["completionTime"])
    assert datetime.fromisoformat(obj["metadata"]["creationTimestamp"]) <= completed
    assert datetime.now(UTC) - completed < timedelta(seconds=30)
    assert status["observedGeneration"] == obj["metadata"]["generation"]


@pytest.mark.check("crd-04")
@pytest.mark.xdist_group("routing")
def test_object_without_channels_and_recipients_goes_to_the_console(
    shipped_operator: OperatorUnderTest,
) -> None:
    labels = {"kubernaut.ai/severity": "medium", "kubernaut.ai/environment": "test"}
    obj = notification(shipped_operator.namespace, labels=labels, recipients=None, channels=None)
    obj = shipped_operator.create(obj)

    status = shipped_operator.status(obj, "Sent", within=10)

    assert arrivals(shipped_operator, obj) == {"console": 1}
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert attempts(status) == [succeeded("console", 1)]
    resolved, reason, message = routing(status)
    assert (resolved, reason) == ("True", "RoutingFallback")
    assert "fallback channel console" in message
    assert "channels" not in shipped_operator.stored(obj)["spec"]


@pytest.mark.check("crd-05")
def test_upper_case_name_is_rejected_and_lower_case_is_accepted(shipped_operator: OperatorUnderTest) -> None:
    with pytest.raises(Refused) as refused:
        shipped_operator.create(notification(shipped_operator.namespace, name="INVALID-NAME"))
    assert (refused.value.code, refused.value.fields[0]) == (422, "metadata.name")

    obj = shipped_operator.create(notification(shipped_operator.namespace, name="valid-name"))
    shipped_operator.cluster.delete(shipped_operator.namespace, obj["metadata"]["name"])


@pytest.mark.check("crd-06")
@pytest.mark.xdist_group("files")
def test_names_of_253_characters_are_delivered_to_the_file_channel(
    shipped_operator: OperatorUnderTest, scripted_operator: OperatorUnderTest
) -> None:
    labels_long = notification(shipped_operator.namespace, name="n" * LONGEST_LABEL)
    shipped_operator.create(labels_long)
    assert shipped_operator.stored(labels_long)["metadata"]["name"] == "n" * LONGEST_LABEL

    with pytest.raises(Refused) as refused:
        shipped_operator.create(notification(shipped_operator.namespace, name="n" * (LONGEST_NAME + 1)))
    assert (refused.value.code, refused.value.fields[0]) == (422, "metadata.name")

    for operator in (
        shipped_operator,
        scripted_operator,
    ):  # a file on disk, and a receiver that records its requests
        obj = operator.create(notification(operator.namespace, name="n" * LONGEST_NAME, channels=["file"]))
        operator.status(obj, "Sent", within=10)
    assert len(scripted_operator.sink.calls(scripted_operator.namespace, "n" * LONGEST_NAME, "file")) == 1


@pytest.mark.check("crd-07")
def test_new_object_is_reconciled_within_five_seconds(shipped_operator: OperatorUnderTest) -> None:
    obj = shipped_operator.create(notification(shipped_operator.namespace))
    created = datetime.now(UTC)

    status = shipped_operator.status(obj, "Sent", within=10)

    assert datetime.fromisoformat(status["completionTime"]) - created < timedelta(seconds=5)


@pytest.mark.check("crd-08")
def test_conflicting_status_write_is_retried_and_keeps_foreign_fields(
    proxied_operator: OperatorUnderTest,
) -> None:
    obj = notification(proxied_operator.namespace, priority="high")
    place = (proxied_operator.namespace, obj["metadata"]["name"])
    writes: dict[str, Any] = {"verb": "update", "subresource": "status", "name": obj["metadata"]["name"]}
    conflicts = proxied_operator.proxy.fail(**writes, code=409, times=None, delay=0.5)
    obj = proxied_operator.create(obj)
    for index in range(3):
        reason = f"test-conflict-{index}"
        proxied_operator.cluster.write_status(*place, **{"reason": reason, f"note{index}": reason})
        eventually(lambda: conflicts.used, partial(le, index + 1))
    conflicts.remove()

    status = proxied_operator.status(obj, "Sent", within=15)

    codes = [request["code"] for request in proxied_operator.proxy.requests(**writes)]
    assert codes[:3] == [409, 409, 409]
    assert codes[-1] == 200
    assert status["reason"] == "AllDeliveriesSucceeded"
    assert [status[f"note{index}"] for index in range(3)] == [f"test-conflict-{index}" for index in range(3)]
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert len(proxied_operator.console(obj)) == 1


@pytest.mark.check("crd-09")
def test_notification_deleted_during_delivery_is_delivered_once(breaker_operator: OperatorUnderTest) -> None:
    obj = slack_notification(breaker_operator.namespace)
    breaker_operator.slack.answer(obj, {"held": True})
    obj = breaker_operator.create(obj)
    breaker_operator.slack.hit(obj)

    breaker_operator.purge(obj)

    assert [hit["completed"] for hit in breaker_operator.slack.hits(obj)] == [False]
    breaker_operator.slack.answer(obj)
    steadily(lambda: breaker_operator.slack.hits(obj), lambda hits: len(hits) == 1, during=5)
    eventually(lambda: remembered(breaker_operator), lambda kept: not kept, within=10)
    after = breaker_operator.create(slack_notification(breaker_operator.namespace))
    breaker_operator.status(after, "Sent", within=10)


@pytest.mark.check("crd-10")
def test_spec_is_immutable_and_a_label_change_sends_nothing(shipped_operator: OperatorUnderTest) -> None:
    obj = shipped_operator.create(notification(shipped_operator.namespace))
    place = (shipped_operator.namespace, obj["metadata"]["name"])
    before = shipped_operator.status(obj, "Sent", within=10)

    changes: list[dict[str, Any]] = [
        {"subject": "another", "body": "another"},
        {"priority": "high"},
        {"channels": ["log"]},
        {"metadata": {"cluster": "eu"}},
        {"retryPolicy": {"maxAttempts": 3}},
    ]
    for change in changes:
        with pytest.raises(Refused) as refused:
            shipped_operator.cluster.patch(*place, {"spec": change})
        assert refused.value.code == 422
        assert "immutable" in refused.value.text
        assert "DD-NOT-005" in refused.value.text

    shipped_operator.cluster.patch(*place, {"metadata": {"labels": {"seen": "yes"}}})
    after = steadily(lambda: shipped_operator.stored(obj), lambda seen: seen["status"] == before, during=2)
    assert after["spec"] == obj["spec"]
    assert after["metadata"]["labels"] == {"seen": "yes"}
    assert len(shipped_operator.console(obj)) == 1


@pytest.mark.check("crd-11")
@pytest.mark.needs_pod
def test_object_deleted_before_the_operator_starts_is_not_delivered(
    stoppable_operator: OperatorUnderTest,
) -> None:
    stoppable_operator.workload.scale(0)
    early = stoppable_operator.create(notification(stoppable_operator.namespace, priority="low"))
    stoppable_operator.purge(early)
    stoppable_operator.workload.scale(1)
    later = stoppable_operator.create(notification(stoppable_operator.namespace))
    stoppable_operator.status(later, "Sent", within=30)

    steadily(
        lambda: stoppable_operator.sink.calls(stoppable_operator.namespace, early["metadata"]["name"]),
        lambda calls: not calls,
        during=3,
    )
    stoppable_operator.workload.restart()  # flushes buffered audit events
    assert [len(stoppable_operator.audit.events(obj)) for obj in (early, later)] == [0, 2]


def test_new_object_is_pending_with_defaults_without_a_write(shipped_operator: OperatorUnderTest) -> None:
    created = shipped_operator.create(notification(shipped_operator.namespace, priority=None))
    assert created["status"] == {"phase": "Pending"}
    assert (created["spec"]["priority"], created["spec"]["retentionDays"]) == ("medium", 7)
    assert "retryPolicy" not in created["spec"]


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("spec.recipients[0].email", {"recipients": [{"email": 1}]}),
        ("spec.retentionDays", {"retentionDays": 91}),
        ("spec.actionLinks[0].url", {"actionLinks": [{"service": "grafana", "label": "Dashboard"}]}),
        ("spec.retryPolicy.maxAttempts", {"retryPolicy": {"maxAttempts": 11}}),
    ],
)
def test_invalid_spec_is_rejected_with_the_field_name(
    shipped_operator: OperatorUnderTest, field: str, spec: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        shipped_operator.create(notification(shipped_operator.namespace, **spec))
    assert refused.value.code == 422
    assert field in refused.value.fields
