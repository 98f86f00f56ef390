"""Group fallback: when the fallback of a receiver joins, and what its delivery means for the notification."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import FLAT1, addressed, policy
from tests.harness.readings import target

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod
RESCUES = "kubernaut_notification_fallback_rescues_total"


def pair(receivers: Receivers, **fallback: Any) -> tuple[StoredReceiver, StoredReceiver]:
    """Return a receiver, and its fallback."""
    spare = receivers.add("webhook").ready()
    return receivers.add("webhook", fallback={"name": spare.name, **fallback}).ready(), spare


def suspended(receivers: Receivers, **fallback: Any) -> tuple[StoredReceiver, StoredReceiver]:
    """Return a suspended receiver, and its fallback."""
    receiver, spare = pair(receivers, **fallback)
    receiver.patch(suspend=True)
    eventually(
        lambda: receiver.condition("Healthy"), lambda seen: seen.get("reason") == "Suspended", within=15
    )
    return receiver, spare


def state(status: dict[str, Any], receiver: StoredReceiver) -> tuple[str, str]:
    """Return the state of a receiver's target, and its reason."""
    entry = target(status, receiver.key())
    return entry["state"], entry.get("reason", "")


def dead_lettered(status: dict[str, Any]) -> bool:
    return any(each["type"] == "DeadLettered" for each in status["conditions"])


@pytest.mark.check("fallback-01")
def test_notification_that_a_fallback_delivered_is_sent(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, spare = pair(receivers)
    receiver.account.answer({"code": 400})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)

    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]

    assert status["reason"] == "DeliveredByFallback"
    assert (
        status["message"]
        == f"Delivered to 1 channel(s); {spare.key()} delivered it instead of {receiver.key()}"
    )
    assert (state(status, receiver), state(status, spare)) == (
        ("Refused", "DeliveredByFallback"),
        ("Delivered", ""),
    )
    assert not dead_lettered(status)
    eventually(
        lambda: receivers_operator.metric(RESCUES, pod=None, receiver=receiver.label),
        lambda count: count == 1,
        within=10,
    )


@pytest.mark.check("fallback-02")
def test_target_that_has_used_its_attempts_stays_exhausted(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, _ = pair(receivers, after="Never")
    receiver.account.answer({"code": 503})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=policy(2, 1, 1))
    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]
    assert status["reason"] == "DeliveredByFallback"
    assert state(status, receiver) == ("Exhausted", "DeliveredByFallback")


@pytest.mark.check("fallback-03")
def test_fallback_that_misses_a_recipient_rescues_nothing(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    people = ["ann@example.com", "bob@example.com"]
    spare = receivers.add("email", block={"to": people}).ready()
    spare.account.reply("RCPT", "550 no such user", "250 OK")
    receiver = receivers.add("webhook", fallback={"name": spare.name}).ready()
    receiver.account.answer({"code": 400})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
    status = receivers_operator.deliver(obj, "PartiallySent", within=20)["status"]
    assert state(status, receiver) == ("Refused", "")
    assert dead_lettered(status)


@pytest.mark.check("fallback-04")
def test_receiver_gets_nothing_more_once_its_fallback_has_delivered(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, spare = pair(receivers, after="2s")
    receiver.account.answer({"code": 503})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=policy(10, 1, 1))
    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]
    assert state(status, receiver) == ("Suppressed", "DeliveredByFallback")
    assert len(spare.account.hits()) == 1
    hits = len(receiver.account.hits())
    steadily(lambda: len(receiver.account.hits()), lambda now: now == hits, during=4)


@pytest.mark.check("fallback-05")
def test_fallback_gets_after_its_time_what_a_suspended_receiver_holds(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, spare = suspended(receivers, after="2s")
    obj = addressed(receivers_operator.namespace, receiver)
    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]
    assert state(status, receiver) == ("Suppressed", "DeliveredByFallback")
    assert len(spare.account.hits()) == 1
    receiver.patch(suspend=False)
    receiver.ready()
    steadily(receiver.account.hits, lambda hits: hits == [], during=3)


@pytest.mark.check("fallback-06")
def test_fallback_joins_after_a_minute_while_its_receiver_takes_nothing(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, spare = suspended(receivers)
    created = time.time()
    obj = addressed(receivers_operator.namespace, receiver)
    status = receivers_operator.deliver(obj, "Sent", within=80)["status"]
    assert state(status, receiver) == ("Suppressed", "DeliveredByFallback")
    (hit,) = spare.account.hits()
    assert created + 58 <= hit["at"] <= created + 75


@pytest.mark.check("fallback-07")
def test_receiver_gets_its_message_also_after_the_fallback(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, spare = suspended(receivers, after="2s", also=True)
    obj = addressed(receivers_operator.namespace, receiver)
    receivers_operator.create(obj)
    spare.account.hit()
    steadily(
        lambda: receivers_operator.stored(obj)["status"].get("phase"), lambda phase: phase != "Sent", during=3
    )
    receiver.patch(suspend=False)
    status = receivers_operator.status(obj, "Sent", within=20)
    assert status["reason"] == "AllDeliveriesSucceeded"
    assert (len(receiver.account.hits()), len(spare.account.hits())) == (1, 1)


@pytest.mark.check("fallback-08")
def test_fallback_with_never_leaves_a_suspended_receiver_its_messages(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, spare = suspended(receivers, after="Never")
    obj = addressed(receivers_operator.namespace, receiver)
    receivers_operator.create(obj)
    steadily(spare.account.hits, lambda hits: hits == [], during=4)
    receiver.patch(suspend=False)
    assert receivers_operator.status(obj, "Sent", within=20)["reason"] == "AllDeliveriesSucceeded"
    assert spare.account.hits() == []


@pytest.mark.check("fallback-09")
def test_resolve_goes_to_a_receiver_whose_trigger_a_fallback_delivered(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver, spare = pair(receivers, after="2s")
    receiver.account.answer({"code": 503})
    told = {"dedupKey": f"incident-{receiver.name}", "retryPolicy": policy(10, 10, 1)}
    trigger = addressed(receivers_operator.namespace, receiver, event="Trigger", **told)
    status = receivers_operator.deliver(trigger, "Sent", within=20)["status"]
    assert state(status, receiver) == ("Suppressed", "DeliveredByFallback")
    receiver.account.answer({})

    resolve = addressed(receivers_operator.namespace, receiver, event="Resolve", **told)
    receivers_operator.deliver(resolve, "Sent", within=30)

    events = [hit["json"]["data"]["event"] for hit in spare.account.hits()]
    assert events == ["Trigger", "Resolve"]
    assert receiver.account.hits()[-1]["json"]["data"]["event"] == "Resolve"
