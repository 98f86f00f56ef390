"""Group receivers: conditions, columns and metrics of a receiver, and the targets of a notification."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually
from tests.harness.footprint import PREFIX
from tests.harness.notifications import FLAT1, addressed, fast, notification
from tests.harness.readings import Target, target, targets
from tests.harness.receivers import BASE

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers

pytestmark = pytest.mark.needs_pod

KINDS_PATH = "/apis/kubernaut.ai/v1alpha1"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.check("receivers-01")
def test_new_receiver_is_ready_and_untested(receivers: Receivers) -> None:
    receiver = receivers.add("webhook").ready()
    stored = receiver.stored()
    seen = {each["type"]: (each["status"], each["reason"]) for each in stored["status"]["conditions"]}
    assert seen == {
        "Ready": ("True", "Accepted"),
        "ResolvedRefs": ("True", "SecretFound"),
        "Healthy": ("Unknown", "Untested"),
    }
    assert stored["status"]["observedGeneration"] == stored["metadata"]["generation"] == 1

    receiver.patch(description="another text")
    receiver.ready()
    assert receiver.status["observedGeneration"] == 2


@pytest.mark.check("receivers-02")
def test_first_delivery_makes_a_receiver_healthy(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook").ready()
    stored = receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)
    receiver.wait("Healthy", "True", "Delivering")
    status = receiver.status
    created = moment(stored["metadata"]["creationTimestamp"])
    assert moment(status["lastSuccessTime"]) >= moment(status["lastAttemptTime"]) >= created
    assert status.get("lastError", "") == ""
    assert status.get("consecutiveFailures", 0) == 0
    assert status["circuit"]["state"] == "Closed"
    (replica,) = status["replicas"]
    assert replica["name"]
    assert replica["lastSuccessTime"] == status["lastSuccessTime"]


@pytest.mark.check("receivers-03")
def test_columns_show_type_and_conditions(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook").ready()
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)
    receiver.wait("Healthy", "True", "Delivering")

    row = receiver.row()
    assert row["Type"] == "webhook"
    assert row["Ready"] == "True"
    assert row["Healthy"] == "True"
    kinds = {kind["name"]: kind for kind in receivers.cluster.request("GET", KINDS_PATH)["resources"]}
    assert kinds["notificationreceivers"]["shortNames"] == ["nrecv"]
    for name in ("notificationreceivers", "notificationrequests"):
        assert "notifications" in kinds[name]["categories"]


@pytest.mark.check("receivers-04")
def test_receiver_without_its_block_is_rejected(receivers: Receivers) -> None:
    for spec, field in (
        ({"type": "webhook"}, "webhook"),
        ({"type": "teams", "webhook": {"url": "https://example.com/"}}, "teams"),
        ({"type": "fax"}, "spec.type"),
    ):
        name = f"r-{uuid.uuid4().hex[:8]}"
        answer = receivers.cluster.send(
            "POST",
            f"{BASE}/{receivers.home}/notificationreceivers",
            {
                "apiVersion": "kubernaut.ai/v1alpha1",
                "kind": "NotificationReceiver",
                "metadata": {"name": name, "namespace": receivers.home},
                "spec": spec,
            },
        )
        assert answer.status == 422, answer.data
        assert field in json.dumps(answer.json()["details"]["causes"])


@pytest.mark.check("receivers-42")
def test_status_shows_each_target(receivers_operator: OperatorUnderTest, receivers: Receivers) -> None:
    delivered, refused, exhausted, suppressed = (
        receivers.add(),
        receivers.add(),
        receivers.add(),
        receivers.add(priorities=["critical"]),
    )
    for receiver in (delivered, refused, exhausted, suppressed):
        receiver.ready()
    refused.account.answer({"code": 400, "body": "no such thing"})
    exhausted.account.answer({"code": 503, "body": "try later"})
    obj = addressed(
        receivers_operator.namespace,
        delivered,
        refused,
        exhausted,
        suppressed,
        priority="low",
        retryPolicy=fast(2),
    )

    status = receivers_operator.deliver(obj, "PartiallySent", within=20)["status"]

    assert set(targets(status)) == {
        Target(delivered.key(), "Delivered", 1),
        Target(refused.key(), "Refused", 1),
        Target(exhausted.key(), "Exhausted", 2),
        Target(suppressed.key(), "Suppressed", 0),
    }
    assert moment(target(status, delivered.key())["deliveredAt"]) <= moment(status["completionTime"])
    assert "no such thing" in target(status, refused.key())["lastError"]
    assert "503" in target(status, exhausted.key())["lastError"]


@pytest.mark.check("receivers-43")
def test_metrics_count_each_receiver(receivers_operator: OperatorUnderTest, receivers: Receivers) -> None:
    receiver, broken = receivers.add().ready(), receivers.add(secret=False)
    receiver.account.answer({"code": 503}, {})
    began = time.time()
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(2))
    receivers_operator.deliver(obj, "Sent", within=20)

    def metric(name: str, **labels: str) -> float:
        return receivers_operator.metric(f"{PREFIX}{name}", pod=None, **labels)

    own = {"receiver": receiver.label}
    eventually(lambda: metric("delivery_attempts_total", **own), lambda count: count == 2, within=10)
    assert metric("delivery_retries_total", **own) == 1
    assert metric("delivery_duration_seconds_count", channel="webhook") >= 2
    eventually(lambda: metric("receiver_ready", **own), lambda ready: ready == 1, within=10)
    assert metric("receiver_last_success_timestamp_seconds", **own) >= began - 1
    broken.wait("ResolvedRefs", "False", "SecretNotFound")
    eventually(lambda: metric("receiver_ready", receiver=broken.label), lambda ready: ready == 0, within=10)
    # Channels of the settings have an empty label.
    before = metric("delivery_attempts_total", channel="console", receiver="")
    receivers_operator.deliver(notification(receivers_operator.namespace), "Sent", within=20)
    eventually(
        lambda: metric("delivery_attempts_total", channel="console", receiver=""),
        lambda count: count > before,
        within=10,
    )


@pytest.mark.check("receivers-13")
def test_receiver_that_is_down_opens_its_circuit(breaker_operator: OperatorUnderTest) -> None:
    with breaker_operator.receivers() as receivers:
        receiver = receivers.add().ready()
        receiver.account.answer({"code": 503})
        objects = [addressed(breaker_operator.namespace, receiver, retryPolicy=fast(10)) for _ in range(5)]
        for obj in objects:
            breaker_operator.create(obj)

        receiver.wait("Healthy", "False", "CircuitOpen")
        status = receiver.status
        assert status["circuit"]["state"] == "Open"
        assert moment(status["circuit"]["until"]) >= moment(status["lastAttemptTime"])
        assert status["consecutiveFailures"] >= 3
        assert receiver.condition("Ready")["status"] == "True"

        receiver.account.answer({})
        for obj in objects:
            breaker_operator.status(obj, "Sent", within=60)
        receiver.wait("Healthy", "True", "Delivering")
        assert receiver.status["circuit"]["state"] in {"HalfOpen", "Closed"}


@pytest.mark.check("receivers-14")
def test_gone_receiver_gets_nothing_until_its_spec_changes(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add().ready()
    receiver.account.answer({"code": 410, "body": "gone"}, {})
    first = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
    receivers_operator.deliver(first, "Failed", within=15)
    receiver.wait("Healthy", "False", "Gone")

    second = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
    status = receivers_operator.deliver(second, "Failed", within=15)["status"]
    assert "Gone" in json.dumps(status["targets"])
    assert len(receiver.account.hits()) == 1

    receiver.patch(description="it is back")
    receiver.ready()
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=15)
    receiver.wait("Healthy", "True", "Delivering")
