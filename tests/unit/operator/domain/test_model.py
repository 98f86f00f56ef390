"""Parsing an object's JSON into values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from notification_contract.kinds.choices import AttemptStatus, Phase
from notification_domain.json_values import format_time, parse_time
from notification_domain.model import Attempt, RetryPolicy, parse
from tests.unit.operator.domain.builders import START, at, failure, stored, success


def test_minimal_object_has_the_defaults_of_the_contract() -> None:
    document = stored(status={"phase": "Pending"})
    del document["status"], document["metadata"]["generation"], document["spec"]["priority"]
    notification = parse(document)
    assert (notification.namespace, notification.name, notification.uid, notification.generation) == (
        "shop",
        "order-1",
        "uid-1",
        1,
    )
    assert notification.created == START
    assert (
        notification.phase,
        notification.attempts,
        notification.channels,
        notification.resolved_channels,
    ) == (Phase.PENDING, (), (), ())
    assert notification.retry == RetryPolicy(
        max_attempts=5, initial_backoff=30, multiplier=2, max_backoff=480
    )
    assert notification.content.priority == "medium"
    assert (notification.content.metadata, notification.content.labels, notification.content.annotations) == (
        {},
        {},
        {},
    )
    assert (
        notification.content.action_links,
        notification.content.recipients,
        notification.content.remediation_ref,
    ) == (
        (),
        (),
        None,
    )


def test_every_field_of_the_spec_is_parsed() -> None:
    links = [{"service": "grafana", "url": "https://g", "label": "G"}]
    notification = parse(
        stored(
            metadata={"labels": {"l": "1"}, "annotations": {"a": "2"}, "generation": 3},
            spec={
                "type": "escalation",
                "priority": "high",
                "subject": "S",
                "body": "B",
                "channels": ["slack", "console"],
                "metadata": {"m": "3"},
                "actionLinks": links,
                "recipients": [{"slack": "#x"}],
                "remediationRequestRef": {"name": "rr-1"},
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoffSeconds": 1,
                    "backoffMultiplier": 4,
                    "maxBackoffSeconds": 60,
                },
            },
        )
    )
    content = notification.content
    assert (content.type, content.priority, content.subject, content.body) == ("escalation", "high", "S", "B")
    assert (content.metadata, content.labels, content.annotations) == ({"m": "3"}, {"l": "1"}, {"a": "2"})
    assert content.action_links == tuple(links)
    assert content.recipients == ({"slack": "#x"},)
    assert content.remediation_ref == "rr-1"
    assert (notification.channels, notification.generation) == (("slack", "console"), 3)
    assert notification.retry == RetryPolicy(max_attempts=3, initial_backoff=1, multiplier=4, max_backoff=60)


@pytest.mark.parametrize(
    ("namespace", "name"), [(None, "rr-1"), ("", "rr-1"), ("shop", "rr-1"), ("payments", None)]
)
def test_reference_to_another_namespace_names_no_remediation(namespace: str | None, name: str | None) -> None:
    ref = {"name": "rr-1"} | ({} if namespace is None else {"namespace": namespace})
    assert parse(stored(spec={"remediationRequestRef": ref})).content.remediation_ref == name


def test_each_field_of_the_policy_has_its_own_default() -> None:
    notification = parse(stored(spec={"retryPolicy": {"maxAttempts": 3}}))
    assert notification.retry == RetryPolicy(
        max_attempts=3, initial_backoff=30, multiplier=2, max_backoff=480
    )


def test_notification_with_replay_of_is_a_replay() -> None:
    assert parse(stored(spec={"replayOf": {"name": "order-0", "uid": "uid-0", "depth": 1}})).replay
    assert not parse(stored()).replay


def test_repeated_channels_count_once_in_first_seen_order() -> None:
    notification = parse(stored(spec={"channels": ["slack", "console", "slack", "file", "console"]}))
    assert notification.channels == ("slack", "console", "file")


def test_last_applied_annotation_is_not_part_of_the_content() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "kept"}
    assert parse(stored(metadata={"annotations": annotations})).content.annotations == {"mine": "kept"}


def test_attempts_are_parsed_with_their_optional_fields() -> None:
    plain = {"channel": "slack", "attempt": 1, "timestamp": "2026-03-01T12:00:00Z", "status": "success"}
    full = {
        "channel": "slack",
        "attempt": 2,
        "timestamp": "2026-03-01T12:00:01.500000Z",
        "status": "failed",
        "durationSeconds": 0.25,
        "error": "503",
        "permanent": True,
        "retryAfterSeconds": 7,
    }
    notification = parse(stored(status={"deliveryAttempts": [plain, full], "resolvedChannels": ["slack"]}))
    assert notification.attempts == (
        Attempt(channel="slack", number=1, timestamp=START, status=AttemptStatus.SUCCESS),
        Attempt(
            channel="slack",
            number=2,
            timestamp=at(1.5),
            status=AttemptStatus.FAILED,
            duration=0.25,
            error="503",
            permanent=True,
            retry_after=7,
        ),
    )
    assert notification.resolved_channels == ("slack",)


def test_error_text_does_not_decide_whether_an_attempt_is_permanent() -> None:
    entry = {
        "channel": "slack",
        "attempt": 1,
        "timestamp": "2026-03-01T12:00:00Z",
        "status": "failed",
        "error": "503: upstream says permanent failure: x",
    }
    assert not parse(stored(status={"deliveryAttempts": [entry]})).attempts[0].permanent


def test_attempt_is_identified_by_channel_and_number() -> None:
    assert success("slack", 2, seconds=1).key == failure("slack", 2, seconds=9).key == ("slack", 2)


def test_attempt_ends_after_its_duration() -> None:
    assert success("slack", seconds=1, duration=2.5).ended == at(3.5)
    assert success("slack").succeeded
    assert not failure("slack").succeeded


def test_attempt_id_is_stable() -> None:
    assert parse(stored()).attempt_id("slack", 2) == parse(stored()).attempt_id("slack", 2) == "uid-1:slack:2"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T12:00:00Z", START),
        ("2026-03-01T12:00:00.25Z", at(0.25)),
        ("2026-03-01T14:00:00+02:00", START),
        ("2026-03-01T12:00:00.123456789Z", at(0.123456)),
    ],
)
def test_times_are_parsed_as_rfc_3339(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment
    assert parse_time(text).tzinfo is UTC


def test_times_are_formatted_in_utc_with_microseconds() -> None:
    local = START.astimezone(timezone(timedelta(hours=5)))
    assert format_time(local) == "2026-03-01T12:00:00.000000Z"
    assert parse_time(format_time(at(0.000001))) == at(0.000001)
