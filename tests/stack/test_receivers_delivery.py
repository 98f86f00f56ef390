"""Group receivers: recipients, priorities, limits and fallbacks, and receivers that disturb each other in nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.harness.cluster import Refused
from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import FLAT1, addressed, fast, notification, policy
from tests.harness.readings import Target, elapsed, target, targets

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers

pytestmark = pytest.mark.needs_pod


@pytest.mark.check("receivers-26")
def test_each_recipient_is_a_target_without_its_address(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    people = ["ann@example.com", "bob@example.com"]
    receiver = receivers.add("email", block={"to": people}).ready()
    receiver.account.reply("RCPT", "450 later", "250 OK")
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))

    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]

    assert {entry.name for entry in targets(status)} == {receiver.key(address) for address in people}
    assert {entry.state for entry in targets(status)} == {"Delivered"}
    assert sorted(entry.attempts for entry in targets(status)) == [1, 2]
    assert not any(address in json.dumps(status) for address in people)
    assert sorted(mail["recipient"] for mail in receiver.account.accepted(2)) == people


@pytest.mark.check("receivers-27")
def test_only_allowed_recipients_get_the_message(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("email", block={"to": None}, recipients={"allow": ["*@example.com"]}).ready()
    people = [{"email": address} for address in ("ann@example.com", "eve@example.org", "x@sub.example.com")]
    obj = addressed(receivers_operator.namespace, receiver, recipients=people)

    status = receivers_operator.deliver(obj, "Sent", "PartiallySent", within=20)["status"]

    assert target(status, receiver.key("ann@example.com"))["state"] == "Delivered"
    mails = receiver.account.mails()
    assert [mail["recipient"] for mail in mails] == ["ann@example.com"]


@pytest.mark.check("receivers-48")
def test_recipients_of_a_receiver_created_again_get_what_they_lack(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    people = ["ann@example.com", "bob@example.com"]
    receiver = receivers.add("email", block={"to": people}).ready()
    receiver.account.reply("RCPT", "450 later", "250 OK")
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=policy(3, 5, 1))
    receivers_operator.create(obj)
    waiting = receivers_operator.status(obj, "Retrying", within=20)
    assert sorted(entry.state for entry in targets(waiting)) == ["Delivered", "Waiting"]

    receiver.create_again()

    status = receivers_operator.status(obj, "Sent", within=20)
    assert [entry.name for entry in targets(status)] == [entry.name for entry in targets(waiting)]
    assert sorted(mail["recipient"] for mail in receiver.account.accepted(2)) == people


@pytest.mark.check("receivers-28")
def test_priority_that_a_receiver_does_not_accept_is_muted(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    picky, other = receivers.add(priorities=["critical", "high"]).ready(), receivers.add().ready()
    obj = addressed(receivers_operator.namespace, picky, other, priority="low")
    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]
    muted = target(status, picky.key())
    assert (muted["state"], muted.get("attempts", 0)) == ("Suppressed", 0)
    assert "Muted" in json.dumps(muted)
    assert picky.account.hits() == []

    urgent = addressed(receivers_operator.namespace, picky, priority="high")
    receivers_operator.deliver(urgent, "Sent", within=20)


@pytest.mark.check("receivers-29")
def test_notification_with_every_target_suppressed_is_suppressed(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(priorities=["critical"]).ready()
    obj = addressed(receivers_operator.namespace, receiver, priority="low")
    stored = receivers_operator.deliver(obj, "Suppressed", within=20)
    assert stored["status"]["completionTime"]
    assert stored["status"]["totalAttempts"] == 0
    receiver.patch(priorities=None)
    receiver.ready()
    steadily(lambda: receivers_operator.stored(obj)["status"], lambda now: now == stored["status"], during=2)
    assert receiver.account.hits() == []


@pytest.mark.check("receivers-30")
def test_rate_limit_that_defers_spreads_messages(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(rateLimit={"count": 2, "period": "4s", "overflow": "Defer"}).ready()
    objects = [addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1) for _ in range(5)]
    for obj in objects:
        receivers_operator.create(obj)
    began = []
    for obj in objects:
        status = receivers_operator.status(obj, "Sent", within=30)
        assert targets(status) == [Target(receiver.key(), "Delivered", 1)]
        began += [attempt["timestamp"] for attempt in status["deliveryAttempts"]]
    assert len(receiver.account.hits()) == 5
    # When they began: the first requests open connections, and may arrive late.
    assert elapsed(min(began), max(began)) >= 4


@pytest.mark.check("receivers-31")
def test_rate_limit_that_suppresses_says_so(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(rateLimit={"count": 2, "period": "1h", "overflow": "Suppress"}).ready()
    objects = [addressed(receivers_operator.namespace, receiver) for _ in range(5)]
    for obj in objects:
        receivers_operator.create(obj)
    statuses = [receivers_operator.status(obj, "Sent", "Suppressed", within=30) for obj in objects]
    assert sorted(status["phase"] for status in statuses) == ["Sent"] * 2 + ["Suppressed"] * 3
    for status in statuses:
        assert (status["phase"] == "Suppressed") == ("RateLimited" in json.dumps(status))
    assert len(receiver.account.hits()) == 2


@pytest.mark.check("receivers-32")
def test_retry_policy_of_the_receiver_caps_attempts(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(retryPolicy={"maxAttempts": 2}).ready()
    receiver.account.answer({"code": 503})
    for attempts, expected in ((5, 2), (1, 1)):
        obj = addressed(receivers_operator.namespace, receiver, retryPolicy=policy(attempts, 1, 1))
        status = receivers_operator.deliver(obj, "Failed", within=20)["status"]
        assert targets(status) == [Target(receiver.key(), "Exhausted", expected)]


@pytest.mark.check("receivers-33")
def test_fallback_gets_what_its_receiver_refused(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    fallback = receivers.add("email").ready()
    receiver = receivers.add("webhook", fallback={"name": fallback.name}).ready()
    receiver.account.answer({"code": 400})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))

    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]

    key = fallback.key(f"team@{fallback.account.name}.example")
    assert {entry.name: entry.state for entry in targets(status)} == {
        receiver.key(): "Refused",
        key: "Delivered",
    }
    assert obj["spec"]["subject"] in fallback.account.accepted()[0]["headers"]["Subject"]


@pytest.mark.check("receivers-34")
def test_fallback_gets_what_is_not_delivered_in_time(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    fallback = receivers.add("webhook").ready()
    receiver = receivers.add("webhook", fallback={"name": fallback.name, "after": "3s", "also": True}).ready()
    receiver.account.answer(*[{"code": 503}] * 5, {})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=policy(10, 1, 1))

    stored = receivers_operator.deliver(obj, "Sent", within=30)

    status = stored["status"]
    assert {entry.state for entry in targets(status)} == {"Delivered"}
    (attempt,) = [each for each in status["deliveryAttempts"] if each["channel"] == fallback.key()]
    assert 3 <= elapsed(stored["metadata"]["creationTimestamp"], attempt["timestamp"]) <= 8
    assert len(fallback.account.hits()) == 1
    # In time, nobody else is needed.
    receiver.patch(fallback={"name": fallback.name, "after": "10s", "also": True})
    receiver.ready()
    receiver.account.answer({})
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)
    steadily(fallback.account.hits, lambda hits: len(hits) == 1, during=11)


@pytest.mark.check("receivers-37")
def test_more_receivers_than_allowed_are_rejected(receivers_operator: OperatorUnderTest) -> None:
    refs = [{"name": f"receiver-{number}"} for number in range(25)]
    with pytest.raises(Refused) as caught:
        receivers_operator.create(addressed(receivers_operator.namespace, receiverRefs=refs))
    assert caught.value.code == 422
    assert "spec.receiverRefs" in caught.value.fields


@pytest.mark.check("receivers-38")
def test_recipients_beyond_the_limit_of_targets_are_refused(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("email", block={"to": None}, recipients={"allow": ["*"]}).ready()
    people = [{"email": f"person-{number}@example.com"} for number in range(25)]
    obj = addressed(receivers_operator.namespace, receiver, recipients=people)

    status = receivers_operator.deliver(obj, "Failed", within=20)["status"]

    assert "25" in json.dumps(status)
    assert "20" in json.dumps(status)
    assert receiver.account.mails() == []


@pytest.mark.check("receivers-39")
def test_receiver_with_the_name_of_a_channel_is_no_channel(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", name="console").ready()
    obj = notification(receivers_operator.namespace)
    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]
    assert targets(status) == [Target("console", "Delivered", 1)]
    assert receiver.account.hits() == []

    both = addressed(receivers_operator.namespace, receiver, channels=["console"])
    status = receivers_operator.deliver(both, "Sent", within=20)["status"]
    assert {entry.name for entry in targets(status)} == {"console", receiver.key()}
    assert len(receiver.account.hits()) == 1


@pytest.mark.check("receivers-44")
def test_receiver_that_never_answers_delays_no_other(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    hanging, working = receivers.add(timeout="60s").ready(), receivers.add().ready()
    hanging.account.answer({"never": True})
    unanswered = [addressed(receivers_operator.namespace, hanging, retryPolicy=FLAT1) for _ in range(30)]
    for obj in unanswered:
        receivers_operator.create(obj)
    hanging.account.hit()

    for _ in range(5):
        receivers_operator.deliver(addressed(receivers_operator.namespace, working), "Sent")
    # Whoever waited for one of these attempts would be delivered after its end.
    assert not any(
        receivers_operator.stored(obj).get("status", {}).get("deliveryAttempts") for obj in unanswered
    )


@pytest.mark.check("receivers-45")
def test_pause_that_a_receiver_asks_for_holds_every_message(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add().ready()
    receiver.account.answer({"code": 429, "headers": {"Retry-After": "5"}}, {})
    objects = [
        addressed(receivers_operator.namespace, receiver, retryPolicy=policy(2, 1, 1)) for _ in range(4)
    ]
    receivers_operator.create(objects[0])
    # The operator knows of the pause as soon as it has recorded the attempt.
    eventually(
        lambda: receivers_operator.stored(objects[0])["status"].get("deliveryAttempts"), bool, within=10
    )
    first = receiver.account.hit()
    for obj in objects[1:]:
        receivers_operator.create(obj)
    for obj in objects:
        receivers_operator.status(obj, "Sent", within=30)

    later = [hit["at"] for hit in receiver.account.hits()[1:]]
    assert len(later) == 4
    assert min(later) >= first["at"] + 5
    receiver.wait("Healthy", "True", "Delivering")
    assert receiver.status["circuit"]["state"] == "Closed"
