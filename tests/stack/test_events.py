"""Kubernetes Events about notifications and receivers: only for outcomes that somebody may have to act on."""

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import addressed, notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.receivers import Receivers


@pytest.mark.needs_pod
def test_failure_emits_one_event_that_references_its_notification(
    shipped_operator: OperatorUnderTest,
) -> None:
    obj = shipped_operator.deliver(notification(shipped_operator.namespace, channels=["sms"]), "Failed")
    (event,) = eventually(lambda: shipped_operator.events(obj), bool, within=10)
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "NoDefaultReceiver", "Deliver")
    assert event["note"] == f"Failed: {obj['status']['message']}"
    meta = obj["metadata"]
    assert event["regarding"] == {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
    assert event["reportingController"] == "kubernaut.ai/notification-operator"
    assert event["reportingInstance"] == shipped_operator.workload.pod.name


def test_partial_success_emits_an_event_and_success_emits_none(shipped_operator: OperatorUnderTest) -> None:
    sent = shipped_operator.deliver(notification(shipped_operator.namespace), "Sent")
    partly = shipped_operator.deliver(
        notification(shipped_operator.namespace, channels=["console", "sms"]), "PartiallySent"
    )
    (event,) = eventually(lambda: shipped_operator.events(partly), bool, within=10)
    assert event["reason"] == "PartialDeliverySuccess"
    # Events are posted in order: one about the earlier notification would exist by now.
    assert steadily(lambda: shipped_operator.events(sent), lambda result: not result, during=1) == []


@pytest.mark.needs_pod
def test_receiver_without_its_secret_has_an_event_until_it_has_one(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", secret=False)
    (event,) = eventually(lambda: receivers_operator.events(receiver.stored()), bool, within=15)
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "ReferencesNotResolved", "Check")
    assert receiver.secret in event["note"]

    receiver.set_credential(receiver.credential)
    receiver.ready()
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent")
    receiver.wait("Healthy", "True", "Delivering")

    steadily(lambda: len(receivers_operator.events(receiver.stored())), lambda count: count == 1, during=1)
