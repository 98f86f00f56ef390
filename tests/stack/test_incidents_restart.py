"""Group incidents: what a new process knows of incidents that began before it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.harness.incident import LATE, Incident, told
from tests.harness.notifications import FLAT1
from tests.harness.readings import target

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest

pytestmark = pytest.mark.needs_pod

RESTARTED_WITHIN = 60.0


@pytest.mark.check("incidents-19")
def test_trigger_of_a_killed_operator_is_not_repeated_after_its_resolve(
    stoppable_operator: OperatorUnderTest,
) -> None:
    with stoppable_operator.receivers() as receivers:
        pager = receivers.add("pagerduty", timeout="60s").ready()
        pager.account.answer({"never": True}, {})
        incident = Incident(stoppable_operator)
        trigger = incident.tell("Trigger", pager)
        pager.account.hit()
        time.sleep(LATE)

        stoppable_operator.workload.kill()
        resolve = incident.tell("Resolve", pager)

        status = incident.ends(trigger, "Suppressed", within=RESTARTED_WITHIN)
        assert target(status, pager.key())["suppressedBy"] == "IncidentResolved"
        # The Trigger may have arrived: its attempt was begun, and nobody knows how it ended.
        incident.ends(resolve, "Sent")
        assert told(pager) == [("Trigger", None), ("Resolve", 202)]


@pytest.mark.check("incidents-20")
def test_resolve_after_a_restart_goes_to_the_fallback_that_got_its_trigger(
    stoppable_operator: OperatorUnderTest,
) -> None:
    with stoppable_operator.receivers() as receivers:
        fallback = receivers.add("pagerduty").ready()
        receiver = receivers.add("webhook", fallback={"name": fallback.name}).ready()
        receiver.account.answer({"code": 400}, {})
        incident = Incident(stoppable_operator)
        incident.ends(incident.tell("Trigger", receiver, retryPolicy=FLAT1), "Sent", "PartiallySent")
        assert incident.at(fallback) == "triggered"

        stoppable_operator.workload.kill()
        resolve = incident.tell("Resolve", receiver)

        incident.ends(resolve, "Sent", within=RESTARTED_WITHIN)
        assert incident.at(fallback) == "resolved"
        assert told(receiver) == [("Trigger", 400), ("Resolve", 200)]
