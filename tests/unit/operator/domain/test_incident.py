"""What one event of an incident decides about another one, at one target."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import LifecycleEvent
from notification_operator.domain.incident import Event, Incident, Stage, event_of, widened
from notification_operator.domain.key import Key
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.domain.receivers.targets import TargetRules
from notification_operator.domain.routing import Route
from tests.unit.operator.domain.builders import at, notification

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIGGER, ACKNOWLEDGE, RESOLVE = LifecycleEvent.TRIGGER, LifecycleEvent.ACKNOWLEDGE, LifecycleEvent.RESOLVE
PATIENCE = timedelta(seconds=20)
WAITS = {"slack": Stage(open=True)}
RETRIES = {"slack": Stage(open=True, begun=True)}
DELIVERED = {"slack": Stage(begun=True, delivered=True)}
FAILED = {"slack": Stage(begun=True)}
MUTED = {"slack": Stage(suppressed="Muted")}
RESOLVED = {"slack": Stage(suppressed="IncidentResolved")}
RESCUED = {"slack": Stage(suppressed="DeliveredByFallback"), "email/a": Stage(begun=True, delivered=True)}


def event(
    kind: LifecycleEvent, seconds: float, stages: Mapping[str, Stage] | None = None, **more: Any
) -> Event:
    key = Key("shop", f"order-{seconds:g}", f"uid-{seconds:g}", "disk")
    return Event(key=key, kind=kind, created=at(seconds), seen=seconds, stages=stages or {}, **more)


def decided(own: Event, *others: Event, now: float) -> str:
    """Return the decision on an event among others, in a word and the seconds of a wait."""
    events = sorted((own, *others), key=lambda each: each.order)
    place = events.index(own)
    answer = Incident(
        own=own, older=events[:place], younger=events[place + 1 :], now=at(now), seconds=now
    ).decide("slack", patience=PATIENCE)
    if isinstance(answer, Hold):
        assert answer.reason is HoldReason.INCIDENT
        return f"waits {(answer.until - at(now)).total_seconds():g}"
    return answer or ""


@pytest.mark.parametrize(
    ("stages", "now", "expected"),
    [
        (WAITS, 1, ""),
        (WAITS, 5, "IncidentResolved"),
        (RETRIES, 1, "IncidentResolved"),
    ],
)
def test_trigger_that_is_late_or_repeated_is_not_sent_after_its_resolve(
    stages: Mapping[str, Stage], now: float, expected: str
) -> None:
    assert decided(event(TRIGGER, 0, stages), event(RESOLVE, 1), now=now) == expected
    # An older Resolve ended what was before, and a Trigger is no news.
    assert decided(event(TRIGGER, 2, RETRIES), event(RESOLVE, 1, DELIVERED), event(TRIGGER, 3), now=9) == ""


@pytest.mark.parametrize("kind", [ACKNOWLEDGE, RESOLVE])
def test_follow_up_waits_for_its_trigger_and_not_for_ever(kind: LifecycleEvent) -> None:
    own = event(kind, 1)
    assert decided(own, event(TRIGGER, 0, RETRIES), now=1) == "waits 20"
    assert decided(own, event(TRIGGER, 0, WAITS), now=1) == "waits 4"
    # Nothing is known of the Trigger's targets yet.
    assert decided(own, event(TRIGGER, 0, routed=False), now=1) == "waits 4"
    assert decided(own, event(TRIGGER, 0, {"file": Stage(begun=True)}, routed=False), now=1) == "waits 4"
    assert decided(own, event(TRIGGER, 0, RETRIES), now=21) == ""
    assert decided(own, event(TRIGGER, 0, RETRIES, ended=True), now=1) == ""


def test_follow_up_is_sent_once_its_trigger_may_have_arrived() -> None:
    for stages in (DELIVERED, FAILED):
        assert decided(event(RESOLVE, 1), event(TRIGGER, 0, stages), now=1) == ""
    assert decided(event(RESOLVE, 1), event(TRIGGER, 0, {"email": Stage(begun=True)}), now=1) == ""
    assert decided(event(RESOLVE, 1), now=1) == ""


def test_follow_up_of_a_trigger_that_certainly_was_not_sent_is_not_sent() -> None:
    assert decided(event(RESOLVE, 1), event(TRIGGER, 0, MUTED), now=1) == "Muted"
    assert (
        decided(event(RESOLVE, 1), event(TRIGGER, 0, RESOLVED, witnessed=True), now=1) == "IncidentResolved"
    )
    by_fallback = event(TRIGGER, 0, RESCUED, witnessed=True)
    assert decided(event(RESOLVE, 1), by_fallback, now=1) == "DeliveredByFallback"
    assert Incident(own=event(RESOLVE, 1), older=[by_fallback], now=at(1), seconds=1).reached == ("email/a",)
    # A process before this one may have sent it, and died before it was recorded.
    for stages in (RESOLVED, RESCUED):
        assert decided(event(RESOLVE, 1), event(TRIGGER, 0, stages), now=1) == ""
    # An earlier Trigger arrived, and no Resolve followed it.
    assert decided(event(RESOLVE, 3), event(TRIGGER, 0, DELIVERED), event(TRIGGER, 2, MUTED), now=3) == ""


def test_resolve_closes_nothing_that_was_reported_again() -> None:
    again = event(TRIGGER, 2)
    assert decided(event(RESOLVE, 1), again, now=2) == ""
    assert decided(event(RESOLVE, 1), again, now=6) == "IncidentReopened"
    assert decided(event(RESOLVE, 1, RETRIES), again, now=2) == "IncidentReopened"
    assert decided(event(RESOLVE, 1), event(TRIGGER, 2, DELIVERED), now=2) == "IncidentReopened"


def test_trigger_waits_for_the_resolve_before_it() -> None:
    assert decided(event(TRIGGER, 2), event(RESOLVE, 1, RETRIES), now=2) == "waits 20"
    assert decided(event(TRIGGER, 2), event(TRIGGER, 1, RETRIES), now=2) == ""


def test_acknowledge_of_a_resolved_incident_is_not_sent() -> None:
    trigger, resolve = event(TRIGGER, 0, DELIVERED), event(RESOLVE, 1, DELIVERED)
    assert decided(event(ACKNOWLEDGE, 2), trigger, resolve, now=2) == "IncidentResolved"
    again = event(TRIGGER, 2, DELIVERED)
    assert decided(event(ACKNOWLEDGE, 3), trigger, resolve, again, now=3) == ""
    assert decided(event(RESOLVE, 3), event(ACKNOWLEDGE, 2, RETRIES), trigger, now=3) == "waits 20"


def test_events_of_the_same_second_count_as_trigger_acknowledge_resolve() -> None:
    # The Resolve was known first, and is sent already.
    assert decided(event(TRIGGER, 0), event(RESOLVE, 0, DELIVERED), now=1) == "IncidentResolved"
    resolve, trigger = event(RESOLVE, 0, RETRIES), event(TRIGGER, 0, RETRIES)
    assert decided(trigger, resolve, now=1) == "IncidentResolved"
    assert decided(resolve, trigger, now=1) == ""


def test_wall_clock_that_is_behind_extends_no_wait() -> None:
    own, trigger = event(RESOLVE, 1), event(TRIGGER, 0, RETRIES)
    incident = Incident(own=own, older=[trigger], now=at(-86_400), seconds=20)
    held = incident.decide("slack", patience=PATIENCE)
    assert isinstance(held, Hold)
    assert held.until == at(-86_400 + 1)
    late = Incident(own=event(TRIGGER, 0), younger=[event(RESOLVE, 1)], now=at(-86_400), seconds=5)
    assert late.decide("slack", patience=PATIENCE) == "IncidentResolved"


def test_follow_up_goes_where_its_trigger_went_and_is_not_muted_there() -> None:
    went = {
        "slack": Stage(begun=True),
        "email/a": Stage(begun=True, delivered=True),
        "file": Stage(open=True),
    }
    own = event(RESOLVE, 5)
    incident = Incident(own=own, older=[event(TRIGGER, 0, went)], now=at(5), seconds=5)
    assert incident.reached == ("slack", "email/a")
    resolved = event(RESOLVE, 3, {"email/a": Stage(begun=True, delivered=True)})
    assert Incident(own=own, older=[event(TRIGGER, 0, went), resolved], now=at(5), seconds=5).reached == (
        "slack",
    )
    rules = {"email/a": TargetRules(max_attempts=2)}
    route = Route(targets=("slack", "console"), rules={"slack": TargetRules(muted=True)})
    wider = widened(route, incident.reached, rules)
    assert wider.targets == ("slack", "console", "email/a")
    assert wider.rules == {
        "slack": TargetRules(owed=True),
        "email/a": TargetRules(max_attempts=2, owed=True),
    }
    assert widened(route, (), rules) is route


def test_stages_are_those_of_the_status_and_of_unrecorded_attempts() -> None:
    status = {
        "phase": "Sending",
        "targets": [
            {"name": "slack", "state": "Waiting", "attempts": 1},
            {"name": "email", "state": "Suppressed", "suppressedBy": "Muted"},
            {"name": "file", "state": "Delivered", "attempts": 2},
        ],
    }
    key = Key("shop", "order-1", "uid-1", "disk")
    known = event_of(
        key, notification("slack", "email", "file", "console", status=status), {"console"}, seen=0
    )
    assert known.stages == {
        "slack": Stage(open=True, begun=True),
        "email": Stage(suppressed="Muted"),
        "file": Stage(begun=True, delivered=True),
        "console": Stage(open=True, begun=True),
    }
