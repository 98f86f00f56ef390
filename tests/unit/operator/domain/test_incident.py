"""What one event of an incident decides about another one, at one target."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import LifecycleEvent, TargetState
from notification_domain.incident import (
    Event,
    Incident,
    SentMessage,
    Stage,
    event_of,
    widened,
)
from notification_domain.key import Key
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.receivers.targets import TargetRules
from notification_domain.routing import Route
from notification_domain.status import TargetStatus
from tests.unit.operator.domain.builders import (
    at,
    circuit_open,
    failure,
    notification,
    success,
    with_status,
)

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
    # A Resolve that has ended goes nowhere any more, so what the Trigger reports now would stay open.
    ended = event(RESOLVE, 1, {"file": Stage(begun=True, delivered=True)}, ended=True)
    assert decided(event(TRIGGER, 0, stages), ended, now=now) == "IncidentResolved"
    # So does one that has arrived everywhere, before that is recorded.
    arrived = event(RESOLVE, 1, {"file": Stage(open=True, begun=True, delivered=True)})
    assert decided(event(TRIGGER, 0, stages), arrived, now=now) == "IncidentResolved"
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
    assert Incident(own=event(RESOLVE, 1), older=[by_fallback], now=at(1), seconds=1).reached == {
        "email/a": True
    }
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


@pytest.mark.parametrize("stages", [WAITS, RETRIES])
def test_replay_outdates_no_event_of_its_incident(stages: Mapping[str, Stage]) -> None:
    trigger, replayed = event(TRIGGER, 0, FAILED), event(TRIGGER, 2, DELIVERED, replay=True)
    for kind in (ACKNOWLEDGE, RESOLVE):
        assert decided(event(kind, 1, stages), trigger, replayed, now=9) == ""
    # A Resolve that is sent again ended what was reported before the Trigger.
    closed, again = event(RESOLVE, 3, DELIVERED, replay=True), event(TRIGGER, 2, stages)
    assert decided(again, event(RESOLVE, 1, FAILED), closed, now=9) == ""
    assert decided(event(ACKNOWLEDGE, 4), event(TRIGGER, 2, DELIVERED), closed, now=4) == ""
    assert decided(event(ACKNOWLEDGE, 3, stages), event(TRIGGER, 2, DELIVERED), closed, now=9) == ""


def test_replay_of_a_resolved_trigger_is_outdated_by_the_next_resolve() -> None:
    replayed = event(TRIGGER, 2, RETRIES, replay=True)
    assert decided(replayed, event(RESOLVE, 1, DELIVERED), now=3) == ""
    assert decided(replayed, event(RESOLVE, 3), now=3) == "IncidentResolved"
    # The incident is open again where it arrived, so an Acknowledge goes there.
    reopened = event(TRIGGER, 2, DELIVERED, replay=True)
    assert decided(event(ACKNOWLEDGE, 3), event(RESOLVE, 1, DELIVERED), reopened, now=3) == ""


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
    trigger = event(TRIGGER, 0, went, witnessed=True)
    incident = Incident(own=own, older=[trigger], now=at(5), seconds=5)
    assert incident.reached == {"slack": True, "email/a": True}
    resolved = event(RESOLVE, 3, {"email/a": Stage(begun=True, delivered=True)})
    assert Incident(own=own, older=[trigger, resolved], now=at(5), seconds=5).reached == {"slack": True}
    replayed = replace(resolved, replay=True)
    both = {"slack": True, "email/a": True}
    assert Incident(own=own, older=[trigger, replayed], now=at(5), seconds=5).reached == both
    rules = {"email/a": TargetRules(max_attempts=2)}
    route = Route(targets=("slack", "console"), rules={"slack": TargetRules(muted=True)})
    wider = widened(route, incident.reached, rules)
    assert wider.targets == ("slack", "console", "email/a")
    assert wider.rules == {
        "slack": TargetRules(owed=True),
        "email/a": TargetRules(max_attempts=2, owed=True),
    }
    assert widened(route, {}, rules) is route


@pytest.mark.parametrize("stages", [WAITS, RESOLVED, RESCUED], ids=["waits", "resolved", "rescued"])
def test_follow_up_goes_where_a_dead_process_may_have_begun_its_trigger(stages: Mapping[str, Stage]) -> None:
    for witnessed in (False, True):
        trigger = event(TRIGGER, 0, stages, witnessed=witnessed)
        incident = Incident(own=event(RESOLVE, 1), older=[trigger], now=at(9), seconds=9)
        # An attempt that is only possible lets the fallback deliver the event instead.
        assert incident.reached.get("slack") == (None if witnessed else False)
        assert not incident.may_be_anywhere
    rules = {"slack": TargetRules(muted=True, fallback=("email",))}
    assert widened(Route(targets=("slack",), rules=rules), {"slack": False}, rules).rules == {
        "slack": TargetRules(fallback=("email",))
    }


@pytest.mark.parametrize(
    ("known", "expected"), [({}, True), ({"witnessed": True}, False), ({"ended": True}, False)]
)
def test_trigger_of_a_dead_process_without_a_status_may_be_anywhere(
    known: dict[str, Any],
    expected: bool,  # noqa: FBT001
) -> None:
    trigger = event(TRIGGER, 0, routed=False, **known)
    incident = Incident(own=event(RESOLVE, 1), older=[trigger], now=at(9), seconds=9)
    assert incident.may_be_anywhere is expected


def test_attempt_that_the_operator_refused_itself_has_called_nothing() -> None:
    refused = {"name": "slack", "state": "Refused", "reason": "ChannelNotAllowed"}
    for attempts, begun in ((1, False), (2, True)):
        status = {"phase": "Failed", "targets": [refused | {"attempts": attempts}]}
        known = event_of(
            Key("shop", "order-1", "uid-1", "disk"), notification("slack", status=status), seen=0
        )
        assert known.stages == {"slack": Stage(begun=begun)}


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
        "console": Stage(open=True, begun=True, refused=True, running=True),
    }


def test_trigger_that_was_certainly_refused_may_not_have_arrived() -> None:
    key = Key("shop", "order-1", "uid-1", "disk")
    refusals = replace(failure("slack"), refused=True), replace(failure("slack", 2), refused=True)
    waits = TargetStatus(name="slack", state=TargetState.WAITING, attempts=2)
    noted = with_status(notification("slack", attempts=refusals), targets=(waits,))
    known = event_of(key, noted, seen=0)
    assert known.at("slack") == Stage(open=True, begun=True, refused=True)
    # An attempt that is running, or that ended without an answer, may arrive.
    running = event_of(key, noted, running=["slack"], seen=0)
    assert [each.at("slack").may_have_it for each in (known, running)] == [False, True]
    ends = (replace(failure("slack", 3), refused=True), failure("slack", 3), circuit_open("slack", 3), None)
    assert [running.after("slack", end).at("slack").may_have_it for end in ends] == [
        False,
        True,
        False,
        False,
    ]
    # The record of an attempt is older than the field.
    assert (
        event_of(key, replace(noted, status=replace(noted.status, attempts=())), seen=0)
        .at("slack")
        .may_have_it
    )


@pytest.mark.parametrize("kind", [TRIGGER, RESOLVE])
def test_event_that_is_held_after_a_refusal_is_outdated_as_a_failed_one(kind: LifecycleEvent) -> None:
    key = Key("shop", "order-1", "uid-1", "disk")
    held = replace(circuit_open("slack"), refused=True)
    waits = TargetStatus(name="slack", state=TargetState.WAITING)
    noted = with_status(notification("slack", attempts=(held,)), targets=(waits,))
    stages = event_of(key, noted, seen=0).stages
    assert stages == {"slack": Stage(open=True, refused=True)}
    later = event(RESOLVE if kind is TRIGGER else TRIGGER, 1)
    expected = "IncidentResolved" if kind is TRIGGER else "IncidentReopened"
    assert decided(event(kind, 0, stages), later, now=1) == expected
    # A rejection by a breaker is none of the receiver.
    assert decided(event(kind, 0, {"slack": Stage(open=True)}), later, now=1) == ""


def test_event_of_a_notification_with_replay_of_is_a_replay() -> None:
    key = Key("shop", "order-1", "uid-1", "disk")
    assert not event_of(key, notification("slack"), seen=0).replay
    assert event_of(key, replace(notification("slack"), replay=True), seen=0).replay


def test_message_of_an_event_is_known_before_it_is_recorded() -> None:
    key = Key("shop", "order-1", "uid-1", "disk")
    accepted = replace(success("slack"), message_ref="C1/2", thread_ref="C1/1", receiver_revision="r1")
    reported = notification(
        "slack",
        "email",
        "console",
        attempts=(
            replace(accepted, channel="email", message_ref="<1@shop>", thread_ref=""),
            failure("console"),
        ),
    )
    targets = (
        TargetStatus(name="email", state=TargetState.DELIVERED),
        TargetStatus(name="console", state=TargetState.WAITING, attempts=1),
    )
    reported = with_status(reported, targets=targets)
    sent = SentMessage(first="C1/1", receiver_revision="r1", created=reported.created)
    known = event_of(key, reported, finished=(accepted, circuit_open("console", 2)), seen=0)
    assert known.stages == {
        "slack": Stage(open=True, begun=True, delivered=True, message=sent),
        "email": Stage(begun=True, delivered=True, message=replace(sent, first="<1@shop>")),
        "console": Stage(open=True, begun=True),
    }
    again = event_of(key, reported, running=["console"], finished=(failure("console", 2),), seen=0)
    assert again.at("console").running


def test_report_begins_with_the_trigger_after_a_resolve_that_arrived() -> None:
    def sent(seconds: float) -> SentMessage:
        return SentMessage(first=f"C1/{seconds:g}", receiver_revision="r1", created=at(seconds))

    def posted(kind: LifecycleEvent, seconds: float) -> Event:
        return event(kind, seconds, {"slack": Stage(begun=True, delivered=True, message=sent(seconds))})

    first, resolve = [posted(TRIGGER, 0), posted(TRIGGER, 1)], posted(RESOLVE, 2)
    failed_resolve, again = event(RESOLVE, 2, FAILED), posted(TRIGGER, 3)

    def messages(own: Event, *others: Event) -> list[str]:
        events = sorted((own, *others), key=lambda each: each.order)
        place = events.index(own)
        incident = Incident(own=own, older=events[:place], younger=events[place + 1 :], now=at(9), seconds=9)
        return [each.first for each in incident.messages("slack")]

    assert messages(event(RESOLVE, 2), *first) == ["C1/0", "C1/1"]
    # A Trigger that failed until now follows one that came after it.
    assert messages(event(TRIGGER, 0), *first[1:], resolve, again) == ["C1/1", "C1/2"]
    assert messages(event(RESOLVE, 4), *first, resolve, again) == ["C1/3"]
    assert messages(event(TRIGGER, 4), *first, resolve) == []
    assert messages(event(RESOLVE, 4), *first, resolve) == ["C1/0", "C1/1", "C1/2"]
    # No one at the target has seen the end of what was reported before.
    assert messages(event(RESOLVE, 4), *first, failed_resolve, again) == ["C1/0", "C1/1", "C1/3"]
    assert messages(event(RESOLVE, 4), *first, event(ACKNOWLEDGE, 2, {"email": Stage()})) == ["C1/0", "C1/1"]


def test_event_waits_for_the_one_that_begins_its_thread() -> None:
    def held(own: Event, other: Event, *, now: float = 1.0) -> Hold | str | None:
        older, younger = ([other], []) if other.order < own.order else ([], [other])
        incident = Incident(own=own, older=older, younger=younger, now=at(now), seconds=now)
        assert incident.decide("slack", patience=PATIENCE) is None
        return incident.decide("slack", patience=PATIENCE, threads=True)

    running = {"slack": Stage(open=True, begun=True, running=True)}
    waits = Hold(until=at(20.5), reason=HoldReason.THREAD)
    assert held(event(TRIGGER, 1), event(TRIGGER, 0, running, noted=0.5)) == waits
    # Whichever comes first, and also before a repeated attempt.
    assert held(event(TRIGGER, 0, RETRIES), event(TRIGGER, 1, running, noted=0.5)) == waits
    assert held(event(TRIGGER, 1), event(TRIGGER, 0, RETRIES)) is None
    # The attempt of a deleted notification goes on.
    assert held(event(TRIGGER, 1), event(TRIGGER, 0, running, noted=0.5, ended=True)) == waits
    # Its process would have noted the end of the attempt.
    assert held(event(TRIGGER, 1), event(TRIGGER, 0, running, noted=0.5), now=20.5) is None
    message = SentMessage(first="C1/1", receiver_revision="", created=at(0))
    known = {"slack": Stage(open=True, begun=True, running=True, message=message)}
    assert held(event(TRIGGER, 1), event(TRIGGER, 0, known)) is None
