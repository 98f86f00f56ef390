"""`spec.notBefore` and `spec.deliverBefore`: when attempts begin, and when none begins any more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.folding.fold import excluding_attempts, fold, next_attempt
from notification_domain.json_values import format_time
from notification_domain.model import Reason, RetryPolicy, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.planning.plan import PlanReason, plan
from notification_domain.planning.progress import State, progress
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import (
    START,
    at,
    circuit_open,
    failure,
    holding,
    notification,
    stored,
    success,
)

if TYPE_CHECKING:
    from notification_domain.model import Attempt, Notification
    from notification_domain.status import Status

NONE: frozenset[str] = frozenset()
PAUSED = {"slack": Hold(until=at(3600), reason=HoldReason.PAUSE)}


def scheduled(
    *channels: str, begin: float | None = None, end: float | None = None, **more: Any
) -> Notification:
    return replace(
        notification(*channels, **more),
        not_before=None if begin is None else at(begin),
        deliver_before=None if end is None else at(end),
    )


def state(fresh: Notification, *attempts: Attempt, seconds: float, running: frozenset[str] = NONE) -> State:
    [step] = progress(
        Situation(
            now=at(seconds),
            notification=holding(fresh, attempts),
            route=Route(targets=fresh.channels),
            running=running,
        )
    )
    return step.state


def folded(fresh: Notification, *attempts: Attempt, seconds: float, **options: Any) -> Status:
    facts: dict[str, Any] = {"route": Route(targets=fresh.channels)} | options
    return fold(Situation(now=at(seconds), notification=fresh, **facts), attempts, queued_at=START)


def sends(fresh: Notification, *, seconds: float) -> list[str]:
    result = plan(
        *follow(Situation(now=at(seconds), notification=fresh, route=Route(targets=fresh.channels)))
    )
    return [send.channel for send in result.sends]


def test_times_are_read_from_the_spec() -> None:
    times = {"notBefore": format_time(at(10)), "deliverBefore": format_time(at(20))}
    fresh = parse(stored(spec=times))
    assert (fresh.not_before, fresh.deliver_before) == (at(10), at(20))


def test_no_attempt_begins_before_its_time() -> None:
    fresh = scheduled("slack", "file", begin=3600)
    assert sends(fresh, seconds=3599.9) == []
    assert sends(fresh, seconds=3600) == ["slack", "file"]
    assert sends(scheduled("slack", begin=-5), seconds=0) == ["slack"]


def test_notification_stays_pending_without_a_write_until_its_time() -> None:
    fresh = scheduled("slack", begin=3600)
    assert folded(fresh, seconds=5) is fresh.status
    assert next_attempt(Situation(now=at(5), notification=fresh, route=Route(targets=("slack",)))) == at(3600)


def test_pause_before_that_time_is_not_written() -> None:
    fresh = scheduled("slack", begin=7200)
    assert folded(fresh, seconds=5, holds=PAUSED) is fresh.status
    shown = folded(scheduled("slack", begin=60), seconds=61, holds=PAUSED)
    assert (shown.phase, shown.next_attempt_at) == (Phase.SENDING, at(3600))


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], State.EXPIRED),
        ([failure("slack")], State.EXPIRED),
        ([circuit_open("slack")], State.EXPIRED),
        ([success("slack")], State.SUCCEEDED),
        ([failure("slack", permanent=True)], State.REFUSED),
        ([failure("slack", number) for number in range(1, 6)], State.EXHAUSTED),
    ],
    ids=["new", "backing off", "held", "delivered", "refused", "exhausted"],
)
def test_open_target_expires_at_its_end(attempts: list[Attempt], expected: State) -> None:
    fresh = scheduled("slack", end=600)
    assert state(fresh, *attempts, seconds=600) is expected
    assert state(fresh, *attempts, seconds=599.9) is not State.EXPIRED


def test_running_attempt_may_still_succeed() -> None:
    fresh = scheduled("slack", end=600)
    assert state(fresh, seconds=601, running=frozenset({"slack"})) is State.NOT_ATTEMPTED
    assert folded(fresh, seconds=601, running=frozenset({"slack"})).phase is Phase.SENDING
    assert folded(fresh, success("slack", seconds=602), seconds=603).phase is Phase.SENT
    assert folded(fresh, failure("slack", seconds=602), seconds=603).phase is Phase.FAILED


def test_expired_target_has_no_further_attempt() -> None:
    fresh = scheduled("slack", begin=10, end=600)
    [step] = progress(
        Situation(now=at(600), notification=holding(fresh, []), route=Route(targets=("slack",)))
    )
    assert (step.open, step.next_at, step.reason) == (False, None, "Expired")
    planned = plan(*follow(Situation(now=at(600), notification=fresh, route=Route(targets=("slack",)))))
    assert (planned.reason, planned.sends) == (PlanReason.SETTLED, ())


def test_notification_whose_targets_expire_is_failed() -> None:
    status = folded(scheduled("slack", "file", end=600), failure("slack"), seconds=600)
    assert (status.phase, status.reason, status.completed_at) == (Phase.FAILED, Reason.EXPIRED, at(600))
    assert status.message == "Not delivered; slack, file expired at spec.deliverBefore"
    assert [(each.name, each.state) for each in status.targets] == [("slack", "Expired"), ("file", "Expired")]
    assert (status.total_attempts, status.failed_deliveries, status.next_attempt_at) == (1, 1, None)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ([failure("file", permanent=True)], Reason.EXPIRED),
        ([failure("file", number) for number in range(1, 6)], Reason.MAX_RETRIES_EXHAUSTED),
    ],
    ids=["refused", "exhausted"],
)
def test_reason_is_true_of_some_target(other: list[Attempt], reason: Reason) -> None:
    status = folded(scheduled("slack", "file", end=600), *other, seconds=600)
    assert (status.phase, status.reason) == (Phase.FAILED, reason)


def test_delivered_and_expired_targets_are_partially_sent() -> None:
    status = folded(scheduled("slack", "file", end=600), success("file"), seconds=600)
    assert status.phase is Phase.PARTIALLY_SENT
    assert status.message == "Delivered to 1 of 2 channel(s); slack expired at spec.deliverBefore"


def test_notification_comes_back_when_it_expires() -> None:
    slow = RetryPolicy(initial_backoff=1000, max_backoff=2000)
    fresh = scheduled("slack", end=60, retry=slow, attempts=(failure("slack"),))
    assert folded(fresh, seconds=1).next_attempt_at == at(60)
    assert folded(fresh, seconds=1, holds=PAUSED).next_attempt_at == at(60)


@pytest.mark.parametrize(
    ("second", "end", "due"),
    [
        pytest.param(60.2, None, 60.2, id="together"),
        pytest.param(60.25, None, 60, id="too-far-apart"),
        pytest.param(60.2, 60.1, 60, id="expires-between"),
        pytest.param(60.2, 60.2, 60, id="expires-with-the-second"),
        pytest.param(60.2, 59.9, 59.9, id="expires-before"),
    ],
)
def test_targets_are_attempted_together_before_the_notification_expires(
    second: float, end: float | None, due: float
) -> None:
    times = {"slack": at(60), "file": at(second)}
    holds = {name: Hold(until=until, reason=HoldReason.PAUSE) for name, until in times.items()}
    fresh = scheduled("slack", "file", end=end)
    assert next_attempt(
        Situation(now=at(1), notification=fresh, route=Route(targets=fresh.channels), holds=holds)
    ) == at(due)


def test_notification_without_room_comes_back_when_it_expires() -> None:
    fresh, route = scheduled("slack", end=60), Route(targets=("slack",))
    assert next_attempt(
        Situation(now=at(1), notification=fresh, route=route), without_room=frozenset({"slack"})
    ) == at(60)
    assert (
        next_attempt(
            Situation(now=at(61), notification=fresh, route=route), without_room=frozenset({"slack"})
        )
        is None
    )
    assert (
        next_attempt(Situation(now=at(1), notification=fresh, route=route, running=frozenset({"slack"})))
        is None
    )


def test_past_end_of_a_running_attempt_is_not_waited_for() -> None:
    fresh, route = scheduled("slack", end=60), Route(targets=("slack",))
    assert (
        next_attempt(Situation(now=at(61), notification=fresh, route=route, running=frozenset({"slack"})))
        is None
    )


def test_expiry_is_published_as_a_change_of_the_phase() -> None:
    fresh = scheduled("slack", end=600)
    status = folded(fresh, failure("slack"), seconds=600)
    before = excluding_attempts(
        replace(fresh, status=status), [failure("slack")], route=Route(targets=("slack",))
    )
    assert (before.phase, before.attempts) == (Phase.PENDING, ())
