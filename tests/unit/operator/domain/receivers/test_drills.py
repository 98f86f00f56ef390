"""Which receivers a drill sends to, which ones it has reached, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from notification_contract.kinds.choices import TargetState
from notification_contract.kinds.receiver import parse_spec
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.drills import is_drilled, reached
from notification_domain.receivers.status import latest, not_after
from notification_domain.status import TargetStatus
from tests.unit.operator.contract.kinds.specs import spec
from tests.unit.operator.domain.builders import at, failure, notification, success, with_status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_domain.model import Attempt

ON_CALL, MAIL = ReceiverKey("shop", "on-call"), ReceiverKey("shop", "mail")


def recorded(
    *attempts: Attempt,
    known: tuple[Attempt, ...] = (),
    labels: dict[str, str] | None = None,
    **states: TargetState,
) -> Mapping[ReceiverKey, datetime]:
    """Return what a write that records attempts has reached; `states` are those of further targets by name."""
    before = with_status(
        notification(labels={names.DRILL_LABEL: "d"} if labels is None else labels), attempts=known
    )
    targets = {
        each.channel: TargetState.DELIVERED if each.succeeded else TargetState.REFUSED for each in attempts
    }
    after = with_status(
        before,
        attempts=(*known, *attempts),
        targets=tuple(
            TargetStatus(name=name, state=state)
            for name, state in (targets | {f"email/mail#{key}": each for key, each in states.items()}).items()
        ),
    )
    return reached(before, after)


def test_drill_reaches_its_receiver_at_the_end_of_the_attempt() -> None:
    assert recorded(success("pagerduty/on-call", seconds=3, duration=2)) == {ON_CALL: at(5)}


@pytest.mark.parametrize("labels", [{}, {"kubernaut.ai/drills": "d"}])
def test_other_notification_is_no_drill(labels: dict[str, str]) -> None:
    assert recorded(success("pagerduty/on-call"), labels=labels) == {}


def test_drill_of_another_namespace_reaches_no_receiver() -> None:
    """Whoever may create notifications sets the label; a drill is created in the namespace of its receiver."""
    assert recorded(success("slack/platform/team")) == {}


def test_failure_channel_of_the_settings_and_known_attempt_reach_nothing() -> None:
    assert recorded(failure("pagerduty/on-call")) == {}
    assert recorded(success("console")) == {}
    assert recorded(failure("slack/team"), known=(success("pagerduty/on-call"),)) == {}


def test_fallback_is_reached_and_the_receiver_is_not() -> None:
    assert recorded(failure("pagerduty/on-call"), success("email/mail")) == {MAIL: at(0.5)}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (TargetState.DELIVERED, {MAIL: at(0.5)}),
        (TargetState.WAITING, {}),
        (TargetState.REFUSED, {}),
        (TargetState.SUPPRESSED, {}),
    ],
)
def test_receiver_is_reached_when_all_its_recipients_are(
    second: TargetState, expected: dict[ReceiverKey, datetime]
) -> None:
    assert recorded(success("email/mail#11111111"), two=second) == expected


def test_latest_of_several_recipients_gives_the_time() -> None:
    attempts = success("email/mail#1", seconds=7), success("email/mail#2", seconds=2)
    assert recorded(*attempts) == {MAIL: at(7.5)}


@pytest.mark.parametrize(
    ("stored", "seen", "expected"),
    [
        (None, None, None),
        (5, None, 5),
        (None, 5, 5),
        (5, 7, 7),
        (7, 5, 7),
        # A clock that is ahead must not keep the alert from firing.
        (11, 7, 7),
        (11, None, None),
    ],
)
def test_latest_drill_is_that_of_the_status_or_of_this_replica(
    stored: float | None, seen: float | None, expected: float | None
) -> None:
    times = [None if each is None else at(each) for each in (stored, seen, expected)]
    assert latest(not_after(times[0], at(10)), times[1]) == times[2]


ALLOWING = {"recipients": {"allow": ["*"]}}


@pytest.mark.parametrize(
    ("kind", "block", "fields", "drilled"),
    [
        ("pagerduty", {}, {}, True),
        ("console", {}, {}, True),
        ("pagerduty", {}, {"suspend": True}, False),
        ("email", {"to": ["a@example.com"]}, {}, True),
        ("email", {"to": []}, ALLOWING, False),
        ("sms", {"to": []}, ALLOWING, False),
    ],
)
def test_receiver_that_is_suspended_or_addresses_nobody_is_skipped(
    kind: str,
    block: dict[str, Any],
    fields: dict[str, Any],
    drilled: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert is_drilled(parse_spec(spec(kind, **block) | fields)) is drilled
