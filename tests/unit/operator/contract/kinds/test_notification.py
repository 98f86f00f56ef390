"""The typed spec of a NotificationRequest: what its rules refuse."""

from __future__ import annotations

from typing import Any

import pytest

from notification_contract.kinds.notification import NotificationSpecError, check_spec

SPEC: dict[str, Any] = {"type": "simple", "priority": "low", "subject": "s", "body": "b"}
NOON, ONE = "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"


def problems(**fields: object) -> tuple[str, ...]:
    try:
        check_spec(SPEC | fields)
    except NotificationSpecError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"channels": ["slack"] * 64, "receiverRefs": []},
        {"channels": ["slack"] * 10, "receiverRefs": [{"name": "r"}] * 10},
        {"notBefore": NOON},
        {"deliverBefore": NOON},
        {"notBefore": NOON, "deliverBefore": ONE},
        {"metadata": {"n" * 253: "v"}},
        {"retryPolicy": {"initialBackoffSeconds": 60, "maxBackoffSeconds": 60}},
        {
            "recipients": [{"webhookURL": "https://example.com"}],
            "priority": None,
            "retryPolicy": {"maxAttempts": None},
        },
    ],
)
def test_spec_that_meets_the_rules_is_accepted(fields: dict[str, Any]) -> None:
    assert problems(**fields) == ()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"channels": ["log"], "receiverRefs": [{"name": "r"}] * 20},
            (
                "spec: spec.channels and spec.receiverRefs have more than 20 entries together; leave entries out, or "
                "create a second NotificationRequest for them"
            ),
        ),
        (
            {"notBefore": ONE, "deliverBefore": NOON},
            "spec: spec.deliverBefore is not after spec.notBefore; set it to a later time",
        ),
        (
            {"metadata": {"n" * 254: "v"}},
            "metadata: a name in spec.metadata has more than 253 characters; use a shorter name",
        ),
        (
            {"retryPolicy": {"initialBackoffSeconds": 300, "maxBackoffSeconds": 60}},
            (
                "retryPolicy: initialBackoffSeconds is greater than maxBackoffSeconds (default 480); lower the one or "
                "raise the other"
            ),
        ),
    ],
)
def test_broken_rule_is_named_with_its_field_and_a_hint(fields: dict[str, Any], problem: str) -> None:
    assert problems(**fields) == (problem,)


def test_broken_rules_of_one_object_are_reported_together() -> None:
    fields = {
        "channels": ["log"],
        "receiverRefs": [{"name": "r"}] * 20,
        "notBefore": ONE,
        "deliverBefore": NOON,
    }
    assert len(problems(**fields)) == 2
