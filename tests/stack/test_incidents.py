"""Group incidents: the notifications of one incident keep their order, and its end arrives where its begin did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import steadily
from tests.harness.incident import LATE, Incident, told
from tests.harness.notifications import FLAT1, policy
from tests.harness.readings import target, targets

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
