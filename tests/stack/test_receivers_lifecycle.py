"""Group receivers: receivers that come, go and pause, test messages, and notifications with a time."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import addressed, fast, policy
from tests.harness.readings import Target, targets

if TYPE_CHECKING:
    from tests.harness.cluster import Object
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod


def time_in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.check("receivers-17")
def test_receiver_that_does_not_exist_is_not_ready(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    name = f"r-{uuid.uuid4().hex[:8]}"
    refs = [{"name": name, "namespace": receivers.home}]
    for namespace, reason in (
        (receivers.home, "ReceiverNotReady"),
        (receivers_operator.namespace, "ReceiverNotAllowed"),
    ):
        obj = addressed(namespace, receiverRefs=refs, retryPolicy=fast(2))
        status = receivers_operator.deliver(obj, "Failed", within=15)["status"]
        (only,) = targets(status)
        assert (only.state, only.attempts) == ("Exhausted", 2)
        assert reason in json.dumps(status)
        assert name in json.dumps(status["targets"])
        receivers_operator.purge(obj)

    later = addressed(receivers_operator.namespace, receiverRefs=refs, retryPolicy=policy(10, 2, 1))
    receivers_operator.create(later)
    receivers_operator.status(later, "Retrying", "Sending", within=10)
    receiver = receivers.add("webhook", name=name)
    receivers_operator.status(later, "Sent", within=20)
    assert len(receiver.account.hits()) == 1


@pytest.mark.check("receivers-18")
def test_receiver_deleted_while_targets_wait_fails_them(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add().ready()
    receiver.account.answer({"code": 503})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=policy(3, 5, 1))
    receivers_operator.create(obj)
    receiver.account.hit()

    receiver.delete()

    status = receivers_operator.status(obj, "Failed", within=20)
    assert "does not exist, or is not for notifications of namespace" in status["targets"][0]["lastError"]
    assert len(receiver.account.hits()) <= 2


@pytest.mark.check("receivers-19")
def test_suspended_receiver_gets_everything_when_it_is_resumed(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(suspend=True).suspended()
    objects = [addressed(receivers_operator.namespace, receiver) for _ in range(3)]
    for obj in objects:
        receivers_operator.create(obj)
    steadily(receiver.account.hits, lambda hits: hits == [], during=3)

    receiver.patch(suspend=False)

    for obj in objects:
        status = receivers_operator.status(obj, "Sent", within=20)
        assert targets(status) == [Target(receiver.key(), "Delivered", 1)]
    assert len(receiver.account.hits()) == 3


def answered(receiver: StoredReceiver, requested: str, *, within: float = 20) -> Object:
    """Ask for a test message, and return the answer."""
    receiver.annotate(**{"kubernaut.ai/test-requested-at": requested})
    return eventually(
        lambda: receiver.status.get("lastTest", {}),
        lambda test: test.get("requestedAt") == requested and "outcome" in test,
        within=within,
    )


@pytest.mark.check("receivers-35")
def test_requested_test_message_is_sent_and_answered(receivers: Receivers) -> None:
    receiver = receivers.add().ready()
    assert answered(receiver, time_in(0))["outcome"] == "Succeeded"
    (hit,) = receiver.account.hits()
    assert "test" in hit["json"]["data"]["subject"].lower()
    steadily(receiver.account.hits, lambda hits: len(hits) == 1, during=2)

    # A receiver gets one test message a minute.
    assert answered(receiver, time_in(1), within=75)["outcome"] == "Succeeded"
    first, second = (hit["at"] for hit in receiver.account.hits())
    assert second - first >= 55


@pytest.mark.check("receivers-36")
def test_failed_test_message_says_why(receivers: Receivers) -> None:
    receiver = receivers.add().ready()
    receiver.account.answer({"code": 400, "body": "no such thing"})
    test = answered(receiver, time_in(0))
    assert test["outcome"] == "Failed"
    assert "no such thing" in test["message"]
    assert len(receiver.account.hits()) == 1


@pytest.mark.check("receivers-40")
def test_notification_is_not_sent_before_its_time(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add().ready()
    start = datetime.now(UTC).timestamp() + 4
    obj = addressed(receivers_operator.namespace, receiver, notBefore=time_in(5))

    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]

    (hit,) = receiver.account.hits()
    assert hit["at"] >= start
    assert targets(status) == [Target(receiver.key(), "Delivered", 1)]


@pytest.mark.check("receivers-41")
def test_undelivered_notification_expires(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, working = receivers.add().ready(), receivers.add().ready()
    receiver.account.answer({"code": 503})
    obj = addressed(
        receivers_operator.namespace,
        receiver,
        working,
        deliverBefore=time_in(12),
        retryPolicy=policy(10, 2, 1),
    )

    status = receivers_operator.deliver(obj, "PartiallySent", "Failed", within=20)["status"]

    states = {target.name: target.state for target in targets(status)}
    assert states == {receiver.key(): "Expired", working.key(): "Delivered"}
    assert "Expired" in json.dumps(status)
    count = len(receiver.account.hits())
    assert count >= 2
    steadily(receiver.account.hits, lambda hits: len(hits) == count, during=3)
