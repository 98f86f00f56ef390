"""A notification that a finalizer keeps after its deletion: nothing is started, and its end is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.folding.fold import excluding_attempts, fold, next_attempt
from notification_domain.model import Reason, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import PlanReason, plan
from notification_domain.receivers.targets import TargetRules
from notification_domain.routing import Route
from notification_domain.situation import Situation
from notification_domain.status import MOVES
from tests.unit.operator.domain.builders import START, at, failure, stored, success

if TYPE_CHECKING:
    from notification_domain.model import Attempt, Notification
    from notification_domain.status import Status

NONE: frozenset[str] = frozenset()
DELETED = {"deletionTimestamp": "2026-03-01T12:00:01Z", "finalizers": ["example.com/archive"]}


def deleted(*channels: str, status: dict[str, Any] | None = None, **spec: Any) -> Notification:
    return parse(
        stored(
            spec={"channels": list(channels), **spec},
            status=status or {"phase": "Pending"},
            metadata=DELETED,
        )
    )


def folded(fresh: Notification, *attempts: Attempt, in_flight: frozenset[str] = NONE) -> Status:
    route = Route(targets=fresh.channels)
    return fold(
        Situation(now=at(2), notification=fresh, route=route, running=in_flight), attempts, queued_at=START
    )


@pytest.mark.parametrize(
    "spec", [{}, {"notBefore": "2027-01-01T00:00:00Z"}, {"deliverBefore": "2026-03-01T12:00:00.5Z"}]
)
def test_deleted_notification_starts_nothing_and_ends(spec: dict[str, Any]) -> None:
    fresh = deleted("slack", "file", **spec)
    route = Route(targets=fresh.channels)
    assert plan(*follow(Situation(now=at(2), notification=fresh, route=route))).reason is PlanReason.SETTLED
    status = folded(fresh)
    assert (status.phase, status.reason, status.completed_at) == (Phase.SUPPRESSED, Reason.DELETED, at(2))
    assert status.message == (
        "Nothing more is sent to slack (Deleted: the notification was deleted), "
        "file (Deleted: the notification was deleted)"
    )
    assert [(each.state, each.suppressed_by) for each in status.targets] == [("Suppressed", "Deleted")] * 2
    assert [each.type for each in status.conditions] == ["Delivered"], "it is no dead letter"
    assert next_attempt(Situation(now=at(2), notification=fresh, route=route)) is None


def test_attempt_in_flight_is_awaited_and_recorded() -> None:
    fresh = deleted("slack", "file")
    status = folded(fresh, in_flight=frozenset({"slack"}))
    assert (status.phase, status.next_attempt_at) == (Phase.SENDING, None)
    assert [each.state for each in status.targets] == ["Delivering", "Suppressed"]
    read = deleted("slack", "file", status=status.dump())
    ended = folded(read, failure("slack"))
    assert (ended.phase, ended.reason, ended.total_attempts) == (Phase.SUPPRESSED, Reason.DELETED, 1)
    assert [each.attempts for each in ended.targets] == [1, 0]
    delivered = folded(read, success("slack"))
    assert (delivered.phase, delivered.successful_deliveries) == (Phase.SENT, 1)


@pytest.mark.parametrize(
    ("phase", "attempts", "end"),
    [
        (Phase.SENDING, [failure("slack")], Phase.SUPPRESSED),
        (Phase.RETRYING, [failure("slack"), success("file")], Phase.SENT),
        (Phase.SENDING, [failure("slack"), failure("file", permanent=True)], Phase.FAILED),
    ],
)
def test_target_with_attempts_left_counts_as_suppressed(
    phase: Phase, attempts: list[Attempt], end: Phase
) -> None:
    status = folded(deleted("slack", "file", status={"phase": phase}), *attempts)
    assert status.phase is end
    assert end in MOVES[phase]
    assert (status.targets[0].state, status.targets[0].suppressed_by) == ("Suppressed", "Deleted")


def test_no_fallback_of_a_deleted_notification_gets_a_message() -> None:
    rules = {"webhook/a": TargetRules(fallback=("webhook/b",), fallback_after=0.0)}
    fresh = deleted("webhook/a")
    route = Route(targets=("webhook/a",), rules=rules)
    assert not plan(*follow(Situation(now=at(2), notification=fresh, route=route))).sends
    running = frozenset({"webhook/a"})
    status = fold(Situation(now=at(2), notification=fresh, route=route, running=running), queued_at=START)
    assert (status.target_names, status.next_attempt_at) == (("webhook/a",), None)
    assert next_attempt(Situation(now=START, notification=fresh, route=route, running=running)) is None
    end = fold(Situation(now=at(2), notification=fresh, route=route), [failure("webhook/a")], queued_at=START)
    assert (end.phase, end.target_names) == (Phase.SUPPRESSED, ("webhook/a",))


def test_notification_before_its_last_attempt_had_the_phase_of_that_time() -> None:
    """What is new in a status is what its attempts have changed, not its deletion."""
    after = deleted("slack", status=folded(deleted("slack"), failure("slack")).dump())
    before = excluding_attempts(after, after.attempts, route=Route(targets=("slack",)))
    assert before.phase is Phase.PENDING
