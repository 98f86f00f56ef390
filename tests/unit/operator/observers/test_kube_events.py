"""The recorded Events: by default those that may call for action."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notification_contract.kinds.choices import CircuitState, Phase
from notification_contract.settings import EventLevel
from notification_domain.model import Reason
from notification_operator.observers.kube_events import REDACTED_LENGTH, EventObserver
from notification_operator.observers.publisher import Transition
from notification_runtime.kube.events import Event, EventType, Regarding
from tests.unit.operator.domain.builders import at, notification, with_status
from tests.unit.operator.domain.receivers.builders import stored_receiver

POD = Regarding(api_version="v1", kind="Pod", namespace="own", name="operator-abc", uid="uid-9")
REASONS = {
    Phase.SENDING: Reason.PROCESSING_DELIVERIES,
    Phase.RETRYING: Reason.PARTIAL_FAILURE_RETRYING,
    Phase.SENT: Reason.ALL_DELIVERIES_SUCCEEDED,
    Phase.PARTIALLY_SENT: Reason.PARTIAL_DELIVERY_SUCCESS,
    Phase.FAILED: Reason.MAX_RETRIES_EXHAUSTED,
}
CONFIG_MAP = {"metadata": {"namespace": "own", "name": "rules", "uid": "uid-7"}}


def events(level: EventLevel) -> tuple[EventObserver, list[Event]]:
    recorded: list[Event] = []
    observer = EventObserver(
        record=recorded.append, level=level, pod=POD, api_version="kubernaut.ai/v1alpha1", clock=lambda: at(5)
    )
    return observer, recorded


def receiver(**conditions: str) -> dict[str, Any]:
    """Return a receiver with conditions, such as `Ready="False Invalid"`."""
    written = [
        {"type": name, "status": text.split()[0], "reason": text.split()[1], "message": f"about {name}"}
        for name, text in conditions.items()
    ]
    return stored_receiver("on-call", status={"conditions": written})


def move(before: Phase, after: Phase) -> Transition:
    return Transition(
        before=notification("slack", phase=before),
        after=with_status(
            notification("slack", phase=after),
            reason=REASONS[after].value,
            message="the message of the status",
        ),
    )


@pytest.mark.parametrize("before", [Phase.PENDING, Phase.SENDING])
@pytest.mark.parametrize("after", [Phase.RETRYING, Phase.PARTIALLY_SENT, Phase.FAILED])
def test_actionable_phase_is_a_warning(before: Phase, after: Phase) -> None:
    observer, recorded = events(EventLevel.ACTIONABLE)
    observer.on_transition(move(before, after))
    (event,) = recorded
    assert (event.type, event.reason) == (EventType.WARNING, REASONS[after])
    assert event.note == f"{after}: the message of the status"
    assert event.regarding == Regarding(
        api_version="kubernaut.ai/v1alpha1",
        kind="NotificationRequest",
        namespace="shop",
        name="order-1",
        uid="uid-1",
    )
    assert event.at == at(5)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Phase.PENDING, Phase.SENT),
        (Phase.PENDING, Phase.SENDING),
        (Phase.SENDING, Phase.SENT),
        (Phase.RETRYING, Phase.SENT),
        (Phase.RETRYING, Phase.RETRYING),
    ],
)
def test_other_phase_and_unchanged_phase_record_no_event(before: Phase, after: Phase) -> None:
    observer, recorded = events(EventLevel.ACTIONABLE)
    observer.on_transition(move(before, after))
    assert recorded == []


@pytest.mark.parametrize("after", REASONS)
def test_level_all_records_every_change_of_phase(after: Phase) -> None:
    observer, recorded = events(EventLevel.ALL)
    observer.on_transition(move(Phase.PENDING, after))
    observer.on_transition(move(after, after))
    (event,) = recorded
    normal = after in {Phase.SENDING, Phase.SENT}
    assert event.type is (EventType.NORMAL if normal else EventType.WARNING)
    assert event.reason == REASONS[after]


def test_level_none_records_no_event() -> None:
    observer, recorded = events(EventLevel.NONE)
    observer.on_transition(move(Phase.PENDING, Phase.FAILED))
    observer.routing_refused(CONFIG_MAP, ("wrong",))
    observer.breaker_changed("slack", CircuitState.OPEN)
    assert recorded == []


def test_refused_routing_document_is_recorded_with_every_problem() -> None:
    observer, recorded = events(EventLevel.ACTIONABLE)
    observer.routing_refused(CONFIG_MAP, ("route: missing", "receivers: missing"))
    (event,) = recorded
    assert (event.type, event.reason) == (EventType.WARNING, "RoutingDocumentRefused")
    assert (
        event.note == "Routing document ignored because of 2 problem(s): route: missing; receivers: missing"
    )
    regarding = Regarding(api_version="v1", kind="ConfigMap", namespace="own", name="rules", uid="uid-7")
    assert event.regarding == regarding


def test_keys_of_a_routing_document_without_effect_are_recorded() -> None:
    observer, recorded = events(EventLevel.ACTIONABLE)
    observer.routing_keys_ignored(CONFIG_MAP, ("group_by: has no effect",))
    (event,) = recorded
    assert (event.type, event.reason) == (EventType.WARNING, "RoutingKeysIgnored")
    assert event.note == "1 key(s) of the routing document without effect: group_by: has no effect"


def test_start_of_a_long_note_is_redacted() -> None:
    observer, recorded = events(EventLevel.ACTIONABLE)
    texts: list[str] = []

    def redact(text: str) -> str:
        texts.append(text)
        return text

    observer = replace(observer, redact=redact)
    observer.routing_refused(CONFIG_MAP, tuple(f"route {number}: wrong" for number in range(5000)))
    assert recorded[0].note.startswith(
        "Routing document ignored because of 5000 problem(s): route 0: wrong; "
    )
    assert len(*texts) == REDACTED_LENGTH


def test_opening_breaker_repeats_one_event_about_the_pod() -> None:
    observer, recorded = events(EventLevel.ACTIONABLE)
    observer.breaker_changed("slack", CircuitState.OPEN)
    observer.breaker_changed("slack", CircuitState.CLOSED)
    observer.breaker_changed("slack", CircuitState.OPEN)
    first, second = recorded
    assert (first.regarding, first.reason) == (POD, "CircuitBreakerOpened")
    assert first.name == second.name
    assert "slack" in first.note


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, {"Ready": "False ReferencesNotResolved"}, ["ReferencesNotResolved"]),
        ({"Ready": "True Accepted"}, {"Ready": "False Invalid"}, ["Invalid"]),
        ({"Ready": "False Invalid"}, {"Ready": "False TooMany"}, ["TooMany"]),
        ({"Ready": "False Invalid"}, {"Ready": "False Invalid"}, []),
        ({"Ready": "False Invalid"}, {"Ready": "True Accepted"}, []),
        ({"Healthy": "Unknown Untested"}, {"Healthy": "True Delivering"}, []),
        ({"Healthy": "True Delivering"}, {"Healthy": "False AuthenticationFailed"}, ["AuthenticationFailed"]),
        ({"Healthy": "True Delivering"}, {"Healthy": "False CircuitOpen"}, []),
        ({"Healthy": "True Delivering"}, {"Healthy": "False Suspended"}, []),
        ({}, {"ResolvedRefs": "False SecretNotFound"}, []),
    ],
)
def test_receiver_that_somebody_must_mend_is_a_warning(
    before: dict[str, str], after: dict[str, str], reasons: list[str]
) -> None:
    observer, recorded = events(EventLevel.ACTIONABLE)
    observer.receiver_changed(receiver(**before), receiver(**after))
    assert [event.reason for event in recorded] == reasons
    for event in recorded:
        (name,) = after
        assert (event.type, event.action, event.note) == (
            EventType.WARNING,
            "Check",
            f"{name}=False: about {name}",
        )
        assert (event.regarding.kind, event.regarding.name) == ("NotificationReceiver", "on-call")


@pytest.mark.parametrize(
    ("level", "reasons"),
    [
        (EventLevel.NONE, []),
        (EventLevel.ACTIONABLE, ["TestFailed"]),
        (EventLevel.ALL, ["Delivering", "TestFailed", "TestSucceeded"]),
    ],
)
def test_test_that_failed_is_a_warning(level: EventLevel, reasons: list[str]) -> None:
    observer, recorded = events(level)
    untested, failed, succeeded = receiver(), receiver(), receiver(Healthy="True Delivering")
    test = {"requestedAt": "2026-03-01T12:00:05Z", "outcome": "Failed", "message": "403 from Slack"}
    failed["status"]["lastTest"] = test
    succeeded["status"]["lastTest"] = {**test, "outcome": "Succeeded", "message": ""}
    observer.receiver_changed(untested, failed)
    observer.receiver_changed(failed, failed)
    observer.receiver_changed(failed, succeeded)
    assert sorted(event.reason for event in recorded) == sorted(reasons)
    notes = {event.reason: event.note for event in recorded}
    assert (
        notes.get("TestFailed", "Test message failed: 403 from Slack")
        == "Test message failed: 403 from Slack"
    )
    assert notes.get("TestSucceeded", "Test message succeeded") == "Test message succeeded"
