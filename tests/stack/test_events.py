"""Kubernetes Events about notifications: for what somebody may have to act on, and for nothing else."""

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import notification
from tests.stack.suite import Suite


@pytest.mark.needs_pod
def test_a_failure_is_one_event_that_leads_to_its_notification(served: Suite) -> None:
    obj = served.deliver(notification(served.namespace, channels=["sms"]), "Failed")
    (event,) = eventually(lambda: served.events(obj), bool, within=10)
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "AllDeliveriesFailed", "Deliver")
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
    assert event["reportingInstance"] == served.operator.pod.name


def test_what_is_partly_sent_is_an_event_and_what_is_sent_is_none(served: Suite) -> None:
    sent = served.deliver(notification(served.namespace), "Sent")
    partly = served.deliver(notification(served.namespace, channels=["console", "sms"]), "PartiallySent")
    (event,) = eventually(lambda: served.events(partly), bool, within=10)
    assert event["reason"] == "PartialDeliverySuccess"
    # Events are posted in the order of what they tell: one of the earlier notification would be there by now.
    assert steadily(lambda: served.events(sent), lambda found: not found, during=1) == []
