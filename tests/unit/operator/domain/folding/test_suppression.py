"""Suppressed targets: nothing is sent on purpose, and only before the first attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import Phase, TargetReason, TargetState
from notification_domain.folding.fold import fold
from notification_domain.model import Reason, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import PlanReason, plan
from notification_domain.planning.progress import State, progress
from notification_domain.receivers.targets import TargetRules
from notification_domain.routing import Route
from notification_domain.situation import NO_SUPPRESSIONS, Situation
from notification_domain.status import TargetStatus
from tests.unit.operator.domain.builders import (
    START,
    at,
    failure,
    holding,
    notification,
    stored,
    success,
    with_status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_domain.model import Attempt, Notification
    from notification_domain.status import Status

NONE: frozenset[str] = frozenset()
MUTED = {"slack": TargetRules(muted=True)}


def folded(
    fresh: Notification,
    *attempts: Attempt,
    rules: dict[str, TargetRules] | None = None,
    suppressed: Mapping[str, str] = NO_SUPPRESSIONS,
    **facts: Any,
) -> Status:
    route = Route(targets=fresh.channels, rules=rules or {})
    situation = Situation(now=at(1), notification=fresh, route=route, suppressed=suppressed, **facts)
    return fold(situation, attempts, queued_at=START)


def recorded(status: Status, *channels: str) -> Notification:
    return parse(stored(spec={"channels": list(channels)}, status=status.dump()))


def test_muted_target_is_suppressed_before_its_first_attempt_only() -> None:
    route = Route(targets=("slack",), rules=MUTED)
    [new] = progress(Situation(now=START, notification=holding(notification("slack"), []), route=route))
    assert (new.state, new.reason, new.open) == (State.SUPPRESSED, "Muted", False)
    [attempted] = progress(
        Situation(now=START, notification=holding(notification("slack"), [failure("slack")]), route=route)
    )
    assert attempted.state is State.BACKING_OFF
    [running] = progress(
        Situation(
            now=START,
            notification=holding(notification("slack"), []),
            route=route,
            running=frozenset({"slack"}),
        )
    )
    assert running.state is State.NOT_ATTEMPTED


def test_record_of_a_muted_target_holds_until_its_incident_is_known_there() -> None:
    muted = notification(
        "slack", status={"targets": [{"name": "slack", "state": "Suppressed", "suppressedBy": "Muted"}]}
    )
    for owed, state in ((False, State.SUPPRESSED), (True, State.NOT_ATTEMPTED)):
        route = Route(targets=("slack",), rules={"slack": TargetRules(owed=owed)})
        [step] = progress(Situation(now=START, notification=holding(muted, []), route=route))
        assert step.state is state


@pytest.mark.parametrize("phase", ["Pending", "Sending"])
def test_suppression_is_recorded_although_the_other_target_has_no_attempt(phase: str) -> None:
    fresh = notification("slack", "console", status={"phase": phase})
    status = folded(fresh, suppressed={"slack": Reason.INCIDENT_RESOLVED})
    assert (status.phase, status.message) == (Phase.SENDING, "Delivering to console")
    assert [(each.name, each.state, each.suppressed_by) for each in status.targets] == [
        ("slack", TargetState.SUPPRESSED, "IncidentResolved"),
        ("console", TargetState.WAITING, ""),
    ]


def test_notification_whose_only_target_is_muted_is_suppressed() -> None:
    status = folded(notification("slack"), rules=MUTED)
    assert (status.phase, status.reason) == (Phase.SUPPRESSED, Reason.MUTED)
    assert status.message == "Nothing was sent to slack (Muted: the receiver is not for this priority)"
    assert status.targets == (
        TargetStatus(
            name="slack",
            state=TargetState.SUPPRESSED,
            reason=TargetReason.MUTED,
            suppressed_by="Muted",
        ),
    )
    assert (status.total_attempts, status.completed_at, status.next_attempt_at) == (0, at(1), None)
    [condition] = status.conditions
    assert (condition.status, condition.reason) == ("False", "Muted")


@pytest.mark.parametrize(
    ("attempts", "phase", "message"),
    [
        ([success("file")], Phase.SENT, "Successfully delivered to 1 channel(s)"),
        ([failure("file", permanent=True)], Phase.FAILED, "Not delivered; file failed permanently"),
    ],
)
def test_suppressed_target_counts_neither_as_delivered_nor_as_failed(
    attempts: list[Attempt], phase: Phase, message: str
) -> None:
    status = folded(notification("slack", "file"), *attempts, rules=MUTED)
    assert (status.phase, status.message) == (phase, message)
    assert [each.state for each in status.targets] == [
        "Suppressed",
        "Delivered" if phase is Phase.SENT else "Refused",
    ]


def test_suppression_by_the_rate_limit_is_recorded_and_stays() -> None:
    status = folded(
        notification("slack", "file"), running=frozenset({"file"}), suppressed={"slack": "RateLimited"}
    )
    assert [(each.name, each.state, each.suppressed_by) for each in status.targets] == [
        ("slack", "Suppressed", "RateLimited"),
        ("file", "Delivering", ""),
    ]
    read = recorded(status, "slack", "file")
    planned = plan(*follow(Situation(now=at(99), notification=read, route=Route(targets=("slack", "file")))))
    assert [send.channel for send in planned.sends] == ["file"]
    last = folded(read, success("file"))
    assert (last.phase, last.targets[0].suppressed_by) == (Phase.SENT, "RateLimited")


def test_rate_limited_notification_is_suppressed() -> None:
    status = folded(notification("slack"), suppressed={"slack": "RateLimited"})
    assert (status.phase, status.reason) == (Phase.SUPPRESSED, Reason.RATE_LIMITED)
    assert status.message == (
        "Nothing was sent to slack (RateLimited: the receiver suppresses what exceeds its rate limit)"
    )
    assert plan(
        *follow(Situation(now=START, notification=recorded(status, "slack"), route=Route(targets=("slack",))))
    ).reason is (PlanReason.FINAL)


def test_held_notification_may_be_suppressed_later() -> None:
    held = notification("slack", phase=Phase.SENDING)
    assert folded(held, suppressed={"slack": "RateLimited"}).phase is Phase.SUPPRESSED


def test_unknown_reason_of_another_writer_is_shown_as_it_is() -> None:
    forged = TargetStatus(name="slack", state=TargetState.WAITING, suppressed_by="Whatever")
    status = folded(with_status(notification("slack"), targets=(forged,)))
    assert (status.phase, status.reason) == (Phase.SUPPRESSED, Reason.MUTED)
    assert status.message == "Nothing was sent to slack (Whatever)"


def test_attempt_of_another_process_ends_a_suppression() -> None:
    status = folded(
        notification("slack", "file"),
        success("slack"),
        running=frozenset({"file"}),
        suppressed={"slack": "RateLimited"},
    )
    assert (status.targets[0].state, status.targets[0].suppressed_by) == ("Delivered", "")


def test_folding_a_suppression_twice_changes_nothing() -> None:
    once = folded(notification("slack", "file"), failure("file"), suppressed={"slack": "RateLimited"})
    read = recorded(once, "slack", "file")
    assert folded(read, failure("file")).targets == once.targets
