"""Targets that a status records: they stay, unless they cannot be those of the notification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import Phase
from notification_contract.kinds.target import MAX_TARGETS, address_digits
from notification_domain.folding.fold import excluding_attempts, fold
from notification_domain.model import Reason, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import Plan, PlanReason, plan
from notification_domain.routing import Route, RoutingReason, RoutingState, Rules, resolve
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import START, at, failure, stored, success
from tests.unit.operator.domain.receivers.entries import receiver, resolver

if TYPE_CHECKING:
    from notification_domain.model import Attempt, Notification
    from notification_domain.receivers.targets import Resolver
    from notification_domain.status import Status

NONE: frozenset[str] = frozenset()
PEOPLE = [f"p{number}@example.com" for number in range(MAX_TARGETS)]


def referring(
    *names: str, targets: tuple[str, ...] = (), status: dict[str, Any] | None = None
) -> Notification:
    recorded = {"targets": [{"name": name, "state": "Waiting", "attempts": 0} for name in targets]}
    return parse(
        stored(
            spec={"receiverRefs": [{"name": name} for name in names]},
            status={"phase": "Sending"} | (recorded if targets else {}) | (status or {}),
        )
    )


def folded(fresh: Notification, route: Route, *attempts: Attempt) -> Status:
    return fold(Situation(now=at(1), notification=fresh, route=route), attempts, queued_at=START)


def read_again(fresh: Notification, status: Status) -> Notification:
    refs = [{"name": key.name, "namespace": key.namespace} for key in fresh.receiver_refs]
    return parse(stored(spec={"receiverRefs": refs}, status=status.dump()))


def test_recorded_targets_stay_when_their_receiver_changes() -> None:
    fresh = referring("smtp", targets=(f"email/smtp#{address_digits(PEOPLE[0])}",))
    now = receiver("smtp", "email", block={"to": PEOPLE[5:8]})
    assert resolve(fresh, resolver=resolver(now)).targets == fresh.status.target_names


def test_recorded_targets_stay_when_their_receiver_is_gone() -> None:
    fresh = referring("hook", targets=("webhook/hook",))
    assert resolve(fresh, resolver=resolver()).targets == ("webhook/hook",)


def test_recorded_fallback_stays_without_its_rule() -> None:
    fresh = referring("hook", targets=("webhook/hook", "webhook/spare"))
    route = resolve(fresh, resolver=resolver(receiver("hook"), receiver("spare")))
    assert route.targets == ("webhook/hook", "webhook/spare")
    assert set(route.rules) == {"webhook/hook", "webhook/spare"}


def test_recorded_targets_that_do_not_fit_the_spec_are_ignored() -> None:
    forged = referring("hook", targets=("webhook/other",))
    assert resolve(forged, resolver=resolver(receiver("hook"))).targets == ("webhook/hook",)


@pytest.mark.parametrize("phase", ["Retrying", "Sending"])
def test_success_of_a_target_that_is_none_counts_for_nothing(phase: str) -> None:
    attempt = {
        "channel": "webhook/other",
        "attempt": 1,
        "timestamp": "2026-03-01T12:00:00Z",
        "status": "success",
    }
    forged = referring(
        "hook", targets=("webhook/other",), status={"phase": phase, "deliveryAttempts": [attempt]}
    )
    route = resolve(forged, resolver=resolver(receiver("hook")))
    status = folded(forged, route, failure("webhook/hook"))
    assert (status.phase, status.target_names) == (Phase.SENDING, ("webhook/hook",))


def test_choice_of_routing_stays_without_recorded_targets() -> None:
    chosen = parse(stored(status={"phase": "Sending", "resolvedChannels": ["webhook/hook", "console"]}))
    route = resolve(chosen, resolver=resolver(receiver("hook", "slack")))
    assert (route.targets, route.reason) == (("slack/hook", "console"), RoutingReason.FALLBACK)


def test_replaced_placeholder_leaves_its_attempts_behind() -> None:
    missing = resolve(referring("hook"), resolver=resolver())
    first = read_again(referring("hook"), folded(referring("hook"), missing, failure("receiver/hook")))
    assert first.status.target_names == ("receiver/hook",)
    route = resolve(first, resolver=resolver(receiver("hook")))
    [send] = plan(*follow(Situation(now=at(1), notification=first, route=route))).sends
    assert (send.channel, send.number, send.delivery_id) == ("webhook/hook", 1, "uid-1/webhook/hook")
    last = folded(first, route, success("webhook/hook"))
    assert (last.phase, last.target_names, last.total_attempts) == (Phase.SENT, ("webhook/hook",), 2)
    assert (last.successful_deliveries, last.failed_deliveries) == (1, 0)


def mail(count: int) -> Resolver:
    return resolver(receiver("smtp", "email", block={"to": PEOPLE[:count]}), receiver("hook"))


def test_too_many_targets_are_refused_before_any_attempt() -> None:
    fresh = referring("smtp", "hook")
    route = resolve(fresh, resolver=mail(MAX_TARGETS))
    assert len(route.targets) == MAX_TARGETS
    assert plan(*follow(Situation(now=START, notification=fresh, route=route))) == Plan(
        reason=PlanReason.REFUSED
    )
    status = folded(fresh, route)
    assert (status.phase, status.reason, status.next_attempt_at) == (Phase.FAILED, Reason.TOO_LARGE, None)
    assert status.message.startswith("Not delivered: the notification has 21 targets, but at most 20")
    assert {target.state for target in status.targets} == {"Refused"}
    assert (status.total_attempts, status.failed_deliveries) == (0, 0)


def test_as_many_targets_as_possible_are_attempted() -> None:
    fresh = referring("smtp", "hook")
    route = resolve(fresh, resolver=mail(MAX_TARGETS - 1))
    assert route.refusal == ""
    assert len(plan(*follow(Situation(now=START, notification=fresh, route=route))).sends) == MAX_TARGETS


def test_recorded_deliveries_count_when_there_are_too_many_targets() -> None:
    fresh = referring("smtp", "hook", targets=("receiver/smtp", "webhook/hook"))
    route = resolve(fresh, resolver=mail(MAX_TARGETS))
    assert (route.targets, bool(route.refusal)) == (("receiver/smtp", "webhook/hook"), True)
    status = folded(fresh, route, success("webhook/hook"))
    assert (status.phase, status.reason) == (Phase.PARTIALLY_SENT, Reason.TOO_LARGE)
    assert [(each.name, each.state) for each in status.targets] == [
        ("receiver/smtp", "Refused"),
        ("webhook/hook", "Delivered"),
    ]


def test_oversized_notification_shows_the_receivers_that_get_nothing() -> None:
    large = parse(stored(spec={"receiverRefs": [{"name": "hook"}], "body": "x" * 300_000}))
    status = folded(large, resolve(large, resolver=resolver(receiver("hook"))))
    assert (status.phase, status.reason) == (Phase.FAILED, Reason.TOO_LARGE)
    assert [(each.name, each.state) for each in status.targets] == [("webhook/hook", "Refused")]
    assert (status.resolved_channels, status.failed_deliveries) == ((), 0)


def test_attempts_on_a_fallback_are_excluded_like_any_other() -> None:
    """What a lost answer had recorded is published as if it was recorded now."""
    entries = resolver(receiver("hook", fallback={"name": "spare"}), receiver("spare"))
    refused, delivered = failure("webhook/hook", permanent=True), success("webhook/spare", seconds=1)
    fresh = referring("hook")
    after = read_again(fresh, folded(fresh, resolve(fresh, resolver=entries), refused, delivered))
    route = resolve(after, resolver=entries)
    assert (after.phase, after.status.target_names) == (
        Phase.SENT,
        ("webhook/hook", "webhook/spare"),
    )
    without_both = excluding_attempts(after, [refused, delivered], route=route)
    assert (without_both.phase, without_both.attempts) == (Phase.PENDING, ())
    without_last = excluding_attempts(after, [delivered], route=route)
    assert (without_last.phase, without_last.attempts) == (Phase.SENDING, (refused,))
    assert excluding_attempts(after, [success("console")], route=route) is after


@pytest.mark.parametrize(
    ("recorded", "tracked", "expected"),
    [
        # Another process has delivered to a receiver that this one did not know when its attempt began.
        (("webhook/hook",), ("receiver/hook",), ("webhook/hook",)),
        (("receiver/hook",), ("webhook/hook",), ("webhook/hook",)),
        # The receiver was created again with another type between the attempts of the two processes.
        (("webhook/hook",), ("email/hook",), ("webhook/hook", "email/hook")),
        # A forged status denies the target of the spec.
        (("webhook/other",), ("webhook/hook",), ("webhook/hook",)),
    ],
)
def test_recorded_targets_stay_and_those_of_tracked_attempts_too(
    recorded: tuple[str, ...], tracked: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    rules = Rules(routing=RoutingState(), resolver=resolver())
    assert rules.route(referring("hook", targets=recorded), Route(targets=tracked)).targets == expected


def test_recorded_targets_and_those_of_tracked_attempts_are_never_too_many() -> None:
    recorded = tuple(f"email/smtp#{address_digits(each)}" for each in PEOPLE)
    rules = Rules(routing=RoutingState(), resolver=resolver())
    route = rules.route(referring("smtp", targets=recorded), Route(targets=("sms/smtp",)))
    assert route.targets == recorded
