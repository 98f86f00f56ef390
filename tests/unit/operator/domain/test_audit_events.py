"""Audit events: one per fact, the same whenever it is built, and redacted."""

from dataclasses import replace
from typing import Any

import pytest

from notification_contract.kinds.choices import Phase, TargetState
from notification_domain.audit_events import ORIGINAL_KINDS, Kind, all_events, correlation_id, events
from notification_domain.json_values import parse_time
from notification_domain.model import Attempt, Notification, parse
from notification_domain.redaction.redact import redact_content
from notification_domain.status import TargetStatus
from tests.unit.operator.domain.builders import failure, stored, success, with_status

ENVELOPE = {
    *("version", "event_id", "event_type", "event_timestamp", "event_category", "event_action"),
    *("event_outcome", "actor_type", "actor_id", "resource_type", "resource_id", "correlation_id"),
    *("namespace", "event_data"),
}
ENDED = "2026-03-01T12:00:07.000000Z"


def order(**spec: Any) -> Notification:
    return parse(stored(spec={"channels": ["console", "slack"], "priority": "critical"} | spec))


def events_of(*attempts: Attempt, phase: Phase = Phase.SENDING, **spec: Any) -> list[dict[str, Any]]:
    """Return the events of one write that records attempts and sets a phase."""
    before = order(**spec)
    after = with_status(
        before, phase=phase, attempts=attempts, reason="AllDeliveriesFailed", completed_at=parse_time(ENDED)
    )
    content = redact_content(after.content)
    return list(events(before, after, content=content, attempts=attempts))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_type"].removeprefix("notification.message.") for event in events]


DATA = {"event_type", "notification_id", "requested_by_namespace", "subject", "priority"}
"""The data of every event."""


def test_success_has_the_whole_envelope() -> None:
    (event,) = events_of(success("console", seconds=2, duration=0.5), subject="s", body="b")
    assert set(event) == ENVELOPE
    assert event | {"event_id": "", "event_data": {}} == {
        "version": "1.0",
        "event_id": "",
        "event_type": "notification.message.sent",
        "event_timestamp": "2026-03-01T12:00:02.500000Z",
        "event_category": "notification",
        "event_action": "sent",
        "event_outcome": "success",
        "actor_type": "service",
        "actor_id": "notification-controller",
        "resource_type": "NotificationRequest",
        "resource_id": "order-1",
        "correlation_id": "uid-1",
        "namespace": "shop",
        "event_data": {},
    }
    assert event["event_data"] == {
        "event_type": "notification.message.sent",
        "notification_id": "uid-1",
        "requested_by_namespace": "shop",
        "channel": "console",
        "subject": "s",
        "body": "b",
        "priority": "critical",
        "type": "simple",
    }


@pytest.mark.parametrize("permanent", [True, False])
def test_failure_is_a_failed_send_with_type_and_error(permanent: bool) -> None:  # noqa: FBT001
    (event,) = events_of(failure("slack", permanent=permanent))
    assert (event["event_type"], event["event_action"]) == ("notification.message.failed", "sent")
    assert event["event_outcome"] == "failure"
    assert event["event_data"] == {
        "event_type": "notification.message.failed",
        "notification_id": "uid-1",
        "requested_by_namespace": "shop",
        "channel": "slack",
        "subject": "s",
        "body": "b",
        "priority": "critical",
        "error_type": "permanent" if permanent else "transient",
        "error": "permanent failure: 404" if permanent else "503",
    }


def test_failure_without_a_text_has_no_error_field() -> None:
    (event,) = events_of(replace(failure("slack"), error=None))
    assert event["event_data"]["error_type"] == "transient"
    assert "error" not in event["event_data"]


def test_full_delivery_is_recorded_once_without_a_channel() -> None:
    *sent, end = events_of(success("console"), success("slack"), phase=Phase.SENT)
    assert kinds(sent) == ["sent", "sent"]
    assert (end["event_type"], end["event_action"]) == ("notification.message.delivered", "delivered")
    assert (end["event_outcome"], end["event_timestamp"]) == ("success", ENDED)
    assert set(end["event_data"]) == DATA


@pytest.mark.parametrize(
    ("phase", "kind", "outcome"),
    [
        (Phase.FAILED, "undelivered", "failure"),
        (Phase.PARTIALLY_SENT, "partial", "failure"),
        (Phase.SUPPRESSED, "suppressed", "success"),
    ],
)
def test_other_end_has_an_event_with_the_reason_of_the_status(phase: Phase, kind: str, outcome: str) -> None:
    *_, end = events_of(failure("console"), phase=phase)
    assert kinds([end]) == [end["event_action"]] == [kind]
    assert end["event_outcome"] == outcome
    assert set(end["event_data"]) == DATA | {"reason"}


def test_suppressed_targets_are_named_with_their_reasons() -> None:
    muted = TargetStatus(name="receiver/night", state=TargetState.SUPPRESSED, suppressed_by="Muted")
    final = with_status(
        order(), phase=Phase.SENT, targets=(muted,), completed_at=parse_time(ENDED), reason="x"
    )
    *_, end = all_events(final, content=final.content)
    assert end["event_data"]["suppressed"] == {"receiver/night": "Muted"}


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.SENT, ["acknowledged"]),
        (Phase.FAILED, ["escalated"]),
        (Phase.PARTIALLY_SENT, []),
        (Phase.SUPPRESSED, []),
    ],
)
def test_original_types_are_those_of_sent_and_failed(phase: Phase, expected: list[str]) -> None:
    final = with_status(order(), phase=phase, completed_at=parse_time(ENDED))
    found = list(all_events(final, content=final.content, final_kinds=ORIGINAL_KINDS))
    assert kinds(found) == expected
    assert {event["event_outcome"] for event in found} <= {"success"}


@pytest.mark.parametrize("phase", [Phase.SENDING, Phase.RETRYING])
def test_other_phase_has_no_final_event(phase: Phase) -> None:
    assert kinds(events_of(success("console"), failure("slack"), phase=phase)) == ["sent", "failed"]


def test_final_event_belongs_to_the_write_that_set_the_phase() -> None:
    final = with_status(order(), phase=Phase.SENT, completed_at=parse_time(ENDED))
    assert list(events(final, final, content=final.content, attempts=())) == []


def test_each_attempt_has_one_event_with_a_stable_id() -> None:
    attempts = (failure("slack", 1), failure("slack", 2), success("slack", 3), success("console", 1))
    first, again = events_of(*attempts, phase=Phase.SENT), events_of(*attempts, phase=Phase.SENT)
    assert first == again
    assert len({event["event_id"] for event in first}) == 5


def test_other_incarnation_of_a_name_has_other_ids() -> None:
    one, two = order(), replace(order(), uid="uid-2")
    ids = [
        event["event_id"]
        for each in (one, two)
        for event in events(each, each, content=each.content, attempts=(success("console"),))
    ]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"remediationRequestRef": {"name": "rr-1"}, "metadata": {"remediationRequestName": "rr-2"}}, "rr-1"),
        ({"metadata": {"remediationRequestName": "rr-2"}}, "rr-2"),
        ({"remediationRequestRef": {"name": ""}, "metadata": {"remediationRequestName": ""}}, "uid-1"),
        ({}, "uid-1"),
    ],
)
def test_all_kinds_carry_the_same_correlation_id(spec: dict[str, Any], expected: str) -> None:
    recorded = events_of(failure("console"), success("console", 2), phase=Phase.SENT, **spec)
    for phase in (Phase.PARTIALLY_SENT, Phase.FAILED, Phase.SUPPRESSED):
        recorded += events_of(failure("slack"), phase=phase, **spec)
    assert {Kind(kind) for kind in kinds(recorded)} == set(Kind) - set(ORIGINAL_KINDS.values())
    assert {event["correlation_id"] for event in recorded} == {expected}


def test_correlation_id_is_not_redacted() -> None:
    name = "password=disk-full"
    assert correlation_id(order(metadata={"remediationRequestName": name})) == name


def test_event_holds_no_secret_of_the_content() -> None:
    recorded = events_of(
        failure("console"),
        success("slack"),
        phase=Phase.SENT,
        subject="password=hunter2hunter2",
        body="token: hunter2hunter2",
        metadata={"api_key": "hunter2hunter2", "team": "web"},
    )
    assert "hunter2" not in str(recorded)
    assert {event["event_data"]["metadata"]["team"] for event in recorded} == {"web"}


def test_metadata_is_omitted_when_empty() -> None:
    assert all(
        "metadata" not in event["event_data"] for event in events_of(success("console"), phase=Phase.SENT)
    )


def test_all_events_of_a_notification_are_those_of_its_writes() -> None:
    attempts = (failure("console"), success("slack"))
    after = with_status(order(), phase=Phase.FAILED, attempts=attempts, completed_at=parse_time(ENDED))
    replayed = list(all_events(after, content=redact_content(after.content)))
    assert kinds(replayed) == ["failed", "sent", "undelivered"]
    assert replayed[:2] == events_of(*attempts)
