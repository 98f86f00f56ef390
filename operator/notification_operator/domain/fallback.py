"""Fallbacks: the targets that join a route because another one has failed for good, or takes too long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from notification_contract.receivers.target import MAX_TARGETS
from notification_operator.domain.progress import Progress, State, progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_operator.domain.attempt import Attempt
    from notification_operator.domain.model import Notification
    from notification_operator.domain.routing.route import Route

FAILED = frozenset({State.REFUSED, State.EXHAUSTED})


def follow(
    notification: Notification,
    route: Route,
    attempts: Iterable[Attempt],
    *,
    running: AbstractSet[str] = frozenset(),
    now: datetime,
) -> tuple[Route, tuple[Progress, ...]]:
    """Return the route with the fallbacks that join it, and the progress of its targets.

    The arguments are those of `progress`. Receivers can be each other's fallback: a target joins once. One with an
    attempt has joined, whatever has become of the target that it was told for.
    """
    attempts = tuple(attempts)
    told = running | {attempt.channel for attempt in attempts} if route.rules else running
    while True:
        steps = progress(notification, route, attempts, running=running, now=now)
        joining = _joining(notification, route, steps, told, now=now) if route.rules else ()
        if not joining:
            return route, steps
        route = replace(route, targets=(*route.targets, *joining))


def fallback_times(notification: Notification, route: Route, steps: Iterable[Progress]) -> Iterator[datetime]:
    """Yield the times at which fallbacks join although nothing has failed."""
    for step in steps:
        after = _joins_at(notification, route, step)
        if step.open and after is not None:
            yield after


def _joining(
    notification: Notification,
    route: Route,
    steps: Sequence[Progress],
    told: AbstractSet[str],
    *,
    now: datetime,
) -> tuple[str, ...]:
    joining: dict[str, None] = {}
    for step in steps:
        rules = route.rules.get(step.channel)
        fallback = rules.fallback if rules else ()
        after = _joins_at(notification, route, step)
        due = step.state in FAILED or (step.open and after is not None and after <= now)
        joining.update(dict.fromkeys(each for each in fallback if due or each in told))
    return tuple(each for each in joining if each not in route.targets)[: MAX_TARGETS - len(route.targets)]


def _joins_at(notification: Notification, route: Route, step: Progress) -> datetime | None:
    """Return the time from which the fallback of an undelivered target joins; None if it has none, or all have joined."""
    rules = route.rules.get(step.channel)
    if rules is None or rules.fallback_after is None or set(rules.fallback) <= set(route.targets):
        return None
    return notification.created + timedelta(seconds=rules.fallback_after)
