"""Fallbacks: who joins a route, when, and what happens then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import Phase, TargetState
from notification_contract.kinds.target import MAX_TARGETS
from notification_domain.folding.fold import fold, next_attempt
from notification_domain.json_values import LATEST_TIME
from notification_domain.model import RetryPolicy, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import plan
from notification_domain.planning.progress import State
from notification_domain.receivers.targets import TargetRules
from notification_domain.routing import Route
from notification_domain.situation import Situation
from notification_domain.status import TargetStatus
from tests.unit.operator.domain.builders import (
    START,
    at,
    circuit_open,
    failure,
    holding,
    notification,
    stored,
    success,
    with_status,
)

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_domain.model import Attempt, Notification

NONE: frozenset[str] = frozenset()


SEEN = with_status(
    notification("a"), targets=(TargetStatus(name="a", state=TargetState.WAITING),), phase=Phase.SENDING
)
"""A notification that an operator has looked at."""


def falls_back_to(*names: str, after: float | None = None, also: bool = False) -> TargetRules:
    return TargetRules(fallback=names, fallback_after=after, also=also)


def route_of(*targets: str, **rules: TargetRules) -> Route:
    return Route(targets=targets, rules=rules)


def refusal(target: str, seconds: float = 0) -> Attempt:
    return failure(target, seconds=seconds, permanent=True)


def targets(
    route: Route,
    *attempts: Attempt,
    fresh: Notification | None = None,
    unavailable: AbstractSet[str] = NONE,
    running: AbstractSet[str] = NONE,
    seconds: float = 1,
) -> tuple[str, ...]:
    fresh = fresh or SEEN
    followed, _ = follow(
        Situation(
            now=at(seconds),
            notification=holding(fresh, attempts),
            route=route,
            running=running,
            unavailable=unavailable,
        )
    )
    return followed.route.targets


def test_route_without_fallbacks_stays() -> None:
    route = route_of("a", a=falls_back_to())
    situation = Situation(now=at(1), notification=holding(notification("a"), [refusal("a")]), route=route)
    assert follow(situation)[0] is situation


@pytest.mark.parametrize(
    ("attempts", "joins"),
    [
        ([], False),
        ([failure("a")], False),
        ([success("a")], False),
        ([circuit_open("a")], False),
        ([refusal("a")], True),
        ([failure("a", number) for number in range(1, 6)], True),
    ],
    ids=["new", "backing off", "delivered", "held", "refused", "exhausted"],
)
def test_fallback_joins_when_its_target_has_failed_for_good(attempts: list[Attempt], joins: bool) -> None:  # noqa: FBT001 - a column
    assert targets(route_of("a", a=falls_back_to("b")), *attempts) == (("a", "b") if joins else ("a",))


@pytest.mark.parametrize(("seconds", "joins"), [(899.9, False), (900, True)])
@pytest.mark.parametrize("attempts", [[], [failure("a")], [circuit_open("a")]], ids=["new", "failed", "held"])
def test_fallback_joins_when_its_target_takes_too_long(
    attempts: list[Attempt],
    seconds: float,
    joins: bool,  # noqa: FBT001 - a column
) -> None:
    assert (
        "b" in targets(route_of("a", a=falls_back_to("b", after=900)), *attempts, seconds=seconds)
    ) is joins


A, AB = frozenset({"a"}), frozenset({"a", "b"})


@pytest.mark.parametrize(("seconds", "joins"), [(59.9, False), (60, True)])
@pytest.mark.parametrize("attempts", [[], [failure("a")], [circuit_open("a")]], ids=["new", "failed", "held"])
def test_fallback_joins_after_a_minute_if_the_receiver_takes_no_message(
    attempts: list[Attempt],
    seconds: float,
    joins: bool,  # noqa: FBT001 - a column
) -> None:
    route = route_of("a", a=falls_back_to("b", after=300))
    assert ("b" in targets(route, *attempts, unavailable=A, seconds=seconds)) is joins
    assert "b" not in targets(route, *attempts, seconds=seconds)


def test_attempt_that_found_the_receiver_not_ready_counts_alike() -> None:
    route = route_of("a", a=falls_back_to("b", after=300))
    assert targets(route, replace(failure("a"), reason="ReceiverNotReady"), seconds=60) == ("a", "b")


def test_running_attempt_is_awaited_whatever_is_known_of_the_receiver() -> None:
    route = route_of("a", a=falls_back_to("b", after=300))
    assert targets(route, unavailable=A, running=A, seconds=299) == ("a",)
    assert targets(route, unavailable=A, running=A, seconds=300) == ("a", "b")


def test_fallback_with_a_shorter_time_joins_then() -> None:
    route = route_of("a", a=falls_back_to("b", after=5))
    assert targets(route, unavailable=A, seconds=5) == ("a", "b")


def test_fallback_that_joins_after_no_time_joins_only_after_a_failure() -> None:
    route = route_of("a", a=falls_back_to("b"))
    assert targets(route, unavailable=A, seconds=1e6) == ("a",)
    assert targets(route, refusal("a"), unavailable=A) == ("a", "b")


def test_fallbacks_of_a_chain_join_one_after_another() -> None:
    route = route_of("a", a=falls_back_to("b", after=300), b=falls_back_to("c", after=300))
    assert targets(route, seconds=599) == ("a", "b")
    assert targets(route, seconds=600) == ("a", "b", "c")
    assert targets(route, refusal("a", seconds=9), seconds=309) == ("a", "b")
    assert targets(route, refusal("a", seconds=9), seconds=309.5) == ("a", "b", "c")
    assert targets(route, unavailable=AB, seconds=119) == ("a", "b")
    assert targets(route, unavailable=AB, seconds=120) == ("a", "b", "c")


def test_delivered_target_takes_never_too_long() -> None:
    assert targets(route_of("a", a=falls_back_to("b", after=1)), success("a"), seconds=1e6) == ("a",)


def test_new_notification_is_attempted_first_however_old_it_is() -> None:
    """No operator may have been running for an hour."""
    new, route = notification("a"), route_of("a", a=falls_back_to("b", after=300))
    assert targets(route, fresh=new, seconds=3600) == ("a",)
    assert targets(route, fresh=new, running=A, seconds=3600) == ("a",)
    assert targets(route, failure("a", seconds=3600), fresh=new, seconds=3601) == ("a", "b")
    assert targets(route, fresh=SEEN, seconds=3600) == ("a", "b")


def test_time_before_the_delivery_may_begin_does_not_count() -> None:
    scheduled = replace(SEEN, not_before=at(3600))
    route = route_of("a", a=falls_back_to("b", after=900))
    assert targets(route, fresh=scheduled, seconds=4499) == ("a",)
    assert targets(route, fresh=scheduled, seconds=4500) == ("a", "b")
    earlier = replace(SEEN, not_before=at(-3600))
    assert targets(route, fresh=earlier, seconds=900) == ("a", "b")


def test_suppressed_or_expired_target_needs_no_fallback() -> None:
    muted = route_of("a", a=TargetRules(fallback=("b",), muted=True))
    assert targets(muted, seconds=1e6) == ("a",)
    expired = replace(notification("a"), deliver_before=at(60))
    assert targets(route_of("a", a=falls_back_to("b", after=900)), fresh=expired, seconds=1e6) == ("a",)


def test_fallback_of_a_fallback_joins_after_it() -> None:
    route = route_of("a", a=falls_back_to("b"), b=falls_back_to("c"), c=falls_back_to("d"))
    assert targets(route, refusal("a"), refusal("b")) == ("a", "b", "c")


def test_fallbacks_of_a_cycle_join_once() -> None:
    route = route_of("a", a=falls_back_to("b"), b=falls_back_to("c"), c=falls_back_to("a"))
    assert targets(route, refusal("a"), refusal("b"), refusal("c")) == ("a", "b", "c")


def test_several_targets_share_a_fallback_of_several_recipients() -> None:
    route = route_of("a", "b", a=falls_back_to("m#1", "m#2"), b=falls_back_to("m#2", "m#3"))
    assert targets(route, refusal("a"), refusal("b")) == ("a", "b", "m#1", "m#2", "m#3")


def test_fallbacks_join_as_far_as_targets_are_possible() -> None:
    many = tuple(map(str, range(MAX_TARGETS - 1)))
    route = Route(targets=many, rules={"0": falls_back_to("x", "y")})
    assert targets(route, refusal("0")) == (*many, "x")
    full = replace(route, targets=(*many, "z"))
    assert targets(full, refusal("0")) == full.targets


def step_of(route: Route, name: str, *attempts: Attempt, fresh: Notification | None = None) -> Any:
    _, steps = follow(
        Situation(now=at(5), notification=holding(fresh or notification("a"), attempts), route=route)
    )
    return next(step for step in steps if step.channel == name)


def test_fallback_is_due_since_its_target_has_failed() -> None:
    route = route_of("a", "c", a=falls_back_to("b"), c=falls_back_to("b"))
    step = step_of(route, "b", refusal("a", seconds=2), refusal("c", seconds=1))
    assert (step.state, step.next_at) == (State.NOT_ATTEMPTED, at(1.5))


def test_fallback_of_a_clock_that_was_ahead_is_due_now() -> None:
    assert step_of(route_of("a", a=falls_back_to("b")), "b", refusal("a", seconds=3600)).next_at == at(5)


def test_attempted_fallback_has_its_own_backoff() -> None:
    route = route_of("a", a=falls_back_to("b"))
    assert step_of(route, "b", refusal("a"), success("b")).next_at is None
    assert step_of(route, "b", refusal("a"), failure("b", seconds=4)).next_at > at(5)


def test_fallback_starts_not_before_the_delivery_may_begin() -> None:
    scheduled = replace(notification("a"), not_before=at(3600))
    assert step_of(route_of("a", a=falls_back_to("b")), "b", refusal("a"), fresh=scheduled).next_at == at(
        3600
    )


def folded(fresh: Notification, route: Route, *attempts: Attempt, seconds: float = 1) -> Notification:
    status = fold(Situation(now=at(seconds), notification=fresh, route=route), attempts, queued_at=START)
    return parse(stored(spec={"channels": list(fresh.channels)}, status=status.dump()))


def test_fallback_of_a_quick_failure_is_recorded_as_due() -> None:
    """Nothing but this time makes the operator look again."""
    route = route_of("a", a=falls_back_to("b"))
    after = folded(notification("a"), route, refusal("a"))
    assert [(each.name, each.state) for each in after.status.targets] == [("a", "Refused"), ("b", "Waiting")]
    assert (after.phase, after.status.next_attempt_at) == ("Sending", at(0.5))
    again = folded(after, replace(route, targets=("a", "b")), refusal("a"), seconds=50)
    assert again.status == after.status
    [send] = plan(
        *follow(Situation(now=at(1), notification=after, route=replace(route, targets=("a", "b"))))
    ).sends
    assert (send.channel, send.id, send.delivery_id) == ("b", "uid-1:b:1", "uid-1/b")


def test_recorded_fallback_stays_after_its_target_recovers() -> None:
    route = route_of("a", a=falls_back_to("b", after=60))
    late = folded(notification("a"), route, failure("a"), failure("b", seconds=70), seconds=80)
    assert late.status.target_names == ("a", "b")
    recovered = folded(late, replace(route, targets=("a", "b")), success("a", 2, seconds=90), seconds=91)
    assert (recovered.phase, recovered.status.target_names) == ("Retrying", ("a", "b"))


def outcome(after: Notification) -> tuple[str, str, str, list[str]]:
    """Return phase, reason and message, and the conditions that are true."""
    status = after.status
    return (
        status.phase,
        status.reason,
        status.message,
        [each.type for each in status.conditions if each.status == "True"],
    )


def states(after: Notification) -> list[tuple[str, str, str | None]]:
    return [(each.name, each.state, each.reason) for each in after.status.targets]


def exhausted(target: str) -> list[Attempt]:
    return [failure(target, number, seconds=number / 10) for number in range(1, 6)]


def test_broken_fallback_counts_after_its_target_recovers() -> None:
    """Otherwise nothing would show it until the next outage."""
    route = route_of("a", a=falls_back_to("b", after=60))
    attempts = failure("a"), refusal("b", seconds=70), success("a", 2, seconds=90)
    message = "Delivered to 1 of 2 channel(s); b failed permanently"
    after = folded(notification("a"), route, *attempts, seconds=91)
    assert outcome(after) == ("PartiallySent", "PartialDeliverySuccess", message, ["DeadLettered"])


@pytest.mark.parametrize(
    ("failed", "state"),
    [([refusal("a")], "Refused"), (exhausted("a"), "Exhausted")],
    ids=["refused", "exhausted"],
)
def test_notification_whose_fallback_delivers_is_sent(failed: list[Attempt], state: str) -> None:
    after = folded(notification("a"), route_of("a", a=falls_back_to("b")), *failed, success("b", seconds=1))
    message = "Delivered to 1 channel(s); b delivered it instead of a"
    assert outcome(after) == ("Sent", "DeliveredByFallback", message, ["Delivered"])
    assert states(after) == [("a", state, "DeliveredByFallback"), ("b", "Delivered", None)]
    assert (after.status.successful_deliveries, after.status.failed_deliveries) == (1, 1)


def test_fallback_rescues_only_if_all_its_targets_deliver() -> None:
    route = route_of("a", a=falls_back_to("m#1", "m#2"))
    attempts = refusal("a"), success("m#1", seconds=1)
    rest = success("m#2", seconds=1), refusal("m#2", seconds=1)
    delivered, missed = (folded(notification("a"), route, *attempts, last, seconds=2) for last in rest)
    message = "Delivered to 2 channel(s); m#1, m#2 delivered it instead of a"
    assert outcome(delivered) == ("Sent", "DeliveredByFallback", message, ["Delivered"])
    message = "Delivered to 1 of 3 channel(s); a, m#2 failed permanently"
    assert outcome(missed) == ("PartiallySent", "PartialDeliverySuccess", message, ["DeadLettered"])


def test_fallback_without_room_for_all_its_targets_rescues_nothing() -> None:
    many = tuple(map(str, range(MAX_TARGETS - 1)))
    route = Route(targets=many, rules={"0": falls_back_to("x", "y")})
    attempts = [refusal("0"), *(success(each) for each in (*many[1:], "x"))]
    assert folded(notification(*many), route, *attempts).phase == "PartiallySent"


def test_other_failure_is_a_dead_letter_next_to_a_rescue() -> None:
    attempts = refusal("a"), refusal("c"), success("b", seconds=1)
    after = folded(notification("a", "c"), route_of("a", "c", a=falls_back_to("b")), *attempts)
    message = "Delivered to 1 of 2 channel(s); c failed permanently; b delivered it instead of a"
    assert outcome(after) == ("PartiallySent", "PartialDeliverySuccess", message, ["DeadLettered"])


@pytest.mark.parametrize("name", ["receiver/spare", "teams/spare"], ids=["not usable", "of another type"])
def test_fallback_that_has_delivered_rescues_whatever_becomes_of_it(name: str) -> None:
    route = route_of(
        "email/a#1",
        "email/a#2",
        "webhook/spare",
        **dict.fromkeys(("email/a#1", "email/a#2"), falls_back_to(name)),
    )
    attempts = refusal("email/a#1"), success("webhook/spare", seconds=1), refusal("email/a#2", seconds=9)
    after = folded(notification("email/a#1", "email/a#2"), route, *attempts, seconds=9)
    message = "Delivered to 1 channel(s); webhook/spare delivered it instead of email/a#1, email/a#2"
    assert outcome(after) == ("Sent", "DeliveredByFallback", message, ["Delivered"])


def test_fallback_of_another_type_rescues_only_if_all_its_targets_deliver() -> None:
    route = route_of("a", "email/spare#1", "email/spare#2", a=falls_back_to("receiver/spare"))
    attempts = refusal("a"), success("email/spare#1", seconds=1), refusal("email/spare#2", seconds=1)
    assert folded(notification("a"), route, *attempts, seconds=2).phase == "PartiallySent"


def test_fallback_of_a_fallback_rescues_both() -> None:
    route = route_of("a", a=falls_back_to("b"), b=falls_back_to("c"))
    after = folded(notification("a"), route, refusal("a"), refusal("b"), success("c", seconds=1))
    message = "Delivered to 1 channel(s); b delivered it instead of a; c delivered it instead of b"
    assert outcome(after) == ("Sent", "DeliveredByFallback", message, ["Delivered"])


def test_fallbacks_of_each_other_that_fail_rescue_nothing() -> None:
    route = route_of("a", a=falls_back_to("b"), b=falls_back_to("a"))
    after = folded(notification("a"), route, refusal("a"), refusal("b"))
    assert (after.phase, after.status.reason) == ("Failed", "AllDeliveriesFailed")


def test_muted_fallback_rescues_nothing() -> None:
    route = route_of("a", a=falls_back_to("b"), b=TargetRules(muted=True))
    assert folded(notification("a"), route, refusal("a")).phase == "Failed"


def test_rescue_holds_although_the_fallback_is_removed_later() -> None:
    """The targets that remain can take hours."""
    route = route_of("a", "c", a=falls_back_to("b"))
    attempts = refusal("a"), success("b", seconds=1), failure("c")
    read = folded(notification("a", "c"), route, *attempts)
    assert (read.phase, states(read)[0]) == ("Retrying", ("a", "Refused", "DeliveredByFallback"))
    after = folded(read, Route(targets=("a", "c", "b")), success("c", 2, seconds=40), seconds=41)
    message = "Delivered to 2 channel(s); a fallback delivered it instead of a"
    assert outcome(after) == ("Sent", "DeliveredByFallback", message, ["Delivered"])


def times(
    route: Route, *attempts: Attempt, seconds: float, unavailable: AbstractSet[str] = NONE
) -> list[datetime]:
    """Return the future times at which fallbacks join."""
    _, steps = follow(
        Situation(
            now=at(seconds),
            notification=holding(notification("a"), attempts),
            route=route,
            unavailable=unavailable,
        )
    )
    return [step.fallback_at for step in steps if step.fallback_at is not None]


def test_time_of_a_fallback_is_known_while_its_target_is_open() -> None:
    route = route_of("a", a=falls_back_to("b", after=900))
    assert times(route, failure("a"), seconds=1) == [at(900)]
    assert times(route, failure("a"), seconds=1, unavailable=A) == [at(60)]
    assert times(route, failure("a"), seconds=900) == []
    assert times(route, success("a"), seconds=1) == []
    assert times(route_of("a", a=falls_back_to("b")), failure("a"), seconds=1) == []
    assert times(route_of("a", "b", a=falls_back_to("b", after=900)), failure("a"), seconds=1) == []


def test_fallback_that_is_a_target_by_another_type_is_not_waited_for() -> None:
    route = route_of("a", "webhook/spare", a=falls_back_to("receiver/spare", after=900))
    assert times(route, failure("a"), seconds=1) == []


def test_fallback_without_a_place_is_not_waited_for() -> None:
    """A time that has passed would be waited for again and again."""
    many = tuple(map(str, range(MAX_TARGETS)))
    crowded = Route(targets=many, rules={"0": falls_back_to("x", after=60)})
    assert times(crowded, seconds=59) == [at(60)]
    assert times(crowded, seconds=60) == []


def overtaken(
    route: Route, *attempts: Attempt, running: AbstractSet[str] = NONE, fresh: Notification | None = None
) -> list[tuple[str, State, str]]:
    """Return the progress of the targets 70 seconds after the beginning."""
    _, steps = follow(
        Situation(
            now=at(70),
            notification=holding(fresh or notification("a"), attempts),
            route=route,
            running=running,
        )
    )
    return [(step.channel, step.state, step.reason) for step in steps]


IN_TIME = {"a": falls_back_to("b", after=60)}
BY_B = success("b", seconds=61)


@pytest.mark.parametrize("attempts", [[], [failure("a")], [circuit_open("a")]], ids=["new", "failed", "held"])
def test_nothing_more_is_sent_where_the_fallback_has_delivered(attempts: list[Attempt]) -> None:
    after = folded(notification("a"), route_of("a", **IN_TIME), *attempts, BY_B, seconds=70)
    message = "Delivered to 1 channel(s); b delivered it instead of a"
    assert outcome(after) == ("Sent", "DeliveredByFallback", message, ["Delivered"])
    assert states(after)[0] == ("a", "Suppressed", "DeliveredByFallback")
    assert after.status.targets[0].suppressed_by == "DeliveredByFallback"


def test_running_attempt_ends_although_the_fallback_has_delivered() -> None:
    [a, _] = overtaken(route_of("a", **IN_TIME), BY_B, running=A)
    assert a == ("a", State.NOT_ATTEMPTED, "")
    delivered = folded(
        notification("a"), route_of("a", **IN_TIME), BY_B, success("a", seconds=62), seconds=70
    )
    assert outcome(delivered)[:2] == ("Sent", "AllDeliveriesSucceeded")
    [refused, _] = overtaken(route_of("a", **IN_TIME), BY_B, refusal("a", seconds=62))
    assert refused == ("a", State.REFUSED, "DeliveredByFallback")


def test_attempts_go_on_where_the_fallback_delivers_also() -> None:
    route = route_of("a", a=falls_back_to("b", after=60, also=True))
    assert overtaken(route, failure("a"), BY_B)[0][1] is State.BACKING_OFF
    both = folded(notification("a"), route, failure("a"), BY_B, success("a", 2, seconds=90), seconds=91)
    assert outcome(both)[:2] == ("Sent", "AllDeliveriesSucceeded")
    rescued = folded(notification("a"), route, *exhausted("a"), BY_B, seconds=91)
    assert (outcome(rescued)[:2], states(rescued)[0][1]) == (("Sent", "DeliveredByFallback"), "Exhausted")
    expired = replace(notification("a"), deliver_before=at(65))
    assert overtaken(route, failure("a"), BY_B, fresh=expired)[0][1:] == (
        State.SUPPRESSED,
        "DeliveredByFallback",
    )


def test_target_that_is_owed_the_message_gets_it_although_the_fallback_has() -> None:
    owed = replace(IN_TIME["a"], owed=True)
    assert overtaken(route_of("a", a=owed), failure("a"), BY_B)[0][1] is State.BACKING_OFF
    lost = folded(notification("a"), route_of("a", a=owed), refusal("a"), BY_B, seconds=70)
    assert outcome(lost)[0] == "PartiallySent"


def test_fallback_that_has_delivered_in_part_ends_no_attempt() -> None:
    route = route_of("a", a=falls_back_to("b", "c", after=60))
    assert overtaken(route, failure("a"), BY_B)[0][1] is State.BACKING_OFF
    assert overtaken(route, failure("a"), BY_B, success("c", seconds=62))[0][1] is State.SUPPRESSED


def test_chain_ends_with_the_last_fallback() -> None:
    route = route_of("a", a=falls_back_to("b", after=5), b=falls_back_to("c", after=5))
    ends = overtaken(route, failure("a"), failure("b"), success("c", seconds=61))
    assert [each[1] for each in ends] == [State.SUPPRESSED, State.SUPPRESSED, State.SUCCEEDED]


def test_nothing_is_sent_any_more_although_the_fallback_is_removed() -> None:
    route = route_of("a", "c", **IN_TIME)
    read = folded(notification("a", "c"), route, failure("a"), BY_B, failure("c"), seconds=70)
    assert (read.phase, states(read)[0][1]) == ("Retrying", "Suppressed")
    _, steps = follow(Situation(now=at(80), notification=read, route=Route(targets=("a", "c", "b"))))
    assert [step.state for step in steps] == [State.SUPPRESSED, State.BACKING_OFF, State.SUCCEEDED]


def test_notification_comes_back_when_its_fallback_joins() -> None:
    slow = RetryPolicy(initial_backoff=1000, max_backoff=2000)
    fresh = with_status(notification("a", retry=slow), attempts=(failure("a"),))
    route = route_of("a", a=falls_back_to("b", after=60))
    assert next_attempt(Situation(now=at(1), notification=fresh, route=route)) == at(60)
    assert next_attempt(
        Situation(now=at(1), notification=fresh, route=route, running=frozenset({"a"}))
    ) == at(60)
    assert [
        send.channel for send in plan(*follow(Situation(now=at(60), notification=fresh, route=route))).sends
    ] == ["b"]
    assert (
        plan(
            *follow(Situation(now=at(60) - timedelta(microseconds=1), notification=fresh, route=route))
        ).sends
        == ()
    )


def test_recorded_fallback_stays_in_an_older_route() -> None:
    """The route of running attempts is that of their start: the fallback has joined since, and may be running."""
    route = route_of("a", a=falls_back_to("b", after=60))
    late = folded(notification("a"), route, failure("b", seconds=70), seconds=80)
    assert late.status.target_names == ("a", "b")
    delivered = folded(late, route, success("a", seconds=81), seconds=82)
    assert (delivered.phase, delivered.status.target_names) == ("Retrying", ("a", "b"))
    followed, _ = follow(Situation(now=at(82), notification=delivered, route=route))
    assert followed.route.targets == ("a", "b")


def test_recorded_target_that_is_no_fallback_is_not_taken_from_the_status() -> None:
    route = route_of("a", a=falls_back_to("b"))
    forged = with_status(notification("a"), targets=(TargetStatus(name="x", state=TargetState.WAITING),))
    assert follow(Situation(now=at(1), notification=forged, route=route))[0].route.targets == ("a",)


def test_fallback_that_joined_in_time_stays_a_target_after_a_success() -> None:
    route = route_of("a", a=falls_back_to("b", after=5))
    assert targets(route, success("a", seconds=6), seconds=7) == ("a",), "it got no message before"
    assert targets(route, success("a", seconds=6), failure("b", seconds=6), seconds=7) == ("a", "b")
    running, _ = follow(
        Situation(
            now=at(7),
            notification=holding(notification("a"), [success("a", seconds=6)]),
            route=route,
            running=frozenset({"b"}),
        )
    )
    assert running.route.targets == ("a", "b")


def test_late_success_does_not_end_what_a_running_fallback_needs() -> None:
    route = route_of("a", a=falls_back_to("b", after=5))
    status = fold(
        Situation(now=at(7), notification=notification("a"), route=route, running=frozenset({"b"})),
        [success("a", seconds=6)],
        queued_at=START,
    )
    assert status.phase is Phase.SENDING
    assert [(each.name, each.state) for each in status.targets] == [
        ("a", TargetState.DELIVERED),
        ("b", TargetState.DELIVERING),
    ]


@pytest.mark.parametrize("target", ["webhook/spare", "receiver/spare", "webhook/shop/spare"])
def test_receiver_that_is_a_target_does_not_join_under_another_type(target: str) -> None:
    route = route_of("a", target, a=falls_back_to("teams/spare", "teams/other"))
    assert targets(route, refusal("a")) == ("a", target, "teams/other")


def test_recipients_of_a_fallback_are_targets_of_their_own() -> None:
    route = route_of("a", "email/spare#11111111", a=falls_back_to("email/spare#22222222"))
    assert targets(route, refusal("a")) == ("a", "email/spare#11111111", "email/spare#22222222")


def test_fallback_after_a_time_beyond_every_date_joins_at_the_latest_one() -> None:
    """Receivers have shorter times; a decision raises for none."""
    route = route_of("webhook/a", **{"webhook/a": falls_back_to("email/b", after=1e30)})
    read = notification("webhook/a")
    assert (
        next_attempt(Situation(now=at(1), notification=read, route=route, running=frozenset({"webhook/a"})))
        == LATEST_TIME
    )
