"""Group incidents: the notifications of one incident keep their order, and its end arrives where its begin did."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.incident import LATE, Incident, told
from tests.harness.notifications import FLAT1, policy
from tests.harness.readings import target, targets
from tests.harness.sink.services import slack

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers

pytestmark = pytest.mark.needs_pod


@pytest.mark.check("incidents-01")
def test_trigger_is_not_repeated_after_its_resolve(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook").ready()
    receiver.account.answer({"code": 503}, {})
    incident = Incident(receivers_operator)
    trigger = incident.tell("Trigger", receiver, retryPolicy=policy(5, 10, 1))
    receiver.account.hit()

    resolve = incident.tell("Resolve", receiver)

    assert incident.ends(trigger, "Suppressed")["reason"] == "IncidentResolved"
    incident.ends(resolve, "Sent")
    steadily(lambda: told(receiver), lambda seen: seen == [("Trigger", 503), ("Resolve", 200)], during=12)


@pytest.mark.check("incidents-02")
def test_incident_that_ends_while_its_receiver_is_suspended_is_not_told(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", suspend=True).suspended()
    incident = Incident(receivers_operator)
    # The creation time has whole seconds, and the operator has to see the Trigger in the first five.
    eventually(lambda: time.time() % 1, lambda fraction: fraction < 0.3, within=2, every=0.02)
    trigger = incident.tell("Trigger", receiver)
    time.sleep(LATE)
    resolve = incident.tell("Resolve", receiver)

    for obj in (trigger, resolve):
        assert incident.ends(obj, "Suppressed")["reason"] == "IncidentResolved"
    receiver.patch(suspend=False)
    receiver.ready()
    steadily(lambda: told(receiver), lambda seen: seen == [], during=2)


@pytest.mark.check("incidents-03")
def test_resolve_goes_to_the_fallback_that_got_its_trigger(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    fallback = receivers.add("webhook").ready()
    receiver = receivers.add("webhook", fallback={"name": fallback.name}).ready()
    receiver.account.answer({"code": 400}, {})
    incident = Incident(receivers_operator)
    incident.ends(incident.tell("Trigger", receiver, retryPolicy=FLAT1), "Sent")

    incident.ends(incident.tell("Resolve", receiver), "Sent")

    assert told(receiver) == [("Trigger", 400), ("Resolve", 200)]
    assert told(fallback) == [("Trigger", 200), ("Resolve", 200)]


@pytest.mark.check("incidents-04")
def test_resolve_is_not_muted_where_its_trigger_arrived(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    picky = receivers.add("webhook", priorities=["critical"]).ready()
    incident, other = Incident(receivers_operator), Incident(receivers_operator)
    incident.ends(incident.tell("Trigger", picky, priority="critical"), "Sent")
    incident.ends(other.tell("Trigger", picky, priority="low"), "Suppressed")

    incident.ends(incident.tell("Resolve", picky, priority="low"), "Sent")
    muted = incident.ends(other.tell("Resolve", picky, priority="low"), "Suppressed")

    assert muted["reason"] == "Muted"
    assert told(picky) == [("Trigger", 200), ("Resolve", 200)]


@pytest.mark.check("incidents-05")
def test_resolve_beyond_the_rate_limit_is_sent_later(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(
        "webhook", rateLimit={"count": 1, "period": "5s", "overflow": "Suppress"}
    ).ready()
    incident = Incident(receivers_operator)
    incident.ends(incident.tell("Trigger", receiver), "Sent")

    incident.ends(incident.tell("Resolve", receiver), "Sent")

    assert told(receiver) == [("Trigger", 200), ("Resolve", 200)]


@pytest.mark.check("incidents-06")
def test_resolve_that_failed_closes_nothing_that_was_reported_again(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook").ready()
    incident = Incident(receivers_operator)
    incident.ends(incident.tell("Trigger", receiver), "Sent")
    receiver.account.answer({"code": 503}, {})
    resolve = incident.tell("Resolve", receiver, retryPolicy=policy(5, 10, 1))
    receiver.account.hit(2)
    # A later second: the creation time has no other precision.
    time.sleep(1)

    again = incident.tell("Trigger", receiver)

    status = incident.ends(resolve, "Suppressed")
    assert target(status, receiver.key())["suppressedBy"] == "IncidentReopened"
    assert [entry.state for entry in targets(incident.ends(again, "Sent"))] == ["Delivered"]
    steadily(
        lambda: told(receiver),
        lambda seen: seen == [("Trigger", 200), ("Resolve", 503), ("Trigger", 200)],
        during=12,
    )


@pytest.mark.check("incidents-21")
def test_slack_messages_are_one_thread_although_the_operator_was_killed(
    stoppable_operator: OperatorUnderTest,
) -> None:
    with stoppable_operator.receivers() as receivers:
        receiver = receivers.add("slack").ready()
        incident = Incident(stoppable_operator)
        incident.ends(incident.tell("Trigger", receiver), "Sent")
        stoppable_operator.workload.kill()
        stoppable_operator.workload.ready()
        resolve = incident.tell("Resolve", receiver)

        status = stoppable_operator.status(resolve, "Sent", within=60)

        first, reply = receiver.account.messages()
    assert (first["attachments"][0]["color"], "thread_ts" in first) == ("#2E7D32", False)
    assert "resolved after" in json.dumps(first["attachments"])
    assert first["blocks"]
    assert reply["thread_ts"] == "1716969600.000100"
    assert target(status, receiver.key())["messageRef"] == "C0123/1716969600.000200"


@pytest.mark.check("incidents-22")
def test_slack_resolve_replies_where_the_first_message_cannot_be_updated(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack").ready()
    incident = Incident(receivers_operator)
    incident.ends(incident.tell("Trigger", receiver), "Sent")
    receiver.account.answer(slack.refused("edit_window_closed"), {})

    status = incident.ends(incident.tell("Resolve", receiver), "Sent")

    first, reply = receiver.account.messages()
    assert "attachments" not in first
    assert reply["thread_ts"] == "1716969600.000100"
    assert "not updated: Slack answered edit_window_closed" in target(status, receiver.key())["note"]


@pytest.mark.check("incidents-23")
def test_slack_resolve_replies_alone_if_the_receiver_says_so(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack", block={"onResolve": "Reply"}).ready()
    incident = Incident(receivers_operator)
    for event in ("Trigger", "Resolve"):
        incident.ends(incident.tell(event, receiver), "Sent")

    first, reply = receiver.account.messages()
    assert "attachments" not in first
    assert reply["thread_ts"] == "1716969600.000100"


@pytest.mark.check("incidents-24")
def test_slack_resolve_is_a_message_if_the_receiver_says_so(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack", block={"onResolve": "None"}).ready()
    incident = Incident(receivers_operator)
    for event in ("Trigger", "Acknowledge", "Resolve"):
        incident.ends(incident.tell(event, receiver), "Sent")

    first, acknowledged, resolve = receiver.account.messages()
    assert "attachments" not in first
    assert ("thread_ts" in acknowledged, "thread_ts" in resolve) == (True, False)


@pytest.mark.check("incidents-25")
def test_discord_resolve_updates_the_first_message(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("discord").ready()
    incident = Incident(receivers_operator)
    trigger = incident.tell("Trigger", receiver)
    incident.ends(trigger, "Sent")

    status = incident.ends(incident.tell("Resolve", receiver), "Sent")

    first, resolve = receiver.account.messages()
    (embed,) = first["embeds"]
    assert "RESOLVED" in embed["title"]
    assert (embed["color"], embed["description"]) == (0x2E7D32, trigger["spec"]["body"])
    assert embed["fields"][-1]["value"].startswith("resolved after ")
    assert target(status, receiver.key())["messageRef"] == resolve["id"]


@pytest.mark.check("incidents-26")
def test_trigger_after_a_resolve_begins_another_slack_thread(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack").ready()
    incident = Incident(receivers_operator)
    for event in ("Trigger", "Resolve", "Trigger", "Resolve"):
        incident.ends(incident.tell(event, receiver), "Sent")
        # A later second: the creation time has no other precision.
        time.sleep(1)

    threads = [each.get("thread_ts", "") for each in receiver.account.messages()]
    assert threads == ["", "1716969600.000100", "", "1716969600.000300"]
    assert ["attachments" in each for each in receiver.account.messages()] == [True, False, True, False]
