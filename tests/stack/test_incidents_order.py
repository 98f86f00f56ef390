"""Group incidents: the order of the events of an incident, by what PagerDuty makes of them."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.cluster import KIND, PLURAL
from tests.harness.eventually import eventually
from tests.harness.incident import LATE, Incident, told
from tests.harness.notifications import policy
from tests.harness.readings import target

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers

    Object = dict[str, Any]

pytestmark = pytest.mark.needs_pod

TRIES = 10
"""Of what has to happen within a second of the API server's clock."""
NEXT_SECOND = 1.0
"""Creation times have no other precision: what has to be younger is created so much later."""


def in_one_second(create: Callable[[], list[Object]]) -> list[Object]:
    """Create objects until they have the same creation time."""
    for _ in range(TRIES):
        eventually(lambda: time.time() % 1, lambda fraction: fraction < 0.3, within=5, every=0.02)
        objects = create()
        if len({obj["metadata"]["creationTimestamp"] for obj in objects}) == 1:
            return objects
    raise AssertionError(f"none of {TRIES} times within a second")


@pytest.mark.check("incidents-07")
def test_trigger_and_resolve_of_the_same_second_leave_nothing_open(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty").ready()
    incidents: list[Incident] = []

    def create(*events: str) -> list[Object]:
        incidents.append(Incident(receivers_operator))
        return [incidents[-1].tell(event, pager) for event in events]

    for events in (("Trigger", "Resolve"), ("Resolve", "Trigger")):
        for obj in in_one_second(partial(create, *events)):
            incidents[-1].ends(obj, "Sent", "Suppressed")
        assert incidents[-1].at(pager) in {"resolved", ""}


@pytest.mark.check("incidents-08")
def test_incident_that_is_reported_again_is_open_until_its_next_resolve(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty").ready()
    incident = Incident(receivers_operator)
    for event, state in (
        ("Trigger", "triggered"),
        ("Acknowledge", "acknowledged"),
        ("Resolve", "resolved"),
        ("Trigger", "triggered"),
        ("Resolve", "resolved"),
    ):
        incident.ends(incident.tell(event, pager), "Sent")
        assert incident.at(pager) == state
        time.sleep(NEXT_SECOND)


@pytest.mark.check("incidents-09")
def test_resolve_that_was_held_closes_nothing_that_was_reported_again(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty").ready()
    incident = Incident(receivers_operator)
    incident.ends(incident.tell("Trigger", pager), "Sent")
    pager.patch(suspend=True)
    eventually(lambda: pager.condition("Healthy"), lambda seen: seen.get("reason") == "Suspended", within=15)
    resolve = incident.tell("Resolve", pager)
    time.sleep(LATE)

    again = incident.tell("Trigger", pager)

    status = incident.ends(resolve, "Suppressed")
    assert target(status, pager.key())["suppressedBy"] == "IncidentReopened"
    pager.patch(suspend=False)
    incident.ends(again, "Sent")
    assert told(pager) == [("Trigger", 202), ("Trigger", 202)]
    assert incident.at(pager) == "triggered"


@pytest.mark.check("incidents-10")
def test_acknowledge_of_a_resolved_incident_is_not_sent(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty").ready()
    incident = Incident(receivers_operator)
    for event in ("Trigger", "Resolve"):
        incident.ends(incident.tell(event, pager), "Sent")

    status = incident.ends(incident.tell("Acknowledge", pager), "Suppressed")

    assert target(status, pager.key())["suppressedBy"] == "IncidentResolved"
    assert told(pager) == [("Trigger", 202), ("Resolve", 202)]


@pytest.mark.check("incidents-11")
def test_resolve_waits_for_the_trigger_that_is_under_way(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty").ready()
    pager.account.answer({"held": True}, {})
    incident = Incident(receivers_operator)
    trigger = incident.tell("Trigger", pager)
    pager.account.hit()

    resolve = incident.tell("Resolve", pager)

    incident.reaches(resolve, "WaitingForIncident")
    pager.account.answer({})
    for obj in (trigger, resolve):
        incident.ends(obj, "Sent")
    first, second = pager.account.hits()
    assert first["ended"] <= second["at"]
    assert incident.at(pager) == "resolved"


@pytest.mark.check("incidents-12")
def test_trigger_without_an_answer_holds_its_resolve_for_one_attempt_only(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty", timeout="8s").ready()
    pager.account.answer({"never": True}, {})
    incident = Incident(receivers_operator)
    trigger = incident.tell("Trigger", pager, retryPolicy=policy(5, 10, 1))
    pager.account.hit()

    resolve = incident.tell("Resolve", pager)

    # It may have arrived, so it is resolved in any case.
    incident.ends(resolve, "Sent", within=20)
    status = incident.ends(trigger, "Suppressed")
    assert target(status, pager.key())["suppressedBy"] == "IncidentResolved"
    assert told(pager) == [("Trigger", None), ("Resolve", 202)]


@pytest.mark.check("incidents-13")
def test_resolve_of_a_trigger_beyond_the_rate_limit_is_not_sent(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    limit = {"count": 1, "period": "1h", "overflow": "Suppress"}
    pager = receivers.add("pagerduty", rateLimit=limit).ready()
    reported, beyond = Incident(receivers_operator), Incident(receivers_operator)
    reported.ends(reported.tell("Trigger", pager), "Sent")
    beyond.ends(beyond.tell("Trigger", pager), "Suppressed")

    status = beyond.ends(beyond.tell("Resolve", pager), "Suppressed")

    assert target(status, pager.key())["suppressedBy"] == "RateLimited"
    assert told(pager) == [("Trigger", 202)]


@pytest.mark.check("incidents-14")
def test_resolve_without_a_priority_closes_what_a_critical_trigger_opened(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty", priorities=["critical", "high"]).ready()
    incident = Incident(receivers_operator)
    incident.ends(incident.tell("Trigger", pager, priority="critical"), "Sent")
    assert incident.at(pager) == "triggered"

    incident.ends(incident.tell("Resolve", pager, priority=None), "Sent")

    assert incident.at(pager) == "resolved"


@pytest.mark.check("incidents-15")
def test_burst_beyond_a_rate_limit_leaves_nothing_open(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    limit = {"count": 2, "period": "4s", "overflow": "Suppress"}
    pager = receivers.add("pagerduty", rateLimit=limit).ready()
    incidents = [Incident(receivers_operator) for _ in range(5)]
    triggers = [incident.tell("Trigger", pager) for incident in incidents]
    began = [
        incident.ends(trigger, "Sent", "Suppressed")["phase"] == "Sent"
        for incident, trigger in zip(incidents, triggers, strict=True)
    ]

    for incident, resolve in [(incident, incident.tell("Resolve", pager)) for incident in incidents]:
        incident.ends(resolve, "Sent", "Suppressed", within=60)

    assert [incident.at(pager) for incident in incidents] == ["resolved" if each else "" for each in began]
    assert any(began)


@pytest.mark.check("incidents-16")
def test_nothing_is_open_when_all_events_are_final_whatever_failed(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty").ready()
    pager.account.answer({"code": 503}, {}, {"code": 503}, {"code": 500}, {}, {"code": 503}, {})
    incidents = [Incident(receivers_operator) for _ in range(4)]
    events = [
        (incident, incident.tell(event, pager, retryPolicy=policy(6, 1, 1)))
        for event in ("Trigger", "Acknowledge", "Resolve")
        for incident in incidents
    ]

    for incident, obj in events:
        incident.ends(obj, "Sent", "Suppressed", within=60)

    assert {incident.at(pager) for incident in incidents} <= {"resolved", ""}


@pytest.mark.check("incidents-17")
def test_resolve_of_one_incident_concerns_no_other(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    pager = receivers.add("pagerduty").ready()
    pager.account.answer({"code": 503}, {})
    failing, other = Incident(receivers_operator), Incident(receivers_operator)
    trigger = failing.tell("Trigger", pager, retryPolicy=policy(5, 4, 1))
    pager.account.hit()

    for event in ("Trigger", "Resolve"):
        other.ends(other.tell(event, pager), "Sent")

    failing.ends(trigger, "Sent")
    assert (failing.at(pager), other.at(pager)) == ("triggered", "resolved")


@pytest.mark.check("incidents-18")
def test_field_selector_finds_the_events_of_an_incident(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", suspend=True).suspended()
    incident, other = Incident(receivers_operator), Incident(receivers_operator)
    created = [incident.tell(event, receiver) for event in ("Trigger", "Resolve")]
    other.tell("Trigger", receiver)
    group, version = KIND
    where = f"/apis/{group}/{version}/namespaces/{receivers_operator.namespace}/{PLURAL}"

    found = receivers.cluster.request("GET", f"{where}?fieldSelector=spec.dedupKey={incident.key}")["items"]

    uids = {obj["metadata"]["uid"] for obj in found}
    assert uids == {obj["metadata"]["uid"] for obj in created}
