"""Group crd: what the API server admits, defaults and refuses, and an object's way from creation to deletion."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.harness.cluster import Refused
from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import remembered
from tests.harness.notifications import notification, policy, slack_notification
from tests.harness.readings import counts, tries
from tests.harness.whereabouts import arrivals, routing
from tests.stack.suite import Suite

LONGEST_LABEL, LONGEST_NAME = 63, 253


@pytest.mark.check("crd-01")
def test_the_smallest_useful_object_is_stored_as_given(served: Suite) -> None:
    obj = notification(served.namespace)
    served.create(obj)

    stored = served.stored(obj)

    assert stored["spec"] == {**obj["spec"], "retentionDays": 7}


@pytest.mark.check("crd-02")
def test_every_optional_field_is_stored_as_given(served: Suite) -> None:
    links = [
        {"service": "grafana", "url": "https://grafana.example.com/dashboard", "label": "Dashboard"},
        {"service": "prometheus", "url": "https://prometheus.example.com/alerts", "label": "Alerts"},
    ]
    obj = notification(
        served.namespace,
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
    served.create(obj)

    stored = served.stored(obj)

    assert stored["spec"] == obj["spec"]
    assert stored["metadata"]["labels"] == {"test-label": "integration"}
    assert stored["metadata"]["annotations"] == {"test-annotation": "full-spec"}


@pytest.mark.check("crd-03")
def test_a_delivery_fills_the_status_completely(served: Suite) -> None:
    obj = served.create(notification(served.namespace))

    status = served.status(obj, "Sent", within=10)

    assert status["reason"] == "AllDeliveriesSucceeded"
    assert "Successfully delivered to 1 channel" in status["message"]
    assert counts(status) == (1, 0, 1)
    assert tries(status) == [("console", 1, "success")]
    assert "error" not in status["deliveryAttempts"][0]
    completed = datetime.fromisoformat(status["completionTime"])
    assert datetime.fromisoformat(obj["metadata"]["creationTimestamp"]) <= completed
    assert datetime.now(UTC) - completed < timedelta(seconds=30)
    assert status["observedGeneration"] == obj["metadata"]["generation"]


@pytest.mark.check("crd-04")
@pytest.mark.xdist_group("routing")
def test_without_channels_and_recipients_the_console_is_the_fallback(served: Suite) -> None:
    labels = {"kubernaut.ai/severity": "medium", "kubernaut.ai/environment": "test"}
    obj = notification(served.namespace, labels=labels, recipients=None, channels=None)
    obj = served.create(obj)

    status = served.status(obj, "Sent", within=10)

    assert arrivals(served, obj) == {"console": 1}
    assert counts(status) == (1, 0, 1)
    assert tries(status) == [("console", 1, "success")]
    resolved, reason, message = routing(status)
    assert (resolved, reason) == ("True", "RoutingFallback")
    assert "fallback channel console" in message
    assert "channels" not in served.stored(obj)["spec"]


@pytest.mark.check("crd-05")
def test_a_name_in_capitals_is_refused_and_the_same_content_in_small_letters_taken(served: Suite) -> None:
    with pytest.raises(Refused) as refused:
        served.create(notification(served.namespace, name="INVALID-NAME"))
    assert (refused.value.code, refused.value.fields[0]) == (422, "metadata.name")

    obj = served.create(notification(served.namespace, name="valid-name"))
    served.cluster.delete(served.namespace, obj["metadata"]["name"])


@pytest.mark.check("crd-06")
def test_names_up_to_253_characters_work_as_file_names_too(served: Suite, scripted: Suite) -> None:
    labels_long = notification(served.namespace, name="n" * LONGEST_LABEL)
    served.create(labels_long)
    assert served.stored(labels_long)["metadata"]["name"] == "n" * LONGEST_LABEL

    with pytest.raises(Refused) as refused:
        served.create(notification(served.namespace, name="n" * (LONGEST_NAME + 1)))
    assert (refused.value.code, refused.value.fields[0]) == (422, "metadata.name")

    for suite in (served, scripted):  # a file on a disk, and a receiver that tells what it was called with
        obj = suite.create(notification(suite.namespace, name="n" * LONGEST_NAME, channels=["file"]))
        suite.status(obj, "Sent", within=10)
    assert len(scripted.sink.calls(scripted.namespace, "n" * LONGEST_NAME, "file")) == 1


@pytest.mark.check("crd-07")
def test_a_new_object_is_picked_up_within_five_seconds(served: Suite) -> None:
    start = time.monotonic()
    obj = served.create(notification(served.namespace))

    eventually(lambda: served.stored(obj)["status"]["phase"], lambda seen: seen != "Pending", within=10)

    assert time.monotonic() - start < 5


@pytest.mark.check("crd-08")
def test_a_write_that_competing_writers_keep_off_is_repeated_and_takes_nothing_from_them(
    troubled: Suite,
) -> None:
    obj = notification(troubled.namespace, priority="high")
    place = (troubled.namespace, obj["metadata"]["name"])
    writes: dict[str, Any] = {"verb": "update", "subresource": "status", "name": obj["metadata"]["name"]}
    troubled.proxy.fail(**writes, code=409, times=3, delay=0.5)
    obj = troubled.create(obj)
    for index in range(3):
        reason = f"test-conflict-{index}"
        troubled.cluster.write_status(*place, **{"reason": reason, f"note{index}": reason})

    status = troubled.status(obj, "Sent", within=15)

    codes = [request["code"] for request in troubled.proxy.requests(**writes)]
    assert codes[:3] == [409, 409, 409]
    assert codes[-1] == 200
    assert status["reason"] == "AllDeliveriesSucceeded"
    assert [status[f"note{index}"] for index in range(3)] == [f"test-conflict-{index}" for index in range(3)]
    assert counts(status) == (1, 0, 1)
    assert len(troubled.console(obj)) == 1


@pytest.mark.check("crd-09")
def test_a_notification_deleted_under_way_is_delivered_once_and_forgotten(guarded: Suite) -> None:
    obj = slack_notification(guarded.namespace)
    guarded.slack.answer(obj, {"delay": 3})
    obj = guarded.create(obj)
    eventually(lambda: guarded.slack.hits(obj), bool, within=5)

    guarded.purge(obj)

    assert [hit["completed"] for hit in guarded.slack.hits(obj)] == [False]
    steadily(lambda: guarded.slack.hits(obj), lambda hits: len(hits) == 1, during=5)
    eventually(lambda: remembered(guarded), lambda kept: not kept, within=10)
    after = guarded.create(slack_notification(guarded.namespace))
    guarded.status(after, "Sent", within=10)


@pytest.mark.check("crd-10")
def test_the_spec_cannot_be_changed_and_a_label_can_without_a_second_delivery(served: Suite) -> None:
    obj = served.create(notification(served.namespace))
    place = (served.namespace, obj["metadata"]["name"])
    before = served.status(obj, "Sent", within=10)

    changes: list[dict[str, Any]] = [
        {"subject": "another", "body": "another"},
        {"priority": "high"},
        {"channels": ["log"]},
        {"metadata": {"cluster": "eu"}},
        {"retryPolicy": {"maxAttempts": 3}},
    ]
    for change in changes:
        with pytest.raises(Refused) as refused:
            served.cluster.patch(*place, {"spec": change})
        assert refused.value.code == 422
        assert "immutable" in refused.value.text
        assert "DD-NOT-005" in refused.value.text

    served.cluster.patch(*place, {"metadata": {"labels": {"seen": "yes"}}})
    after = steadily(lambda: served.stored(obj), lambda seen: seen["status"] == before, during=2)
    assert after["spec"] == obj["spec"]
    assert after["metadata"]["labels"] == {"seen": "yes"}
    assert len(served.console(obj)) == 1


@pytest.mark.check("crd-11")
@pytest.mark.needs_pod
def test_what_was_deleted_before_the_operator_looked_is_never_delivered(fragile: Suite) -> None:
    fragile.operator.scale(0)
    early = fragile.create(notification(fragile.namespace, priority="low"))
    fragile.purge(early)
    fragile.operator.scale(1)
    later = fragile.create(notification(fragile.namespace))
    fragile.status(later, "Sent", within=30)

    steadily(
        lambda: fragile.sink.calls(fragile.namespace, early["metadata"]["name"]),
        lambda calls: not calls,
        during=3,
    )
    fragile.operator.restart()  # writes what is buffered of audit events
    assert [len(fragile.audit.events(obj)) for obj in (early, later)] == [0, 2]


def test_a_new_object_is_pending_without_a_write_and_has_its_defaults(served: Suite) -> None:
    created = served.create(notification(served.namespace, priority=None))
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
def test_a_spec_that_the_schema_does_not_allow_is_refused_with_the_name_of_the_field(
    served: Suite, field: str, spec: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        served.create(notification(served.namespace, **spec))
    assert refused.value.code == 422
    assert field in refused.value.fields
